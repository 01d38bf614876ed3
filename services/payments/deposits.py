"""Deposits: orders at providers, as players ask for them. Nothing here commits.

An order takes no money: the player does, by the checkout, which needs what the provider answered. So a provider whose order was
not answered is left for the next one at once; what it may have made is asked for later, and ends by itself. Once a player has
been given a checkout, another provider is tried only when this one has said that nothing was paid.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Any, Literal, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from services.common import outbox
from services.common.errors import Problem, ServiceError
from services.common.ids import uuid7
from services.common.money import Paise
from services.common.outside import Refused, Try
from services.common.postgres import Reads, Transaction
from services.payments import gate, limits, requests_repository
from services.payments.errors import PaymentsCode
from services.payments.jurisdiction import Activity, Gate
from services.payments.levels import Level
from services.payments.outside import Lost, Outside, outcome_of
from services.payments.providers.port import (
    Order,
    OrderNews,
    OrderStatus,
    PaymentStatus,
    Provider,
)
from services.payments.schemas import DepositRequest, DepositView, RetryRequest
from services.payments.states import AttemptState, DepositState

#: How long a player may take to pay.
LIFE = timedelta(minutes=30)

#: Attempts that a deposit may have.
MOST_ATTEMPTS = 10

#: What one provider has to make an order, while a player waits; two are asked at most.
ORDER_SECONDS = 4.0

#: Outbox tasks: ask a provider about an attempt; have the wallet credit a deposit.
LOOK, CREDIT = "payments.look_at_attempt", "payments.credit_deposit"

Answer = TypeVar("Answer")


class _Planned(BaseModel):
    """An attempt that is stored and may be called for."""

    id: UUID
    provider: Literal["razorpay", "cashfree"]
    expires: AwareDatetime


class _Wanted(BaseModel):
    """What is asked of providers: attempts in their order, and those to ask about before; and of the wallet (`limits`)."""

    deposit: UUID
    amount: Paise
    uncredited: Paise
    attempts: list[_Planned]
    before: list[_Planned] = []


#: What came of each attempt that was called for.
_Made = dict[UUID, Order | Refused | Lost]


class _Ordering:
    """What both steps do: call the planned attempts until one has an order, and settle all of them."""

    wanted = _Wanted
    timeout = timedelta(seconds=2 * ORDER_SECONDS + 1) + limits.PATIENCE

    def __init__(self, outside: Outside, rules: Gate, player: UUID) -> None:
        self._outside, self._gate, self._player = outside, rules, player

    async def _plan(self, transaction: Transaction, deposit: UUID, first: int, used: set[str]) -> list[_Planned]:
        """Store an attempt for each provider that is left, before any is called."""
        planned = []
        down = await requests_repository.down(transaction)
        names = [name for name in self._outside.router.order(down) if name not in used] or self._outside.router.order(
            down
        )
        for number, name in enumerate(names, first):
            attempt = uuid7()
            expires = await requests_repository.new_attempt(transaction, attempt, deposit, number, name, LIFE)
            planned.append(_Planned(id=attempt, provider=name, expires=expires))
        return planned

    async def _order(self, wanted: _Wanted) -> _Made:
        made: _Made = {}
        for attempt in wanted.attempts:
            provider = self._outside.providers[attempt.provider]
            create = provider.create_order(str(attempt.id), wanted.amount, str(self._player), attempt.expires)
            made[attempt.id] = await outcome_of(self._outside, attempt.provider, _within(ORDER_SECONDS, create))
            if isinstance(made[attempt.id], Order):
                break
        return made

    async def _settle(self, transaction: Transaction, wanted: _Wanted, made: _Made) -> DepositView:
        for attempt in wanted.attempts:
            state, order, checkout, reason = _outcome(made.get(attempt.id))
            await requests_repository.settle_attempt(transaction, attempt.id, state, order, checkout, reason)
        await requests_repository.end_deposit(transaction, wanted.deposit)
        return _view(await requests_repository.deposit_view(transaction, self._player, wanted.deposit))


class Creation(_Ordering):
    """A new deposit, of a player whose identity is verified to `level`: the request's step to the outside."""

    def __init__(self, outside: Outside, rules: Gate, player: UUID, level: Level) -> None:
        super().__init__(outside, rules, player)
        self._level = level

    async def reserve(self, transaction: Transaction, asked: DepositRequest, reference: UUID) -> _Wanted:
        """Ask the gate; store deposit and attempts. Raises GateRefusedError."""
        await gate.ask(
            transaction, self._gate, self._player, Activity.DEPOSIT, asked.jurisdiction, asked.amount, self._level
        )
        await requests_repository.new_deposit(transaction, reference, self._player, asked.amount, asked.jurisdiction)
        attempts = await self._plan(transaction, reference, 1, set())
        uncredited = await requests_repository.uncredited(transaction, self._player)
        return _Wanted(deposit=reference, amount=asked.amount, uncredited=uncredited, attempts=attempts)

    async def call(self, wanted: Try[_Wanted]) -> _Made:
        """Have an order of the first provider that makes one. Raises Refused by a limit of the player's own."""
        await limits.ask(self._outside.wallet, self._player, wanted.request.amount, wanted.request.uncredited)
        return await self._order(wanted.request)

    async def settle(
        self, transaction: Transaction, wanted: _Wanted, reference: UUID, outcome: _Made | Refused
    ) -> tuple[int, DepositView | Problem]:
        """What the player can pay by; a deposit that nobody took an order for has ended."""
        if isinstance(outcome, Refused):
            await self._settle(transaction, wanted, {})
            return limits.answer(outcome)
        return 201, await self._settle(transaction, wanted, outcome)


