"""A response that no browser brought is asked for: a player may close the page after they signed.

The first time ten minutes after the form was ready, then every five, until the way is over. An answer goes the way of a posted
response: sealed, then looked at by `signing_work.ConcludeAgreement`, with all its checks.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.kyc import esign, signing, signing_repository, signing_work
from services.kyc.esign import RequestKey, SignatureAsked
from services.kyc.esp import EspAwayError
from services.kyc.providers import Providers
from services.kyc.signed_xml import FileRefusedError
from services.kyc.signing_work import AgreementWanted
from services.kyc.states import SigningState

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueryWanted:
    """A signature of which nothing was heard."""

    agreement: AgreementWanted
    asked: SignatureAsked


@dataclass(frozen=True)
class SignatureAnswer:
    """What the provider says: a response, sealed, or None while nobody has signed."""

    response: bytes | None = field(repr=False)


class AskForSignature:
    """`services.common.outside.OutsideCall` of the message ASK."""

    timeout = timedelta(seconds=30)

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> QueryWanted | None:
        """What was asked for; None where it has ended, ends now, or a response is being looked at."""
        found = await signing_repository.locked(session, UUID(message.payload["signing"]))
        if found is not None and found.state == SigningState.ANSWERED:
            await _again(session, found.id)
        wanted = await signing_work.for_agreement(session, clock, message, SigningState.AWAITING)
        if wanted is None or found is None or found.digest is None or found.asked_at is None:
            return None
        return QueryWanted(wanted, SignatureAsked(str(found.id), found.digest, found.asked_at))

    async def call(self, wanted: Try[QueryWanted]) -> SignatureAnswer:
        """Ask, and believe only what the provider signed for this transaction. Raises EspAwayError, FileRefusedError."""
        tools, query = await self._providers(), wanted.request
        agreement = query.agreement
        key = RequestKey.read(tools.esign.esign_key.get_secret_value())
        asp = tools.esign.esign_asp_id.get_secret_value()
        made = await asyncio.to_thread(esign.status_query, query.asked.txn, asp, key, agreement.now)
        try:
            xml = await tools.esp.status(made)
            pending = await asyncio.to_thread(esign.is_pending, xml, query.asked, tools.trust.esp)
        except (EspAwayError, FileRefusedError) as error:
            # It is asked again; what nobody learns until the way is over is for a person.
            log.error(
                "the eSign provider does not say what became of a signature",
                extra={"signing": query.asked.txn, "reason": str(error), "runbook": "kyc-providers"},
            )
            raise
        if pending:
            return SignatureAnswer(None)
        data_key = await tools.vault.open(agreement.player, agreement.verified.data_key)
        return SignatureAnswer(data_key.seal(agreement.id, "response", xml.decode()))

    async def settle(
        self,
        session: AsyncSession,
        clock: Clock,
        message: Message,
        request: QueryWanted,
        outcome: SignatureAnswer | Refused,
    ) -> None:
        """Have the answer looked at; while there is none, ask again later."""
        assert isinstance(outcome, SignatureAnswer), "nobody refuses here"
        found = await signing_repository.locked(session, request.agreement.id)
        if found is None or found.state not in (SigningState.AWAITING, SigningState.ANSWERED):
            return
        await _again(session, found.id)
        if outcome.response is not None and found.state == SigningState.AWAITING:
            await signing.answer(session, found, outcome.response)


async def _again(session: AsyncSession, found: UUID) -> None:
    await outbox.enqueue_later(session, signing.ASK, {"signing": str(found)}, signing.ASKED_AGAIN)
