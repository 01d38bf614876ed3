"""Ten times the load that a process can carry, in virtual time: a thread and a database are modelled, the admission is real.

Nothing here depends on the machine: time passes only where the model says that it does. `make bench ARGS=services` measures the
same on real processes.
"""

from __future__ import annotations

import asyncio
import logging
import random
import selectors
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from services.common import admission, gathering
from services.common.admission import Admission

STEPS = 8  # of a request: work here, and then the database's
WORK = 0.003 / STEPS
REFUSAL = 0.00004

#: An overload begins with a burst that is let in, and served a little later than what follows.
BEGINNING = 0.5


class _Selector(selectors.SelectSelector):
    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.loop.now += timeout or 0.0
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes only when nothing else is left to do."""

    def __init__(self) -> None:
        self.now = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


class Process:
    """A web process: one thread, that does one thing at a time, and requests that also wait for the database."""

    def __init__(self, database: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.admission = Admission()
        self.milliseconds: list[float] = []
        self.refused = 0
        self.database, self._chance = database, random.Random(1)
        self._thread = asyncio.Lock()

    async def _work(self, seconds: float) -> None:
        async with self._thread:
            await asyncio.sleep(seconds)

    async def request(self) -> None:
        """One request, as protocol and middleware take it."""
        begun = self.loop.time()
        await self._work(REFUSAL)
        if self.admission.full() or not await self.admission.enter():
            self.admission.shed()
            self.refused += 1
            return
        entered = self.loop.time()
        for _ in range(STEPS):
            await self._work(WORK * self._chance.uniform(0.5, 1.5))
            await asyncio.sleep(self._chance.expovariate(1 / self.database))
        self.admission.learn("/", entered)
        self.admission.leave()
        self.milliseconds.append((self.loop.time() - begun) * 1000)

    async def one_after_the_other(self, clients: int, seconds: float) -> None:
        async def client() -> None:
            end = self.loop.time() + seconds
            while self.loop.time() < end:
                await self.request()

        await asyncio.gather(*(client() for _ in range(clients)))

    async def whatever_comes(self, rate: float, seconds: float) -> None:
        end, tasks = self.loop.time() + seconds, []
        while self.loop.time() < end:
            tasks.append(asyncio.create_task(self.request()))
            await asyncio.sleep(self._chance.expovariate(rate))
        await asyncio.gather(*tasks)

    def percentile(self, share: float) -> float:
        found = sorted(self.milliseconds)
        return found[int(share * len(found))]


def virtually(work: Coroutine[Any, Any, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    loop = VirtualLoop()
    for module in (admission, gathering):
        monkeypatch.setattr(module, "_now", loop.time)
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


class BatchProcess(Process):
    """One whose requests wait for a batch that they share, as the wallet's do: `database` and `ITEM` for each of it."""

    BEFORE, AFTER, ITEM, WRITERS = 0.00045, 0.0001, 0.0001, 2

    def __init__(self, database: float) -> None:
        super().__init__(database)
        self.batches: list[int] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._writers = 0

    async def request(self) -> None:
        begun = self.loop.time()
        async with self._thread:  # from its arrival until it waits nothing else runs
            await asyncio.sleep(REFUSAL)
            if self.admission.full() or not await self.admission.enter():
                self.admission.shed()
                self.refused += 1
                return
            place = admission.AdmittedRequest(self.admission)
            await asyncio.sleep(self.BEFORE * self._chance.uniform(0.5, 1.5))
            place.gather()
        answer = self.loop.create_future()
        self._waiting.append(answer)
        if self._writers < self.WRITERS:
            self._writers += 1
            await self._write()
        await answer
        await self._work(self.AFTER)
        place.end("/", granted=True)
        self.milliseconds.append((self.loop.time() - begun) * 1000)

    async def _write(self) -> None:
        self.admission.take()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            self.batches.append(len(batch))
            await asyncio.sleep(self.database + self.ITEM * len(batch))
            for each in batch:
                each.set_result(None)
        self.admission.leave()
        self._writers -= 1


@dataclass
class Curve:
    unloaded: float
    best: float
    accepted: float
    p99: float
    again: float
    refused_after: int


