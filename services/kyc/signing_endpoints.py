"""Kyc over HTTP: agreements that players sign, and what the eSign provider's page posts."""

from __future__ import annotations

from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse

from services.common import callers
from services.common.callers import Player, SteppedUpPlayer
from services.common.database import Session
from services.common.dependencies import Now, paced
from services.common.errors import Code, ServiceError, responses
from services.common.postgres import Reading
from services.kyc import signing
from services.kyc.endpoints import Opener, Stored
from services.kyc.errors import KycCode
from services.kyc.esign import RESPONSE_BYTES
from services.kyc.schemas import AgreementLook, AgreementRequest, SigningView

router = APIRouter(prefix="/kyc", tags=["kyc"])

#: A page of the site, where the player's browser goes after the provider.
SIGNED = "/agreement-signed"

_FORM = "application/x-www-form-urlencoded"


@router.post(
    "/agreements",
    dependencies=[Depends(paced)],
    responses=responses(
        KycCode.CONSENT_MISSING,
        KycCode.CONSENT_OUTDATED,
        KycCode.STATE_FORBIDS,
        Code.RATE_LIMITED,
        *callers.STEP_UP_REFUSALS,
    ),
)
async def begin_agreement(
    body: AgreementRequest, request: Request, player: SteppedUpPlayer, reads: Reading, session: Session, clock: Now
) -> SigningView:
    """Have the player agreement prepared to be signed, after a step-up; while one is on its way, that one."""
    await signing.refuse_unready(reads, player, body)
    state = request.app.state
    return await signing.begin(session, clock, player, body, state.esign_url, state.public_url)


@router.get("/agreements/{signing_id}", responses=responses(Code.NOT_FOUND, *callers.REFUSALS))
async def read_agreement(signing_id: UUID, request: Request, player: Player, session: Session) -> SigningView:
    """How far it is; while it waits for the player, the form to post to the eSign provider."""
    return await signing.read(session, player, signing_id, request.app.state.esign_url)


@router.get(
    "/agreements/{signing_id}/file",
    dependencies=[Depends(paced)],
    responses=responses(Code.NOT_FOUND, KycCode.AGREEMENT_UNSIGNED, Code.RATE_LIMITED, *callers.STEP_UP_REFUSALS),
)
async def look_at_agreement(
    signing_id: UUID, player: SteppedUpPlayer, session: Session, clock: Now, store: Stored
) -> AgreementLook:
    """Where to see the signed PDF for a minute, after a step-up; the look is logged."""
    return await signing.look(session, clock, store, player, signing_id)


async def _posted(request: Request) -> str:
    """The response in the form. Raises ServiceError (invalid)."""
    try:
        form = dict(parse_qsl((await request.body()).decode(), strict_parsing=True, max_num_fields=10))
    except ValueError:
        form = {}
    found = form.get("eSignResponse", "")
    if not 0 < len(found.encode()) <= RESPONSE_BYTES:
        raise ServiceError(Code.INVALID, f"accepted: {_FORM} with eSignResponse of at most {RESPONSE_BYTES} bytes")
    return found


@router.post(
    "/esign/{signing_id}/response",
    status_code=303,
    response_class=RedirectResponse,
    responses=responses(Code.NOT_FOUND),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {_FORM: {"schema": {"type": "object", "required": ["eSignResponse"], "properties": {
                "eSignResponse": {"type": "string", "maxLength": RESPONSE_BYTES},
            }}}},
        }
    },
)  # fmt: skip
async def take_response(
    signing_id: UUID, request: Request, reads: Reading, session: Session, clock: Now, vault: Opener
) -> RedirectResponse:
    """What the eSign provider's page has the player's browser post. Nobody is asked who they are: the worker believes what the
    provider signed, for this transaction, and nothing else."""
    xml = await _posted(request)
    key = await signing.key_for(reads, vault, signing_id)
    await signing.take(session, clock, key, signing_id, xml)
    return RedirectResponse(f"{request.app.state.public_url}{SIGNED}?agreement={signing_id}", 303)
