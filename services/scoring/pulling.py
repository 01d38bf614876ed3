"""A provider is asked for a match: files over HTTP, into S3, into the event log; no transaction is open meanwhile.

What goes wrong on the way is noted at the feed, which is asked again after a pause (feeds.py): an outage of a provider makes no
dead letters. A read has no effect there, so a time-out is not UNKNOWN.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.outbox import Message
from services.common.outside import Once, OutsideCall, Refused, Try
from services.scoring import feeds, feeds_repository, fetching, ingestion, payloads, repository
from services.scoring.errors import ScoringCode
from services.scoring.fetching import PROVIDERS, FeedError, Fetcher, Seen
from services.scoring.models import Feed, Phase
from services.scoring.payloads import Payload
from services.scoring.store import MATCH_BYTES, Store, StoreError, open_store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a provider: `files` by their paths, and what it answered last."""

    provider: str
    match: str
    turn: int
    files: Mapping[str, str]
    seen: Mapping[str, Seen]
    at: datetime


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came of it: files that are in S3 by now, or why there are none.

    `contents` is None if nothing has changed since.
    """

    seen: Mapping[str, Seen] = field(default_factory=dict)
    contents: Mapping[str, bytes] | None = None
    error: str | None = None
    pause: timedelta | None = None


@dataclass
class Pull(OutsideCall[Asked, Pulled]):
    """The call."""

    store: Once[Store] = field(default_factory=lambda: Once(_open_store))
    timeout = timedelta(seconds=90)

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> Asked | None:
        """What to ask for; nothing if the feed has another turn by now, or its provider wants a pause."""
        provider, match_id, turn = (message.payload[name] for name in ("provider", "match", "turn"))
        feed = await feeds_repository.feed(session, match_id, provider)
        if feed is None or (feed.turn, feed.state) != (turn, "active"):
            return None
        now = clock.now()
        until = await feeds_repository.paused_until(session, provider)
        if until is not None and until > now:
            feed.next_at = until
            return None
        match = await repository.match(session, match_id)
        if match is not None and match.phase == Phase.FINAL:
            feed.state = "ended"
            return None
        seen = {name: Seen(**each) for name, each in feed.seen.items() if name in feed.files}
        newest = await repository.newest_snapshot(session, match_id, provider)
        objects = {name: each.sha256 for name, each in seen.items()}
        if newest is None or newest.sha256 != payloads.digest(PROVIDERS[provider].source, True, objects):
            seen = {}  # what it answered last has no effect, or not the last one: all of it is asked for
        return Asked(provider, match_id, turn, feed.files, seen, now)

    async def call(self, wanted: Try[Asked]) -> Pulled:
        """Fetch the files, and keep what is new in S3. Raises nothing that a provider or S3 could cause."""
        asked = wanted.request
        try:
            async with fetching.client() as http:
                fetcher = Fetcher(http, fetching.address(asked.provider), asked.at)
                return await _pull(asked, fetcher, await self.store())
        except FeedError as error:
            return Pulled(error=str(error), pause=error.pause)
        except StoreError as error:
            return Pulled(error=f"S3: {error}")

    async def settle(
        self, session: AsyncSession, clock: Clock, message: Message, request: Asked, outcome: Pulled | Refused
    ) -> None:
        """Take in what was answered, and say when the provider is asked again."""
        assert isinstance(outcome, Pulled)
        feed = await feeds_repository.feed(session, request.match, request.provider)
        if feed is None or (feed.turn, feed.state) != (request.turn, "active"):
            return
        now = clock.now()
        feed.asked_at = now
        if outcome.error is not None:
            await _failed(session, feed, outcome.error, outcome.pause, now)
        elif outcome.seen:
            await _take_in(session, clock, feed, request, outcome)
        else:  # the provider has nothing of this match yet
            await feeds.succeeded(session, feed, None, now)


async def _open_store() -> Store:
    return open_store()


async def _pull(asked: Asked, fetcher: Fetcher, store: Store) -> Pulled:
    seen: dict[str, Seen] = {}
    contents: dict[str, bytes] = {}
    for name, path in asked.files.items():
        known = asked.seen.get(name)
        found = await fetcher.get(path, known)
        if found is None:
            if known is not None:
                raise FeedError(f"{path}: was there and is gone")
        elif found.content is None:
            assert known is not None
            seen[name] = known
        else:
            contents[name] = found.content
            seen[name] = Seen(payloads.named(found.content), found.etag, found.modified)
        if sum(map(len, contents.values())) > MATCH_BYTES:
            raise FeedError(f"the files have more than {MATCH_BYTES} bytes")
    results = PROVIDERS[asked.provider].results
    if results and not results & seen.keys():
        return Pulled()
    if all(name in asked.seen and each.sha256 == asked.seen[name].sha256 for name, each in seen.items()):
        return Pulled(seen)
    await store.keep({payloads.named(content): content for content in contents.values()})
    for name in seen.keys() - contents.keys():
        kept = await store.read(seen[name].sha256)
        if kept is None:
            raise FeedError(f"{name}: what was kept of it is gone")
        contents[name] = kept
    return Pulled(seen, contents)


async def _take_in(session: AsyncSession, clock: Clock, feed: Feed, asked: Asked, pulled: Pulled) -> None:
    now = clock.now()
    payload = Payload(
        source=PROVIDERS[asked.provider].source,
        provider=asked.provider,
        seen_at=asked.at,
        complete=True,
        objects={name: each.sha256 for name, each in pulled.seen.items()},
        contents=pulled.contents,
        received_from="pull",
    )
    try:
        async with session.begin_nested():
            await ingestion.ingest(session, clock, asked.match, payload)
    except ServiceError as refusal:
        if refusal.code is ScoringCode.MATCH_FINAL:
            feed.state, feed.error = "ended", None
            return
        await _failed(session, feed, f"{refusal.code.value}: {refusal.detail}", None, now)
        if feed.once and refusal.code is not ScoringCode.SNAPSHOT_STALE:
            feed.state = "refused"
        return
    feed.seen = {name: asdict(each) for name, each in pulled.seen.items()}
    await feeds.succeeded(session, feed, await repository.match(session, asked.match), now)


async def _failed(session: AsyncSession, feed: Feed, reason: str, pause: timedelta | None, now: datetime) -> None:
    await feeds.failed(session, feed, reason, pause, now)
    if feed.failures == feeds.LOOKED_AT:
        fields = {"match": feed.match_id, "provider": feed.provider, "reason": reason}
        log.error("a feed cannot be read", extra={**fields, "runbook": "scoring-feed"})
