"""The queries of seasons and leagues: whose points count together, and who plays in which league."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.scoring.models import MatchRecord, SlateMatch
from services.scoring.models_seasons import League, LeagueMember, Season, SeasonSlate, SeasonTotal

#: `reached` of a slate whose teams were never counted: even those that no scoring has moved are counted then.
_NEVER = -1


async def season(session: AsyncSession, season_id: UUID, *, lock: bool = False) -> Season | None:
    """The season; it is changed by setting its attributes."""
    chosen = select(Season).where(Season.id == season_id)
    if lock:
        chosen = chosen.with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(chosen)).one_or_none()


async def add_season(session: AsyncSession, season_id: UUID, title: str, now: datetime) -> None:
    """Keep a season; nothing happens if there is one of that id."""
    values = {"id": season_id, "title": title, "revision": 0, "created_at": now}
    await session.execute(insert(Season).values(**values).on_conflict_do_nothing())


async def add_slates(session: AsyncSession, season_id: UUID, slates: Sequence[UUID]) -> Sequence[UUID]:
    """Have slates count in a season; those that did not before."""
    rows = [{"season_id": season_id, "slate_id": slate_id, "reached": _NEVER} for slate_id in slates]
    made = insert(SeasonSlate).values(rows).on_conflict_do_nothing().returning(SeasonSlate.slate_id)
    return (await session.scalars(made)).all()


async def slates_of(session: AsyncSession, season_id: UUID) -> Sequence[UUID]:
    """The slates of a season."""
    chosen = select(SeasonSlate.slate_id).where(SeasonSlate.season_id == season_id)
    return (await session.scalars(chosen.order_by(SeasonSlate.slate_id))).all()


async def seasons_of(session: AsyncSession, slate_id: UUID) -> Sequence[UUID]:
    """The seasons in which a slate counts, in the order in which they are locked."""
    chosen = select(SeasonSlate.season_id).where(SeasonSlate.slate_id == slate_id)
    return (await session.scalars(chosen.order_by(SeasonSlate.season_id))).all()


async def matches_of(session: AsyncSession, season_id: UUID) -> Sequence[MatchRecord]:
    """The matches of a season."""
    counted = (
        select(SlateMatch.match_id)
        .join(SeasonSlate, SeasonSlate.slate_id == SlateMatch.slate_id)
        .where(SeasonSlate.season_id == season_id)
    )
    return (
        await session.scalars(select(MatchRecord).where(MatchRecord.id.in_(counted)).order_by(MatchRecord.id))
    ).all()


async def players_in(session: AsyncSession, season_id: UUID) -> int:
    """How many are ranked in a season."""
    chosen = select(func.count()).select_from(SeasonTotal).where(SeasonTotal.season_id == season_id)
    return int((await session.scalars(chosen)).one())


_REACHED = text("SELECT reached FROM season_slates WHERE season_id = :season AND slate_id = :slate")

#: A player's best team of each slate counts. What it has gained on the one that counted before goes on the season's total.
_COUNT = text("""
    WITH concerned AS (
        SELECT DISTINCT owner_id FROM teams
        WHERE slate_id = :slate AND (changed_in > :reached OR owner_id = ANY(:owners))
    ), bests AS (
        SELECT t.owner_id, max(t.units) AS units FROM teams t JOIN concerned USING (owner_id)
        WHERE t.slate_id = :slate GROUP BY t.owner_id
    ), moved AS (
        SELECT b.owner_id, b.units, b.units - coalesce(known.units, 0) AS gained
        FROM bests b LEFT JOIN season_bests known
            ON known.season_id = :season AND known.slate_id = :slate AND known.owner_id = b.owner_id
        WHERE known.units IS DISTINCT FROM b.units
    ), kept AS (
        INSERT INTO season_bests (season_id, slate_id, owner_id, units)
        SELECT :season, :slate, owner_id, units FROM moved
        ON CONFLICT (season_id, slate_id, owner_id) DO UPDATE SET units = excluded.units
    )
    INSERT INTO season_totals AS total (season_id, owner_id, units, changed_in)
    SELECT :season, owner_id, gained, :revision FROM moved
    ON CONFLICT (season_id, owner_id)
    DO UPDATE SET units = total.units + excluded.units, changed_in = excluded.changed_in
