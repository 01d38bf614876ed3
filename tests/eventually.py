"""Waiting for what no event tells: a state of another process, of the database or of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(holds: Callable[[], bool | Awaitable[bool]], seconds: float = 120, every: float = 0.02) -> None:
    """Ask again and again until it holds. Raises TimeoutError, where a busy machine alone would not miss the bound."""
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(every)
