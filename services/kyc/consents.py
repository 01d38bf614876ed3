"""What players agree to, by version, each change logged. Nothing here commits."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock
from services.common.errors import ServiceError
from services.kyc import repository
from services.kyc.deciding import move
from services.kyc.errors import KycCode
from services.kyc.schemas import ConsentRequest, Purpose
from services.kyc.states import CaseEvent, State

#: The version of each text that players agree to now; clients show the texts.
TEXTS = {Purpose.IDENTITY: "2026-11", Purpose.AADHAAR: "2026-11", Purpose.SELFIE: "2026-11", Purpose.ESIGN: "2026-11"}


async def note(session: AsyncSession, clock: Clock, player: UUID, purpose: Purpose, wanted: ConsentRequest) -> None:
    """Log what the player says of a text; the same again is logged once. Raises ServiceError (consent_outdated, …)."""
    if wanted.given and wanted.version != TEXTS[purpose]:
        raise ServiceError(KycCode.CONSENT_OUTDATED, f"Show the text of {TEXTS[purpose]}.")
    case = await repository.make_case(session, player, clock.now())
    last = await repository.consent(session, player, purpose)
    if last is None or (last.given, last.version) != (wanted.given, wanted.version):
        await repository.log_consent(session, player, purpose, wanted.version, wanted.given, clock.now())
    if wanted.given and case.state in (State.CREATED, State.ERASED):
        move(case, CaseEvent.CONSENT)
        case.erased_at = None


def refuse_without(purpose: Purpose, agreed: str | None) -> None:
    """`agreed`: the version of the text that the player agrees to. Raises ServiceError (consent_missing)."""
    if agreed != TEXTS[purpose]:
        raise ServiceError(KycCode.CONSENT_MISSING, f"Agree to the text {TEXTS[purpose]} of {purpose} first.")
