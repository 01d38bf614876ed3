"""What becomes of deposits: providers are asked about orders, and what was paid is credited once. Nothing here commits."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import metrics, outbox
from services.common.clock import Clock
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.payments import refunds, repository
from services.payments.deposits import CREDIT, without_money
from services.payments.models import Attempt, Deposit, PaymentRow
from services.payments.outside import Lost, Reach, outcome_of
from services.payments.providers.port import OrderNews, OrderStatus, Payment, PaymentStatus, ProviderName
from services.payments.states import ATTEMPTS, DEPOSITS, AttemptState, DepositState, moves
from services.payments.wallet import Credit

log = logging.getLogger(__name__)


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
            took = (deposit.credited_at - deposit.created_at).total_seconds()
            metrics.emit_committed(
                session,
                DepositsCredited=(1, "Count"),
                DepositedPaise=(deposit.amount, "Count"),
                DepositSeconds=(round(took, 1), "Seconds"),
            )


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
