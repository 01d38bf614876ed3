"""Requests that come at the same time are posted together: one statement, one commit, one lock of each balance for all of them.

Nothing waits for a batch to fill: while one is under way the next gathers. An answer comes after the commit, never before. A
batch that PostgreSQL refuses as a whole, because a balance is locked for long, the same id came twice at once or one of its
items cannot be stored, is posted again item by item: nobody pays for a neighbour. Posting twice is harmless, as items are known
by their ids and keys. Who has stopped waiting before the item was sent has nothing posted.

Requests that wait here hold no place of the process (`services.common.admission`); a batch holds one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from services.common.admission import Admission
from services.common.clock import Clock
from services.common.postgres import LOST, Pool
from services.common.telemetry import spans
from services.wallet import ledger
from services.wallet.ledger import Item, Verdict

#: Items of one batch: a statement of some 20 ms.
MOST = 256

#: Batches under way at once in a process: the second is for what does not wait for the balances of the first.
WRITERS = 2

#: How long a batch waits for the lock of a balance, in milliseconds; who needs longer waits alone.
PATIENCE_MS = 500

#: Items that are posted alone at once, after their batch was refused.
ALONE = 2

#: What one item can bring on a whole batch: a lock that is not had in time, an id that came twice at once, what a constraint or
#: a type does not take. Other errors (the server ends, a statement takes too long) would come again for each.
_SHARED_FATE = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
)


#: What a request sees of its batch: how long it waited for it and took part in it.
_SPAN = {"db.system.name": "postgresql", "db.query.summary": "SELECT post"}


@dataclass(frozen=True, slots=True)
class _Waiting:
    item: Item
    sent: Callable[[], None]
    answer: asyncio.Future[Verdict]


class Posting:
    """What a process posts, gathered."""

    def __init__(
        self, pool: Pool, clock: Clock, places: Admission, *, most: int = MOST, writers: int = WRITERS
    ) -> None:
        self._pool, self._clock, self._places, self._most, self._free = pool, clock, places, most, writers
        self._waiting: deque[_Waiting] = deque()
        self._alone = asyncio.Semaphore(ALONE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def post(self, item: Item, sent: Callable[[], None] = lambda: None) -> Verdict:
        """Post an item with those that wait; `sent` is called when it is on its way, and nobody knows until the answer.

        Raises what the database raises.
        """
        waiting = _Waiting(item, sent, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._free:
            self._free -= 1
            self._start(self._write())
        with spans.span("post", spans.SpanKind.CLIENT, _SPAN):
            return await waiting.answer

    async def close(self) -> None:
        """Wait for what is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self) -> None:
        await asyncio.sleep(0)  # who comes in the same turn of the event loop comes along
        self._places.take()
        try:
            while batch := self._take():
                await self._batch(batch)
        finally:
            self._places.leave()
            self._free += 1

    def _take(self) -> list[_Waiting]:
        """The oldest that can go together: no id, key or hold twice, and nobody who has gone."""
        batch: list[_Waiting] = []
        later: list[_Waiting] = []
        seen: set[Any] = set()
        while self._waiting and len(batch) < self._most:
            waiting = self._waiting.popleft()
            if waiting.answer.done():
                continue
            names = _names(waiting.item)
            if seen.isdisjoint(names):
                seen |= names
                batch.append(waiting)
            else:
                later.append(waiting)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _batch(self, batch: Sequence[_Waiting]) -> None:
        try:
            outcomes = await self._run(batch)
        except _SHARED_FATE as error:
            if len(batch) == 1 and not isinstance(error, asyncpg.UniqueViolationError):
                _fail(batch, error)
            else:  # beside the batches that follow: what these wait for may take long
                for each in batch:
                    self._start(self._by_itself(each))
        except Exception as error:
            _fail(batch, error)
        except BaseException as error:
            _fail(batch, ConnectionError("the process is ending"))
            raise error
        else:
            _answer(batch, outcomes)

    async def _by_itself(self, waiting: _Waiting) -> None:
        async with self._alone:
            try:
                _answer([waiting], await self._run([waiting]))
            except Exception as error:
                _fail([waiting], error)

    async def _run(self, batch: Sequence[_Waiting]) -> list[Verdict]:
        """Post in a statement of its own, on another connection if one turns out to be lost."""
        items = [each.item for each in batch]
        for _ in range(self._pool.size + 1):
            connection = await self._pool.acquire()
            try:
                for each in batch:
                    each.sent()
                return await ledger.post(
                    connection, items, self._clock.now(), patience=PATIENCE_MS if len(items) > 1 else None
                )
            except LOST:
                connection.terminate()
            except (TimeoutError, OSError, asyncio.CancelledError):
                connection.terminate()
                raise
            finally:
                self._pool.release(connection)
        raise ConnectionError("every connection was lost")


def _names(item: Item) -> set[Any]:
    found = {item.id, ("hold", item.more.get("hold")), ("key", item.by, item.more.get("key"))}
    return {name for name in found if not (isinstance(name, tuple) and name[-1] is None)}


def _answer(batch: Sequence[_Waiting], outcomes: Sequence[Verdict]) -> None:
    for each, outcome in zip(batch, outcomes, strict=True):
        if not each.answer.done():  # who asked may have gone
            each.answer.set_result(outcome)


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for each in batch:
        if not each.answer.done():
            each.answer.set_exception(error)