""").bindparams(
    bindparam("season", type_=Uuid()), bindparam("slate", type_=Uuid()), bindparam("owners", type_=ARRAY(Uuid()))
)


async def count(
    session: AsyncSession, counted: Season, slate_id: UUID, slate_revision: int, owners: Sequence[UUID]
) -> None:
    """Bring a season's totals up to a slate's revision, and those of `owners` in any case. Season and slate are locked."""
    reached = (await session.execute(_REACHED, {"season": counted.id, "slate": slate_id})).scalar_one()
    counted.revision += 1
    await session.flush()
    given = {"season": counted.id, "slate": slate_id, "reached": reached, "owners": list(owners)}
    await session.execute(_COUNT, given | {"revision": counted.revision})
    of = (SeasonSlate.season_id == counted.id) & (SeasonSlate.slate_id == slate_id)
    await session.execute(update(SeasonSlate).where(of).values(reached=slate_revision))


# --- leagues


async def league(session: AsyncSession, league_id: UUID, *, lock: bool = False) -> League | None:
    """The league; it is changed by setting its attributes."""
    chosen = select(League).where(League.id == league_id)
    if lock:
        chosen = chosen.with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(chosen)).one_or_none()


async def add_league(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """Keep a league; nothing happens if there is one of that id."""
    await session.execute(insert(League).values(**values).on_conflict_do_nothing())


async def join(session: AsyncSession, league_id: UUID, owner: UUID, now: datetime) -> None:
    """Make somebody a member who is none yet; both are locked."""
    await session.execute(insert(LeagueMember).values(league_id=league_id, owner_id=owner, joined_at=now))


async def leave(session: AsyncSession, league_id: UUID, owner: UUID) -> bool:
    """Take a member out; False if there is none."""
    of = (LeagueMember.league_id == league_id) & (LeagueMember.owner_id == owner)
    gone = delete(LeagueMember).where(of).returning(LeagueMember.owner_id)
    return (await session.execute(gone)).first() is not None


async def is_member(session: AsyncSession, league_id: UUID, owner: UUID) -> bool:
    """Whether somebody plays in a league."""
    of = (LeagueMember.league_id == league_id) & (LeagueMember.owner_id == owner)
    return (await session.scalars(select(LeagueMember.owner_id).where(of))).one_or_none() is not None


async def leagues_with(session: AsyncSession, owner: UUID) -> Sequence[League]:
    """The leagues in which somebody plays, by title."""
    joined = select(League).join(LeagueMember, LeagueMember.league_id == League.id)
    return (await session.scalars(joined.where(LeagueMember.owner_id == owner).order_by(League.title, League.id))).all()


async def count_leagues(session: AsyncSession, owner: UUID) -> int:
    """In how many leagues somebody plays."""
    chosen = select(func.count()).select_from(LeagueMember).where(LeagueMember.owner_id == owner)
    return int((await session.scalars(chosen)).one())


async def leagues_of(session: AsyncSession, season_id: UUID, after: UUID, count: int) -> Sequence[UUID]:
    """Leagues of a season in the order of their ids."""
    chosen = select(League.id).where((League.season_id == season_id) & (League.id > after))
    return (await session.scalars(chosen.order_by(League.id).limit(count))).all()


_PLAYER_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:player, 0))")


async def lock_player(session: AsyncSession, owner: UUID) -> None:
    """Have what somebody joins take turns, so that it can be counted."""
    await session.execute(_PLAYER_LOCK, {"player": f"leagues {owner}"})
