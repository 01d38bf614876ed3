"""Kyc over HTTP: for players, for staff, and for other services."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from services.common import callers
from services.common.callers import Player, SteppedUpPlayer, may, needs
from services.common.database import Session
from services.common.dependencies import Now, paced
from services.common.errors import Code, responses
from services.common.permissions import Permission
from services.common.postgres import Reading
from services.common.tokens import Caller
from services.kyc import cases, consents, documents, exports, identified, retention, reviews, selfies
from services.kyc.errors import KycCode
from services.kyc.schemas import (
    AadhaarRequest,
    CaseView,
    ConfirmationRequest,
    ConsentRequest,
    DecisionRequest,
    DocumentLook,
    DocumentRequest,
    DocumentUpload,
    ErasureAnswer,
    Export,
    History,
    LevelView,
    PanRequest,
    Purpose,
    ReviewDetail,
    ReviewQueue,
    ReviewView,
    SelfieChallenge,
    SelfieRequest,
)
from services.kyc.settings import Digests
from services.kyc.store import Store
from services.kyc.vault import Vault

router = APIRouter(prefix="/kyc", tags=["kyc"])
internal = APIRouter(prefix="/kyc/internal", tags=["internal"], dependencies=[Depends(callers.inside)])


async def _vault(request: Request) -> Vault:
    vault: Vault = request.app.state.vault
    return vault


async def _digests(request: Request) -> Digests:
    digests: Digests = request.app.state.digests
    return digests


async def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


Stored = Annotated[Store, Depends(_store)]
Opener = Annotated[Vault, Depends(_vault)]
Digested = Annotated[Digests, Depends(_digests)]
Reviewer = Annotated[Caller, Depends(may(Permission.REVIEW_KYC))]
Decider = Annotated[Caller, Depends(may(Permission.REVIEW_KYC, step_up=True))]
Second = Annotated[Caller, Depends(may(Permission.OVERRIDE_KYC, step_up=True))]
Auditor = Annotated[Caller, Depends(may(Permission.AUDIT_KYC))]
Asker = Annotated[Caller, Depends(needs("kyc:level"))]

OPEN = (KycCode.REVIEW_UNKNOWN, *callers.REFUSALS)


@router.put("/consents/{purpose}", responses=responses(KycCode.CONSENT_OUTDATED, *callers.STEP_UP_REFUSALS))
async def consent(
    purpose: Purpose, body: ConsentRequest, player: SteppedUpPlayer, session: Session, clock: Now
) -> CaseView:
    """Agree to a text, or take that back; after a step-up."""
    await consents.note(session, clock, player, purpose, body)
    return await cases.view(session, player)


@router.post(
    "/documents",
    dependencies=[Depends(paced)],
    responses=responses(
        KycCode.CONSENT_MISSING, KycCode.DOCUMENTS_WAITING, Code.RATE_LIMITED, *callers.STEP_UP_REFUSALS
    ),
)
async def announce_document(
    body: DocumentRequest, player: SteppedUpPlayer, reads: Reading, session: Session, clock: Now, store: Stored
) -> DocumentUpload:
    """Where to send a picture, after a step-up; the same file again goes to the same place."""
    prepared = await documents.prepare(reads, store, player, body)
    return await documents.announce(session, clock, player, body, prepared)


@router.put(
    "/pan",
    dependencies=[Depends(paced)],
    responses=responses(
        KycCode.PAN_NOT_PERSONAL,
        KycCode.DOCUMENT_UNKNOWN,
        KycCode.DOCUMENT_MISSING,
        KycCode.CONSENT_MISSING,
        KycCode.STATE_FORBIDS,
        Code.RATE_LIMITED,
        *callers.STEP_UP_REFUSALS,
    ),
)
async def submit_pan(
    body: PanRequest,
    player: SteppedUpPlayer,
    reads: Reading,
    session: Session,
    clock: Now,
    vault: Opener,
    digests: Digested,
    store: Stored,
) -> CaseView:
    """Hand in a PAN, after a step-up. It is encrypted before it is kept, and checked a moment later."""
    if body.document is not None:
        await documents.refuse_missing(reads, store, player, body.document)
    key = await cases.key_for(reads, vault, player, body)
    return await cases.submit_pan(session, clock, digests, player, key, body)


@router.put(
    "/aadhaar",
    dependencies=[Depends(paced)],
    responses=responses(
        KycCode.FILE_REFUSED,
        KycCode.CONSENT_MISSING,
        KycCode.STATE_FORBIDS,
        Code.RATE_LIMITED,
        *callers.STEP_UP_REFUSALS,
    ),
)
async def submit_aadhaar(
    body: AadhaarRequest, player: SteppedUpPlayer, request: Request, reads: Reading, session: Session, clock: Now,
    vault: Opener, digests: Digested,
) -> CaseView:  # fmt: skip
    """Hand in UIDAI's offline e-KYC file, for the level `full`, after a step-up. The share code opens it and is forgotten."""
    known = await identified.known(reads, vault, player, Purpose.AADHAAR)
    holder, contacts = await cases.verified_file(body, clock.now(), request.app.state.certificates)
    made = identified.compared(known, digests, holder, clock.now().date(), contacts)
    return await cases.submit_aadhaar(session, clock, player, made)


