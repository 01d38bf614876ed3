"""The worker's part of signing: makes document and request, and puts a response that is believed into the document."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.kyc import agreement_pdf, esign, findings, identified, pan, repository, signing, signing_repository
from services.kyc.agreement_pdf import PreparedPdf
from services.kyc.esign import KeyUnusableError, RequestKey, SignatureAsked
from services.kyc.findings import Finding
from services.kyc.identified import Compared, Known
from services.kyc.models import Signing
from services.kyc.providers import Providers, ProviderTools
from services.kyc.repository import Sealed
from services.kyc.signed_xml import FileRefusedError
from services.kyc.states import Kind, SigningState
from services.kyc.store import prepared_key, signed_key

#: What the provider shows of the document.
ABOUT = "Matchday player agreement"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AgreementWanted:
    """An agreement that is to be prepared for a person, or concluded."""

    player: UUID
    id: UUID
    version: str
    answer_to: str
    pan: UUID
    verified: Sealed
    now: datetime


@dataclass(frozen=True)
class AgreementAsked:
    """What was prepared: the document without its bytes, which are in the bucket, and the signed request."""

    prepared: PreparedPdf
    at: datetime
    request: str


async def for_agreement(
    session: AsyncSession, clock: Clock, message: Message, state: SigningState
) -> AgreementWanted | None:
    """What both parts begin with; None where it is in another state, or may not go on."""
    found = await signing_repository.locked(session, UUID(message.payload["signing"]))
    if found is None or found.state != state:
        return None
    if found.until + signing.TRIED_FOR <= clock.now():
        await signing.end(session, found, "expired")
        return None
    verified = await repository.verified(session, found.player_id, Kind.PAN)
    if verified is None:
        await signing.end(session, found, "state_forbids")
        return None
    return AgreementWanted(found.player_id, found.id, found.version, found.answer_to, *verified, clock.now())


async def _opened(tools: ProviderTools, wanted: AgreementWanted) -> tuple[Known, str]:
    """Who signs, and their PAN as it may be shown."""
    known = await identified.opened(tools.vault, wanted.pan, wanted.verified)
    return known, pan.masked(known.key.open(wanted.pan, "pan", wanted.verified.fields["pan"]))


class PrepareAgreement:
    """`services.common.outside.OutsideCall` of the message PREPARE; again it makes another document in the same place."""

    timeout = timedelta(seconds=60)

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> AgreementWanted | None:
        """Who is to sign."""
        return await for_agreement(session, clock, message, SigningState.PREPARING)

    async def call(self, wanted: Try[AgreementWanted]) -> AgreementAsked:
        """Make the document, keep it, sign the request for its hash."""
        tools, asked = await self._providers(), wanted.request
        try:
            key = RequestKey.read(tools.esign.esign_key.get_secret_value())
        except KeyUnusableError as error:
            log.error("eSign is not set up", extra={"reason": str(error), "runbook": "kyc-providers"})
            raise Refused("not_set_up") from None
        known, shown = await _opened(tools, asked)
        prepared = await asyncio.to_thread(_document, asked, known, shown)
        await tools.store.put(prepared_key(asked.player, asked.id), prepared.pdf, "application/pdf")
        at = asked.now.replace(microsecond=0)
        asp = tools.esign.esign_asp_id.get_secret_value()
        about = SignatureAsked(str(asked.id), prepared.digest, at)
        made = await asyncio.to_thread(esign.request, about, asp, asked.answer_to, ABOUT, key)
        return AgreementAsked(prepared, at, made)

    async def settle(
        self,
        session: AsyncSession,
        clock: Clock,
        message: Message,
        request: AgreementWanted,
        outcome: AgreementAsked | Refused,
    ) -> None:
        """The player may go and sign."""
        found = await signing_repository.locked(session, request.id)
        if found is None or found.state != SigningState.PREPARING:
            return
        if isinstance(outcome, Refused):
            await signing.end(session, found, outcome.code)
            return
        found.digest, found.asked_at, found.request = outcome.prepared.digest, outcome.at, outcome.request
        found.place_start, found.place_end = outcome.prepared.start, outcome.prepared.end
        found.state = SigningState.AWAITING.value
        await outbox.enqueue_later(session, signing.ASK, {"signing": str(found.id)}, signing.ASKED_FIRST)


def _document(wanted: AgreementWanted, known: Known, shown: str) -> PreparedPdf:
    pdf = agreement_pdf.made(wanted.version, known.name, known.birth_date.isoformat(), shown, str(wanted.id))
    return agreement_pdf.prepare(pdf, wanted.now)


@dataclass(frozen=True)
class ResponseWanted:
    """A response that is to be looked at, and what it has to answer."""

    agreement: AgreementWanted
    asked: SignatureAsked
    place: tuple[int, int]
    sealed: bytes = field(repr=False)


class ConcludeAgreement:
    """`services.common.outside.OutsideCall` of the message CONCLUDE; again it comes to the same."""

    timeout = timedelta(seconds=60)

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> ResponseWanted | None:
        """The response, and what was asked for."""
        agreement = await for_agreement(session, clock, message, SigningState.ANSWERED)
        if agreement is None:
            return None
        found = await signing_repository.locked(session, agreement.id)
        return None if found is None else _answered(found, agreement)

    async def call(self, wanted: Try[ResponseWanted]) -> Compared:
        """Believe what is to be believed, put it into the document, verify that, keep it."""
        tools, request = await self._providers(), wanted.request
        agreement = request.agreement
        known, _ = await _opened(tools, agreement)
        xml = known.key.open(agreement.id, "response", request.sealed).encode()
        pdf = await tools.store.read(prepared_key(agreement.player, agreement.id))
        try:
            given = await asyncio.to_thread(esign.response, xml, request.asked, agreement.now, tools.trust.esp)
            prepared = PreparedPdf(pdf or b"", request.asked.digest, *request.place)
            signed = await asyncio.to_thread(agreement_pdf.embed, prepared, given.cms)
            signer = await agreement_pdf.verify(signed, tools.trust.signers, given.at)
            if signer != given.certificate:
                raise FileRefusedError("another_certificate")
            found = findings.of_signer(given.name, known.name)
        except FileRefusedError as error:
            if error.reason == "signer_unknown":
                log.error("a signer's authority is not believed", extra={"runbook": "kyc-providers"})
            raise Refused(error.reason) from None
        if Finding.NAME_DIFFERS in found:
            raise Refused("another_signer")
        await tools.store.put(signed_key(agreement.player, agreement.id), signed, "application/pdf")
        values = {
            "signer": given.name, "certificate": f"{signer.serial_number:x}", "signed_at": given.at.isoformat(),
            "sha256": hashlib.sha256(signed).hexdigest(),
        }  # fmt: skip
        return Compared(
            item=agreement.id,
            shown=f"agreement {agreement.version}",
            found=found,
            digests=tools.digests.all(f"agreement {agreement.id}"),
            digest_by=tools.digests.name,
            sealed={name: known.key.seal(agreement.id, name, each) for name, each in values.items()},
        )

    async def settle(
        self,
        session: AsyncSession,
        clock: Clock,
        message: Message,
        request: ResponseWanted,
        outcome: Compared | Refused,
    ) -> None:
        """Keep it, say why not, or wait for another response."""
        found = await signing_repository.locked(session, request.agreement.id)
        if found is None or found.state != SigningState.ANSWERED:
            return
        if isinstance(outcome, Refused) and outcome.code in esign.FOREIGN:
            await signing.go_on(session, found, outcome.code)
            return
        reason = outcome.code if isinstance(outcome, Refused) else None
        if isinstance(outcome, Compared):
            try:
                await identified.keep(session, clock, found.player_id, outcome, Kind.AGREEMENT)
            except ServiceError as error:  # before anything was kept
                reason = error.code
        await signing.end(session, found, reason)


def _answered(found: Signing, wanted: AgreementWanted) -> ResponseWanted | None:
    if None in (found.digest, found.asked_at, found.place_start, found.place_end, found.response):
        return None
    assert found.digest and found.asked_at and found.place_start and found.place_end and found.response
    asked = SignatureAsked(str(found.id), found.digest, found.asked_at)
    return ResponseWanted(wanted, asked, (found.place_start, found.place_end), found.response)
