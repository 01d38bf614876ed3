"""Makes and drops the databases of tests, over one connection for the whole session: each would cost 14 ms of CPU anew."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any


class Administrator:
    """A connection on a loop of its own, in a thread, as each test has another loop."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect
        self._connection: Any = None
        self._loop = asyncio.new_event_loop()
        self._turn = asyncio.Lock()
        self._thread = threading.Thread(target=self._loop.run_forever, name="administrator", daemon=True)
        self._thread.start()

    async def execute(self, statement: str) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._execute(statement), self._loop))

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _execute(self, statement: str) -> None:
        async with self._turn:
            if self._connection is None or self._connection.is_closed():  # a test restarted the server
                self._connection = await self._connect()
            await self._connection.execute(statement)

    async def _end(self) -> None:
        if self._connection is not None:
            await self._connection.close()
