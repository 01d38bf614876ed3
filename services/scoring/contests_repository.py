"""The queries of contests: who entered, how their boards stand, and what they pay out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.postgres import Reads
from services.scoring.models import Contest, Entry


async def contest(session: AsyncSession, contest_id: UUID, *, lock: bool = False) -> Contest | None:
    """The contest; it is changed by setting its attributes."""
    chosen = select(Contest).where(Contest.id == contest_id)
    if lock:
        chosen = chosen.with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(chosen)).one_or_none()


_SHOWN = """
    SELECT c.id, c.slate_id, c.title, c.prizes, c.state, c.entered,
        array_agg(m.phase) AS phases, array_agg(m.disputes <> '[]') AS disputed
    FROM contests c JOIN slate_matches s ON s.slate_id = c.slate_id JOIN matches m ON m.id = s.match_id
    WHERE c.id = $1 GROUP BY c.id
"""


async def shown(reads: Reads, contest_id: UUID) -> Any:
    """A contest as it is shown, None if there is none: its columns, and `phases` and `disputed` of the slate's matches."""
    return await reads.fetchrow(_SHOWN, contest_id)


async def add_contest(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """Keep a contest; nothing happens if there is one of that id."""
    await session.execute(insert(Contest).values(**values).on_conflict_do_nothing())


async def contests_of(session: AsyncSession, slate_id: UUID) -> Sequence[UUID]:
    """The contests of a slate."""
    return (await session.scalars(select(Contest.id).where(Contest.slate_id == slate_id).order_by(Contest.id))).all()


async def contests_with(session: AsyncSession, team_id: UUID) -> Sequence[UUID]:
    """The contests that a team has entered."""
    return (await session.scalars(select(Entry.contest_id).where(Entry.team_id == team_id))).all()


_ENTER = text("""
    INSERT INTO entries (contest_id, team_id, number, created_at) VALUES (:contest, :team, :number, :now)
""").bindparams(bindparam("contest", type_=Uuid()), bindparam("team", type_=Uuid()))
_STANDINGS = text("""
    SELECT t.id, t.owner_id, t.units FROM entries e JOIN teams t ON t.id = e.team_id
    WHERE e.contest_id = :contest ORDER BY e.number
""").columns(id=Uuid(), owner_id=Uuid())


async def enter(session: AsyncSession, contest_id: UUID, team_id: UUID, number: int, now: datetime) -> None:
    """Enter a team as the contest's `number`-th; the contest is locked."""
    await session.execute(_ENTER, {"contest": contest_id, "team": team_id, "number": number, "now": now})


async def standings(session: AsyncSession, contest_id: UUID) -> list[tuple[UUID, UUID, int]]:
    """Team, owner and units of every entry, in the order of entry."""
    return [(row.id, row.owner_id, row.units) for row in await session.execute(_STANDINGS, {"contest": contest_id})]
