"""Wallet's background work: players are notified, holds expire, the ledger is reconciled, what is old is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import events, idempotency, outbox
from services.common.clock import Clock
from services.common.jobs import Jobs
from services.wallet import (
    bonuses,
    chain,
    controls,
    controls_repository,
    holds,
    reconciliation,
    repository,
    service,
    tax,
    withholding,
)

jobs = Jobs(emits=True)


@jobs.on_messages(service.NOTIFY)
async def notify(session: AsyncSession, clock: Clock, messages: Sequence[outbox.Message]) -> None:
    """Tell the players of transactions."""
    named = [message.payload.get("transactions") or [message.payload["transaction"]] for message in messages]
    await service.notify(session, clock, [UUID(each) for ids in named for each in ids])


@jobs.on_schedule("wallet.expire_holds", "* * * * *", late_after=timedelta(minutes=10))
async def expire_holds(session: AsyncSession, clock: Clock) -> None:
    """Every minute release holds whose time is over."""
    now = clock.now()
    due = await repository.due_holds(session, now, holds.EXPIRED_AT_ONCE)
    await holds.expire(repository.InSession(session), due, now)


@jobs.clean_up("wallet.end_bonuses", "* * * * *", late_after=timedelta(minutes=30))
async def end_bonuses(session: AsyncSession, clock: Clock) -> int:
    """Every minute end the bonuses that are played through, expired, or forfeited by a withdrawal."""
    return await bonuses.end_due(repository.InSession(session), clock)


@jobs.clean_up("wallet.forget_play_minutes", "33 3 * * *", late_after=timedelta(hours=26))
async def forget_play_minutes(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete minutes played that no limit counts any more."""
    return await controls_repository.forget_minutes(session, clock.now() - controls.MINUTES_KEPT)


@jobs.clean_up("wallet.forget_events", "53 2 * * *", late_after=timedelta(hours=26))
async def forget_events(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete events that nobody asks for any more."""
    return await events.forget(session)


@jobs.on_schedule("wallet.reconcile", "* * * * *", late_after=timedelta(minutes=10))
async def reconcile(session: AsyncSession, clock: Clock) -> None:
    """Every minute recompute the ledger."""
    await reconciliation.reconcile(session, clock)


@jobs.clean_up("wallet.seal_chain", "* * * * *", late_after=timedelta(minutes=30))
async def seal_chain(session: AsyncSession, clock: Clock) -> int:
    """Every minute seal what was posted into the hash chain."""
    return await controls_repository.seal(session, chain.MOST)


@jobs.on_schedule("wallet.verify_chain", "17 * * * *", late_after=timedelta(hours=3))
async def verify_chain(session: AsyncSession, clock: Clock) -> None:
    """Every hour look whether the newest blocks, and some that are older, still are what was sealed."""
    await chain.verify_some(session)


@jobs.on_schedule("wallet.trial_balance", "40 18 * * *", late_after=timedelta(hours=26))
async def trial_balance(session: AsyncSession, clock: Clock) -> None:
    """Every night at 00:10 by India's clock take the trial balance of the day that has ended."""
    await chain.take_trial_balance(session, clock)


@jobs.clean_up("wallet.close_tax_years", "10 19 * * *", late_after=timedelta(hours=26))
async def close_tax_years(session: AsyncSession, clock: Clock) -> int:
    """From 1 April, at 00:40 by India's clock, take what is still to be taxed of the year that has ended; until June."""
    if clock.now().astimezone(tax.IST).month not in (4, 5):
        return 0
    return await withholding.close_years(repository.InSession(session), clock, withholding.PLAYERS_AT_ONCE)


@jobs.clean_up("wallet.forget_keys", "23 2 * * *", late_after=timedelta(hours=26))
async def forget_keys(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete idempotency keys that are older than they are kept."""
    return await idempotency.forget(session, clock.now())


@jobs.clean_up("wallet.forget_notifications", "3 3 * * *", late_after=timedelta(hours=26))
async def forget_notifications(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete notifications that are older than they are kept; the entries that they are of stay."""
    return await repository.forget_notifications(session, clock.now() - service.NOTIFICATIONS_KEPT)


@jobs.clean_up("wallet.forget_messages", "43 2 * * *", late_after=timedelta(hours=26))
async def forget_messages(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete messages that were done long ago."""
    return await outbox.forget(session)
