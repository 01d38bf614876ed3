"""Payouts: held in the wallet, checked, sent once, captured or given back. Nothing here commits.

REQUESTED → the wallet holds it → READY, or WAITING for a second person above the jurisdiction's threshold → sent → PROCESSED
(the hold is captured), FAILED (it is released) or, even after PROCESSED, REVERSED (the player gets it again).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.callers import refuse_own
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.ids import uuid7
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.common.postgres import Transaction
from services.common.sealing import Sealer
from services.common.tokens import Caller
from services.payments import gate, repository, requests_repository
from services.payments.errors import PaymentsCode
from services.payments.jurisdiction import Activity, Gate
from services.payments.levels import Level
from services.payments.models import Instrument, Payout
from services.payments.outside import Lost, Reach, outcome_of, state_after
from services.payments.providers.port import Destination, PayoutNews, ProviderName
from services.payments.schemas import InstrumentRequest, InstrumentView, PayoutRequest, PayoutView, StaffPayout
from services.payments.states import PAYOUTS, PayoutState, moves

#: Outbox tasks: put aside in the wallet, send or ask what became of it, tell the wallet how it ended.
HOLD, SEND, SETTLE = "payments.hold_payout", "payments.send_payout", "payments.settle_payout"

#: When the janitor first asks about a payout.
FIRST_LOOK = timedelta(minutes=5)

#: What a payout's reason is until it is held, where a second person has to agree.
_APPROVAL = "approval needed"

#: The reason of one that ended because a payment of its player's is disputed.
DISPUTED = "a payment is disputed"

#: State → what the wallet has done once it knows that state.
_WALLET = {
    PayoutState.PROCESSED: "captured",
    PayoutState.FAILED: "released",
    PayoutState.REJECTED: "released",
    PayoutState.REVERSED: "returned",
}

log = logging.getLogger(__name__)


# --- requests


async def keep_instrument(
    transaction: Transaction, sealer: Sealer, player: UUID, wanted: InstrumentRequest
) -> InstrumentView:
    """Keep an account of a player's, sealed; the same again is the same one."""
    instrument = uuid7()
    content = wanted.model_dump_json(exclude={"kind"})
    digest = sealer.digest(f"{player} {wanted.kind} {wanted.account} {wanted.ifsc}")
    sealed = sealer.seal(content.encode(), str(instrument))
    row = await requests_repository.keep_instrument(
        transaction, instrument, player, kind=wanted.kind, shown=masked(wanted), sealed=sealed, digest=digest
    )
    return instrument_view(row)


def masked(wanted: InstrumentRequest) -> str:
    """What people may see of an account: its last characters.

    >>> masked(InstrumentRequest(kind="vpa", name="Asha", account="asha.k@okbank"))
    '••••.k@okbank'
    """
    name, at, bank = wanted.account.partition("@")
    return f"••••{name[-2:] if at else name[-4:]}{at}{bank}"


def instrument_view(row: Mapping[str, Any]) -> InstrumentView:
    """A row as its player sees it."""
    return InstrumentView(id=row["id"], kind=row["kind"], shown=row["shown"], verified=row["verified_at"] is not None)


async def request(
    transaction: Transaction, rules: Gate, player: UUID, wanted: PayoutRequest, level: Level
) -> PayoutView:
    """Ask for a payout. Raises ServiceError (instrument_unknown, instrument_unverified) and GateRefusedError."""
    instrument = await requests_repository.instrument_of(transaction, player, wanted.instrument)
    if instrument is None:
        raise ServiceError(PaymentsCode.INSTRUMENT_UNKNOWN, "There is no such account of yours.")
    if instrument["verified_at"] is None:
        raise ServiceError(PaymentsCode.INSTRUMENT_UNVERIFIED, "It is not yet confirmed that this account is yours.")
    verdict = await gate.ask(transaction, rules, player, Activity.PAYOUT, wanted.jurisdiction, wanted.amount, level)
    payout, reason = uuid7(), _APPROVAL if verdict.approval else ""
    row = await requests_repository.new_payout(
        transaction, payout, player, wanted.instrument, wanted.amount, wanted.jurisdiction, reason
    )
    await outbox.enqueue(transaction, HOLD, {"payout": str(payout)})
    return view(row)


