"""Rows that many requests look for at the same time are read in one statement: while one is under way the next gathers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from services.common.postgres import Reads

Key = TypeVar("Key")
Found = TypeVar("Found")


class _Batch(Generic[Key, Found]):
    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.answer: asyncio.Task[dict[Key, Found]]


class Lookups(Generic[Key, Found]):
    """Lookups of one kind; `read` reads many keys at once, and leaves out those that there are not."""

    def __init__(self, read: Callable[[Reads, Sequence[Key]], Awaitable[dict[Key, Found]]]) -> None:
        self._read = read
        self._turn = asyncio.Lock()
        self._next: _Batch[Key, Found] | None = None

    async def find(self, reads: Reads, keys: Sequence[Key]) -> dict[Key, Found]:
        """Those of `keys` that there are, as of now or later. Raises what the database raises, to all who share a statement."""
        batch = self._next
        if batch is None:
            batch = self._next = _Batch()
            batch.answer = asyncio.create_task(self._ask(reads, batch))
        batch.keys.extend(keys)
        found = await asyncio.shield(batch.answer)  # who stops waiting stops nobody else
        return {key: found[key] for key in keys if key in found}

    async def _ask(self, reads: Reads, batch: _Batch[Key, Found]) -> dict[Key, Found]:
        async with self._turn:
            self._next = None  # who comes from now on may want what is committed from now on
            return await self._read(reads, list(dict.fromkeys(batch.keys)))
