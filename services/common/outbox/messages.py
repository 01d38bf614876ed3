"""The outbox's table and its statements: enqueue, hand out, claim, fail, forget; dead letters listed and given another chance.

Statements are written out and not built: this is on the path of every request that moves money, and of every message.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Index, Interval, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.common.ids import uuid7
from services.common.postgres import Transaction
from services.common.shared import SharedBase
from services.common.telemetry import carried, spans

#: After so many publications a message is a dead letter: it is left alone until a person redrives it.
MAX_ATTEMPTS = 12

#: How long done messages are kept, to be looked at.
KEPT = timedelta(days=7)

#: After its n-th publication a message that is not done waits 30 s, 60 s, … up to an hour for the next.
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)

_FORGET_BATCH = 5000
_ERROR_LENGTH = 500


class OutboxMessage(SharedBase):
    """One piece of work: the task that does it and what the task is told."""

    __tablename__ = "outbox"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    task: Mapped[str]
    payload: Mapped[dict[str, Any]]
    request_id: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    done_at: Mapped[datetime | None]
    dead_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    reserved_until: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_outbox_waiting", "next_attempt_at", postgresql_where=text("done_at IS NULL AND dead_at IS NULL")),
        Index("ix_outbox_dead", "dead_at", postgresql_where=text("done_at IS NULL AND dead_at IS NOT NULL")),
        Index("ix_outbox_done_at", "done_at", postgresql_where=text("done_at IS NOT NULL")),
    )


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is being worked on. `trace`: what caused it, as a `traceparent`; empty if that was not recorded."""

    id: UUID
    payload: dict[str, Any]
    request_id: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Handed:
    """A message that may be published now, for the `attempts`-th time."""

    id: UUID
    task: str
    attempts: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that nobody tries any more."""

    id: UUID
    task: str
    request_id: str
    created_at: datetime
    dead_at: datetime
    attempts: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is not done: how many messages wait, how old the oldest is in seconds, how many are dead letters."""

    waiting: int
    oldest_seconds: float
    dead: int


_IDS = bindparam("ids", type_=ARRAY(Uuid()))

_ENQUEUE = text(
    "INSERT INTO outbox (id, task, payload, request_id) VALUES (:id, :task, :payload, :request)"
).bindparams(bindparam("id", type_=Uuid()), bindparam("payload", type_=JSONB()))


_ENQUEUE_PLAIN = "INSERT INTO outbox (id, task, payload, request_id) VALUES ($1, $2, $3, $4)"


_ENQUEUE_LATER = text("""
    INSERT INTO outbox (id, task, payload, request_id, next_attempt_at) VALUES (:id, :task, :payload, :request, now() + :after)
""").bindparams(
    bindparam("id", type_=Uuid()), bindparam("payload", type_=JSONB()), bindparam("after", type_=Interval())
)


async def enqueue_later(session: AsyncSession, task: str, payload: dict[str, Any], after: timedelta) -> None:
    """The same as `enqueue`, to be done when `after` is over."""
    values = {"id": uuid7(), "task": task, "payload": payload, "request": _sent(task), "after": after}
    await session.execute(_ENQUEUE_LATER, values)


async def enqueue(session: AsyncSession | Transaction, task: str, payload: dict[str, Any]) -> UUID:
    """Have `task` done with `payload` once the session's transaction has committed."""
    message_id = uuid7()
    if isinstance(session, Transaction):
        session.at_end(_ENQUEUE_PLAIN, message_id, task, json.dumps(payload), _sent(task))
        return message_id
    values = {"id": message_id, "task": task, "payload": payload, "request": _sent(task)}
    await session.execute(_ENQUEUE, values)
    return message_id


def _sent(task: str) -> str:
    """For the column `request_id`: what goes on with the message, which is caused by a span of its own."""
    attributes = {"messaging.system": "celery", "messaging.destination.name": task}
    made = spans.leaf(f"send {task}", spans.SpanKind.PRODUCER, spans.moment(), attributes)
    return carried.stamp(made.context if made else None)


