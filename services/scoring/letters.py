"""Who was notified of a correction gets an e-mail, too: auth has the addresses, and writes it once for each occasion."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.outbox import Message
from services.common.outside import Once, OutsideCall, Refused, Try
from services.common.service_api import ServiceApi, connect
from services.scoring import repository

#: The outbox task that has a page of players written to.
LETTERS = "scoring.letters"

#: Client of the manifest, and seconds that auth has for an answer.
CLIENT, SECONDS = "scoring-letters", 8.0

_AT_ONCE = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """Players to write to, of one correction of one match."""

    match: str
    revision: int
    title: str
    owners: Sequence[UUID]


@dataclass
class Letters(OutsideCall[Page, None]):
    """The call to auth. What has no answer is asked for again: auth writes a letter once for its key."""

    writer: Once[ServiceApi] = field(default_factory=lambda: Once(open_writer))
    timeout = timedelta(seconds=20)

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Page | None:
        """The next page of who was notified."""
        match_id, revision = message.payload["match"], message.payload["revision"]
        match = await repository.match(session, match_id)
        after = UUID(message.payload["after"])
        owners = await repository.notified(session, match_id, revision, after, _AT_ONCE)
        return Page(match_id, revision, match.title, owners) if match is not None and owners else None

    async def call(self, wanted: Try[Page]) -> None:
        """Ask auth for the letters."""
        page, writer = wanted.request, await self.writer()
        body = {
            "kind": "points_corrected",
            "key": str(uuid5(NAMESPACE_URL, f"matchday/corrections/{page.match}/{page.revision}")),
            "about": page.title,
            "accounts": [str(owner) for owner in page.owners],
        }
        await writer.ask("POST", "/auth/internal/letters", json=body)

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: Page, outcome: Refused | None
    ) -> None:
        """Go on with the next page."""
        if isinstance(outcome, Refused):
            log.error("letters refused by auth", extra={"match": request.match, "code": outcome.code})
        await outbox.enqueue(session, LETTERS, about(request.match, request.revision, request.owners[-1]))


def about(match_id: str, revision: int, after: UUID) -> dict[str, Any]:
    """What the task is told: of which correction those players are to be written to that come after `after`."""
    return {"match": match_id, "revision": revision, "after": str(after)}


async def open_writer(transport: httpx.AsyncBaseTransport | None = None) -> ServiceApi:
    """Auth; tests bring a `transport` to it. Raises SettingsError."""
    return ServiceApi(connect("auth", SECONDS, transport), CLIENT, SECONDS)
