"""The queries of payments' background work, and of staff: mapped rows, changed by setting their attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Interval, bindparam, case, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.money import Paise
from services.payments.models import (
    Attempt,
    Base,
    Decision,
    Deposit,
    Dispute,
    Downtime,
    Instrument,
    PaymentRow,
    Payout,
    Refund,
    Webhook,
)
from services.payments.providers.port import DisputeOutcome
from services.payments.states import DepositState, PayoutState, RefundState

_FORGET_BATCH = 2000


async def lock_attempt(session: AsyncSession, attempt: UUID) -> tuple[Attempt, Deposit] | None:
    """An attempt and its deposit, both locked, the deposit first: attempts of one deposit take turns."""
    deposit = await session.scalar(
        select(Deposit)
        .join(Attempt, Attempt.deposit_id == Deposit.id)
        .where(Attempt.id == attempt)
        .with_for_update(of=Deposit)
        .execution_options(populate_existing=True)
    )
    found = await session.get(Attempt, attempt, with_for_update=True, populate_existing=True)
    return (found, deposit) if found is not None and deposit is not None else None


async def attempt(session: AsyncSession, attempt_id: UUID) -> Attempt | None:
    """An attempt."""
    return await session.get(Attempt, attempt_id)


async def find_attempt(session: AsyncSession, provider: str, order: str, payment: str) -> UUID | None:
    """The attempt of a provider's order, of our reference, or of a payment that is known."""
    if order:
        chosen = select(Attempt.id).where(Attempt.provider == provider, Attempt.provider_order == order)
        found = await session.scalar(chosen)
        if found is None and _uuid(order) is not None:
            found = await session.scalar(select(Attempt.id).where(Attempt.id == _uuid(order)))
        if found is not None:
            return found
    known = select(PaymentRow.attempt_id).where(PaymentRow.provider == provider, PaymentRow.id == payment)
    return await session.scalar(known) if payment else None


async def attempts_of(session: AsyncSession, deposit: UUID) -> Sequence[Attempt]:
    """The attempts of a deposit."""
    chosen = select(Attempt).where(Attempt.deposit_id == deposit).order_by(Attempt.number)
    return (await session.scalars(chosen.execution_options(populate_existing=True))).all()


async def deposit(session: AsyncSession, deposit_id: UUID, *, lock: bool = False) -> Deposit | None:
    """A deposit."""
    return await session.get(Deposit, deposit_id, with_for_update=lock or None, populate_existing=lock)


async def payment(session: AsyncSession, provider: str, payment_id: str, *, lock: bool = False) -> PaymentRow | None:
    """A payment."""
    return await session.get(PaymentRow, (provider, payment_id), with_for_update=lock or None, populate_existing=lock)


async def payments_of(session: AsyncSession, deposit_id: UUID) -> Sequence[PaymentRow]:
    """The payments of a deposit."""
    chosen = select(PaymentRow).where(PaymentRow.deposit_id == deposit_id).order_by(PaymentRow.created_at)
    return (await session.scalars(chosen)).all()


async def add(session: AsyncSession, *rows: Base) -> None:
    """Keep new rows, now: what the database refuses is refused here."""
    session.add_all(rows)
    await session.flush()


async def refunded(session: AsyncSession, provider: str, payment_id: str) -> Paise:
    """What of a payment goes back or went back; refunds that ended without it do not count."""
    over = (RefundState.FAILED.value, RefundState.DECLINED.value)
    of = (Refund.provider == provider) & (Refund.payment == payment_id) & Refund.state.not_in(over)
    return Paise(int(await session.scalar(select(func.coalesce(func.sum(Refund.amount), 0)).where(of)) or 0))


async def refund(session: AsyncSession, refund_id: UUID, *, lock: bool = False) -> Refund | None:
    """A refund."""
    return await session.get(Refund, refund_id, with_for_update=lock or None, populate_existing=lock)


async def refunds_of(session: AsyncSession, provider: str, payment_id: str) -> Sequence[Refund]:
    """The refunds of a payment."""
    chosen = select(Refund).where(Refund.provider == provider, Refund.payment == payment_id).order_by(Refund.id)
    return (await session.scalars(chosen)).all()


async def payout(session: AsyncSession, payout_id: UUID, *, lock: bool = False) -> Payout | None:
    """A payout."""
    return await session.get(Payout, payout_id, with_for_update=lock or None, populate_existing=lock)


async def waiting_payouts(session: AsyncSession) -> Sequence[Payout]:
    """Payouts that wait for a second person, the oldest first."""
    waiting = select(Payout).where(Payout.state == PayoutState.WAITING.value).order_by(Payout.created_at).limit(200)
    return (await session.scalars(waiting)).all()