class Retry(_Ordering):
    """Another attempt for a deposit whose attempts are known, and said again, to have brought no money."""

    def __init__(self, outside: Outside, rules: Gate, player: UUID, deposit: UUID) -> None:
        super().__init__(outside, rules, player)
        self._deposit = deposit

    async def reserve(self, transaction: Transaction, asked: RetryRequest, reference: UUID) -> _Wanted:
        """Store new attempts. Raises ServiceError (deposit_unknown, deposit_over)."""
        await requests_repository.take_turn(transaction, self._player)
        found = await requests_repository.reopen_deposit(transaction, self._deposit, self._player)
        if found is None:
            raise ServiceError(PaymentsCode.DEPOSIT_UNKNOWN, "There is no such deposit of yours.")
        before = await requests_repository.attempts_for_request(transaction, self._deposit)
        if found["state"] != DepositState.PENDING or len(before) >= MOST_ATTEMPTS:
            raise ServiceError(PaymentsCode.DEPOSIT_OVER, f"The deposit is {found['state']}; make a new one.")
        alive = [row for row in before if row["state"] != AttemptState.REFUSED]
        asked_before = [_Planned(id=row["id"], provider=row["provider"], expires=row["expires_at"]) for row in alive]
        used = {row["provider"] for row in alive}
        attempts = await self._plan(transaction, self._deposit, len(before) + 1, used)
        uncredited = await requests_repository.uncredited(transaction, self._player)
        return _Wanted(
            deposit=self._deposit, amount=Paise(found["amount"]), uncredited=uncredited, attempts=attempts,
            before=asked_before,
        )  # fmt: skip

    async def call(self, wanted: Try[_Wanted]) -> _Made | None:
        """None where an attempt has brought money, may still do so, or cannot be asked about. Raises Refused as before."""
        await limits.ask(self._outside.wallet, self._player, wanted.request.amount, wanted.request.uncredited)
        for attempt in wanted.request.before:
            provider = self._outside.providers[attempt.provider]
            news = await outcome_of(
                self._outside, attempt.provider, _within(ORDER_SECONDS, provider.order(str(attempt.id), ""))
            )
            if not isinstance(news, OrderNews) or not without_money(news):
                return None
        return await self._order(wanted.request)

    async def settle(
        self, transaction: Transaction, wanted: _Wanted, reference: UUID, outcome: _Made | Refused | None
    ) -> tuple[int, DepositView | Problem]:
        """The new checkout; or the deposit as it is, whose attempts are looked at now."""
        if isinstance(outcome, Refused):
            await self._settle(transaction, wanted, {})
            return limits.answer(outcome)
        if outcome is None and wanted.before:
            await outbox.enqueue(transaction, LOOK, {"attempt": str(wanted.before[-1].id)})  # the janitor at the others
        return 201, await self._settle(transaction, wanted, outcome or {})


def without_money(news: OrderNews) -> bool:
    """Whether a provider says that an order has brought nothing, and that nothing is under way."""
    return news.status is not OrderStatus.PAID and all(each.status is PaymentStatus.FAILED for each in news.payments)


async def of_player(reads: Reads, player: UUID, deposit: UUID) -> DepositView:
    """A player's deposit. Raises ServiceError (deposit_unknown)."""
    return _view(await requests_repository.deposit_view(reads, player, deposit))


async def all_of_player(reads: Reads, player: UUID, limit: int) -> list[DepositView]:
    """A player's newest deposits."""
    return [_view(row) for row in await requests_repository.deposit_views(reads, player, limit)]


async def verify(
    transaction: Transaction, outside: Outside, player: UUID, deposit: UUID, order: str, payment: str, signature: str
) -> DepositView:
    """A client says that it has paid: the provider is asked, whatever the client says.

    Raises ServiceError (deposit_unknown, signature_invalid).
    """
    found = await requests_repository.attempt_of_order(transaction, player, deposit, order)
    if found is None:
        raise ServiceError(PaymentsCode.DEPOSIT_UNKNOWN, "There is no such order of a deposit of yours.")
    provider: Provider = outside.providers[found["provider"]]
    if (payment or signature) and not provider.verify_callback(order, payment, signature):
        raise ServiceError(PaymentsCode.SIGNATURE_INVALID, "The signature does not belong to order and payment.")
    await outbox.enqueue(transaction, LOOK, {"attempt": str(found["id"])})
    return _view(await requests_repository.deposit_view(transaction, player, deposit))


def _outcome(made: Order | Refused | Lost | None) -> tuple[AttemptState, str, dict[str, str], str]:
    if isinstance(made, Order):
        return AttemptState.OPEN, made.id, dict(made.checkout), ""
    if isinstance(made, Refused):
        return AttemptState.REFUSED, "", {}, made.code
    if isinstance(made, Lost):
        return (AttemptState.REFUSED if made.done is False else AttemptState.UNKNOWN), "", {}, made.reason
    return AttemptState.REFUSED, "", {}, "not needed"


async def _within(seconds: float, call: Awaitable[Answer]) -> Answer:
    async with asyncio.timeout(seconds):
        return await call


def _view(row: Mapping[str, Any] | None) -> DepositView:
    if row is None:
        raise ServiceError(PaymentsCode.DEPOSIT_UNKNOWN, "There is no such deposit of yours.")
    payable = row["state"] == DepositState.PENDING and row["attempt"] in (AttemptState.OPEN, AttemptState.FAILED)
    return DepositView(
        id=row["id"],
        amount=row["amount"],
        state=row["state"],
        provider=row["provider"] or "",
        checkout=json.loads(row["checkout"]) if payable else {},
        created_at=row["created_at"],
    )
