"""Which matches are asked of which provider, and when: hourly until there is a result, then as often as its sport needs.

Nothing here commits.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.scoring import feeds_repository, lifecycle
from services.scoring.errors import ScoringCode, there
from services.scoring.fetching import PROVIDERS
from services.scoring.models import Feed, MatchRecord
from services.scoring.schemas import BackfillRequest, FeedRequest, Feeds, FeedView

#: The outbox task that asks a provider for a match.
PULL = "scoring.pull"

#: Providers give their data away: no more of one are asked for in a minute.
_PER_MINUTE = 60

#: A turn that nothing came of (a worker died) is over after that.
_TURN = timedelta(minutes=5)

#: What fails is asked for again after 30 s, 60 s, … up to two hours, a little earlier or later than others.
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=2)

#: At this failure in a row a person is asked to look.
LOOKED_AT = 6

#: What is due earlier does not wait for the next minute.
_MINUTE = timedelta(minutes=1)


async def keep(session: AsyncSession, clock: Clock, provider: str, match_id: str, wanted: FeedRequest) -> FeedView:
    """Ask a provider for a match from now on, or for other files, or again; at once where it is asked more than once a minute.

    Raises ServiceError (feed_unknown).
    """
    now = clock.now()
    values = _row(provider, match_id, wanted.files, now) | {"every": wanted.every}
    values["next_at"] = wanted.begins_at or now
    await feeds_repository.keep(session, values)
    feed = there(await feeds_repository.feed(session, match_id, provider), ScoringCode.FEED_UNKNOWN)
    paused = await feeds_repository.paused_until(session, provider)
    if timedelta(seconds=feed.every) < _MINUTE and feed.next_at <= now and (paused is None or paused <= now):
        feed.turn, feed.next_at = feed.turn + 1, now + _TURN
        await outbox.enqueue(session, PULL, _message(provider, match_id, feed.turn))
    return _view(feed)


async def end(session: AsyncSession, provider: str, match_id: str) -> FeedView:
    """Ask no more. Raises ServiceError (feed_unknown)."""
    feed = there(await feeds_repository.feed(session, match_id, provider), ScoringCode.FEED_UNKNOWN)
    feed.state, feed.turn = "ended", feed.turn + 1
    return _view(feed)


async def backfill(session: AsyncSession, clock: Clock, provider: str, wanted: BackfillRequest) -> Feeds:
    """Ask for matches that are over, each until it was taken in once; those that are there already go on as they are."""
    now = clock.now()
    rows = [_row(provider, match_id, files, now) | {"once": True} for match_id, files in sorted(wanted.matches.items())]
    await feeds_repository.add(session, rows)
    return await listed(session, provider, "", 0)


async def listed(session: AsyncSession, provider: str, after: str, count: int) -> Feeds:
    """A provider's feeds."""
    return Feeds(
        states=await feeds_repository.states(session, provider),
        paused_until=await feeds_repository.paused_until(session, provider),
        feeds=[_view(feed) for feed in await feeds_repository.page(session, provider, after, count)],
    )


async def hand_out(session: AsyncSession, clock: Clock) -> None:
    """Have what is due asked for; a provider that asked for a pause gets it."""
    now = clock.now()
    for provider in PROVIDERS:
        until = await feeds_repository.paused_until(session, provider)
        if until is not None and until > now:
            continue
        for match_id, turn in await feeds_repository.hand_out(session, provider, now, now + _TURN, _PER_MINUTE):
            await outbox.enqueue(session, PULL, _message(provider, match_id, turn))


async def succeeded(session: AsyncSession, feed: Feed, match: MatchRecord | None, now: datetime) -> None:
    """A feed was asked and answered: when it is asked again."""
    feed.failures, feed.error = 0, None
    found = match is not None and match.result_at is not None
    if feed.once and found:
        feed.state = "ended"
        return
    every = timedelta(seconds=feed.every)
    feed.next_at = now + (lifecycle.of(match.sport).look if match is not None and found else every)
    if feed.next_at - now < _MINUTE:
        feed.turn += 1
        message = _message(feed.provider, feed.match_id, feed.turn)
        await outbox.enqueue_later(session, PULL, message, feed.next_at - now)
        feed.next_at += _TURN


async def failed(session: AsyncSession, feed: Feed, reason: str, pause: timedelta | None, now: datetime) -> None:
    """A feed could not be asked, or gave nothing that can be used: when it is asked again."""
    feed.failures, feed.error = feed.failures + 1, reason
    feed.next_at = now + max(pause_after(feed.failures), pause or timedelta(0))
    if pause is not None:
        await feeds_repository.pause(session, feed.provider, now + pause)


def pause_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row: up to half of the pause less, so that not all come at once."""
    full: timedelta = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures - 1, 20))
    return full * random.uniform(0.5, 1.0)  # noqa: S311 - to spread, no secret


def _message(provider: str, match_id: str, turn: int) -> dict[str, Any]:
    return {"provider": provider, "match": match_id, "turn": turn}


def _row(provider: str, match_id: str, files: dict[str, str], now: datetime) -> dict[str, Any]:
    return {
        "match_id": match_id, "provider": provider, "files": files, "every": 3600, "once": False, "state": "active",
        "turn": 0, "next_at": now, "seen": {}, "failures": 0, "error": None, "created_at": now,
    }  # fmt: skip


def _view(feed: Feed) -> FeedView:
    return FeedView(
        match=feed.match_id,
        provider=feed.provider,
        state=feed.state,
        next_at=feed.next_at,
        asked_at=feed.asked_at,
        failures=feed.failures,
        error=feed.error,
    )
