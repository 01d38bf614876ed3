"""A player's way to DigiLocker and back: begun in a session, answered there once, fetched by the worker. Nothing here commits.

The row keeps a digest of the flow's token, and sealed what the worker needs (code, verifier) until it has asked. Who may be
given a wrong, old or foreign answer is told one thing only: begin again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.errors import Code, ServiceError
from services.common.ids import uuid7
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.common.postgres import Reads
from services.common.tokens import Caller
from services.kyc import aadhaar, consents, digilocker, digilocker_repository, identified, repository
from services.kyc.digilocker import DigilockerSettings, derived
from services.kyc.errors import KycCode
from services.kyc.identified import Compared
from services.kyc.models import DigilockerFlow
from services.kyc.providers import Providers
from services.kyc.repository import Sealed
from services.kyc.schemas import DigilockerAnswer, DigilockerStart, DigilockerView, Purpose
from services.kyc.signed_xml import FileRefusedError
from services.kyc.states import FlowState, Kind
from services.kyc.vault import DataKey, KeysUnavailableError, Vault

#: The message that has an e-Aadhaar fetched: `{"flow": id}`.
FETCH = "kyc.fetch_eaadhaar"

#: Within how long a player comes back, and how much longer the worker may try with what they brought.
ANSWERED_IN, TRIED_FOR = timedelta(minutes=10), timedelta(minutes=10)

log = logging.getLogger(__name__)


async def refuse_unready(reads: Reads, player: UUID) -> None:
    """Send nobody to DigiLocker in vain. Raises ServiceError (consent_missing, state_forbids)."""
    _, agreed = await repository.standing(reads, player, Purpose.AADHAAR)
    consents.refuse_without(Purpose.AADHAAR, agreed)
    verified = await repository.read_verified_kinds(reads, player)
    if Kind.PAN not in verified:
        raise ServiceError(KycCode.STATE_FORBIDS, "A PAN has to be verified first.")
    if Kind.AADHAAR in verified:
        raise ServiceError(KycCode.STATE_FORBIDS, "It is verified already.")


async def begin(
    session: AsyncSession, clock: Clock, settings: DigilockerSettings, caller: Caller, player: UUID, redirect: str
) -> DigilockerStart:
    """Where to send the player. The token is given out here only: who began keeps it."""
    token, now = secrets.token_urlsafe(32), clock.now()
    flow = DigilockerFlow(
        id=uuid7(), player_id=player, session=caller.session, state=FlowState.OPEN.value, token_digest=_digest(token),
        redirect=redirect, created_at=now, until=now + ANSWERED_IN, code=None, verifier=None, reason=None,
    )  # fmt: skip
    digilocker_repository.add(session, flow)
    url = digilocker.address(settings, token, redirect)
    return DigilockerStart(id=flow.id, flow=token, url=url, until=flow.until)


async def key_for(reads: Reads, vault: Vault, player: UUID) -> DataKey:
    """The player's key; no transaction is open. Raises ServiceError (flow_refused, busy)."""
    wrapped, _ = await repository.standing(reads, player, Purpose.AADHAAR)
    if wrapped is None:
        raise _refused("no key")
    try:
        return await vault.open(player, wrapped)
    except KeysUnavailableError:
        raise ServiceError(Code.BUSY, "It cannot be encrypted at this moment; send this again.") from None


async def answer(
    session: AsyncSession, clock: Clock, caller: Caller, key: DataKey, flow_id: UUID, given: DigilockerAnswer
) -> DigilockerView:
    """What DigiLocker sent the player back with; taken once. Raises ServiceError (flow_refused)."""
    flow = await digilocker_repository.locked(session, flow_id)
    token = given.flow.get_secret_value()
    if flow is None or flow.player_id != key.player:
        raise _refused("unknown")
    if flow.session != caller.session:
        raise _refused("another session")
    if not hmac.compare_digest(flow.token_digest, _digest(token)):
        raise _refused("token")
    if not hmac.compare_digest(given.state.get_secret_value().encode(), derived(token, "state").encode()):
        raise _refused("state")
    if flow.state != FlowState.OPEN:
        raise _refused("answered before")
    if flow.until <= clock.now():
        raise _refused("too late")
    if given.code is None:
        end(flow, "consent_refused" if given.error == "access_denied" else "provider_refused")
        return view(flow)
    flow.state = FlowState.ANSWERED.value
    flow.code = key.seal(flow.id, "code", given.code.get_secret_value())
    flow.verifier = key.seal(flow.id, "verifier", derived(token, "verifier"))
    await outbox.enqueue(session, FETCH, {"flow": str(flow.id)})
    return view(flow)