def view(row: Mapping[str, Any]) -> PayoutView:
    """A row as its player sees it."""
    return PayoutView(**{name: row[name] for name in ("id", "amount", "state", "utr", "created_at")})


# --- staff


def staff_view(payout: Payout) -> StaffPayout:
    """A payout as staff see it."""
    return StaffPayout(
        id=payout.id, amount=payout.amount, state=payout.state, utr=payout.utr, created_at=payout.created_at,
        player=payout.player_id, provider=payout.provider, wallet=payout.wallet, reason=payout.reason,
        decided_by=payout.decided_by,
    )  # fmt: skip


async def decide(session: AsyncSession, caller: Caller, payout_id: UUID, *, agreed: bool) -> StaffPayout:
    """A second person's word on a payout that waits; whoever confirmed its account may only refuse it.

    Raises ServiceError (payout_unknown, payout_decided, second_person_needed, forbidden).
    """
    payout = await repository.payout(session, payout_id, lock=True)
    if payout is None:
        raise ServiceError(PaymentsCode.PAYOUT_UNKNOWN, "There is no such payout.")
    refuse_own(caller, payout.player_id)
    instrument = await repository.instrument(session, payout.instrument_id)
    if agreed and instrument is not None and instrument.verified_by == caller.subject:
        raise ServiceError(PaymentsCode.SECOND_PERSON_NEEDED, "You confirmed the account that it goes to.")
    if not _move(payout, PayoutState.READY if agreed else PayoutState.REJECTED):
        raise ServiceError(PaymentsCode.PAYOUT_DECIDED, f"The payout is {payout.state}.")
    payout.decided_by = caller.subject
    await outbox.enqueue(session, SEND if agreed else SETTLE, {"payout": str(payout.id)})
    return staff_view(payout)


# --- the worker's part


class HoldPayout:
    """Put a payout's money aside in the wallet."""

    timeout = timedelta(seconds=10)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Payout | None:
        """The payout. Nothing leaves while a payment of the player's is disputed."""
        payout = await repository.payout(session, UUID(message.payload["payout"]), lock=True)
        if payout is None or payout.state != PayoutState.REQUESTED:
            return None
        if await repository.frozen(session, payout.player_id):
            _move(payout, PayoutState.DECLINED)
            payout.reason = DISPUTED
            return None
        return payout

    async def call(self, wanted: Try[Payout]) -> None:
        """Hold it; whatever is no answer is tried again by the outbox."""
        payout = wanted.request
        await (await self._reach()).wallet.hold_payout(payout.id, payout.player_id, payout.amount)

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: Payout, outcome: Refused | None
    ) -> None:
        """It may be sent, waits for a second person, or there is not so much."""
        payout = await _locked(session, request.id)
        if isinstance(outcome, Refused):
            _move(payout, PayoutState.DECLINED)
            payout.reason = outcome.code[:200]
            return
        payout.wallet = "held"
        if payout.reason == _APPROVAL:
            _move(payout, PayoutState.WAITING)
            log.info("a payout waits for a second person", extra={"payout": str(payout.id)})
        elif _move(payout, PayoutState.READY):
            await outbox.enqueue(session, SEND, {"payout": str(payout.id)})


_Sending = tuple[Payout, Instrument]


