"""Scoring's background work: matches and slates are scored, boards follow, results become final, prizes are ordered."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncSession

from services.common import events, metrics, outbox
from services.common.clock import Clock
from services.common.jobs import Jobs
from services.scoring import (
    boards,
    comparing,
    contests_repository,
    feeds,
    ingestion,
    letters,
    paying,
    prizes,
    pulling,
    repository,
    rescoring,
    seasons,
    service,
)
from services.scoring.rankings_repository import named, of_contest, of_league

#: The outbox task that fills a board which readers have missed, and how many are filled after each look.
FILL, FILLED_AT_ONCE = "scoring.fill_board", 200

jobs = Jobs(emits=True)
jobs.on_message_outside(feeds.PULL, pulling.Pull())
jobs.on_message_outside(letters.LETTERS, letters.Letters())
jobs.on_message_outside(paying.PAY, paying.Pay())
jobs.on_message_outside(comparing.COMPARE, comparing.Compare())


@jobs.on_message(ingestion.SCORE)
async def score(session: AsyncSession, clock: Clock, payload: dict[str, Any]) -> None:
    """Score a match that has changed."""
    await rescoring.score_match(session, clock, payload["match"], payload.get("received"))


@jobs.on_message(service.SCORE_SLATE)
async def score_slate(session: AsyncSession, clock: Clock, payload: dict[str, Any]) -> None:
    """Score a new slate: its matches may have been played under other rules."""
    slate_id = UUID(payload["slate"])
    for match in await repository.matches_of(session, slate_id):
        await rescoring.score_match(session, clock, match.id)
    await rescoring.score_teams(session, slate_id, None)


@jobs.on_message(rescoring.BOARDS)
async def refresh_boards(session: AsyncSession, clock: Clock, payload: dict[str, Any]) -> None:
    """Bring the boards of a slate's contests up to date."""
    slate_id = UUID(payload["slate"])
    async with boards.open_cache() as cache:
        for contest_id in await contests_repository.contests_of(session, slate_id):
            await boards.refresh(session, cache, of_contest(contest_id))
    _lag(clock, payload)


@jobs.on_message(service.PLACE)
async def place(session: AsyncSession, clock: Clock, payload: dict[str, Any]) -> None:
    """Put a team that has entered, or has new picks, on a contest's board."""
    async with boards.open_cache() as cache:
        await boards.place(session, cache, of_contest(UUID(payload["contest"])), UUID(payload["team"]))


@jobs.on_message(seasons.COUNT)
async def count_seasons(session: AsyncSession, clock: Clock, payload: dict[str, Any]) -> None:
    """Have the seasons of a slate follow what moved in it."""
    owners = [UUID(owner) for owner in payload["owners"]]
    await seasons.count(session, UUID(payload["slate"]), owners, payload["received"])


@jobs.on_message(seasons.BOARDS)
async def refresh_season(session: AsyncSession, clock: Clock, payload: dict[str, Any]) -> None:
    """Bring a season's board up to date; its leagues' follow."""
    async with boards.open_cache() as cache:
        await seasons.refresh(session, cache, UUID(payload["season"]))
    _lag(clock, payload)


@jobs.on_message(seasons.LEAGUE_BOARDS)
async def refresh_leagues(session: AsyncSession, clock: Clock, payload: dict[str, Any]) -> None:
    """Bring the boards of some leagues up to date."""
    async with boards.open_cache() as cache:
        for league in payload["leagues"]:
            await boards.refresh(session, cache, of_league(UUID(league)))


@jobs.on_message(seasons.MEMBER)
async def place_member(session: AsyncSession, clock: Clock, payload: dict[str, Any]) -> None:
    """Put who has joined a league on its board, or take off who has left."""
    async with boards.open_cache() as cache:
        await boards.place(session, cache, of_league(UUID(payload["league"])), UUID(payload["player"]))


@jobs.on_message(FILL)
async def fill_board(session: AsyncSession, clock: Clock, payload: dict[str, Any]) -> None:
    """Fill a board that the cache has lost."""
    async with boards.open_cache() as cache:
        await boards.refresh(session, cache, named(payload["ranking"]))


@jobs.on_message(prizes.SETTLE)
async def settle(session: AsyncSession, clock: Clock, payload: dict[str, Any]) -> None:
    """Compute the prizes of a contest whose matches may all be final."""
    await prizes.settle(session, clock, UUID(payload["contest"]))


@jobs.on_schedule("scoring.poll_feeds", "* * * * *", late_after=timedelta(minutes=10), runbook="scoring-feed")
async def poll_feeds(session: AsyncSession, clock: Clock) -> None:
    """Every minute ask providers for what is due."""
    await feeds.hand_out(session, clock)


@jobs.on_schedule("scoring.finish_matches", "* * * * *", late_after=timedelta(minutes=30))
async def finish_matches(session: AsyncSession, clock: Clock) -> None:
    """Every minute make final what has stood long enough."""
    await prizes.finish_matches(session, clock)


@jobs.on_schedule("scoring.look_at_prizes", "* * * * *", late_after=timedelta(minutes=10), runbook="scoring-prizes")
async def look_at_prizes(session: AsyncSession, clock: Clock) -> None:
    """Every minute ask again for what should be paid by now."""
    await paying.look(session, clock)


@jobs.on_schedule("scoring.find_lost_boards", "* * * * *", late_after=timedelta(minutes=10), runbook="scoring-lag")
async def find_lost_boards(session: AsyncSession, clock: Clock) -> None:
    """Every minute have boards filled that readers have missed. A cache that does not answer has alarms of its own."""
    with contextlib.suppress(RedisError):
        async with boards.open_cache() as cache:
            for name in await boards.missed(cache, FILLED_AT_ONCE):
                await outbox.enqueue(session, FILL, {"ranking": name})


@jobs.on_schedule("scoring.compare_prizes", "41 2 * * *", late_after=timedelta(hours=26), runbook="scoring-prizes")
async def compare_prizes(session: AsyncSession, clock: Clock) -> None:
    """Nightly compare the prizes of the last two days with the wallet's postings: an answer may have come late."""
    for days in (1, 2):
        await comparing.order(session, clock.now().date() - timedelta(days=days))


@jobs.clean_up("scoring.forget_notifications", "13 3 * * *", late_after=timedelta(hours=26))
async def forget_notifications(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete notifications that are older than they are kept; the lines that they are of stay."""
    return await repository.forget_notifications(session, clock.now() - service.NOTIFICATIONS_KEPT)


@jobs.clean_up("scoring.forget_messages", "33 3 * * *", late_after=timedelta(hours=26))
async def forget_messages(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete messages that were done long ago."""
    return await outbox.forget(session)


@jobs.clean_up("scoring.forget_events", "53 3 * * *", late_after=timedelta(hours=26))
async def forget_events(session: AsyncSession, clock: Clock) -> int:
    """Nightly delete events that nobody asks for any more."""
    return await events.forget(session)


def _lag(clock: Clock, payload: dict[str, Any]) -> None:
    """How long it took from what a feed said to a board that is right."""
    if received := payload.get("received"):
        lag = (clock.now() - datetime.fromisoformat(received)).total_seconds()
        metrics.emit(ScoringLag=(round(max(lag, 0.0), 1), "Seconds"))