def end(flow: DigilockerFlow, reason: str | None) -> None:
    """It is done, or refused for a reason; what was sealed for it is forgotten."""
    flow.state = (FlowState.DONE if reason is None else FlowState.REFUSED).value
    flow.reason, flow.code, flow.verifier = reason, None, None


def view(flow: DigilockerFlow) -> DigilockerView:
    """As its player sees it."""
    return DigilockerView(id=flow.id, state=FlowState(flow.state), reason=flow.reason, until=flow.until)


async def read(session: AsyncSession, player: UUID, flow_id: UUID) -> DigilockerView:
    """A player's own. Raises ServiceError (not_found)."""
    flow = await digilocker_repository.find(session, flow_id)
    if flow is None or flow.player_id != player:
        raise ServiceError(Code.NOT_FOUND, "There is no such flow of yours.")
    return view(flow)


@dataclass(frozen=True)
class EaadhaarWanted:
    """An e-Aadhaar that is to be fetched, and beside what it is put."""

    flow: UUID
    redirect: str
    sealed: Mapping[str, bytes]
    pan: UUID
    verified: Sealed
    now: datetime


class Fetch:
    """`services.common.outside.OutsideCall` of the message FETCH. A code is good once, so a second try may find it used."""

    timeout = timedelta(seconds=30)

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> EaadhaarWanted | None:
        """What is needed; None where it was fetched, or is not to be fetched any more."""
        flow = await digilocker_repository.locked(session, UUID(message.payload["flow"]))
        if flow is None or flow.state != FlowState.ANSWERED or flow.code is None or flow.verifier is None:
            return None
        if flow.until + TRIED_FOR <= clock.now():
            end(flow, "expired")
            return None
        agreed = await repository.consent(session, flow.player_id, Purpose.AADHAAR)
        found = await repository.verified(session, flow.player_id, Kind.PAN)
        if agreed is None or not agreed.given or found is None:
            end(flow, "state_forbids")
            return None
        sealed = {"code": flow.code, "verifier": flow.verifier}
        return EaadhaarWanted(flow.id, flow.redirect, sealed, *found, clock.now())

    async def call(self, wanted: Try[EaadhaarWanted]) -> Compared:
        """Ask DigiLocker, believe what is signed, compare it."""
        tools, asked = await self._providers(), wanted.request
        known = await identified.opened(tools.vault, asked.pan, asked.verified)
        code, verifier = (known.key.open(asked.flow, name, asked.sealed[name]) for name in ("code", "verifier"))
        try:
            xml = await tools.digilocker.eaadhaar(code, verifier, asked.redirect)
            holder = await asyncio.to_thread(aadhaar.read_eaadhaar, xml, asked.now, tools.trust.digilocker)
        except FileRefusedError as error:
            if error.reason == "not_signed":
                log.error("a signature of DigiLocker's is not believed", extra={"runbook": "kyc-providers"})
            raise Refused(error.reason) from None
        except Refused as refused:
            # Whether the first try got the code's document is not known: it was not kept, and the player begins again.
            raise (
                Refused("outcome_unknown") if wanted.repeated and refused.code == "code_refused" else refused
            ) from None
        return identified.compared(known, tools.digests, holder, asked.now.date())

    async def settle(
        self,
        session: AsyncSession,
        clock: Clock,
        message: Message,
        request: EaadhaarWanted,
        outcome: Compared | Refused,
    ) -> None:
        """Keep it, or say why not."""
        flow = await digilocker_repository.locked(session, request.flow)
        if flow is None or flow.state != FlowState.ANSWERED:
            return
        if isinstance(outcome, Refused):
            end(flow, outcome.code)
            return
        try:
            await identified.keep(session, clock, flow.player_id, outcome)
        except ServiceError as error:  # before anything was kept
            end(flow, error.code)
            return
        end(flow, None)


async def give_up(session: AsyncSession, clock: Clock) -> int:
    """End a batch of flows that nobody came back from; how many."""
    left = await digilocker_repository.left_over(session, clock.now() - TRIED_FOR)
    for flow in left:
        end(flow, "expired")
    return len(left)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _refused(reason: str) -> ServiceError:
    log.warning("DigiLocker's answer refused", extra={"reason": reason})
    return ServiceError(KycCode.FLOW_REFUSED, "Begin again.")