class SendPayout:
    """Send a payout, or ask what became of one that may have been sent: it is never sent twice, and not by another provider."""

    timeout = timedelta(seconds=15)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> _Sending | None:
        """The payout, with its provider chosen for good before anything leaves."""
        payout = await repository.payout(session, UUID(message.payload["payout"]), lock=True)
        over = (
            PayoutState.FAILED,
            PayoutState.REVERSED,
            PayoutState.DECLINED,
            PayoutState.REJECTED,
            PayoutState.WAITING,
        )
        if payout is None or payout.state in (*over, PayoutState.REQUESTED):
            return None
        if not payout.provider and await repository.frozen(session, payout.player_id):  # it has not left yet
            _move(payout, PayoutState.FAILED)
            payout.reason = DISPUTED
            await outbox.enqueue(session, SETTLE, {"payout": str(payout.id)})
            return None
        if not payout.provider:
            payout.provider = (await self._reach()).router.order()[0]
        if payout.next_look_at is None:
            payout.next_look_at = clock.now() + FIRST_LOOK
        instrument = await repository.instrument(session, payout.instrument_id)
        assert instrument is not None, "foreign keys hold"
        return payout, instrument

    async def call(self, wanted: Try[_Sending]) -> PayoutNews | Refused | Lost:
        """The provider's word."""
        (payout, instrument), outside = wanted.request, await self._reach()
        name: ProviderName = payout.provider  # type: ignore[assignment] # the column holds these
        provider, key = outside.providers[name], str(payout.id)
        if wanted.repeated or payout.state != PayoutState.READY:
            news = await outcome_of(outside, name, provider.payout_news(key, payout.provider_payout))
            if news is not None:
                return news
            if payout.state not in (PayoutState.READY, PayoutState.UNKNOWN):
                return Lost("the provider has lost it", done=None)
        account = json.loads(outside.sealer.open(instrument.sealed, str(instrument.id)))
        to = Destination(
            kind="vpa" if instrument.kind == "vpa" else "bank",
            name=account["name"],
            account=account["account"],
            ifsc=account["ifsc"],
        )
        return await outcome_of(outside, name, provider.pay_out(key, payout.amount, to))

    async def settle(
        self,
        session: AsyncSession,
        clock: Clock,
        message: Message,
        request: _Sending,
        outcome: PayoutNews | Refused | Lost,
    ) -> None:
        """Take the news; what is not known is asked about by the janitor."""
        payout = await _locked(session, request[0].id)
        to = state_after(outcome, PayoutState(payout.state))
        if isinstance(outcome, Refused):
            payout.reason = outcome.code[:200]
        elif isinstance(outcome, PayoutNews):
            payout.provider_payout, payout.utr = outcome.id, outcome.utr or payout.utr
        if to is not None and _move(payout, to) and to in _WALLET:
            if to is not PayoutState.PROCESSED:  # which may still be reversed
                payout.next_look_at = None
            await outbox.enqueue(session, SETTLE, {"payout": str(payout.id)})


class SettlePayout:
    """Tell the wallet how a payout has ended."""

    timeout = timedelta(seconds=20)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Payout | None:
        """The payout; nothing if the wallet knows."""
        payout = await repository.payout(session, UUID(message.payload["payout"]))
        if payout is None or _WALLET.get(PayoutState(payout.state)) in (None, payout.wallet):
            return None
        return payout

    async def call(self, wanted: Try[Payout]) -> str:
        """Capture, release or give back; whatever is no answer is tried again by the outbox."""
        payout, wallet = wanted.request, (await self._reach()).wallet
        name: ProviderName = payout.provider  # type: ignore[assignment] # the column holds these
        if payout.state in (PayoutState.FAILED, PayoutState.REJECTED):
            await wallet.release_payout(payout.id)
        else:
            # Also of one that came back before the ledger knew that it had left: another message may be telling it so just now.
            await wallet.capture_payout(payout.id, name)
            if payout.state == PayoutState.REVERSED:
                await wallet.return_payout(payout.id)
        return _WALLET[PayoutState(payout.state)]

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: Payout, outcome: str | Refused
    ) -> None:
        """The wallet knows. Its refusal is a matter for a person."""
        payout = await _locked(session, request.id)
        if isinstance(outcome, Refused):
            fields = {"payout": str(payout.id), "code": outcome.code}
            log.critical("the wallet refuses the end of a payout", extra={**fields, "runbook": "payments-stuck"})
            return
        if payout.wallet == "held" or _WALLET.get(PayoutState(payout.state)) == outcome:  # else it is old news
            payout.wallet = outcome


async def _locked(session: AsyncSession, payout_id: UUID) -> Payout:
    payout = await repository.payout(session, payout_id, lock=True)
    assert payout is not None, "rows are never deleted"
    return payout


def _move(payout: Payout, to: PayoutState) -> bool:
    if moved := moves(PAYOUTS, PayoutState(payout.state), to):
        payout.state = to
    return moved
