"""An agreement's way to be signed: begun by the player, prepared by the worker, answered by browser. Nothing here commits.

preparing → awaiting → answered → signed or refused. A response that is not the provider's, or is for another transaction, says
nothing: the way goes on, and five such end it.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.errors import Code, ServiceError
from services.common.ids import uuid7
from services.common.postgres import Reads
from services.kyc import agreement_pdf, consents, repository, signing_repository
from services.kyc.documents import DELETE
from services.kyc.errors import KycCode
from services.kyc.models import Signing
from services.kyc.schemas import AgreementLook, AgreementRequest, Purpose, SigningForm, SigningView
from services.kyc.states import Kind, SigningState
from services.kyc.store import LOOK_TIME, Store, StoreError, agreement_prefix, prepared_key, signed_key
from services.kyc.vault import DataKey, KeysUnavailableError, Vault

#: The messages that have an agreement prepared, a response looked at, and one asked for that did not come: `{"signing": id}`.
PREPARE, CONCLUDE, ASK = "kyc.prepare_agreement", "kyc.conclude_agreement", "kyc.ask_for_signature"

#: After how long the provider is asked what became of a request: the first time, and again.
ASKED_FIRST, ASKED_AGAIN = timedelta(minutes=10), timedelta(minutes=5)

#: Within how long it is signed, how much longer the worker may try, and how many responses are looked at.
SIGNED_IN, TRIED_FOR, RESPONSES = timedelta(minutes=30), timedelta(minutes=30), 5

log = logging.getLogger(__name__)


async def refuse_unready(reads: Reads, player: UUID, wanted: AgreementRequest) -> None:
    """Whoever may not sign yet, or has. Raises ServiceError (consent_missing, consent_outdated, state_forbids)."""
    if wanted.version != agreement_pdf.VERSION:
        raise ServiceError(KycCode.CONSENT_OUTDATED, f"Show the text of {agreement_pdf.VERSION}.")
    _, agreed = await repository.standing(reads, player, Purpose.ESIGN)
    consents.refuse_without(Purpose.ESIGN, agreed)
    verified = await repository.read_verified_kinds(reads, player)
    if Kind.PAN not in verified:
        raise ServiceError(KycCode.STATE_FORBIDS, "A PAN has to be verified first.")
    if Kind.AGREEMENT in verified:
        raise ServiceError(KycCode.STATE_FORBIDS, "It is signed already.")


async def begin(
    session: AsyncSession, clock: Clock, player: UUID, wanted: AgreementRequest, esp: str, public_url: str
) -> SigningView:
    """Have an agreement prepared; while one is on its way, that one."""
    now = clock.now()
    found = await signing_repository.open_of(session, player)
    if found is not None and found.until > now:
        return view(found, esp)
    if found is not None:
        await end(session, found, "expired")
    made, number = uuid7(), wanted.version
    signing = Signing(
        id=made, player_id=player, version=number, state=SigningState.PREPARING.value, created_at=now,
        answer_to=f"{public_url}/kyc/esign/{made}/response", until=now + SIGNED_IN, responses=0,
    )  # fmt: skip
    await signing_repository.add(session, signing)
    await outbox.enqueue(session, PREPARE, {"signing": str(made)})
    return view(signing, esp)


async def read(session: AsyncSession, player: UUID, signing_id: UUID, esp: str) -> SigningView:
    """A player's own. Raises ServiceError (not_found)."""
    return view(await _mine(session, player, signing_id), esp)


async def look(session: AsyncSession, clock: Clock, store: Store, player: UUID, signing_id: UUID) -> AgreementLook:
    """Where the signed PDF is; that it was shown is logged. Raises ServiceError (not_found, agreement_unsigned, busy)."""
    signing = await _mine(session, player, signing_id)
    if signing.state != SigningState.SIGNED:
        raise ServiceError(KycCode.AGREEMENT_UNSIGNED, f"It is {signing.state}.")
    await repository.log_look(session, player, signing.id, str(player), ["agreement"], clock.now())
    try:
        url = await store.look_url(signed_key(player, signing.id), "application/pdf")
    except StoreError:
        raise ServiceError(Code.BUSY, "It cannot be shown at this moment; try again.") from None
    return AgreementLook(url=url, expires_at=clock.now() + LOOK_TIME)


async def key_for(reads: Reads, vault: Vault, signing_id: UUID) -> DataKey:
    """The key of the player whose response comes; no transaction is open. Raises ServiceError (not_found, busy)."""
    found = await signing_repository.read_awaiting(reads, signing_id)
    if found is None:
        raise _unknown()
    try:
        return await vault.open(*found)
    except KeysUnavailableError:
        raise ServiceError(Code.BUSY, "It cannot be encrypted at this moment; send this again.") from None


async def take(session: AsyncSession, clock: Clock, key: DataKey, signing_id: UUID, xml: str) -> None:
    """A response, whoever brings it: sealed for the worker. Raises ServiceError (not_found)."""
    signing = await signing_repository.locked(session, signing_id)
    if signing is None or signing.state != SigningState.AWAITING or signing.until <= clock.now():
        raise _unknown()
    await answer(session, signing, key.seal(signing.id, "response", xml))


async def answer(session: AsyncSession, signing: Signing, response: bytes) -> None:
    """A response, sealed, is looked at by the worker."""
    signing.state, signing.responses = SigningState.ANSWERED.value, signing.responses + 1
    signing.response = response
    await outbox.enqueue(session, CONCLUDE, {"signing": str(signing.id)})


async def end(session: AsyncSession, signing: Signing, reason: str | None) -> None:
    """It is signed, or refused for a reason; what waited for the signature is forgotten, and all of it where there is none."""
    signing.state = (SigningState.SIGNED if reason is None else SigningState.REFUSED).value
    signing.reason, signing.request, signing.response = reason, None, None
    over = prepared_key if reason is None else agreement_prefix
    await outbox.enqueue(session, DELETE, {"prefix": over(signing.player_id, signing.id)})


async def go_on(session: AsyncSession, signing: Signing, reason: str) -> None:
    """A response was nobody's that we know: the next one is looked at, up to RESPONSES."""
    log.warning("eSign response not believed", extra={"signing": str(signing.id), "reason": reason})
    if signing.responses >= RESPONSES:
        await end(session, signing, reason)
    else:
        signing.state, signing.response = SigningState.AWAITING.value, None


async def give_up(session: AsyncSession, clock: Clock) -> int:
    """End a batch of agreements that nobody signed; how many."""
    left = await signing_repository.left_over(session, clock.now() - TRIED_FOR)
    for signing in left:
        await end(session, signing, "expired")
    return len(left)


def view(signing: Signing, esp: str) -> SigningView:
    """As its player sees it."""
    fields = {"eSignRequest": signing.request, "aspTxnID": str(signing.id), "Content-Type": "application/xml"}
    form = None
    if signing.state == SigningState.AWAITING and signing.request is not None:
        form = SigningForm.model_validate({"url": esp, "fields": fields})
    return SigningView(
        id=signing.id, version=signing.version, state=SigningState(signing.state), form=form, reason=signing.reason,
        until=signing.until,
    )  # fmt: skip


async def _mine(session: AsyncSession, player: UUID, signing_id: UUID) -> Signing:
    signing = await signing_repository.find(session, signing_id)
    if signing is None or signing.player_id != player:
        raise _unknown()
    return signing


def _unknown() -> ServiceError:
    return ServiceError(Code.NOT_FOUND, "There is no such agreement.")
