"""Who is ranked together, a contest's teams, a season's players or a league's, and how they stand by PostgreSQL, the truth.

One set of queries for the three, of rows with member, units and changed_in (the revision that last moved the units).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, Text, cast, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.scoring.models import Contest, Entry, Slate, Team
from services.scoring.models_seasons import League, LeagueMember, Season, SeasonTotal


@dataclass(frozen=True, slots=True)
class Ranking:
    """Who is ranked together: rows of member, units and changed_in, and up to which revision these are right.

    `name`: what kind of ranking it is and its id, for `named`.
    """

    name: str
    id: UUID
    rows: Select[UUID, int, int]
    revision: Select[int]


def of_contest(contest_id: UUID) -> Ranking:
    """The teams that have entered a contest."""
    entered = (
        select(Entry.team_id.label("member"), Team.units, Team.changed_in)
        .join(Team, Team.id == Entry.team_id)
        .where(Entry.contest_id == contest_id)
    )
    revision = select(Slate.revision).join(Contest, Contest.slate_id == Slate.id).where(Contest.id == contest_id)
    return Ranking(f"contest {contest_id}", contest_id, entered, revision)


def of_season(season_id: UUID) -> Ranking:
    """Everybody who has a team in one of a season's slates."""
    everybody = select(SeasonTotal.owner_id.label("member"), SeasonTotal.units, SeasonTotal.changed_in)
    revision = select(Season.revision).where(Season.id == season_id)
    return Ranking(f"season {season_id}", season_id, everybody.where(SeasonTotal.season_id == season_id), revision)


def of_league(league_id: UUID) -> Ranking:
    """The members of a league; who has no team in its season has no points."""
    total = (SeasonTotal.season_id == League.season_id) & (SeasonTotal.owner_id == LeagueMember.owner_id)
    members = (
        select(
            LeagueMember.owner_id.label("member"),
            func.coalesce(SeasonTotal.units, 0).label("units"),
            func.coalesce(SeasonTotal.changed_in, 0).label("changed_in"),
        )
        .join(League, League.id == LeagueMember.league_id)
        .outerjoin(SeasonTotal, total)
        .where(LeagueMember.league_id == league_id)
    )
    revision = select(Season.revision).join(League, League.season_id == Season.id).where(League.id == league_id)
    return Ranking(f"league {league_id}", league_id, members, revision)


_KINDS = {"contest": of_contest, "season": of_season, "league": of_league}


def named(name: str) -> Ranking:
    """The ranking of that name."""
    kind, _, identity = name.partition(" ")
    return _KINDS[kind](UUID(identity))


async def revision_of(session: AsyncSession, ranking: Ranking) -> int:
    """Up to which revision the totals are."""
    return int((await session.execute(ranking.revision)).scalar_one())


async def page(session: AsyncSession, ranking: Ranking, start: int, count: int) -> tuple[int, list[tuple[UUID, int]]]:
    """How many are above the page's first, and members with units from place `start` (0 is the first) on, best first; equals
    by their ids, as on the board in the cache."""
    rows = ranking.rows.subquery()
    chosen = select(rows.c.member, rows.c.units).order_by(rows.c.units.desc(), rows.c.member.desc())
    part = chosen.offset(start).limit(count).cte("page")
    others = ranking.rows.subquery()
    above = select(func.count()).where(others.c.units > select(func.max(part.c.units)).scalar_subquery())
    whole = select(part.c.member, part.c.units, above.scalar_subquery().label("above"))
    found = (await session.execute(whole.order_by(part.c.units.desc(), part.c.member.desc()))).all()
    return (found[0].above if found else 0), [(row.member, row.units) for row in found]


async def places(session: AsyncSession, ranking: Ranking, members: Sequence[UUID]) -> list[tuple[int, UUID, int]]:
    """Rank, member and units of those of `members` who are ranked here."""
    rows, others = ranking.rows.subquery(), ranking.rows.subquery()
    above = select(func.count()).where(others.c.units > rows.c.units).correlate(rows).scalar_subquery()
    chosen = select(rows.c.member, rows.c.units, above.label("above")).where(rows.c.member.in_(list(members)))
    return [(row.above + 1, row.member, row.units) for row in await session.execute(chosen)]


async def units_of(session: AsyncSession, ranking: Ranking, member: UUID) -> int | None:
    """A member's units; None for somebody who is not ranked here."""
    rows = ranking.rows.subquery()
    found: int | None = await session.scalar(select(rows.c.units).where(rows.c.member == member))
    return found


async def before(session: AsyncSession, ranking: Ranking, member: UUID, units: int) -> int:
    """How many stand before a member on the board."""
    rows = ranking.rows.subquery()
    chosen = select(func.count()).where(tuple_(rows.c.units, rows.c.member) > tuple_(units, member))
    return int((await session.execute(chosen)).scalar_one())


async def parts(
    session: AsyncSession, ranking: Ranking, count: int, since: int | None = None
) -> AsyncIterator[Sequence[tuple[str, int]]]:
    """Members (as text) and units, `count` at a time: of everybody, or of those whom a revision after `since` has moved."""
    rows = ranking.rows.subquery()
    chosen = select(cast(rows.c.member, Text).label("member"), rows.c.units)
    if since is not None:
        chosen = chosen.where(rows.c.changed_in > since)
    found = await session.stream(chosen)
    async for part in found.partitions(count):
        yield [(member, units) for member, units in part]


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:board, 0))")


async def lock_board(session: AsyncSession, ranking: Ranking) -> None:
    """Have those who bring a board up to date take turns."""
    await session.execute(_LOCK, {"board": f"board {ranking.id}"})
