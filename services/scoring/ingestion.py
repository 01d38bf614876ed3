"""What feeds say of matches becomes events: each snapshot appends what it changes, confirms what it repeats.

Nothing here commits.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from scoring.engine import Event, ScoringError, disagreements, observe
from scoring.sources.match import Match
from services.common import outbox
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.ids import uuid7
from services.scoring import lifecycle, reading, repository
from services.scoring.errors import ScoringCode
from services.scoring.models import MatchRecord, Phase, Snapshot
from services.scoring.payloads import Payload
from services.scoring.schemas import IngestedView

#: The outbox task that scores a match.
SCORE = "scoring.score"

#: Who says what role a player has: the operator's list.
OPERATOR = "operator"

#: What a source says of a match that is over, where it says how far it is (`stage` among its facts).
_FINISHED = "finished"

_REASON_LENGTH = 300
_DISPUTES_KEPT = 100


async def ingest(session: AsyncSession, clock: Clock, match_id: str, payload: Payload) -> IngestedView:
    """Take in what a feed says now; its files are in S3 already.

    Raises ServiceError (snapshot_refused, wrong_match, match_final, snapshot_stale): then nothing of it is in the database.
    """
    now = clock.now()
    match = await repository.lock_match(session, match_id)
    if match is not None and await _repeats(session, match, payload, now):
        return _view(match, 0)
    read = await _read(match_id, payload)
    if match is None:
        match = await repository.open_match(session, match_id, read.sport, now)
        if await _repeats(session, match, payload, now):  # the same came at the same moment
            return _view(match, 0)
    if match.sport != read.sport:
        raise ServiceError(ScoringCode.WRONG_MATCH, f"{match_id} is {match.sport}, the snapshot {read.sport}.")
    if match.phase == Phase.FINAL:
        raise ServiceError(ScoringCode.MATCH_FINAL, f"{match_id} has been final since {match.final_at}.")
    newest = await repository.newest_snapshot(session, match_id, payload.provider)
    if newest is not None and payload.seen_at < newest.seen_at:
        raise ServiceError(ScoringCode.SNAPSHOT_STALE, f"What is stored was seen at {newest.seen_at.isoformat()}.")
    snapshot = Snapshot(
        id=uuid7(),
        match_id=match_id,
        provider=payload.provider,
        source=payload.source,
        sha256=payload.sha256,
        objects=dict(payload.objects),
        complete=payload.complete and read.facts.get("stage", _FINISHED) == _FINISHED,
        seen_at=payload.seen_at,
        received_at=now,
        received_from=payload.received_from,
    )
    await repository.keep_snapshot(session, snapshot)
    log = await repository.events(session, match_id)
    reported = [replace(event, provider=payload.provider, version=1, seen_at=payload.seen_at) for event in read.events]
    try:
        added = observe(log, reported)
    except ScoringError as error:
        raise _refused(error) from error
    await repository.append(session, match_id, added, snapshot.id)
    match.title = read.title
    if added:
        _changed(match, [*log, *added], snapshot.complete, now)
        await outbox.enqueue(session, SCORE, {"match": match_id, "received": now.isoformat()})
    elif snapshot.complete and match.result_at is None:
        match.result_at = now
    elif snapshot.complete:  # other words, the same events: prices of players, a comment
        _confirm(match, now)
    return _view(match, len(added))


async def _repeats(session: AsyncSession, match: MatchRecord, payload: Payload, now: datetime) -> bool:
    """Whether the feed has sent nothing else since; then its result is confirmed."""
    newest = await repository.newest_snapshot(session, match.id, payload.provider)
    if newest is None or newest.sha256 != payload.sha256:
        return False
    if newest.complete:
        _confirm(match, now)
    return True


async def tell_roles(
    session: AsyncSession, match: MatchRecord, roles: dict[str, str], kinds: dict[str, Any], now: datetime
) -> None:
    """Have the match know the operator's word on roles, for sports whose feeds do not say them."""
    known = kinds.get("role")
    if known is None or not roles:
        return
    log = await repository.events(session, match.id)
    known = {event.id: event for event in sorted(log, key=lambda event: event.version) if event.provider == OPERATOR}
    added = []
    for player, role in sorted(roles.items()):
        before = known.get(f"role:{player}")
        if before is None or before.attributes.get("role") != role:
            version = 1 if before is None else before.version + 1
            attributes = {"player": player, "role": role}
            added.append(Event(OPERATOR, f"role:{player}", version, now, "role", attributes))
    await repository.append(session, match.id, added, None)
    if added:
        match.revision += 1


async def prefer(session: AsyncSession, match_id: str, providers: list[str]) -> IngestedView:
    """Believe feeds in this order where they differ: the reviewer's decision.

    Raises ServiceError (match_unknown, match_final).
    """
    match = await repository.lock_match(session, match_id)
    if match is None:
        raise ServiceError(ScoringCode.MATCH_UNKNOWN, f"There is no match {match_id}.")
    if match.phase == Phase.FINAL:
        raise ServiceError(ScoringCode.MATCH_FINAL, f"{match_id} has been final since {match.final_at}.")
    match.prefer = providers
    match.disputes = []
    match.revision += 1
    if match.result_at is not None:
        match.corrected_in = match.revision
    await outbox.enqueue(session, SCORE, {"match": match_id})
    return _view(match, 0)


async def _read(match_id: str, payload: Payload) -> Match:
    assert payload.contents is not None, "what has not changed since it was read is known by its hash"
    try:
        read = await asyncio.to_thread(reading.read_match, payload.source, match_id, payload.contents, payload.seen_at)
    except ScoringError as error:
        raise _refused(error) from error
    if read.id != match_id:
        raise ServiceError(ScoringCode.WRONG_MATCH, f"The snapshot is of another match than {match_id}.")
    return read


def _changed(match: MatchRecord, log: list[Event], complete: bool, now: datetime) -> None:
    """Events were added: the result, if it is one, stands from now on."""
    match.revision += 1
    if match.result_at is not None and complete:
        match.corrected_in = match.revision
    match.phase = Phase.PROVISIONAL
    match.result_at = now if complete else None
    match.confirmed, match.confirmed_at = 0, None
    match.disputes = _disputes(log, match.prefer)


def _disputes(log: list[Event], decided: list[str]) -> list[dict[str, Any]]:
    """What feeds say differently, unless a reviewer has decided whom to believe; the operator's word on roles is no feed's."""
    by_feed: dict[str, list[Event]] = {}
    for event in log:
        if event.provider != OPERATOR:
            by_feed.setdefault(event.provider, []).append(event)
    feeds = sorted(by_feed)
    if set(feeds) <= set(decided):
        return []
    found = [
        {"event": one.event, "attribute": one.attribute, "values": dict(one.values)}
        for other in feeds[1:]
        for one in disagreements(by_feed[feeds[0]], by_feed[other])
    ]
    return found[:_DISPUTES_KEPT]


def _confirm(match: MatchRecord, now: datetime) -> None:
    """The same again: counts once in a while, for a result that stands."""
    if match.phase != Phase.PROVISIONAL or match.result_at is None:
        return
    if lifecycle.of(match.sport).confirms(now, match.confirmed_at or match.result_at):
        match.confirmed += 1
        match.confirmed_at = now


def _refused(error: ScoringError) -> ServiceError:
    return ServiceError(ScoringCode.SNAPSHOT_REFUSED, str(error)[:_REASON_LENGTH])


def _view(match: MatchRecord, count: int) -> IngestedView:
    return IngestedView(
        match=match.id, revision=match.revision, events=count, phase=match.phase, disputed=bool(match.disputes)
    )
