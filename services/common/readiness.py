"""Readiness: whether requests may be sent here, asked of PostgreSQL on a connection of its own.

Not one of the pool's: where all of these are busy the process works as hard as it can, and taking it away would only send
its requests to the next one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from services.common import postgres
from services.common.clock import Clock, DatabaseClock
from services.common.settings import DatabaseSettings

SECONDS = 2.0

log = logging.getLogger(__name__)


class Readiness:
    """Probes PostgreSQL when asked; who asks while a probe is under way gets the answer of that one."""

    def __init__(self, settings: DatabaseSettings, application: str, clock: Clock) -> None:
        self._settings, self._application, self._clock = settings, application, clock
        self._connection: Any = None
        self._probe: asyncio.Task[str] | None = None

    async def problem(self) -> str:
        """What is wrong, by the name of an exception; empty if nothing is."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._ask())
        return await asyncio.shield(self._probe)

    async def _ask(self) -> str:
        try:
            async with asyncio.timeout(SECONDS):
                if self._connection is None or self._connection.is_closed():
                    self._connection = await postgres.connect(self._settings, f"{self._application}-ready")
                asked = time.monotonic()
                now = await self._connection.fetchval("SELECT clock_timestamp()")
        except Exception as error:  # whatever it is, the answer is "not ready" and why
            self.close()
            return type(error).__name__
        if isinstance(self._clock, DatabaseClock):
            self._clock.follow(now, asked)
        return ""

    def close(self) -> None:
        """Give the connection up, without waiting for a server that may not answer."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
