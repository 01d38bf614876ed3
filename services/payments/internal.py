"""Payments over HTTP, from inside: staff, and services that ask the gate or order prizes."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.common import callers, idempotency
from services.common.callers import needs
from services.common.database import Session
from services.common.dependencies import Now
from services.common.errors import Code, responses
from services.common.idempotency import Idempotent
from services.common.postgres import InTransaction
from services.common.tokens import Caller
from services.payments import entries, gate, payouts, prizes, repository, requests_repository, staff
from services.payments.endpoints import Asked, Reached, Rules
from services.payments.errors import PaymentsCode
from services.payments.gate import GateRefusedError
from services.payments.providers.port import ProviderName
from services.payments.schemas import (
    Decisions,
    EntryRequest,
    EntryView,
    GateRequest,
    GateView,
    InstrumentView,
    PrizesRequest,
    PrizesView,
    RefundRequest,
    RefundView,
    ReportView,
    StaffDeposit,
    StaffPayout,
    StaffPayouts,
    StrangeWebhooks,
)

internal = APIRouter(prefix="/payments/internal", tags=["internal"], dependencies=[Depends(callers.inside)])

Support = Annotated[Caller, Depends(needs("payments:support"))]
Checker = Annotated[Caller, Depends(needs("payments:approve"))]
Asker = Annotated[Caller, Depends(needs("payments:gate"))]
Enterer = Annotated[Caller, Depends(needs("payments:enter"))]
Orderer = Annotated[Caller, Depends(needs("payments:prizes"))]
Auditor = Annotated[Caller, Depends(needs("payments:audit"))]

REFUSALS = (Code.NOT_FOUND, *callers.REFUSALS)


@internal.post("/gate", responses=responses(*REFUSALS))
async def ask_gate(
    body: GateRequest, caller: Asker, transaction: InTransaction, rules: Rules, levels: Asked
) -> GateView:
    """Whether a player may do this here and now; the answer is kept. Needs the scope `payments:gate`."""
    level = await gate.level_of(rules, levels, body.jurisdiction, body.player)
    try:
        verdict = await gate.ask(transaction, rules, body.player, body.activity, body.jurisdiction, body.amount, level)
    except GateRefusedError as refusal:
        verdict = refusal.verdict
        await requests_repository.log_decision(transaction, body.player, refusal.asked, verdict)
    return GateView(allowed=verdict.allowed, reason=verdict.reason, version=verdict.version)


@internal.post(
    "/entries",
    status_code=201,
    response_model=EntryView,
    responses=responses(
        PaymentsCode.ENTRY_REFUSED, PaymentsCode.NOT_ALLOWED_HERE, PaymentsCode.LIMIT_REACHED,
        Code.IDEMPOTENCY_KEY_IN_USE, *idempotency.REFUSALS, *REFUSALS,
    ),
)  # fmt: skip
async def enter_contest(
    body: EntryRequest, caller: Enterer, request: Request, outside: Reached, rules: Rules, levels: Asked,
    idempotent: Idempotent,
) -> Response:  # fmt: skip
    """Have a player pay into a contest's pot, if gate and wallet say yes. Needs the scope `payments:enter`."""
    level = await gate.level_of(rules, levels, body.jurisdiction, body.player)
    return await gate.once(request.app.state.pool, idempotent, body, entries.Entry(outside, rules, level))


@internal.get("/deposits/{deposit_id}", responses=responses(PaymentsCode.DEPOSIT_UNKNOWN, *REFUSALS))
async def read_any_deposit(deposit_id: UUID, caller: Support, session: Session) -> StaffDeposit:
    """A deposit with its attempts, payments and refunds; needs the scope `payments:support`."""
    return await staff.deposit(session, deposit_id)


@internal.put(
    "/deposits/{deposit_id}/refunds/{refund_id}",
    responses=responses(PaymentsCode.DEPOSIT_UNKNOWN, PaymentsCode.REFUND_TOO_LARGE, *REFUSALS),
)
async def refund_deposit(
    deposit_id: UUID, refund_id: UUID, body: RefundRequest, caller: Support, session: Session
) -> RefundView:
    """Give back a part of a deposit; the same id again is the same refund. Needs the scope `payments:support`."""
    return await staff.refund(session, caller, deposit_id, refund_id, body)


@internal.post(
    "/instruments/{instrument_id}/confirmation", responses=responses(PaymentsCode.INSTRUMENT_UNKNOWN, *REFUSALS)
)
async def confirm_instrument(instrument_id: UUID, caller: Support, session: Session, clock: Now) -> InstrumentView:
    """An account is its player's own: the names agree. Needs the scope `payments:support`."""
    return await staff.confirm(session, clock, caller, instrument_id)


@internal.get("/payouts/waiting", responses=responses(*REFUSALS))
async def read_waiting(caller: Checker, session: Session) -> StaffPayouts:
    """Payouts that wait for a second person; needs the scope `payments:approve`."""
    return StaffPayouts(payouts=[payouts.staff_view(each) for each in await repository.waiting_payouts(session)])


@internal.post(
    "/payouts/{payout_id}/approval",
    responses=responses(PaymentsCode.PAYOUT_UNKNOWN, PaymentsCode.PAYOUT_DECIDED, *REFUSALS),
)
async def approve_payout(payout_id: UUID, caller: Checker, session: Session) -> StaffPayout:
    """Have a payout that waits sent; needs the scope `payments:approve`."""
    return await payouts.decide(session, caller, payout_id, agreed=True)


@internal.post(
    "/payouts/{payout_id}/rejection",
    responses=responses(PaymentsCode.PAYOUT_UNKNOWN, PaymentsCode.PAYOUT_DECIDED, *REFUSALS),
)
async def reject_payout(payout_id: UUID, caller: Checker, session: Session) -> StaffPayout:
    """Give back the money of a payout that waits; needs the scope `payments:approve`."""
    return await payouts.decide(session, caller, payout_id, agreed=False)


@internal.put("/prizes/{contest_id}", responses=responses(PaymentsCode.PRIZES_DIFFER, *REFUSALS))
async def order_prizes(contest_id: UUID, body: PrizesRequest, caller: Orderer, session: Session) -> PrizesView:
    """Pay prizes of a contest into wallets; the same again changes nothing. Needs the scope `payments:prizes`."""
    return await prizes.order(session, contest_id, body)


@internal.get("/prizes/{contest_id}", responses=responses(*REFUSALS))
async def read_prizes(contest_id: UUID, caller: Orderer, session: Session) -> PrizesView:
    """How far a contest's prizes are; needs the scope `payments:prizes`."""
    return await prizes.progress(session, contest_id)


@internal.get("/reports/{provider}/{day}", responses=responses(PaymentsCode.REPORT_MISSING, *REFUSALS))
async def read_report(provider: ProviderName, day: date, caller: Auditor, session: Session) -> ReportView:
    """A day's reconciliation; needs the scope `payments:audit`."""
    return await staff.report(session, provider, day)


@internal.get("/decisions/{player}", responses=responses(*REFUSALS))
async def read_decisions(player: UUID, caller: Auditor, session: Session) -> Decisions:
    """What the gate said of a player, the newest first; needs the scope `payments:audit`."""
    return await staff.decisions(session, player)


@internal.get("/webhooks/strange", responses=responses(*REFUSALS))
async def read_strange_webhooks(caller: Auditor, session: Session) -> StrangeWebhooks:
    """Webhooks that nobody knows what to make of; needs the scope `payments:audit`."""
    return await staff.strange_webhooks(session)
