"""Payments over HTTP, from inside: services that ask the gate and enter players into contests."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from services.common import callers, idempotency
from services.common.callers import needs
from services.common.errors import Code, responses
from services.common.idempotency import Idempotent
from services.common.postgres import InTransaction
from services.common.tokens import Caller
from services.payments import entries, gate, requests_repository
from services.payments.endpoints import Asked, Reached, Rules
from services.payments.errors import PaymentsCode
from services.payments.gate import GateRefusedError
from services.payments.schemas import (
    EntryRequest,
    EntryView,
    GateRequest,
    GateView,
)

internal = APIRouter(prefix="/payments/internal", tags=["internal"], dependencies=[Depends(callers.inside)])

Asker = Annotated[Caller, Depends(needs("payments:gate"))]
Enterer = Annotated[Caller, Depends(needs("payments:enter"))]

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