@router.post(
    "/selfies",
    dependencies=[Depends(paced)],
    responses=responses(KycCode.STATE_FORBIDS, Code.RATE_LIMITED, *callers.STEP_UP_REFUSALS),
)
async def draw_gestures(player: SteppedUpPlayer, session: Session, clock: Now) -> SelfieChallenge:
    """Draw two gestures for a selfie, after a step-up: they are good once and for ten minutes; another draw ends them."""
    return await selfies.draw(session, clock, player)


@router.put(
    "/selfie",
    dependencies=[Depends(paced)],
    responses=responses(
        KycCode.CHALLENGE_UNKNOWN,
        KycCode.DOCUMENT_UNKNOWN,
        KycCode.DOCUMENT_MISSING,
        KycCode.CONSENT_MISSING,
        KycCode.STATE_FORBIDS,
        Code.RATE_LIMITED,
        *callers.STEP_UP_REFUSALS,
    ),
)
async def submit_selfie(
    body: SelfieRequest, player: SteppedUpPlayer, reads: Reading, session: Session, clock: Now, vault: Opener,
    digests: Digested, store: Stored,
) -> CaseView:  # fmt: skip
    """Hand in a selfie, for the level `full` without an Aadhaar file, after a step-up. A person looks at each."""
    known = await identified.known(reads, vault, player, Purpose.SELFIE)
    for frame in body.frames:
        await documents.refuse_missing(reads, store, player, frame)
    return await selfies.submit(session, clock, digests, player, known, body)


@router.get("/case", responses=responses(*callers.REFUSALS))
async def read_case(player: Player, reads: Reading) -> CaseView:
    """The caller's case."""
    return await cases.read(reads, player)


@router.get("/export", dependencies=[Depends(paced)], responses=responses(Code.RATE_LIMITED, *callers.STEP_UP_REFUSALS))
async def export(
    player: SteppedUpPlayer, reads: Reading, session: Session, clock: Now, vault: Opener, store: Stored
) -> Export:
    """Everything that is held about the caller, after a step-up; it is noted as a look."""
    opened = await exports.open_all(reads, vault, player)
    return await exports.export(session, clock, store, player, opened)


@router.post(
    "/erasure", dependencies=[Depends(paced)], responses=responses(Code.RATE_LIMITED, *callers.STEP_UP_REFUSALS)
)
async def erase(player: SteppedUpPlayer, session: Session, clock: Now) -> ErasureAnswer:
    """Have everything erased that is held about the caller, after a step-up; where a law says to keep it: which, until when."""
    return await retention.asked(session, clock, player)


