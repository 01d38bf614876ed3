"""Asks the jurisdiction's gate for a request, and sees to it that each answer is kept, a refusal too."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from fastapi.responses import Response
from pydantic import BaseModel

from services.common import outside_request
from services.common.errors import ServiceError
from services.common.idempotency import Idempotency
from services.common.money import Paise
from services.common.outside_request import OutsideStep
from services.common.postgres import Pool, Transaction
from services.payments import requests_repository
from services.payments.errors import PaymentsCode
from services.payments.jurisdiction import Activity, Gate, Request, Verdict
from services.payments.levels import Level, Levels

#: Reasons that are about how much, not about where.
_LIMITS = frozenset({"amount_out_of_bounds", "daily_limit", "too_often"})

log = logging.getLogger(__name__)


class GateRefusedError(ServiceError):
    """The gate's no; what it was asked goes with it, to be kept once the request's own transaction is undone."""

    def __init__(self, player: UUID, asked: Request, verdict: Verdict) -> None:
        code = PaymentsCode.LIMIT_REACHED if verdict.reason in _LIMITS else PaymentsCode.NOT_ALLOWED_HERE
        super().__init__(code, f"Refused: {verdict.reason} ({verdict.version}).", keeps_changes=True)
        self.player, self.asked, self.verdict = player, asked, verdict


async def level_of(gate: Gate, levels: Levels, jurisdiction: str, player: UUID) -> Level:
    """The player's level where a rule wants one: asked for before a transaction is open."""
    return await levels.of(player) if gate.asks_for_level(jurisdiction) else "none"


async def ask(
    transaction: Transaction,
    gate: Gate,
    player: UUID,
    activity: Activity,
    jurisdiction: str,
    amount: Paise,
    level: Level,
) -> Verdict:
    """The gate's answer, kept in this transaction; a player's requests take turns from here on. Raises GateRefusedError."""
    await requests_repository.take_turn(transaction, player)
    today, count, day = await requests_repository.day_of(transaction, player, activity)
    asked = Request(activity=activity, jurisdiction=jurisdiction, amount=amount, today=today, count=count, level=level)
    verdict = gate.decide(asked, day)
    fields = {"activity": activity.value, "jurisdiction": jurisdiction, "version": verdict.version}
    log.info("gate", extra={**fields, "allowed": verdict.allowed, "reason": verdict.reason})
    if not verdict.allowed:
        raise GateRefusedError(player, asked, verdict)
    await requests_repository.log_decision(transaction, player, asked, verdict)
    return verdict


async def once(pool: Pool, idempotency: Idempotency, asked: BaseModel, step: OutsideStep[Any, Any, Any]) -> Response:
    """`outside_request.once` for a step that asks the gate.

    A refusal is kept in a transaction of its own: the request's holds no connection any more. Raises GateRefusedError.
    """
    try:
        return await outside_request.once(pool, idempotency, asked, step)
    except GateRefusedError as refusal:
        async with Transaction(pool) as transaction:
            await requests_repository.log_decision(transaction, refusal.player, refusal.asked, refusal.verdict)
        raise
