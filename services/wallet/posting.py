"""Requests that come at the same time are posted together: one statement, one commit, one lock of each balance for all of them.

Nothing waits for a batch to fill: while one is under way the next gathers. An answer comes after the commit, never before. A
batch that fails as a whole, because a balance is locked for long or the same id came twice at once, is posted again item by
item: nobody pays for a neighbour. Posting twice is harmless, as items are known by their ids and keys.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from services.common.clock import Clock
from services.common.postgres import LOST, Pool
from services.wallet import ledger
from services.wallet.ledger import Item, Verdict

#: Items of one batch: a statement of some 20 ms.
MOST = 256

#: Batches under way at once in a process: the second is for what does not wait for the balances of the first.
WRITERS = 2

#: How long a batch waits for the lock of a balance, in milliseconds; who needs longer waits alone.
PATIENCE_MS = 500

#: What ends a batch and perhaps not each of its items: a lock that is not had in time, an id that came twice at once.
_SHARED_FATE = (asyncpg.LockNotAvailableError, asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError)


@dataclass(frozen=True, slots=True)
class _Waiting:
    item: Item
    sent: Callable[[], None]
    answer: asyncio.Future[Verdict]


class Posting:
    """What a process posts, gathered."""

    def __init__(self, pool: Pool, clock: Clock, *, most: int = MOST, writers: int = WRITERS) -> None:
        self._pool, self._clock, self._most, self._free = pool, clock, most, writers
        self._waiting: deque[_Waiting] = deque()
        self._writers: set[asyncio.Task[None]] = set()

    async def post(self, item: Item, sent: Callable[[], None] = lambda: None) -> Verdict:
        """Post an item with those that wait; `sent` is called when it is on its way, and nobody knows until the answer.

        Raises what the database raises.
        """
        waiting = _Waiting(item, sent, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._free:
            self._free -= 1
            writer = asyncio.create_task(self._write())
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        return await waiting.answer

    async def close(self) -> None:
        """Wait for what is under way."""
        while self._writers:
            await asyncio.wait(self._writers)

    async def _write(self) -> None:
        await asyncio.sleep(0)  # who comes in the same turn of the event loop comes along
        try:
            while self._waiting:
                await self._batch(self._take())
        finally:
            self._free += 1

    def _take(self) -> list[_Waiting]:
        """The oldest that can go together: no id, key or hold twice."""
        batch: list[_Waiting] = []
        later: list[_Waiting] = []
        seen: set[Any] = set()
        while self._waiting and len(batch) < self._most:
            waiting = self._waiting.popleft()
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
            else:
                await asyncio.gather(*(self._alone(each) for each in batch))
        except Exception as error:
            _fail(batch, error)
        except BaseException as error:
            _fail(batch, ConnectionError("the process is ending"))
            raise error
        else:
            for each, outcome in zip(batch, outcomes, strict=True):
                if not each.answer.done():  # who asked may have gone
                    each.answer.set_result(outcome)

    async def _alone(self, waiting: _Waiting) -> None:
        try:
            (outcome,) = await self._run([waiting])
        except Exception as error:
            _fail([waiting], error)
        else:
            if not waiting.answer.done():
                waiting.answer.set_result(outcome)

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


def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
    for each in batch:
        if not each.answer.done():
            each.answer.set_exception(error)