_RECEIVE = text("""
    INSERT INTO outbox (id, task, payload, request_id) VALUES (:id, :task, :payload, :request) ON CONFLICT DO NOTHING
""").bindparams(bindparam("id", type_=Uuid()), bindparam("payload", type_=JSONB()))


async def receive(
    session: AsyncSession, message_id: UUID, task: str, payload: dict[str, Any], request_id: str, trace: str = ""
) -> None:
    """The same for a message that has an id already, from elsewhere: the second time it comes nothing happens."""
    values = {"id": message_id, "task": task, "payload": payload, "request": carried.stamp_of(request_id, trace)}
    await session.execute(_RECEIVE, values)


_HAND_OUT = text("""
    UPDATE outbox SET attempts = attempts + 1, next_attempt_at = now() + least(:first * power(2, attempts), :longest)
    WHERE id IN (
        SELECT id FROM outbox
        WHERE done_at IS NULL AND dead_at IS NULL AND next_attempt_at <= now() AND attempts < :most
        ORDER BY next_attempt_at LIMIT :count FOR UPDATE SKIP LOCKED
    )
    RETURNING id, task, attempts
""").bindparams(
    bindparam("first", FIRST_PAUSE, Interval()),
    bindparam("longest", LONGEST_PAUSE, Interval()),
    bindparam("most", MAX_ATTEMPTS),
)


async def hand_out(session: AsyncSession, count: int) -> list[Handed]:
    """At most `count` messages that are due. They are due again after a pause, unless they are done by then."""
    rows = await session.execute(_HAND_OUT, {"count": count})
    return [Handed(row.id, row.task, row.attempts) for row in rows]


_TAKE_BACK = text("""
    UPDATE outbox SET attempts = attempts - 1, next_attempt_at = now()
    WHERE id = ANY(:ids) AND done_at IS NULL AND attempts > 0
""").bindparams(_IDS)


async def take_back(session: AsyncSession, ids: Sequence[UUID]) -> None:
    """Messages were handed out and not published: they are due at once, and that attempt does not count."""
    await session.execute(_TAKE_BACK, {"ids": list(ids)})


_BURY = text("""
    UPDATE outbox SET dead_at = now()
    WHERE id IN (
        SELECT id FROM outbox
        WHERE done_at IS NULL AND dead_at IS NULL AND next_attempt_at <= now() AND attempts >= :most
        LIMIT 100 FOR UPDATE SKIP LOCKED
    )
    RETURNING id, task, last_error
""").bindparams(bindparam("most", MAX_ATTEMPTS))


async def bury(session: AsyncSession) -> list[tuple[UUID, str, str | None]]:
    """Make dead letters of what was published for the last time and is not done; their ids, tasks and last errors."""
    return [(row.id, row.task, row.last_error) for row in await session.execute(_BURY)]


_CLAIM = text("""
    UPDATE outbox SET done_at = now(), dead_at = NULL
    WHERE id IN (SELECT id FROM outbox WHERE id = ANY(:ids) AND done_at IS NULL FOR UPDATE SKIP LOCKED)
    RETURNING id, payload, request_id
""").bindparams(_IDS)


async def claim(session: AsyncSession, ids: Sequence[UUID]) -> list[Message]:
    """Mark messages done in this transaction and return them, oldest first; without those that are done or being worked on."""
    rows = await session.execute(_CLAIM.columns(id=Uuid(), payload=JSONB(), request_id=Text()), {"ids": list(ids)})
    return sorted((_message(row) for row in rows), key=lambda message: message.id)


def _message(row: Any) -> Message:
    return Message(row.id, row.payload, *carried.split(row.request_id))


_POSTPONE = text("""
    UPDATE outbox SET next_attempt_at = greatest(next_attempt_at, now() + :time) WHERE id = ANY(:ids) AND done_at IS NULL
""").bindparams(_IDS, bindparam("time", type_=Interval()))


async def postpone(session: AsyncSession, ids: Sequence[UUID], time: timedelta) -> None:
    """Have nobody handed these messages for `time`: whoever has them needs longer than one transaction."""
    await session.execute(_POSTPONE, {"ids": list(ids), "time": time})


