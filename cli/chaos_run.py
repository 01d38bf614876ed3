"""The faults of `matchday chaos`, one after the other, each with the alarms that it should ring; what is looked at after."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

from cli import console, drills, journeys, status
from cli.chaos_load import Load
from cli.operations_documents import Chaos, ChaosFault
from localcloud.dataplane.stores.postgres import ADMIN, PostgresServer
from services.common.journey import Unexpected, walk

if TYPE_CHECKING:
    from localcloud.dataplane.control.client import Client

#: How long the platform may take to be whole again, and how long alarms are waited for that should ring, in seconds.
_HEAL_SECONDS, _ALARM_SECONDS = 180, 480

#: Whose part of the journey leaves the load two players with accounts and tokens.
_NEEDED = ("auth", "wallet")

#: Connections that the platform holds when it has little to do.
_PLATFORMS_OWN = 40

#: Of each fault's time it is there for so much; the rest is for what it broke to come back.
_SHARE = 0.6


@dataclass
class Broken:
    """The platform while it is broken: who is asked, what draws, and what a fault leaves for the end of it."""

    client: Client
    chance: random.Random
    journey: Any
    server: PostgresServer
    held: ExitStack = field(default_factory=ExitStack)

    def tasks(self) -> list[dict[str, Any]]:
        """Every task that runs, with the name of its ECS service."""
        services = self.client.status()["services"]
        return [{**task, "of": each["name"]} for each in services for task in each["tasks"] if task["pid"]]

    def stores(self, kind: str) -> list[int]:
        """The processes of the data stores of a kind: `rds` or `elasticache`."""
        return [each["pid"] for each in self.client.status()["databases"] if each["kind"] == kind and each["pid"]]


@dataclass(frozen=True)
class Fault:
    """What breaks. rings: patterns of alarms that should ring; may: of those that may, by how long it took to heal."""

    name: str
    breaks: Callable[[Broken, float], Iterator[None]]
    rings: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


def _kill_tasks(broken: Broken, seconds: float) -> Iterator[None]:
    """A third of all tasks, drawn, without a goodbye: as when a host is gone."""
    tasks = broken.tasks()
    for task in broken.chance.sample(tasks, max(1, len(tasks) // 3)):
        _signal(int(task["pid"]), signal.SIGKILL)
    yield
    time.sleep(seconds)


def _hang_valkey(broken: Broken, seconds: float) -> Iterator[None]:
    """Broker and cache accept connections and answer nothing."""
    stopped = broken.stores("elasticache")
    for pid in stopped:
        _signal(pid, signal.SIGSTOP)
    try:
        yield
        time.sleep(seconds)
    finally:
        for pid in stopped:
            _signal(pid, signal.SIGCONT)


def _restart_postgres(broken: Broken, seconds: float) -> Iterator[None]:
    """PostgreSQL ends as at a restart by hand: every connection is cut; the local cloud starts it again."""
    for pid in broken.stores("rds"):
        _signal(pid, signal.SIGINT)
    yield
    time.sleep(seconds)


def _exhaust_connections(broken: Broken, seconds: float) -> Iterator[None]:
    """Somebody else's sessions take every connection that is left."""
    held = _Sessions(broken.server)
    broken.held.callback(held.close)
    yield
    time.sleep(seconds)
    # Nine tenths stay taken, until the end: the alarm is to ring before there are none left.
    held.leave_a_tenth()


def _slow_partner(broken: Broken, seconds: float) -> Iterator[None]:
    """Each call of the payment providers takes effect and is answered late, or after everybody has gone."""
    providers = ("razorpay", "cashfree")
    try:
        for name in providers:
            broken.journey.partners.put(f"/_partners/{name}/scenario", json={"down": "slow_after"}).raise_for_status()
        yield
        time.sleep(seconds)
    finally:
        for name in providers:
            broken.journey.partners.put(f"/_partners/{name}/scenario", json={}).raise_for_status()


#: Errors that a fault of half a minute gives players may be enough for these, or not: they count shares and minutes.
_BY_ERRORS = (r".*-load-balancer-.*", r".*-log-(error|critical)", r".*-pages")

FAULTS: Sequence[Fault] = (
    Fault("connections used up", _exhaust_connections, (r".*-postgres-connections",), _BY_ERRORS),
    Fault("tasks killed", _kill_tasks, (), (*_BY_ERRORS, r".*-late-.*")),
    Fault("Valkey hangs", _hang_valkey, (), (*_BY_ERRORS, r".*-outbox-.*", r".*-late-.*")),
    Fault("PostgreSQL restarted", _restart_postgres, (), (*_BY_ERRORS, r".*-late-.*", r".*-postgres-silent")),
    Fault("payment providers slow", _slow_partner, (), (*_BY_ERRORS, r".*-payments-.*")),
)


