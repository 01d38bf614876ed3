"""Kyc over HTTP: a player's way to DigiLocker and back."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from services.common import callers
from services.common.callers import Bearer, Player, SteppedUpPlayer
from services.common.database import Session
from services.common.dependencies import Now, paced
from services.common.errors import Code, responses
from services.common.postgres import Reading
from services.common.tokens import VERIFIED, Caller
from services.kyc import digilocker_flow
from services.kyc.digilocker import CALLBACK, DigilockerSettings
from services.kyc.endpoints import Opener
from services.kyc.errors import KycCode
from services.kyc.schemas import DigilockerAnswer, DigilockerStart, DigilockerView

router = APIRouter(prefix="/kyc/digilocker", tags=["kyc"])

#: The player's token, for its session.
InSession = Annotated[Caller, Depends(Bearer(VERIFIED, step_up=True))]


@router.post(
    "",
    dependencies=[Depends(paced)],
    responses=responses(KycCode.CONSENT_MISSING, KycCode.STATE_FORBIDS, Code.RATE_LIMITED, *callers.STEP_UP_REFUSALS),
)
async def begin_digilocker(
    request: Request, player: SteppedUpPlayer, caller: InSession, reads: Reading, session: Session, clock: Now
) -> DigilockerStart:
    """Begin to have UIDAI's data given by DigiLocker, for `full`, after a step-up; for ten minutes, in this session."""
    await digilocker_flow.refuse_unready(reads, player)
    settings: DigilockerSettings = request.app.state.digilocker
    return await digilocker_flow.begin(
        session, clock, settings, caller, player, request.app.state.public_url + CALLBACK
    )


@router.post(
    "/{flow_id}/answer",
    dependencies=[Depends(paced)],
    responses=responses(KycCode.FLOW_REFUSED, Code.RATE_LIMITED, *callers.STEP_UP_REFUSALS),
)
async def answer_digilocker(
    flow_id: UUID, body: DigilockerAnswer, player: SteppedUpPlayer, caller: InSession, reads: Reading,
    session: Session, clock: Now, vault: Opener,
) -> DigilockerView:  # fmt: skip
    """Hand over what DigiLocker sent the player back with; taken once, in the session that began. The worker fetches then."""
    key = await digilocker_flow.key_for(reads, vault, player)
    return await digilocker_flow.answer(session, clock, caller, key, flow_id, body)


@router.get("/{flow_id}", responses=responses(Code.NOT_FOUND, *callers.REFUSALS))
async def read_digilocker(flow_id: UUID, player: Player, session: Session) -> DigilockerView:
    """How far it is."""
    return await digilocker_flow.read(session, player, flow_id)
