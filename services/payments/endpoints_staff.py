"""Payments over HTTP, for those who work here: each act needs a permission, and what changes something a step-up."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.common import callers
from services.common.callers import may
from services.common.database import Session
from services.common.dependencies import Now
from services.common.errors import responses
from services.common.permissions import Permission
from services.common.tokens import Caller
from services.payments import payouts, repository, staff
from services.payments.errors import PaymentsCode
from services.payments.providers.port import ProviderName
from services.payments.schemas import (
    Decisions,
    InstrumentView,
    RefundRequest,
    RefundView,
    ReportView,
    StaffDeposit,
    StaffPayout,
    StaffPayouts,
    StrangeWebhooks,
)

router = APIRouter(prefix="/payments/staff", tags=["staff"])

Auditor = Annotated[Caller, Depends(may(Permission.AUDIT_PAYMENTS))]
Confirmer = Annotated[Caller, Depends(may(Permission.CONFIRM_INSTRUMENTS, step_up=True))]
Refunder = Annotated[Caller, Depends(may(Permission.REFUND_DEPOSITS, step_up=True))]
Checker = Annotated[Caller, Depends(may(Permission.APPROVE_PAYOUTS, step_up=True))]

DECISIONS = (
    PaymentsCode.PAYOUT_UNKNOWN, PaymentsCode.PAYOUT_DECIDED, PaymentsCode.SECOND_PERSON_NEEDED,
    *callers.STEP_UP_REFUSALS,
)  # fmt: skip


@router.get("/deposits/{deposit_id}", responses=responses(PaymentsCode.DEPOSIT_UNKNOWN, *callers.REFUSALS))
async def read_any_deposit(deposit_id: UUID, caller: Auditor, session: Session) -> StaffDeposit:
    """A deposit with its attempts, payments and refunds; needs the permission `payments:audit`."""
    return await staff.deposit(session, deposit_id)


@router.put(
    "/deposits/{deposit_id}/refunds/{refund_id}",
    responses=responses(
        PaymentsCode.DEPOSIT_UNKNOWN,
        PaymentsCode.REFUND_TOO_LARGE,
        PaymentsCode.REFUND_DIFFERS,
        PaymentsCode.PAYMENT_DISPUTED,
        *callers.STEP_UP_REFUSALS,
    ),
)
async def refund_deposit(
    deposit_id: UUID, refund_id: UUID, body: RefundRequest, caller: Refunder, session: Session
) -> RefundView:
    """Give back a part of a deposit; the same id again is the same refund. Needs the permission `payments:refund`."""
    return await staff.refund(session, caller, deposit_id, refund_id, body)


@router.post(
    "/instruments/{instrument_id}/confirmation",
    responses=responses(PaymentsCode.INSTRUMENT_UNKNOWN, *callers.STEP_UP_REFUSALS),
)
async def confirm_instrument(instrument_id: UUID, caller: Confirmer, session: Session, clock: Now) -> InstrumentView:
    """An account is its player's own: the names agree. Needs the permission `payments:confirm`."""
    return await staff.confirm(session, clock, caller, instrument_id)


@router.get("/payouts/waiting", responses=responses(*callers.REFUSALS))
async def read_waiting(caller: Auditor, session: Session) -> StaffPayouts:
    """Payouts that wait for a second person; needs the permission `payments:audit`."""
    return StaffPayouts(payouts=[payouts.staff_view(each) for each in await repository.waiting_payouts(session)])


@router.post(
    "/payouts/{payout_id}/approval",
    responses=responses(*DECISIONS),
)
async def approve_payout(payout_id: UUID, caller: Checker, session: Session) -> StaffPayout:
    """Have a payout that waits sent; needs the permission `payments:approve`."""
    return await payouts.decide(session, caller, payout_id, agreed=True)


@router.post(
    "/payouts/{payout_id}/rejection",
    responses=responses(*DECISIONS),
)
async def reject_payout(payout_id: UUID, caller: Checker, session: Session) -> StaffPayout:
    """Give back the money of a payout that waits; needs the permission `payments:approve`."""
    return await payouts.decide(session, caller, payout_id, agreed=False)


@router.get("/reports/{provider}/{day}", responses=responses(PaymentsCode.REPORT_MISSING, *callers.REFUSALS))
async def read_report(provider: ProviderName, day: date, caller: Auditor, session: Session) -> ReportView:
    """A day's reconciliation; needs the permission `payments:audit`."""
    return await staff.report(session, provider, day)


@router.get("/decisions/{player}", responses=responses(*callers.REFUSALS))
async def read_decisions(player: UUID, caller: Auditor, session: Session) -> Decisions:
    """What the gate said of a player, the newest first; needs the permission `payments:audit`."""
    return await staff.decisions(session, player)


@router.get("/webhooks/strange", responses=responses(*callers.REFUSALS))
async def read_strange_webhooks(caller: Auditor, session: Session) -> StrangeWebhooks:
    """Webhooks that nobody knows what to make of; needs the permission `payments:audit`."""
    return await staff.strange_webhooks(session)
