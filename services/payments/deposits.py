"""Deposits: orders at providers, what becomes of them, and the one credit of each. Nothing here commits.

An order takes no money: the player does, by the checkout, which needs what the provider answered. So a provider whose order was
not answered is left for the next one at once; what it may have made is asked for later, and ends by itself. Once a player has
been given a checkout, another provider is tried only when this one has said that nothing was paid.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Any, Literal, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.errors import Problem, ServiceError
from services.common.ids import uuid7
from services.common.money import Paise
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.common.postgres import Reads, Transaction
from services.payments import gate, limits, refunds, repository, requests_repository
from services.payments.errors import PaymentsCode
from services.payments.jurisdiction import Activity, Gate
from services.payments.models import Attempt, Deposit, PaymentRow
from services.payments.outside import Lost, Outside, Reach, outcome_of
from services.payments.providers.port import (
    Order,
    OrderNews,
    OrderStatus,
    Payment,
    PaymentStatus,
    Provider,
    ProviderName,
)
from services.payments.schemas import DepositRequest, DepositView, RetryRequest
from services.payments.states import ATTEMPTS, DEPOSITS, AttemptState, DepositState, moves
from services.payments.wallet import Credit

#: How long a player may take to pay.
LIFE = timedelta(minutes=30)

#: Attempts that a deposit may have.
MOST_ATTEMPTS = 10

#: What one provider has to make an order, while a player waits; two are asked at most.
ORDER_SECONDS = 4.0

#: Outbox tasks: ask a provider about an attempt; have the wallet credit a deposit.
LOOK, CREDIT = "payments.look_at_attempt", "payments.credit_deposit"

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


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
    """A new deposit: the request's step to the outside."""

    async def reserve(self, transaction: Transaction, asked: DepositRequest, reference: UUID) -> _Wanted:
        """Ask the gate; store deposit and attempts. Raises GateRefusedError."""
        await gate.ask(transaction, self._gate, self._player, Activity.DEPOSIT, asked.jurisdiction, asked.amount)
        await requests_repository.new_deposit(transaction, reference, self._player, asked.amount, asked.jurisdiction)
        attempts = await self._plan(transaction, reference, 1, set())
        uncredited = await requests_repository.uncredited(transaction, self._player)
        return _Wanted(deposit=reference, amount=asked.amount, uncredited=uncredited, attempts=attempts)

    async def call(self, wanted: Try[_Wanted]) -> _Made:
        """Have an order of the first provider that makes one. Raises Refused by a limit of the player's own."""
        await limits.ask(self._outside.wallet, self._player, wanted.request.uncredited)
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
        await limits.ask(self._outside.wallet, self._player, wanted.request.uncredited)
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


# --- the worker's part


class LookAtAttempt:
    """Ask a provider what became of an order; what is authorised is captured."""

    timeout = timedelta(seconds=20)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Attempt | None:
        """The attempt."""
        return await repository.attempt(session, UUID(message.payload["attempt"]))

    async def call(self, wanted: Try[Attempt]) -> OrderNews | Refused | Lost:
        """The provider's word."""
        attempt, outside = wanted.request, await self._reach()
        name: ProviderName = attempt.provider  # type: ignore[assignment] # the column holds these
        provider = outside.providers[name]
        news = await outcome_of(outside, name, provider.order(str(attempt.id), attempt.provider_order))
        if isinstance(news, OrderNews):
            authorised = [each for each in news.payments if each.status is PaymentStatus.AUTHORISED]
            for each in authorised:
                await outcome_of(outside, name, provider.capture(each.id, each.amount))
            if authorised:
                news = await outcome_of(outside, name, provider.order(str(attempt.id), news.id))
        return news

    async def settle(
        self,
        session: AsyncSession,
        clock: Clock,
        message: Message,
        request: Attempt,
        outcome: OrderNews | Refused | Lost,
    ) -> None:
        """Take the news. Without any the janitor asks again."""
        if isinstance(outcome, OrderNews):
            await take_news(session, clock, request.id, outcome)