_RESERVE = text("""
    WITH free AS (
        SELECT id, reserved_until IS NOT NULL AS repeated FROM outbox
        WHERE id = :id AND done_at IS NULL AND (reserved_until IS NULL OR reserved_until <= now()) FOR UPDATE
    )
    UPDATE outbox SET reserved_until = now() + :time, next_attempt_at = now() + :time FROM free WHERE outbox.id = free.id
    RETURNING outbox.id, payload, request_id, repeated
""").bindparams(bindparam("id", type_=Uuid()), bindparam("time", type_=Interval()))


async def reserve(session: AsyncSession, message_id: UUID, time: timedelta) -> tuple[Message, bool] | None:
    """The message, which nobody else can reserve for `time`, and whether it was reserved before; None if done or reserved."""
    statement = _RESERVE.columns(id=Uuid(), payload=JSONB(), request_id=Text())
    row = (await session.execute(statement, {"id": message_id, "time": time})).one_or_none()
    return (_message(row), row.repeated) if row else None


_FAIL = text("""
    UPDATE outbox SET last_error = :error, reserved_until = least(reserved_until, now()),
        next_attempt_at = now() + least(:first * power(2, greatest(attempts - 1, 0)), :longest)
    WHERE id = :id AND done_at IS NULL
""").bindparams(
    bindparam("id", type_=Uuid()),
    bindparam("first", FIRST_PAUSE, Interval()),
    bindparam("longest", LONGEST_PAUSE, Interval()),
)


async def fail(session: AsyncSession, message_id: UUID, error: str) -> None:
    """Note why a message was not done; it is tried again after its pause."""
    await session.execute(_FAIL, {"id": message_id, "error": error[:_ERROR_LENGTH]})


_FORGET = text("""
    DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox WHERE done_at < now() - :kept ORDER BY done_at LIMIT :count FOR UPDATE SKIP LOCKED
    )
""").bindparams(bindparam("kept", KEPT, Interval()), bindparam("count", _FORGET_BATCH))


async def forget(session: AsyncSession) -> int:
    """Delete a batch of messages that were done longer than KEPT ago; returns how many."""
    return (await session.execute(_FORGET)).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult


_BACKLOG = text("""
    SELECT count(*) FILTER (WHERE dead_at IS NULL) AS waiting,
           coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE dead_at IS NULL)), 0)::float8 AS oldest,
           count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead
    FROM outbox WHERE done_at IS NULL
""")


async def backlog(session: AsyncSession) -> Backlog:
    """What is not done."""
    return Backlog(*(await session.execute(_BACKLOG)).one())


_DEAD = text("""
    SELECT id, task, request_id, created_at, dead_at, attempts, last_error FROM outbox
    WHERE done_at IS NULL AND dead_at IS NOT NULL AND (CAST(:task AS text) IS NULL OR task = :task)
    ORDER BY dead_at LIMIT :count
""")


async def dead_letters(session: AsyncSession, task: str | None, count: int) -> list[DeadLetter]:
    """The oldest dead letters, of one task or of all."""
    rows = await session.execute(_DEAD, {"task": task, "count": count})
    return [DeadLetter(**(row._asdict() | {"request_id": carried.split(row.request_id)[0]})) for row in rows]


_REDRIVE = text("""
    UPDATE outbox SET attempts = 0, next_attempt_at = now(), dead_at = NULL
    WHERE done_at IS NULL AND dead_at IS NOT NULL
      AND (CAST(:task AS text) IS NULL OR task = :task) AND (:all OR id = ANY(:ids))
    RETURNING id
""").bindparams(_IDS)


async def redrive(session: AsyncSession, *, ids: Sequence[UUID] = (), task: str | None = None) -> list[UUID]:
    """Give dead letters another MAX_ATTEMPTS: those with `ids`, or all, of one task or of all; the ids that it was done for."""
    rows = await session.execute(_REDRIVE, {"ids": list(ids), "task": task, "all": not ids})
    return [row.id for row in rows]
