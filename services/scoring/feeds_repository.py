"""The queries of feeds: which are asked of whom, which are due, what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.scoring.models import Feed, FeedPause


async def feed(session: AsyncSession, match_id: str, provider: str) -> Feed | None:
    """The feed, locked until the end of the transaction; it is changed by setting its attributes."""
    of = (Feed.match_id == match_id) & (Feed.provider == provider)
    chosen = select(Feed).where(of).with_for_update().execution_options(populate_existing=True)
    return (await session.scalars(chosen)).one_or_none()


async def keep(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """Keep a feed; one that is there is asked as `values` say from now on, and its answers on the way have no effect."""
    names = ("files", "every", "once", "state", "next_at", "seen", "failures", "error")
    changed = {name: values[name] for name in names} | {"turn": Feed.turn + 1}
    await session.execute(
        insert(Feed).values(**values).on_conflict_do_update(index_elements=["match_id", "provider"], set_=changed)
    )


async def add(session: AsyncSession, rows: Iterable[Mapping[str, Any]]) -> int:
    """Keep feeds that are not there; how many that were."""
    keep_new = insert(Feed).on_conflict_do_nothing().returning(Feed.match_id)
    return len((await session.scalars(keep_new, list(rows))).all())


_DUE = text("""
    UPDATE feeds SET turn = turn + 1, next_at = :again WHERE (match_id, provider) IN (
        SELECT match_id, provider FROM feeds
        WHERE provider = :provider AND state = 'active' AND next_at <= :now
        ORDER BY next_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
    RETURNING match_id, turn
""")


async def hand_out(
    session: AsyncSession, provider: str, now: datetime, again: datetime, most: int
) -> Sequence[tuple[str, int]]:
    """At most `most` feeds of a provider that are due: match and turn. They are due at `again`, if nothing comes of it."""
    given = {"provider": provider, "now": now, "again": again, "most": most}
    return [(row.match_id, row.turn) for row in await session.execute(_DUE, given)]


async def paused_until(session: AsyncSession, provider: str) -> datetime | None:
    """Until when a provider has asked not to be asked, if it ever did."""
    return (await session.scalars(select(FeedPause.until).where(FeedPause.provider == provider))).one_or_none()


async def pause(session: AsyncSession, provider: str, until: datetime) -> None:
    """Ask a provider nothing until then, or until a later time that is known already."""
    kept = insert(FeedPause).values(provider=provider, until=until)
    later = {"until": func.greatest(FeedPause.until, kept.excluded.until)}
    await session.execute(kept.on_conflict_do_update(index_elements=["provider"], set_=later))


async def states(session: AsyncSession, provider: str) -> dict[str, int]:
    """How many feeds of a provider are in each state."""
    counted = select(Feed.state, func.count()).where(Feed.provider == provider).group_by(Feed.state)
    return {row[0]: row[1] for row in await session.execute(counted)}


async def page(session: AsyncSession, provider: str, after: str, count: int) -> Sequence[Feed]:
    """Feeds of a provider in the order of their matches."""
    of = (Feed.provider == provider) & (Feed.match_id > after)
    return (await session.scalars(select(Feed).where(of).order_by(Feed.match_id).limit(count))).all()
