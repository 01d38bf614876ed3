"""What staff do: take a case from the queue, see it, decide; agree to what a colleague proposed. Nothing here commits.

Who sees what: a reviewer who holds the review sees names and dates and the last characters of numbers; who agrees to overrides
sees numbers whole; auditors see decisions and looks and nothing that is sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock
from services.common.errors import Code, ServiceError
from services.common.permissions import Permission
from services.common.postgres import Reads
from services.common.tokens import Caller
from services.kyc import deciding, documents_repository, findings, pan, quality, repository
from services.kyc.errors import KycCode
from services.kyc.models import Item, Review
from services.kyc.schemas import (
    ConsentLine,
    DecisionLine,
    DecisionRequest,
    DocumentLook,
    History,
    LookLine,
    ReviewDetail,
    ReviewQueue,
    ReviewView,
)
from services.kyc.settings import Digests
from services.kyc.states import CaseEvent, DocumentKind, DocumentState, Kind
from services.kyc.store import LOOK_TIME, Form, Store, StoreError, kept_key
from services.kyc.vault import KeysUnavailableError, Vault

#: How long a claim holds; whoever needs longer claims again.
LEASE = timedelta(minutes=15)

OVERRIDE = Permission.OVERRIDE_KYC

_SHOWN = 50

#: Fields that only who agrees to overrides sees whole → how others see them.
_MASKED = {"pan": pan.masked, "card_number": pan.masked}


async def queue(session: AsyncSession, clock: Clock, caller: Caller) -> ReviewQueue:
    """What waits, the most urgent first."""
    rows = await repository.queue(session, caller.subject, clock.now(), _SHOWN)
    pictured = await documents_repository.of_items(session, [item.id for _, item in rows])
    return ReviewQueue(reviews=[_line(review, item, item.id in pictured) for review, item in rows])


async def claim(session: AsyncSession, clock: Clock, caller: Caller, review_id: UUID) -> ReviewView:
    """Hold a review for LEASE. Raises ServiceError (review_unknown, review_claimed, own_case, second_person_needed)."""
    review, item = await _open(session, review_id)
    _refuse_own(review, caller)
    if review.checks == caller.subject:
        raise ServiceError(KycCode.SECOND_PERSON_NEEDED, "You decided on it yourself.")
    held = review.claimed_until is not None and review.claimed_until > clock.now()
    if held and review.claimed_by != caller.subject:
        raise ServiceError(KycCode.REVIEW_CLAIMED, "Take another one; this one is free again when its claim ends.")
    review.claimed_by, review.claimed_until = caller.subject, clock.now() + LEASE
    return await _view(session, review, item)


async def open_fields(
    reads: Reads, vault: Vault, clock: Clock, caller: Caller, review_id: UUID
) -> tuple[UUID, UUID, Mapping[str, str]]:
    """Player, item and values as `caller` may see them; no transaction is open meanwhile. Raises ServiceError."""
    found = await repository.read_review(reads, review_id)
    if found is None:
        raise _unknown()
    item_id, claimed_by, claimed_until, _ = found
    if claimed_by != caller.subject or claimed_until is None or claimed_until <= clock.now():
        raise ServiceError(KycCode.REVIEW_NOT_CLAIMED, "Claim it before you look.")
    sealed = await repository.read_sealed_fields(reads, item_id)
    if sealed is None:
        raise _unknown()
    try:
        key = await vault.open(sealed.player, sealed.data_key)
    except KeysUnavailableError:
        raise ServiceError(Code.BUSY, "It cannot be decrypted at this moment; try again.") from None
    values = {name: key.open(item_id, name, each) for name, each in sealed.fields.items()}
    if OVERRIDE not in caller.scopes:
        values |= {name: mask(values[name]) for name, mask in _MASKED.items() if name in values}
    return sealed.player, item_id, values


async def detail(
    session: AsyncSession, clock: Clock, caller: Caller, review_id: UUID, opened: tuple[UUID, UUID, Mapping[str, str]]
) -> ReviewDetail:
    """A review with what was opened of it; that it was shown is logged first. Raises ServiceError (review_unknown)."""
    player, item_id, values = opened
    review, item = await _open(session, review_id)
    whole = OVERRIDE in caller.scopes
    fields = [name if whole or name not in _MASKED else f"{name} (masked)" for name in sorted(values)]
    await repository.log_look(session, player, item_id, caller.subject, fields, clock.now())
    return ReviewDetail(review=await _view(session, review, item), values=dict(values))


async def picture(session: AsyncSession, clock: Clock, store: Store, caller: Caller, review_id: UUID) -> DocumentLook:
    """Where the picture of a review is; that it was shown is logged first. Raises ServiceError."""
    review, item = await _open(session, review_id)
    _refuse_unclaimed(review, caller, clock)
    document = await documents_repository.of_item(session, item.id)
    if document is None or document.state != DocumentState.KEPT:
        raise ServiceError(KycCode.DOCUMENT_UNKNOWN, "No picture was handed in with it.")
    form = Form.WHOLE if OVERRIDE in caller.scopes else Form.MASKED
    if document.kind == DocumentKind.SELFIE:  # there is no number on it
        form = Form.FACES
    if form is Form.MASKED and not document.masked:
        raise ServiceError(KycCode.DOCUMENT_NOT_MASKED, "Its number was not found on it, and so not covered.")
    await repository.log_look(session, item.player_id, item.id, caller.subject, [f"picture ({form})"], clock.now())
    try:
        # The URL is made here, from credentials that are at hand: nobody is asked.
        url = await store.look_url(kept_key(item.player_id, document.id, form))
    except StoreError:
        raise ServiceError(Code.BUSY, "It cannot be shown at this moment; try again.") from None
    return DocumentLook(url=url, masked=form is Form.MASKED, expires_at=clock.now() + LOOK_TIME)


async def decide(
    session: AsyncSession, clock: Clock, digests: Digests, caller: Caller, review_id: UUID, wanted: DecisionRequest
) -> ReviewView:
    """Decide, or propose what takes two persons. Raises ServiceError."""
    review, item = await _open(session, review_id)
    _refuse_own(review, caller)
    _refuse_unclaimed(review, caller, clock)
    event = CaseEvent(wanted.outcome)
    case = await repository.case(session, review.player_id)
    assert case is not None, "cases are never deleted"
    if review.checks is not None:
        await quality.decide(session, clock, case, review, item, event, caller.subject, wanted.reasons)
        return await _view(session, review, item)
    if event is CaseEvent.APPROVE and findings.any_failed(item.findings):
        review.proposed_by, review.claimed_by, review.claimed_until = caller.subject, None, None
        await repository.log_decision(session, case, item.id, caller.subject, "propose", wanted.reasons, clock.now())
        return await _view(session, review, item)
    await deciding.decide(session, clock, case, item, event, caller.subject, wanted.reasons)
    review.closed_at = clock.now()
    if event in quality.DRAWN:
        await quality.draw(session, clock, digests, review, item, caller.subject)
    return await _view(session, review, item)


async def confirm(session: AsyncSession, clock: Clock, caller: Caller, review_id: UUID, agreed: bool) -> ReviewView:
    """Agree to an approval that a colleague proposed, or give it back to the queue. Raises ServiceError."""
    review, item = await _open(session, review_id)
    _refuse_own(review, caller)
    if review.proposed_by is None:
        raise ServiceError(KycCode.STATE_FORBIDS, "Nothing is proposed.")
    if review.proposed_by == caller.subject:
        raise ServiceError(KycCode.SECOND_PERSON_NEEDED, "You proposed it yourself.")
    case = await repository.case(session, review.player_id)
    assert case is not None, "cases are never deleted"
    if agreed:
        await deciding.decide(
            session, clock, case, item, CaseEvent.APPROVE, caller.subject, ["override", *item.findings]
        )
        review.closed_at = clock.now()
    else:
        review.proposed_by = None
        await repository.log_decision(session, case, item.id, caller.subject, "decline", [], clock.now())
    return await _view(session, review, item)


async def history(session: AsyncSession, player: UUID) -> History:
    """Who decided, looked and agreed to what."""
    decisions, looks, consents = await repository.history(session, player)
    return History(
        decisions=[
            DecisionLine(item=e.item_id, actor=e.actor, outcome=e.outcome, reasons=e.reasons, state=e.state, at=e.at)
            for e in decisions
        ],
        looks=[LookLine(item=each.item_id, actor=each.actor, fields=each.fields, at=each.at) for each in looks],
        consents=[ConsentLine(purpose=e.purpose, version=e.version, given=e.given, at=e.at) for e in consents],
    )


async def _open(session: AsyncSession, review_id: UUID) -> tuple[Review, Item]:
    review = await repository.review(session, review_id)
    item = None if review is None else await repository.item(session, review.item_id)
    if review is None or item is None:
        raise _unknown()
    return review, item


def _unknown() -> ServiceError:
    return ServiceError(KycCode.REVIEW_UNKNOWN, "There is no open review of that id.")


def _refuse_unclaimed(review: Review, caller: Caller, clock: Clock) -> None:
    if review.claimed_by != caller.subject or review.claimed_until is None or review.claimed_until <= clock.now():
        raise ServiceError(KycCode.REVIEW_NOT_CLAIMED, "Claim it, look, then decide.")


def _refuse_own(review: Review, caller: Caller) -> None:
    if caller.subject == str(review.player_id):
        raise ServiceError(KycCode.OWN_CASE, "Leave it to a colleague.")


async def _view(session: AsyncSession, review: Review, item: Item) -> ReviewView:
    return _line(review, item, bool(await documents_repository.of_items(session, [item.id])))


def _line(review: Review, item: Item, document: bool) -> ReviewView:
    return ReviewView(
        id=review.id, item=item.id, player=review.player_id, kind=Kind(item.kind), shown=item.shown, findings=item.findings,
        opened_at=review.opened_at, due_at=review.due_at, claimed_until=review.claimed_until,
        proposed=review.proposed_by is not None, closed=review.closed_at is not None,
        document=document, check=review.checks is not None,
    )  # fmt: skip