async def frozen(session: AsyncSession, player: UUID) -> bool:
    """Whether a payment of the player's is disputed: nothing leaves meanwhile."""
    of = select(PaymentRow.id).join(Deposit, Deposit.id == PaymentRow.deposit_id)
    return await session.scalar(of.where(Deposit.player_id == player, PaymentRow.frozen).limit(1)) is not None


async def instrument(session: AsyncSession, instrument_id: UUID, *, lock: bool = False) -> Instrument | None:
    """A player's account."""
    return await session.get(Instrument, instrument_id, with_for_update=lock or None, populate_existing=lock)


# --- background: webhooks, disputes, downtimes


async def webhook(session: AsyncSession, webhook_id: UUID) -> Webhook | None:
    """A webhook that was kept."""
    return await session.get(Webhook, webhook_id)


async def strange_webhooks(session: AsyncSession) -> Sequence[Webhook]:
    """Webhooks that nobody knows what to make of, the newest first."""
    chosen = select(Webhook).where(Webhook.state == "strange").order_by(Webhook.received_at.desc()).limit(100)
    return (await session.scalars(chosen)).all()


async def forget_webhooks(session: AsyncSession, before: datetime) -> int:
    """Delete a batch of webhooks that were worked off long ago."""
    old = select(Webhook.id).where(Webhook.received_at < before, Webhook.state == "done").limit(_FORGET_BATCH)
    return (await session.execute(delete(Webhook).where(Webhook.id.in_(old)))).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult


async def dispute(session: AsyncSession, provider: str, dispute_id: str, *, lock: bool = False) -> Dispute | None:
    """A dispute."""
    return await session.get(Dispute, (provider, dispute_id), with_for_update=lock or None, populate_existing=lock)


async def unwon_disputes(session: AsyncSession, provider: str, payment_id: str) -> int:
    """How many disputes of a payment are not won."""
    of = (Dispute.provider == provider) & (Dispute.payment == payment_id) & (Dispute.status != DisputeOutcome.WON.value)
    return int(await session.scalar(select(func.count()).select_from(Dispute).where(of)) or 0)


async def note_downtime(session: AsyncSession, provider: str, is_down: bool) -> None:
    """Keep what a provider says of itself."""
    made = insert(Downtime).values(provider=provider, down=is_down, asked_at=func.now())
    await session.execute(
        made.on_conflict_do_update(
            index_elements=["provider"], set_={"down": made.excluded.down, "asked_at": made.excluded.asked_at}
        )
    )


# --- background: the janitor

_KINDS: Mapping[str, type[Attempt] | type[Refund] | type[Payout]] = {
    "attempt": Attempt,
    "refund": Refund,
    "payout": Payout,
}


async def due(
    session: AsyncSession, kind: str, schedule: Sequence[timedelta], limit: int
) -> list[tuple[UUID, int, str]]:
    """What is to be asked about now: id, how often it was, state. The next time is set by `schedule`; after its end, never."""
    model = _KINDS[kind]
    picked = (
        select(model.id)
        .where(model.next_look_at <= func.now())
        .order_by(model.next_look_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    pauses = {number: bindparam(None, pause, Interval()) for number, pause in enumerate(schedule)}
    again = func.now() + case(pauses, value=model.looks, else_=None)
    statement = (
        update(model)
        .where(model.id.in_(picked))
        .values(next_look_at=again, looks=model.looks + 1)
        .returning(model.id, model.looks, model.state)
    )
    return [(row[0], row[1], row[2]) for row in await session.execute(statement)]


async def overdue(session: AsyncSession, wallet_patience: timedelta) -> dict[str, int]:
    """What is stuck: of each kind how many have no next look and no end, or wait for the wallet for too long."""
    found: dict[str, int] = {}
    ends: Mapping[str, tuple[str, ...]] = {
        "attempt": ("refused", "expired", "paid"),
        "refund": ("declined", "failed", "processed", "requested"),
        "payout": ("declined", "rejected", "failed", "processed", "reversed", "requested", "waiting"),
    }
    for kind, model in _KINDS.items():
        stuck = model.next_look_at.is_(None) & model.state.not_in(ends[kind])
        found[kind] = int(await session.scalar(select(func.count()).select_from(model).where(stuck)) or 0)
    late = func.now() - bindparam(None, wallet_patience, Interval())
    paid = (Deposit.state == DepositState.PAID.value) & (Deposit.created_at < late)
    found["deposit"] = int(await session.scalar(select(func.count()).select_from(Deposit).where(paid)) or 0)
    return {kind: count for kind, count in found.items() if count}


async def decisions_of(session: AsyncSession, player: UUID) -> Sequence[Decision]:
    """What the gate said of a player, the newest first."""
    chosen = select(Decision).where(Decision.player_id == player).order_by(Decision.created_at.desc()).limit(200)
    return (await session.scalars(chosen)).all()


def _uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
