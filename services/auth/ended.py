"""The sessions that ended while their access tokens may still be good, as a web process has them: read from the database.

Auth's own verifier refuses by it, and other services read it over HTTP (`services.common.revocations`): a session that ends is
refused everywhere within READ_SECONDS and what they take (docs/adr/0090-ended-sessions-are-polled.md).
"""

from __future__ import annotations

import asyncio
import logging
import time

from services.auth import repository
from services.auth.settings import ACCESS_LIFE
from services.common.clock import Clock
from services.common.database import Sessions

#: How often the database is asked, and how old the list may be while two factors are still taken for good.
READ_SECONDS = 5.0
CURRENT_SECONDS = 30.0

log = logging.getLogger(__name__)


class Ended:
    """The list (`services.common.tokens.EndedSessions`)."""

    def __init__(self, sessions: Sessions, clock: Clock) -> None:
        self._sessions, self._clock = sessions, clock
        self._ended: frozenset[str] = frozenset()
        self._read_at = float("-inf")

    def has(self, session: str) -> bool:
        """Whether the session was on the list."""
        return session in self._ended

    def is_current(self) -> bool:
        """Whether the list was read within CURRENT_SECONDS."""
        return time.monotonic() - self._read_at <= CURRENT_SECONDS

    def all(self) -> list[str]:
        """The list."""
        return sorted(self._ended)

    async def run(self) -> None:
        """Read the list again and again; while the database does not answer, what was read last is kept."""
        while True:
            await asyncio.sleep(READ_SECONDS)
            try:
                async with asyncio.timeout(READ_SECONDS):
                    await self.read()
            except Exception as error:  # whatever it is, the next reading may succeed
                log.warning("ended sessions not read", extra={"reason": f"{type(error).__name__}: {error}"})

    async def read(self) -> None:
        """Read the list. Raises what the database raises."""
        asked = time.monotonic()
        async with self._sessions() as session:
            found = await repository.ended_since(session, self._clock.now() - ACCESS_LIFE)
        self._ended, self._read_at = frozenset(map(str, found)), asked
