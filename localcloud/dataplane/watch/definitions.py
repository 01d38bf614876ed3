"""What is deployed, read again when something was written: for whoever acts on definitions in the emulator."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

#: Another value when what is deployed in the emulator may have been written (`Drift.position`); lines of logs, measures and
#: messages are not that.
Position = Callable[[], Awaitable[Any]]


class Definitions:
    """Calls `read`, in a thread, when something was written since the last time; looks every `pause` seconds at most."""

    def __init__(self, position: Position, pause: float, read: Callable[[], None]) -> None:
        self._position_now, self._pause, self._read = position, pause, read
        self._position: Any = None
        self._looked_at = -math.inf
        #: The last look before the newest reading (seconds since the epoch): what that found new was made after it.
        self.new_since = -math.inf

    async def look(self, now: float) -> None:
        """Read what is deployed, if it is time to look and something was written."""
        if now - self._looked_at < self._pause:
            return
        position = await self._position_now()
        if position != self._position:
            self.new_since = self._looked_at
            await asyncio.to_thread(self._read)
        self._position, self._looked_at = position, now