@router.get("/reviews", responses=responses(*callers.REFUSALS))
async def read_queue(caller: Reviewer, session: Session, clock: Now) -> ReviewQueue:
    """What waits for a person, without anything that is sealed. Needs the permission `kyc:review`."""
    return await reviews.queue(session, clock, caller)


@router.post(
    "/reviews/{review_id}/claim",
    responses=responses(KycCode.REVIEW_CLAIMED, KycCode.OWN_CASE, KycCode.SECOND_PERSON_NEEDED, *OPEN),
)
async def claim(review_id: UUID, caller: Reviewer, session: Session, clock: Now) -> ReviewView:
    """Hold a review for 15 minutes; again for longer. Needs the permission `kyc:review`."""
    return await reviews.claim(session, clock, caller, review_id)


@router.get("/reviews/{review_id}", responses=responses(KycCode.REVIEW_NOT_CLAIMED, *OPEN))
async def read_review(
    review_id: UUID, caller: Reviewer, reads: Reading, session: Session, clock: Now, vault: Opener
) -> ReviewDetail:
    """The values of a review that the caller holds; the look is logged. Needs the permission `kyc:review`."""
    opened = await reviews.open_fields(reads, vault, clock, caller, review_id)
    return await reviews.detail(session, clock, caller, review_id, opened)


@router.get(
    "/reviews/{review_id}/document",
    responses=responses(KycCode.REVIEW_NOT_CLAIMED, KycCode.DOCUMENT_UNKNOWN, KycCode.DOCUMENT_NOT_MASKED, *OPEN),
)
async def look_at_document(
    review_id: UUID, caller: Reviewer, session: Session, clock: Now, store: Stored
) -> DocumentLook:
    """Where to see the picture of a review that the caller holds, for a minute; the look is logged. Needs `kyc:review`."""
    return await reviews.picture(session, clock, store, caller, review_id)


@router.post(
    "/reviews/{review_id}/decision",
    responses=responses(
        KycCode.REVIEW_NOT_CLAIMED,
        KycCode.OWN_CASE,
        KycCode.STATE_FORBIDS,
        KycCode.DOCUMENT_TAKEN,
        Code.STEP_UP_NEEDED,
        *OPEN,
    ),
)
async def decide(
    review_id: UUID, body: DecisionRequest, caller: Decider, session: Session, clock: Now, digests: Digested
) -> ReviewView:
    """Decide on a review that the caller holds; to approve against a failed check is a proposal. Needs `kyc:review`."""
    return await reviews.decide(session, clock, digests, caller, review_id, body)


@router.post(
    "/reviews/{review_id}/confirmation",
    responses=responses(
        KycCode.SECOND_PERSON_NEEDED,
        KycCode.OWN_CASE,
        KycCode.STATE_FORBIDS,
        KycCode.DOCUMENT_TAKEN,
        Code.STEP_UP_NEEDED,
        *OPEN,
    ),
)
async def confirm(
    review_id: UUID, body: ConfirmationRequest, caller: Second, session: Session, clock: Now
) -> ReviewView:
    """Agree to a colleague's proposal, or give it back to the queue. Needs the permission `kyc:override`."""
    return await reviews.confirm(session, clock, caller, review_id, body.agreed)


@router.get("/cases/{player_id}/history", responses=responses(*callers.REFUSALS))
async def read_history(player_id: UUID, caller: Auditor, session: Session) -> History:
    """Decisions, looks and consents of a player; nothing that is sealed. Needs the permission `kyc:audit`."""
    return await reviews.history(session, player_id)


@internal.get("/levels/{player_id}", responses=responses(Code.NOT_FOUND, *callers.REFUSALS))
async def read_level(player_id: UUID, caller: Asker, reads: Reading) -> LevelView:
    """The level that a player's identity is verified to, `none` for whoever is not known. Needs the scope `kyc:level`."""
    return await cases.level(reads, player_id)
