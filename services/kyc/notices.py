"""Who is about to be erased is told before: auth has the addresses, and writes once for each occasion.

Rule 8(2) of the DPDP Rules 2025 (https://www.dpdpa.in/dpdpa_rules_2025/Rule_8.htm, read on 2026-11-27; it holds from May 2027):
at least 48 hours before, and whoever comes back keeps what is kept of them.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.outbox import Message
from services.common.outside import OutsideCall, Refused, Try
from services.common.service_api import ServiceApi, connect
from services.kyc import repository, retention_repository

#: The message that has a player notice: `{"player": …}`.
NOTICE = "kyc.erasure_notice"

#: Client of the manifest, and seconds that auth has for an answer.
CLIENT, SECONDS = "kyc-letters", 8.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ErasureNotice:
    """Whom to tell, and until when what is known of them is kept."""

    player: UUID
    day: str


async def give(session: AsyncSession, clock: Clock) -> int:
    """Have a batch of players told who are erased soon; how many."""
    players = await retention_repository.uninformed(session, clock.now())
    for player in players:
        await retention_repository.note_notice(session, player, clock.now())
        await outbox.enqueue(session, NOTICE, {"player": str(player)})
    return len(players)


#: Opens it, or gives the one that is open.
Writers = Callable[[], Awaitable[ServiceApi]]


@dataclass
class Notices(OutsideCall[ErasureNotice, None]):
    """The call to auth. What has no answer is asked for again: auth writes a letter once for its key."""

    writer: Writers
    timeout = timedelta(seconds=20)

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> ErasureNotice | None:
        """The day; None where nothing is going to be erased any more."""
        player = UUID(message.payload["player"])
        case = await repository.case(session, player)
        if case is None or case.erased_at is not None or case.closed_at is not None:
            return None
        held = await retention_repository.held(session, player, clock.now())
        return None if held.until is None else ErasureNotice(player, held.earliest.date().isoformat())

    async def call(self, wanted: Try[ErasureNotice]) -> None:
        """Ask auth for the letter."""
        notice, writer = wanted.request, await self.writer()
        body = {
            "kind": "identity_erased",
            "key": str(uuid5(NAMESPACE_URL, f"matchday/erasures/{notice.player}/{notice.day}")),
            "about": notice.day,
            "accounts": [str(notice.player)],
        }
        await writer.ask("POST", "/auth/internal/letters", json=body)

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: ErasureNotice, outcome: Refused | None
    ) -> None:
        """From now on the 48 hours run, whether there was an address or not."""
        if isinstance(outcome, Refused):
            log.error("notices of erasure are refused by auth", extra={"code": outcome.code, "runbook": "kyc-purge"})
            return
        case = await repository.case(session, request.player)
        if case is not None:
            case.informed_at = clock.now()


async def open_writer(transport: httpx.AsyncBaseTransport | None = None) -> ServiceApi:
    """Auth; tests bring a `transport` to it. Raises SettingsError."""
    return ServiceApi(connect("auth", SECONDS, transport), CLIENT, SECONDS)
