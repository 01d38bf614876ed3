"""The event loop that a program runs on in tests: as asyncio's, with one thread, and without the search for tasks.

A program of ours registers hundreds of resources, each by calls to an engine that is a stand-in of this very process, which
never waits: more threads only pass the interpreter around. And all tasks that were ever made were looked through at its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


class Loop:
    """One program's loop, and the tasks that were made on it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(ThreadPoolExecutor(max_workers=1))
        self.loop.set_task_factory(self._make)
        self._tasks: list[asyncio.Task[Any]] = []
        asyncio.set_event_loop(self.loop)

    def _make(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **more)
        self._tasks.append(task)
        return task

    def run(self, main: Coroutine[Any, Any, Any]) -> None:
        self.loop.run_until_complete(main)

    def close(self) -> None:
        """Close a loop that Outputs belong to.

        A program that was refused half-way leaves Outputs that nobody will ever resolve. They are begun before they are
        cancelled: one that never began would drop, unawaited, the coroutine that it was to wait for. Cancelling one may make
        another.
        """
        while pending := [task for task in self._tasks if not task.done()]:
            for _ in range(5):
                self.loop.run_until_complete(asyncio.sleep(0))
            for task in pending:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._tasks.clear()
        self.loop.close()
        asyncio.set_event_loop(None)
