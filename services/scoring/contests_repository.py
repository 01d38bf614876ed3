"""The queries of contests: who entered, how their boards stand, and what they pay out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.scoring.models import Contest, Entry, Payout, Slate


async def contest(session: AsyncSession, contest_id: UUID, *, lock: bool = False) -> Contest | None:
    """The contest; it is changed by setting its attributes."""
    chosen = select(Contest).where(Contest.id == contest_id)
    if lock:
        chosen = chosen.with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(chosen)).one_or_none()


async def revision_of(session: AsyncSession, contest_id: UUID) -> int:
    """The revision of a contest's slate."""
    joined = select(Slate.revision).join(Contest, Contest.slate_id == Slate.id).where(Contest.id == contest_id)
    return (await session.scalars(joined)).one()


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
_PAGE = text("""
    WITH page AS (
        SELECT t.id, t.units FROM entries e JOIN teams t ON t.id = e.team_id WHERE e.contest_id = :contest
        ORDER BY t.units DESC, t.id DESC OFFSET :start LIMIT :count
    ), above AS (
        SELECT count(*) AS count FROM entries e JOIN teams t ON t.id = e.team_id
        WHERE e.contest_id = :contest AND t.units > (SELECT max(units) FROM page)
    )
    SELECT page.id, page.units, above.count AS above FROM page, above ORDER BY page.units DESC, page.id DESC
""").columns(id=Uuid())
_PLACES = (
    text("""
    SELECT t.id, t.units, 1 + (
        SELECT count(*) FROM entries o JOIN teams u ON u.id = o.team_id
        WHERE o.contest_id = :contest AND u.units > t.units
    ) AS rank
    FROM entries e JOIN teams t ON t.id = e.team_id WHERE e.contest_id = :contest AND e.team_id = ANY(:teams)
""")
    .bindparams(bindparam("teams", type_=ARRAY(Uuid())))
    .columns(id=Uuid())
)
_BEFORE = text("""
    SELECT count(*) FROM entries e JOIN teams t ON t.id = e.team_id
    WHERE e.contest_id = :contest AND (t.units, t.id) > (:units, :team)
""").bindparams(bindparam("team", type_=Uuid()))
_STANDINGS = text("""
    SELECT t.id, t.owner_id, t.units FROM entries e JOIN teams t ON t.id = e.team_id
    WHERE e.contest_id = :contest ORDER BY e.number
""").columns(id=Uuid(), owner_id=Uuid())
_CHANGED = text("""
    SELECT t.id, t.units FROM entries e JOIN teams t ON t.id = e.team_id
    WHERE e.contest_id = :contest AND t.changed_in > :since
""").columns(id=Uuid())


async def enter(session: AsyncSession, contest_id: UUID, team_id: UUID, number: int, now: datetime) -> None:
    """Enter a team as the contest's `number`-th; the contest is locked."""
    await session.execute(_ENTER, {"contest": contest_id, "team": team_id, "number": number, "now": now})


async def page(session: AsyncSession, contest_id: UUID, start: int, count: int) -> tuple[int, list[tuple[UUID, int]]]:
    """How many entries are above the page's first, and teams with units from place `start` (0 is the first) on, best first;
    equals by their ids, as on the board in the cache."""
    found = (await session.execute(_PAGE, {"contest": contest_id, "start": start, "count": count})).all()
    return (found[0].above if found else 0), [(row.id, row.units) for row in found]


async def places(session: AsyncSession, contest_id: UUID, teams: Sequence[UUID]) -> list[tuple[int, UUID, int]]:
    """Rank, team and units of those of `teams` that are in the contest."""
    found = await session.execute(_PLACES, {"contest": contest_id, "teams": list(teams)})
    return [(row.rank, row.id, row.units) for row in found]


async def before(session: AsyncSession, contest_id: UUID, team_id: UUID, units: int) -> int:
    """How many entries stand before a team on the board."""
    given = {"contest": contest_id, "units": units, "team": team_id}
    return int((await session.execute(_BEFORE, given)).scalar_one())


async def standings(session: AsyncSession, contest_id: UUID) -> list[tuple[UUID, UUID, int]]:
    """Team, owner and units of every entry, in the order of entry."""
    return [(row.id, row.owner_id, row.units) for row in await session.execute(_STANDINGS, {"contest": contest_id})]


async def changed(session: AsyncSession, contest_id: UUID, since: int) -> list[tuple[UUID, int]]:
    """Entries whose team's total moved after a revision of the slate."""
    given = {"contest": contest_id, "since": since}
    return [(row.id, row.units) for row in await session.execute(_CHANGED, given)]


_BOARD_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:contest, 0))")


async def lock_board(session: AsyncSession, contest_id: UUID) -> None:
    """Have those who bring a board up to date take turns."""
    await session.execute(_BOARD_LOCK, {"contest": f"board {contest_id}"})


async def add_payouts(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep proposed pay-outs, one for each team."""
    if rows:
        keep = insert(Payout).on_conflict_do_nothing()
        await session.execute(keep, list(rows))


async def payouts(session: AsyncSession, contest_id: UUID) -> Sequence[Payout]:
    """A contest's pay-outs, best first; they are changed by setting their attributes."""
    ordered = select(Payout).where(Payout.contest_id == contest_id).order_by(Payout.rank, Payout.id)
    return (await session.scalars(ordered)).all()
