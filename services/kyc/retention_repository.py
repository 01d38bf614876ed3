"""The queries on what is kept for how long; functions of the database (migration 0003) erase, and refuse what is not due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import TextClause

from services.kyc.models import Case

_BATCH = 200

_MOMENT = DateTime(timezone=True)


class Held(NamedTuple):
    """By which rule a case is kept, when it may be erased (None: that is not known yet), and when at the earliest."""

    rule: str
    law: str
    source: str
    until: datetime | None
    earliest: datetime


def _moment(statement: str) -> TextClause:
    return text(statement).bindparams(bindparam("moment", type_=_MOMENT), bindparam("count", _BATCH))


_CASES = _moment("""
    SELECT player_id FROM cases
    WHERE erased_at IS NULL AND (level = 'none' OR closed_at IS NOT NULL) AND erasable_at(player_id) <= :moment
        AND (
            closed_at IS NOT NULL
            OR informed_at BETWEEN erasable_at(player_id) - interval '4 days' AND :moment - interval '48 hours'
        )
    LIMIT :count FOR UPDATE SKIP LOCKED
""").columns(player_id=Uuid())

#: Whoever closed the account is gone; all others are told, up to three days before, and again where the day has moved since.
_UNINFORMED = _moment("""
    SELECT player_id FROM cases
    WHERE erased_at IS NULL AND closed_at IS NULL AND level = 'none' AND erasable_at(player_id) <= :moment + interval '3 days'
        AND (notice_at IS NULL OR notice_at < erasable_at(player_id) - interval '4 days')
    LIMIT :count FOR UPDATE SKIP LOCKED
""").columns(player_id=Uuid())

_ITEMS = _moment("""
    SELECT i.id FROM items i JOIN cases c ON c.player_id = i.player_id
    WHERE i.state IN ('rejected', 'resubmit')
        AND greatest(i.created_at, (SELECT max(at) FROM decisions d WHERE d.player_id = i.player_id AND d.item_id = i.id))
            <= :moment - (SELECT period FROM retention_rules WHERE name = 'not_taken')
    LIMIT :count FOR UPDATE OF c SKIP LOCKED
""").columns(id=Uuid())

_LOGS = _moment("""
    SELECT player_id FROM cases
    WHERE state = 'erased' AND erased_at <= :moment - (SELECT period FROM retention_rules WHERE name = 'logs')
    LIMIT :count FOR UPDATE SKIP LOCKED
""").columns(player_id=Uuid())


async def due_cases(session: AsyncSession, moment: datetime) -> Sequence[UUID]:
    """A batch of players whose cases are due to be erased, locked."""
    return (await session.scalars(_CASES, {"moment": moment})).all()


async def uninformed(session: AsyncSession, moment: datetime) -> Sequence[UUID]:
    """A batch of players who are to be erased soon and have not been told, locked."""
    return (await session.scalars(_UNINFORMED, {"moment": moment})).all()


async def note_notice(session: AsyncSession, player: UUID, moment: datetime) -> None:
    """It is decided that a player is told."""
    await session.execute(update(Case).where(Case.player_id == player).values(notice_at=moment))


async def due_items(session: AsyncSession, moment: datetime) -> Sequence[UUID]:
    """A batch of items that were not taken and are due to be erased; their cases are locked."""
    return (await session.scalars(_ITEMS, {"moment": moment})).all()


async def due_logs(session: AsyncSession, moment: datetime) -> Sequence[UUID]:
    """A batch of players whose logs are due to be erased, locked."""
    return (await session.scalars(_LOGS, {"moment": moment})).all()


_HELD = text("""
    SELECT name, law, source, erasable_at(:player) AS until, :moment + period AS earliest
    FROM retention_rules WHERE name = retention_of(:player)
""").bindparams(bindparam("player", type_=Uuid()), bindparam("moment", type_=_MOMENT))


async def held(session: AsyncSession, player: UUID, moment: datetime) -> Held:
    """How long the case of a player is kept, who has one that is not erased."""
    found = (await session.execute(_HELD, {"player": player, "moment": moment})).one()
    return Held(found.name, found.law, found.source, found.until, max(found.until or found.earliest, moment))


async def erase_case(session: AsyncSession, player: UUID, moment: datetime) -> None:
    """Delete all that is known of a player but the logs. The session has to forget what it read of them."""
    await _call(session, "erase_case", player, moment)


async def erase_item(session: AsyncSession, item: UUID, moment: datetime) -> None:
    """Delete an item that was not taken."""
    await _call(session, "erase_item", item, moment)


async def forget_case(session: AsyncSession, player: UUID, moment: datetime) -> None:
    """Delete the logs of an erased case, and that there was one."""
    await _call(session, "forget_case", player, moment)


async def _call(session: AsyncSession, function: str, whose: UUID, moment: datetime) -> None:
    called = text(f"SELECT {function}(:whose, :moment)").bindparams(
        bindparam("whose", type_=Uuid()), bindparam("moment", type_=_MOMENT)
    )
    await session.execute(called, {"whose": whose, "moment": moment})
    session.expire_all()
