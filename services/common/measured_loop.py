"""The web process's event loop: asyncio's own, which also counts for how long it had nothing to do."""

from __future__ import annotations

import asyncio
import selectors
import time


class _Selector(selectors.DefaultSelector):
    idle_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        begun = time.perf_counter()
        try:
            return super().select(timeout)
        finally:
            self.idle_seconds += time.perf_counter() - begun


class MeasuredLoop(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        self._measured = _Selector()
        super().__init__(self._measured)

    def idle_seconds(self) -> float:
        """For how long this loop has waited for something to happen, since it was made."""
        return self._measured.idle_seconds
