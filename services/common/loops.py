"""An event loop in a thread of its own: where a process that Celery drives does what is asynchronous."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Loop:
    """The loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Run `work` there and wait for it, at most `seconds`. Raises TimeoutError: it is cancelled and not waited for."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise TimeoutError(f"not done within {seconds:g} s") from None

    def start(self, work: Coroutine[Any, Any, None]) -> Callable[[], None]:
        """Start `work` there; the function that is returned cancels it and waits for its end."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)

        def stop() -> None:
            future.cancel()
            with contextlib.suppress(BaseException):
                future.result(5)

        return stop

    def stop(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
