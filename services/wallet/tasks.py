"""Wallet's background work: players are told of movements, the ledger is reconciled, what is no longer needed forgotten."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import idempotency, outbox
from services.common.clock import Clock
from services.common.jobs import Jobs
from services.wallet import reconciliation, service

jobs = Jobs()


@jobs.on_message(service.NOTIFY)
async def notify(session: AsyncSession, clock: Clock, payload: dict[str, Any]) -> None:
    """Tell the players of a transaction."""
    await service.notify(session, clock, UUID(payload["transaction"]))


@jobs.on_schedule("wallet.reconcile", "* * * * *")
async def reconcile(session: AsyncSession, clock: Clock) -> None:
    """Every minute recompute the ledger."""
    await reconciliation.reconcile(session, clock)


@jobs.on_schedule("wallet.forget", "23 2 * * *")
async def forget(session: AsyncSession, clock: Clock) -> None:
    """Nightly delete idempotency keys and done messages that are older than they are kept."""
    await idempotency.forget(session, clock.now())
    await outbox.forget(session, clock.now())