class _Sessions:
    """Connections that do nothing: all that there are, then as many as leave a tenth; those that are cut are made anew."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._most = int(server.execute("SHOW max_connections"))
        self._wanted = self._most
        self._ended, self._full = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._hold()), daemon=True)
        self._thread.start()
        self._full.wait(60)

    def leave_a_tenth(self) -> None:
        """Of all that the server takes; the platform's own are among the others."""
        self._wanted = int(self._most * 0.9) - _PLATFORMS_OWN

    def close(self) -> None:
        """Give all back."""
        self._ended.set()
        self._thread.join(30)

    async def _hold(self) -> None:
        held: list[Any] = []
        while not self._ended.is_set():
            held = [each for each in held if not each.is_closed()]
            while len(held) > self._wanted:
                held.pop().terminate()
            while len(held) < self._wanted and (made := await self._connection()):
                held.append(made)
            self._full.set()
            await asyncio.sleep(0.5)
        for each in held:
            each.terminate()

    async def _connection(self) -> Any:
        """One more; None where the server takes none now."""
        import asyncpg

        server = self._server
        with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return await asyncpg.connect(
                host=server.host,
                port=server.port,
                user=ADMIN,
                password=server.password,
                database="postgres",
                timeout=10,
            )
        return None


def _signal(pid: int, number: signal.Signals) -> None:
    """To a process of the platform's; one that has just ended by itself is none any more."""
    if psutil.pid_exists(pid):
        os.kill(pid, number)


class _Alarms:
    """Which alarms rang since when, asked all the time by whoever waits."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._before = self._ringing()
        self.rang: dict[str, float] = {}

    def look(self) -> None:
        """Note what rings now and did not when this began."""
        for name in self._ringing() - self._before:
            self.rang.setdefault(name, time.monotonic())

    def _ringing(self) -> set[str]:
        return {each["name"] for each in self._client.alarms() if each["state"] == "ALARM"}


@contextmanager
def _broken_by(fault: Fault, broken: Broken, seconds: float) -> Iterator[None]:
    """The fault is there within, and gone after."""
    steps = fault.breaks(broken, seconds)
    next(steps)
    try:
        yield
    finally:
        for _ in steps:
            pass


def run(client: Client, seconds: int, seed: int, say: Callable[[str], None]) -> Chaos:
    """Break what runs for so long, and look what came of it."""
    begun = time.monotonic()
    slot = seconds / len(FAULTS)
    wrong: list[str] = []
    faults: list[ChaosFault] = []
    with journeys.journey(client, viewers=journeys.VIEWERS) as walked, ExitStack() as held:
        steps = [(service, step) for service, step in journeys.steps("journey") if service in _NEEDED]
        for outcome in walk(walked, steps, lambda _each: None):
            if not outcome.ok:
                console.fail(
                    f"the platform does not work before anything is broken: {outcome.service}: {outcome.detail}"
                )
        server = drills.Exercise(client, say).server
        broken = Broken(client, random.Random(seed), walked, server, held)  # noqa: S311 - draws what breaks, no secret
        alarms = _Alarms(client)
        with Load(walked, say) as load:
            load_begun = time.monotonic()
            for fault in FAULTS:
                at = time.monotonic()
                with _broken_by(fault, broken, slot * _SHARE):
                    say(f"{fault.name}: now")
                alarms.look()
                while time.monotonic() < at + slot:
                    time.sleep(1)
                    alarms.look()
                ended = time.monotonic()
                rang = sorted(name for name, moment in alarms.rang.items() if moment >= at)
                faults.append(
                    {
                        "name": fault.name,
                        "seconds": round(slot * _SHARE, 1),
                        "gap": round(load.gap(at, ended), 2),
                        "rang": rang,
                    }
                )
            lasted = time.monotonic() - load_begun
        try:
            load.settle()
        except Unexpected as failure:
            wrong.append(str(failure))
        missing = _wait(alarms)
        held.close()
        ended = time.monotonic()
        wrong += _whole(client, ended + _HEAL_SECONDS)
        healed = time.monotonic() - ended
        wrong += [*load.wrong, *drills.broken(server)]
    unexpected = [
        name for name in sorted(alarms.rang) if not _matches(name, [p for f in FAULTS for p in (*f.rings, *f.may)])
    ]
    return {
        "ok": not (wrong or missing or unexpected),
        "seed": seed,
        "seconds": round(lasted, 1),
        "faults": faults,
        "acknowledged": len(load.answered),
        "failed": load.failed,
        "healed": round(healed, 1),
        "wrong": wrong,
        "rang": sorted(alarms.rang),
        "missing": missing,
        "unexpected": unexpected,
        "took": round(time.monotonic() - begun, 1),
    }


def _wait(alarms: _Alarms) -> list[str]:
    """Until each alarm rang that should, as alarms take minutes; the patterns of those that did not."""
    deadline = time.monotonic() + _ALARM_SECONDS
    wanted = [pattern for fault in FAULTS for pattern in fault.rings]
    while True:
        alarms.look()
        missing = [pattern for pattern in wanted if not any(re.fullmatch(pattern, name) for name in alarms.rang)]
        if not missing or time.monotonic() > deadline:
            return missing
        time.sleep(2)


def _whole(client: Client, deadline: float) -> list[str]:
    """What is not as deployed once it was let alone."""
    found = ["not looked at"]
    while found and time.monotonic() < deadline:
        time.sleep(1)
        found = status.wrong(client.status())
    return found


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in patterns)