async def take_news(session: AsyncSession, clock: Clock, attempt_id: UUID, news: OrderNews) -> None:
    """What a provider says of an attempt takes effect: once, whoever brings it and however often."""
    locked = await repository.lock_attempt(session, attempt_id)
    if locked is None:
        return
    attempt, deposit = locked
    if news.id and not attempt.provider_order:
        attempt.provider_order = news.id
    for payment in news.payments:
        if payment.status is PaymentStatus.CAPTURED:
            await _take_payment(session, attempt, deposit, payment)
    now, to = AttemptState(attempt.state), _state(news, expired=clock.now() > attempt.expires_at)
    if to is not None and moves(ATTEMPTS, now, to):
        attempt.state = to
    if attempt.state in (AttemptState.PAID, AttemptState.EXPIRED, AttemptState.REFUSED):
        attempt.next_look_at = None
    if all(
        each.state in (AttemptState.EXPIRED, AttemptState.REFUSED)
        for each in await repository.attempts_of(session, deposit.id)
    ):
        _move(deposit, DepositState.ENDED)


async def _take_payment(session: AsyncSession, attempt: Attempt, deposit: Deposit, payment: Payment) -> None:
    """Money has come: the first of a deposit, if it is what was asked for, is its credit; any other goes back."""
    known = await repository.payment(session, attempt.provider, payment.id, lock=True)
    if known is not None:
        known.fee = payment.fee if known.fee is None else known.fee
        known.tax = payment.tax if known.tax is None else known.tax
        return
    before = await repository.payments_of(session, deposit.id)
    credited = any(each.role == "credit" for each in before)
    role = "credit" if not credited and payment.amount == deposit.amount else "surplus"
    row = PaymentRow(
        provider=attempt.provider, id=payment.id, attempt_id=attempt.id, deposit_id=deposit.id, amount=payment.amount,
        role=role, fee=payment.fee, tax=payment.tax, frozen=False,
    )  # fmt: skip
    await repository.add(session, row)
    if role == "credit":
        _move(deposit, DepositState.PAID)
        await outbox.enqueue(session, CREDIT, {"deposit": str(deposit.id)})
        return
    fields = {"deposit": str(deposit.id), "provider": attempt.provider, "payment": payment.id}
    log.warning("paid more than once, or another amount: it goes back", extra=fields)
    await refunds.request(session, row, payment.amount, "surplus", "payments", held=False)


class CreditDeposit:
    """Have the wallet credit a deposit that is paid."""

    timeout = timedelta(seconds=10)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Credit | None:
        """What to credit; nothing if it was."""
        found = await repository.deposit(session, UUID(message.payload["deposit"]))
        if found is None or found.state != DepositState.PAID:
            return None
        (paid,) = [each for each in await repository.payments_of(session, found.id) if each.role == "credit"]
        name: ProviderName = paid.provider  # type: ignore[assignment] # the column holds these
        return Credit(found.id, found.player_id, found.amount, name)

    async def call(self, wanted: Try[Credit]) -> None:
        """Credit it; whatever is no answer is tried again by the outbox, with the same id."""
        await (await self._reach()).wallet.credit(wanted.request)

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: Credit, outcome: Refused | None
    ) -> None:
        """It is credited. A wallet that refuses is a matter for a person: the money is there."""
        deposit = await repository.deposit(session, request.deposit, lock=True)
        assert deposit is not None
        if isinstance(outcome, Refused):
            fields = {"deposit": str(deposit.id), "code": outcome.code}
            log.critical("the wallet refuses a deposit that is paid", extra={**fields, "runbook": "payments-stuck"})
        elif _move(deposit, DepositState.CREDITED):
            deposit.credited_at = clock.now()


def _state(news: OrderNews, *, expired: bool) -> AttemptState | None:
    """What an order's news make of its attempt."""
    if any(each.status is PaymentStatus.CAPTURED for each in news.payments):
        return AttemptState.PAID
    if news.status is OrderStatus.EXPIRED or (expired and without_money(news)):
        return AttemptState.EXPIRED
    if news.status is OrderStatus.ABSENT:
        return AttemptState.REFUSED
    if news.payments and without_money(news):
        return AttemptState.FAILED
    return AttemptState.OPEN


def _move(deposit: Deposit, to: DepositState) -> bool:
    if moved := moves(DEPOSITS, DepositState(deposit.state), to):
        deposit.state = to
    return moved


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