async def overload(database: float, seconds: float = 2.0) -> Curve:
    alone = Process(database)
    await alone.one_after_the_other(1, seconds)
    full = Process(database)  # as many clients as there are places at most, and none is refused
    await full.one_after_the_other(admission.RUNNING, seconds)
    best = len(full.milliseconds) / seconds
    drowned = Process(database)
    await drowned.whatever_comes(10 * best, BEGINNING)
    drowned.milliseconds = []
    await drowned.whatever_comes(10 * best, seconds)
    accepted, p99 = len(drowned.milliseconds) / seconds, drowned.percentile(0.99)
    await asyncio.sleep(admission.CALM_SECONDS)
    drowned.milliseconds, refused = [], drowned.refused
    await drowned.whatever_comes(0.3 * best, seconds)
    return Curve(alone.percentile(0.99), best, accepted, p99, drowned.percentile(0.5), drowned.refused - refused)


@pytest.mark.slow
@pytest.mark.parametrize(
    "database", [0.0003, 0.0012], ids=["a database nearby", "a database that commits elsewhere too"]
)
def test_ten_times_the_load(monkeypatch: pytest.MonkeyPatch, database: float) -> None:
    """≥ 80 % of the best throughput, p99 of the accepted ≤ 3× the unloaded one, and itself again afterwards."""
    logging.getLogger("services.common.admission").setLevel(logging.ERROR)
    curve = virtually(overload(database), monkeypatch)
    assert curve.accepted >= 0.8 * curve.best
    assert curve.p99 <= 3 * curve.unloaded
    assert curve.again <= 1.5 * curve.unloaded
    assert curve.refused_after <= 0.01 * curve.best


@pytest.mark.parametrize(("database", "places"), [(0.0001, {2}), (0.0003, {2, 3, 4}), (0.01, {admission.RUNNING})])
def test_there_are_as_many_places_as_keep_the_slowest_part_busy(
    monkeypatch: pytest.MonkeyPatch, database: float, places: set[int]
) -> None:
    """The thread, while the database is near: two keep it busy. A database that is far is busy with many at once."""

    async def found() -> int:
        process = Process(database)
        await process.whatever_comes(1000, 2.0)
        return process.admission._places

    assert virtually(found(), monkeypatch) in places


@pytest.mark.slow
def test_a_database_that_becomes_slow_in_an_overload_gets_more_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests wait there then, and not for each other: what one takes alone is learnt anew while the overload lasts."""

    async def found() -> tuple[int, int]:
        process = Process(0.0001)
        await process.whatever_comes(1000, 1.0)
        few = process.admission._places
        process.database = 0.01
        await process.whatever_comes(500, 4 * admission.LEARN_SECONDS)
        return few, process.admission._places

    few, many = virtually(found(), monkeypatch)
    assert few == admission.FEWEST and many >= admission.RUNNING - 1


def test_clients_that_share_batches_are_all_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 of them, ten times the places that there are: a batch holds one, so nobody is refused and batches grow."""

    async def served() -> BatchProcess:
        process = BatchProcess(0.01)
        await process.one_after_the_other(64, 2.0)
        return process

    process = virtually(served(), monkeypatch)
    rate, alone = len(process.milliseconds) / 2.0, 1 / (process.BEFORE + process.AFTER + REFUSAL)
    assert process.refused == 0
    assert rate >= 0.9 * alone, "the thread is the bottleneck, not the database's round trips"
    assert process.percentile(0.99) <= 2000 * 64 / rate
    assert sum(process.batches) / len(process.batches) >= 5


@pytest.mark.slow
def test_ten_times_the_load_of_what_shares_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more wait than are answered within gathering.SECONDS, and as much is done as without an overload."""
    logging.getLogger("services.common.admission").setLevel(logging.ERROR)

    async def overloaded() -> tuple[float, BatchProcess]:
        full = BatchProcess(0.004)
        await full.one_after_the_other(64, 1.0)
        best = len(full.milliseconds) / 1.0
        process = BatchProcess(0.004)
        await process.whatever_comes(4 * best, BEGINNING)
        process.milliseconds = []
        await process.whatever_comes(4 * best, 2.0)
        return best, process

    best, process = virtually(overloaded(), monkeypatch)
    monkeypatch.undo()
    cost = 1 - 3 * best * REFUSAL  # of the thread's time what refusals leave
    assert len(process.milliseconds) / 2.0 >= 0.8 * cost * best
    assert process.percentile(0.99) <= 3000 * gathering.SECONDS


def test_who_waits_for_a_lock_takes_no_places_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_now", lambda: 1000.0)
    places = Admission()
    for took in [0.001] * 20 + [4.0] + [0.001] * 20:
        places.learn("/", 1000 - took)
    seconds, _ = places._alone["/"]
    assert seconds < 0.0015
