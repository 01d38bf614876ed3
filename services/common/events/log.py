"""The producer's log of events: written with what happened, numbered when that has committed, read in order, forgotten in time.

A number that is drawn within the transaction would not do: a transaction that draws a lower one and commits later would be
overlooked by whoever has read past it. So positions are given afterwards, by one numbering at a time: who sees a position
sees all before it, and there are no gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Index, Interval, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.common import database
from services.common.events.schema import Event
from services.common.ids import uuid7
from services.common.postgres import Transaction
from services.common.telemetry import carried

#: How long events can be asked for. A consumer may be away for that long.
KEPT = timedelta(days=14)

_NUMBERED_AT_ONCE = 1000
_FORGET_BATCH = 5000


class EventRow(database.Base):
    """One event. `position` is missing until it is numbered."""

    metadata = database.metadata()

    __tablename__ = "events"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int | None]
    name: Mapped[str]
    version: Mapped[int]
    data: Mapped[dict[str, Any]]
    request_id: Mapped[str]
    occurred_at: Mapped[datetime] = mapped_column(server_default=text("now()"))

    __table_args__ = (
        Index("uq_events_position", "position", unique=True),
        Index("ix_events_unnumbered", "id", postgresql_where=text("position IS NULL")),
    )


class LastPosition(database.Base):
    """The position that was given last: one row, whose lock makes numberings take turns."""

    metadata = EventRow.metadata

    __tablename__ = "event_position"

    only: Mapped[bool] = mapped_column(primary_key=True)
    last: Mapped[int]


_EMIT = text(
    "INSERT INTO events (id, name, version, data, request_id) VALUES (:id, :name, :version, :data, :request)"
).bindparams(bindparam("id", type_=Uuid()), bindparam("data", type_=JSONB()))


_EMIT_PLAIN = "INSERT INTO events (id, name, version, data, request_id) VALUES ($1, $2, $3, $4, $5)"


async def emit(session: AsyncSession | Transaction, event: Event) -> UUID:
    """Tell whoever asks that this has happened, once the session's transaction has committed; returns the event's id."""
    event_id = uuid7()
    if isinstance(session, Transaction):
        plain = event.name, event.version, event.model_dump_json(), carried.stamp()
        await session.execute(_EMIT_PLAIN, event_id, *plain)
        return event_id
    values = {"id": event_id, "name": event.name, "version": event.version, "data": event.model_dump(mode="json")}
    await session.execute(_EMIT, values | {"request": carried.stamp()})
    return event_id


_LAST = text("SELECT last FROM event_position FOR UPDATE")
_UNNUMBERED = text("SELECT id FROM events WHERE position IS NULL ORDER BY id LIMIT :count")
_NUMBER = text("""
    UPDATE events SET position = :last + given.number
    FROM unnest(:ids) WITH ORDINALITY AS given (id, number) WHERE events.id = given.id
""").bindparams(bindparam("ids", type_=ARRAY(Uuid())))
_REACHED = text("UPDATE event_position SET last = last + :count")


async def number(session: AsyncSession) -> int:
    """Give committed events their positions; returns how many. Who comes at the same time waits."""
    last = (await session.execute(_LAST)).scalar_one()
    ids = [row.id for row in await session.execute(_UNNUMBERED, {"count": _NUMBERED_AT_ONCE})]
    if ids:
        await session.execute(_NUMBER, {"last": last, "ids": ids})
        await session.execute(_REACHED, {"count": len(ids)})
    return len(ids)


_AFTER = text("""
    SELECT position, id, name, version, data, request_id, occurred_at FROM events
    WHERE position > :after ORDER BY position LIMIT :count
""").columns(id=Uuid(), data=JSONB())
_FIRST = text("SELECT coalesce(min(position), (SELECT last + 1 FROM event_position)) FROM events")


async def after(session: AsyncSession, position: int, count: int) -> Sequence[Any]:
    """At most `count` events after `position`, in order."""
    return (await session.execute(_AFTER, {"after": position, "count": count})).all()


async def first(session: AsyncSession) -> int:
    """The lowest position that can still be asked for."""
    return int((await session.execute(_FIRST)).scalar_one())


_FORGET = text("""
    DELETE FROM events WHERE id IN (
        SELECT id FROM events WHERE position IS NOT NULL AND occurred_at < now() - :kept
        ORDER BY position LIMIT :count FOR UPDATE SKIP LOCKED
    )
""").bindparams(bindparam("kept", KEPT, Interval()), bindparam("count", _FORGET_BATCH))


async def forget(session: AsyncSession) -> int:
    """Delete a batch of events that happened longer than KEPT ago; returns how many."""
    return (await session.execute(_FORGET)).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult
