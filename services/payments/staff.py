"""What staff see and do: deposits with all that belongs to them, refunds, confirmed accounts, reports. Nothing here commits."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.callers import refuse_own
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.tokens import Caller
from services.payments import refunds, reports_repository, repository
from services.payments.errors import PaymentsCode
from services.payments.models import PaymentRow, Refund
from services.payments.schemas import (
    AttemptView,
    Decisions,
    DecisionView,
    InstrumentView,
    PaymentView,
    RefundRequest,
    RefundView,
    ReportView,
    StaffDeposit,
    StrangeWebhook,
    StrangeWebhooks,
)


async def deposit(session: AsyncSession, deposit_id: UUID) -> StaffDeposit:
    """A deposit with all that belongs to it. Raises ServiceError (deposit_unknown)."""
    found = await repository.deposit(session, deposit_id)
    if found is None:
        raise ServiceError(PaymentsCode.DEPOSIT_UNKNOWN, "There is no such deposit.")
    attempts = [
        AttemptView(
            number=each.number, provider=each.provider, state=each.state, order=each.provider_order, reason=each.reason
        )
        for each in await repository.attempts_of(session, deposit_id)
    ]  # fmt: skip
    payments = [await _payment(session, each) for each in await repository.payments_of(session, deposit_id)]
    return StaffDeposit(
        id=found.id,
        player=found.player_id,
        amount=found.amount,
        state=found.state,
        attempts=attempts,
        payments=payments,
    )


async def refund(
    session: AsyncSession, caller: Caller, deposit_id: UUID, refund_id: UUID, wanted: RefundRequest
) -> RefundView:
    """Give back a part of what a deposit brought: first what was never credited and is still owed to the payer.

    Raises ServiceError (deposit_unknown, refund_differs, payment_disputed, refund_too_large, forbidden).
    """
    found = [
        payment
        for each in await repository.payments_of(session, deposit_id)
        if (payment := await repository.payment(session, each.provider, each.id, lock=True)) is not None
    ]
    deposit = await repository.deposit(session, deposit_id)
    if deposit is None or not found:
        raise ServiceError(PaymentsCode.DEPOSIT_UNKNOWN, "No deposit of that id has been paid.")
    refuse_own(caller, deposit.player_id)
    known = await repository.refund(session, refund_id)  # under the payments' locks: the same id at once is one refund
    if known is not None:
        if known.amount != wanted.amount or (known.provider, known.payment) not in {(p.provider, p.id) for p in found}:
            raise ServiceError(PaymentsCode.REFUND_DIFFERS, "Choose another id.")
        return _refund(known)
    if any(payment.frozen for payment in found):
        raise ServiceError(PaymentsCode.PAYMENT_DISPUTED, "Wait until the dispute has ended.")
    for payment in sorted(found, key=lambda each: each.role == "credit"):
        credited = payment.role == "credit"
        gone = await repository.refunded(session, payment.provider, payment.id)
        if credited or gone + wanted.amount <= payment.amount:
            made = await refunds.request(
                session, payment, wanted.amount, wanted.reason, caller.subject, held=credited, refund_id=refund_id
            )
            return _refund(made)
    raise ServiceError(PaymentsCode.REFUND_TOO_LARGE, "No payment of this deposit has so much left.")


async def confirm(session: AsyncSession, clock: Clock, caller: Caller, instrument_id: UUID) -> InstrumentView:
    """Note that an account is its player's own. Raises ServiceError (instrument_unknown)."""
    found = await repository.instrument(session, instrument_id, lock=True)
    if found is None:
        raise ServiceError(PaymentsCode.INSTRUMENT_UNKNOWN, "There is no such account.")
    refuse_own(caller, found.player_id)
    if found.verified_at is None:
        found.verified_at, found.verified_by = clock.now(), caller.subject
    return InstrumentView(id=found.id, kind=found.kind, shown=found.shown, verified=True)


async def report(session: AsyncSession, provider: str, day: date) -> ReportView:
    """A day's reconciliation. Raises ServiceError (report_missing)."""
    found = await reports_repository.report(session, provider, day)
    if found is None:
        raise ServiceError(PaymentsCode.REPORT_MISSING, "It is made in the night after the day; ask later.")
    return ReportView(
        provider=found.provider, day=found.day, lines=found.lines, fees=found.fees, taxes=found.taxes,
        booked=found.booked, discrepancies=found.discrepancies,
    )  # fmt: skip


async def decisions(session: AsyncSession, player: UUID) -> Decisions:
    """What the gate said of a player."""
    return Decisions(
        decisions=[
            DecisionView(
                activity=row.activity, jurisdiction=row.jurisdiction, amount=row.amount, allowed=row.allowed,
                reason=row.reason, version=row.version, created_at=row.created_at,
            )
            for row in await repository.decisions_of(session, player)
        ]
    )  # fmt: skip


async def strange_webhooks(session: AsyncSession) -> StrangeWebhooks:
    """Webhooks that nobody knows what to make of."""
    rows = await repository.strange_webhooks(session)
    return StrangeWebhooks(
        webhooks=[
            StrangeWebhook(id=row.id, provider=row.provider, kind=row.kind, received_at=row.received_at) for row in rows
        ]
    )


async def _payment(session: AsyncSession, payment: PaymentRow) -> PaymentView:
    made = await repository.refunds_of(session, payment.provider, payment.id)
    return PaymentView(
        provider=payment.provider, id=payment.id, amount=payment.amount, role=payment.role, frozen=payment.frozen,
        fee=payment.fee, refunds=[_refund(each) for each in made],
    )  # fmt: skip


def _refund(refund: Refund) -> RefundView:
    return RefundView(id=refund.id, amount=refund.amount, state=refund.state, reason=refund.reason)
