"""Refunds: money that goes back to where a payment came from, never more than came. Nothing here commits.

One of money that was credited is first taken from the player, and given again should it fail. The sum of what goes back and
went back is held against the payment under its lock, so that two refunds at once count each other.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.ids import uuid7
from services.common.money import Paise
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.payments import repository
from services.payments.errors import PaymentsCode
from services.payments.models import Attempt, Deposit, PaymentRow, Refund
from services.payments.outside import Lost, Reach, outcome_of, state_after
from services.payments.providers.port import ProviderName, RefundNews
from services.payments.states import REFUNDS, RefundState, moves

#: Outbox tasks: take it from the player, send or ask what became of it, tell the wallet that it failed.
TAKE, SEND, UNDO = "payments.take_refund", "payments.send_refund", "payments.undo_refund"

#: When the janitor first asks about a refund.
FIRST_LOOK = timedelta(minutes=5)

log = logging.getLogger(__name__)


async def request(
    session: AsyncSession,
    payment: PaymentRow,
    amount: Paise,
    reason: str,
    by: str,
    *,
    held: bool,
    refund_id: UUID | None = None,
) -> Refund:
    """Have `amount` of a locked payment go back; `held`: the wallet takes it first. Raises ServiceError (refund_too_large)."""
    gone = await repository.refunded(session, payment.provider, payment.id)
    if gone + amount > payment.amount:
        left = payment.amount - gone
        raise ServiceError(PaymentsCode.REFUND_TOO_LARGE, f"At most {left} paise of this payment can go back.")
    state = RefundState.REQUESTED if held else RefundState.READY
    refund = Refund(
        id=refund_id or uuid7(), provider=payment.provider, payment=payment.id, amount=amount, state=state, held=held,
        reason=reason, requested_by=by, provider_refund="", looks=0,
    )  # fmt: skip
    await repository.add(session, refund)
    await outbox.enqueue(session, TAKE if held else SEND, {"refund": str(refund.id)})
    return refund


class TakeRefund:
    """Take what goes back from the player."""

    timeout = timedelta(seconds=10)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> tuple[Refund, Deposit] | None:
        """The refund and whose it is."""
        refund = await repository.refund(session, UUID(message.payload["refund"]))
        if refund is None or refund.state != RefundState.REQUESTED:
            return None
        return refund, await _deposit(session, refund)

    async def call(self, wanted: Try[tuple[Refund, Deposit]]) -> None:
        """Take it; whatever is no answer is tried again by the outbox."""
        refund, deposit = wanted.request
        name: ProviderName = refund.provider  # type: ignore[assignment] # the column holds these
        await (await self._reach()).wallet.take_refund(refund.id, deposit.player_id, refund.amount, name)

    async def settle(
        self,
        session: AsyncSession,
        clock: Clock,
        message: Message,
        request: tuple[Refund, Deposit],
        outcome: Refused | None,
    ) -> None:
        """It may be sent, or there is not so much."""
        refund = await _locked(session, request[0].id)
        if isinstance(outcome, Refused):
            _move(refund, RefundState.DECLINED)
        elif _move(refund, RefundState.READY):
            await outbox.enqueue(session, SEND, {"refund": str(refund.id)})


class SendRefund:
    """Send a refund, or ask what became of one that may have been sent: it is never sent under another key."""

    timeout = timedelta(seconds=15)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> tuple[Refund, Attempt] | None:
        """The refund and the attempt that its payment is of."""
        refund = await repository.refund(session, UUID(message.payload["refund"]))
        if refund is None or refund.state in (RefundState.REQUESTED, RefundState.DECLINED, RefundState.PROCESSED):
            return None
        payment = await repository.payment(session, refund.provider, refund.payment)
        attempt = await repository.attempt(session, payment.attempt_id) if payment else None
        return (refund, attempt) if attempt else None

    async def call(self, wanted: Try[tuple[Refund, Attempt]]) -> RefundNews | Refused | Lost:
        """The provider's word."""
        (refund, attempt), outside = wanted.request, await self._reach()
        name: ProviderName = refund.provider  # type: ignore[assignment] # the column holds these
        provider, key = outside.providers[name], str(refund.id)
        if wanted.repeated or refund.state != RefundState.READY:
            asking = provider.refund_news(key, attempt.provider_order, refund.payment, refund.provider_refund)
            news = await outcome_of(outside, name, asking)
            if news is not None:
                return news
        sending = provider.refund(key, attempt.provider_order, refund.payment, refund.amount)
        return await outcome_of(outside, name, sending)

    async def settle(
        self,
        session: AsyncSession,
        clock: Clock,
        message: Message,
        request: tuple[Refund, Attempt],
        outcome: RefundNews | Refused | Lost,
    ) -> None:
        """Take the news; what is not known is asked about by the janitor."""
        refund = await _locked(session, request[0].id)
        if refund.next_look_at is None:
            refund.next_look_at = clock.now() + FIRST_LOOK
        to, before = state_after(outcome, RefundState(refund.state)), refund.state
        if isinstance(outcome, RefundNews):
            refund.provider_refund = outcome.id
        if to is not None and _move(refund, to):
            await _ended(session, refund, before)


