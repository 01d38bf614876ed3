"""Sessions that ended while access tokens of theirs are still good: a small list of auth's, read every few seconds.

An access token is checked without asking anybody, so it would go on after its session until it expires. Each process reads
the list in the background (no request waits for it) and refuses what is on it: within READ_SECONDS and what auth itself takes
(docs/adr/0090-ended-sessions-are-polled.md).
"""

from __future__ import annotations

import asyncio
import logging
import time

import httpx

PATH = "/auth/internal/ended-sessions"

#: How often the list is read, and after a reading that failed: a process that starts before auth would take no two factors for
#: good until the next one. How long a reading may take, and how old the list may be while two factors are taken for good.
READ_SECONDS = 15.0
AGAIN_SECONDS = 1.0
FETCH_SECONDS = 5.0
CURRENT_SECONDS = 45.0

log = logging.getLogger(__name__)


class RemoteEnded:
    """The list as another service has it (`services.common.tokens.EndedSessions`)."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self._url, self._http = url, http
        self._ended: frozenset[str] = frozenset()
        self._read_at = float("-inf")

    def has(self, session: str) -> bool:
        """Whether the session was on the list."""
        return session in self._ended

    def is_current(self) -> bool:
        """Whether the list was read within CURRENT_SECONDS."""
        return time.monotonic() - self._read_at <= CURRENT_SECONDS

    async def run(self) -> None:
        """Read the list again and again."""
        while True:
            good = await self.read()
            await asyncio.sleep(READ_SECONDS if good else AGAIN_SECONDS)

    async def read(self) -> bool:
        """Read the list once; whether that was done. While auth does not answer, what was read last is kept."""
        asked = time.monotonic()
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                answer = await self._http.get(self._url)
            answer.raise_for_status()
            sessions = answer.json()["sessions"]
            if not isinstance(sessions, list):
                raise ValueError("not a list of sessions")
            self._ended, self._read_at = frozenset(map(str, sessions)), asked
        except (httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError) as error:
            log.warning(
                "ended sessions not read", extra={"url": self._url, "reason": f"{type(error).__name__}: {error}"}
            )
            return False
        return True
