"""The outbox: work for later, written in the request's transaction, so that it is done if and only if that commits.

The relay (in the worker process) publishes due messages to Celery, by id only: the payload stays in the database. The
consumer marks the message done in the transaction of its effect. So a message that is lost on the way (a crash between
commit and publishing, a broker that forgets) is published again, and one that arrives twice has one effect.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Index, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.common import logs
from services.common.clock import Clock
from services.common.database import Sessions
from services.common.ids import uuid7
from services.common.shared import SharedBase

#: After so many publications a message is left alone and its id is logged as an error: a person must look.
MAX_ATTEMPTS = 12
KEPT = timedelta(days=7)

_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=1)
_BATCH = 100

log = logging.getLogger(__name__)


class OutboxMessage(SharedBase):
    """One piece of work: the task that does it and what the task is told."""

    __tablename__ = "outbox"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    task: Mapped[str]
    payload: Mapped[dict[str, Any]]
    request_id: Mapped[str]
    created_at: Mapped[datetime]
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime]
    done_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_outbox_due", "next_attempt_at", postgresql_where=text("done_at IS NULL")),)


@dataclass(frozen=True)
class Claimed:
    """A message that is being worked on."""

    payload: dict[str, Any]
    request_id: str


async def enqueue(session: AsyncSession, task: str, payload: dict[str, Any], now: datetime) -> UUID:
    """Have `task` done with `payload` once the session's transaction has committed."""
    message = OutboxMessage(
        id=uuid7(),
        task=task,
        payload=payload,
        request_id=logs.request_id.get(),
        created_at=now,
        attempts=0,
        next_attempt_at=now,
        done_at=None,
    )
    session.add(message)
    await session.flush()
    return message.id


async def publish_due(sessions: Sessions, clock: Clock, publish: Callable[[UUID, str], Awaitable[None]]) -> int:
    """Publish the messages that are due, at most a batch; returns how many. Relays of several workers do not collide."""
    async with sessions() as session, session.begin():
        now = clock.now()
        due = await session.scalars(
            select(OutboxMessage)
            .where(
                OutboxMessage.done_at.is_(None),
                OutboxMessage.next_attempt_at <= now,
                OutboxMessage.attempts < MAX_ATTEMPTS,
            )
            .order_by(OutboxMessage.next_attempt_at)
            .limit(_BATCH)
            .with_for_update(skip_locked=True)
        )
        messages = due.all()
        for message in messages:
            await publish(message.id, message.task)
            message.attempts += 1
            message.next_attempt_at = now + min(_FIRST_PAUSE * 2 ** (message.attempts - 1), _LONGEST_PAUSE)
            if message.attempts == MAX_ATTEMPTS:
                log.error(
                    "outbox message published for the last time",
                    extra={"message_id": message.id, "task": message.task, "runbook": "outbox-stuck"},
                )
    return len(messages)


async def claim(session: AsyncSession, message_id: UUID, now: datetime) -> Claimed | None:
    """Mark the message done in this transaction and return it; None if it was done before (or does not exist)."""
    row = (
        await session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.id == message_id, OutboxMessage.done_at.is_(None))
            .values(done_at=now)
            .returning(OutboxMessage.payload, OutboxMessage.request_id)
        )
    ).one_or_none()
    return Claimed(row.payload, row.request_id) if row else None


async def forget(session: AsyncSession, now: datetime) -> None:
    """Delete messages that were done longer than KEPT ago."""
    await session.execute(delete(OutboxMessage).where(OutboxMessage.done_at < now - KEPT))
