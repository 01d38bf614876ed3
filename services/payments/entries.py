"""Entries to contests for money: the gate is asked, then the wallet moves it; without a yes of both nothing does."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from pydantic import BaseModel

from services.common.errors import Problem, ServiceError
from services.common.outside import Refused, Try
from services.common.outside_request import refusal
from services.common.postgres import Transaction
from services.payments import gate
from services.payments.errors import PaymentsCode
from services.payments.jurisdiction import Activity, Gate
from services.payments.levels import Level
from services.payments.outside import Outside
from services.payments.schemas import EntryRequest, EntryView


class _Allowed(BaseModel):
    """An entry that the gate has said yes to, and by which version of its rules."""

    asked: EntryRequest
    version: str


class Entry:
    """A request's step to the wallet. The entry's id is the reservation's: the same at every try."""

    wanted = _Allowed
    timeout = timedelta(seconds=6)

    def __init__(self, outside: Outside, rules: Gate, level: Level) -> None:
        self._outside, self._gate, self._level = outside, rules, level

    async def reserve(self, transaction: Transaction, asked: EntryRequest, reference: UUID) -> _Allowed:
        """Ask the gate. Raises GateRefusedError."""
        activity = Activity.CONTEST_ENTRY
        verdict = await gate.ask(
            transaction, self._gate, asked.player, activity, asked.jurisdiction, asked.amount, self._level
        )
        return _Allowed(asked=asked, version=verdict.version)

    async def call(self, wanted: Try[_Allowed]) -> None:
        """Have the wallet move the money. Raises Refused where there is not so much, or by a limit of the player's own."""
        asked = wanted.request.asked
        await self._outside.wallet.enter(UUID(wanted.key), asked.contest, asked.player, asked.amount)

    async def settle(
        self, transaction: Transaction, wanted: _Allowed, reference: UUID, outcome: Refused | None
    ) -> tuple[int, EntryView | Problem]:
        """What became of it. What the gate allowed counts for the day either way."""
        if isinstance(outcome, Refused):
            return refusal(ServiceError(PaymentsCode.ENTRY_REFUSED, f"The wallet says {outcome.code}."))
        return 201, EntryView(id=reference, version=wanted.version)