async def _ended(session: AsyncSession, refund: Refund, before: str) -> None:
    """What an end of a refund has the wallet, or a person, do."""
    fields = {"refund": str(refund.id), "provider": refund.provider}
    if refund.state == RefundState.PROCESSED:
        refund.next_look_at = None
        if before == RefundState.FAILED and refund.settled_at is not None:
            log.critical("a refund went out after it had failed", extra={**fields, "runbook": "payments-refund-failed"})
    if refund.state == RefundState.FAILED:
        log.error("a refund failed", extra={**fields, "runbook": "payments-refund-failed"})
        if refund.held:
            await outbox.enqueue(session, UNDO, {"refund": str(refund.id)})


class UndoRefund:
    """Tell the wallet that a refund failed that it has taken from the player."""

    timeout = timedelta(seconds=10)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Refund | None:
        """The refund; nothing if the wallet knows, or it went out after all."""
        refund = await repository.refund(session, UUID(message.payload["refund"]))
        return (
            refund if refund is not None and refund.settled_at is None and refund.state == RefundState.FAILED else None
        )

    async def call(self, wanted: Try[Refund]) -> None:
        """Undo it; whatever is no answer is tried again by the outbox."""
        await (await self._reach()).wallet.undo_refund(wanted.request.id)

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: Refund, outcome: Refused | None
    ) -> None:
        """The wallet knows. Its refusal is a matter for a person."""
        refund = await _locked(session, request.id)
        if isinstance(outcome, Refused):
            fields = {"refund": str(refund.id), "code": outcome.code}
            log.critical("the wallet does not undo a refund", extra={**fields, "runbook": "payments-stuck"})
            return
        refund.settled_at = clock.now()
        if refund.state == RefundState.PROCESSED:
            fields = {"refund": str(refund.id), "provider": refund.provider}
            log.critical(
                "a refund went out after it had been undone", extra={**fields, "runbook": "payments-refund-failed"}
            )


async def _deposit(session: AsyncSession, refund: Refund) -> Deposit:
    payment = await repository.payment(session, refund.provider, refund.payment)
    deposit = await repository.deposit(session, payment.deposit_id) if payment else None
    assert deposit is not None, "foreign keys hold"
    return deposit


async def _locked(session: AsyncSession, refund_id: UUID) -> Refund:
    refund = await repository.refund(session, refund_id, lock=True)
    assert refund is not None, "rows are never deleted"
    return refund


def _move(refund: Refund, to: RefundState) -> bool:
    if moved := moves(REFUNDS, RefundState(refund.state), to):
        refund.state = to
    return moved
