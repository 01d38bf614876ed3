"""The queries of scoring, but for those of contests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Text, bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from scoring.engine import Event, Line
from services.common.postgres import Reads
from services.scoring.models import (
    MatchEvent,
    MatchRecord,
    Notification,
    Phase,
    RulesVersion,
    Scored,
    ScoreLine,
    Slate,
    SlateMatch,
    Snapshot,
    Team,
)
from services.scoring.units import points

_FORGET_BATCH = 5000
_MOMENT = DateTime(timezone=True)

# --- rules and matches


async def rules(session: AsyncSession, sha256: str) -> RulesVersion | None:
    """The rules with that hash."""
    chosen = select(RulesVersion).where(RulesVersion.sha256 == sha256).execution_options(populate_existing=True)
    return (await session.scalars(chosen)).one_or_none()


async def all_rules(session: AsyncSession) -> Sequence[RulesVersion]:
    """Every published document, by name."""
    return (await session.scalars(select(RulesVersion).order_by(RulesVersion.name, RulesVersion.sha256))).all()


async def publish(session: AsyncSession, values: Mapping[str, Any]) -> None:
    """Keep rules; nothing happens if they are there."""
    await session.execute(insert(RulesVersion).values(**values).on_conflict_do_nothing())


async def withdraw(session: AsyncSession, sha256: str, now: datetime) -> None:
    """Keep rules from new slates."""
    wanted = (RulesVersion.sha256 == sha256) & RulesVersion.withdrawn_at.is_(None)
    await session.execute(update(RulesVersion).where(wanted).values(withdrawn_at=now))


async def open_match(session: AsyncSession, match_id: str, sport: str, now: datetime) -> MatchRecord:
    """The match, made if it is not there, locked until the end of the transaction: its scorings take turns."""
    made = {
        "id": match_id, "sport": sport, "title": match_id, "phase": Phase.SCHEDULED, "revision": 0, "prefer": [],
        "disputes": [], "confirmed": 0, "corrected_in": 0, "created_at": now,
    }  # fmt: skip
    await session.execute(insert(MatchRecord).values(**made).on_conflict_do_nothing())
    found = await lock_match(session, match_id)
    assert found is not None
    return found


async def lock_match(session: AsyncSession, match_id: str) -> MatchRecord | None:
    """The match, locked until the end of the transaction; it is changed by setting its attributes."""
    chosen = (
        select(MatchRecord)
        .where(MatchRecord.id == match_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await session.scalars(chosen)).one_or_none()


async def match(session: AsyncSession, match_id: str) -> MatchRecord | None:
    """The match."""
    return (await session.scalars(select(MatchRecord).where(MatchRecord.id == match_id))).one_or_none()


async def newest_snapshot(session: AsyncSession, match_id: str, provider: str) -> Snapshot | None:
    """What the feed said last."""
    of = (Snapshot.match_id == match_id) & (Snapshot.provider == provider)
    return (await session.scalars(select(Snapshot).where(of).order_by(Snapshot.id.desc()).limit(1))).one_or_none()


async def keep_snapshot(session: AsyncSession, snapshot: Snapshot) -> None:
    """Store what a feed said."""
    session.add(snapshot)
    await session.flush()


async def events(session: AsyncSession, match_id: str) -> list[Event]:
    """The match's whole log."""
    found = await session.execute(
        select(MatchEvent.__table__).where(MatchEvent.match_id == match_id).order_by(MatchEvent.event_id)
    )
    return [
        Event(row.provider, row.event_id, row.version, row.seen_at, row.kind, row.attributes, row.retracted)
        for row in found
    ]


async def append(session: AsyncSession, match_id: str, added: Iterable[Event], snapshot_id: UUID | None) -> None:
    """Append events to the match's log."""
    rows = [
        {
            "match_id": match_id, "provider": event.provider, "event_id": event.id, "version": event.version,
            "kind": event.kind, "attributes": dict(event.attributes), "retracted": event.retracted,
            "seen_at": event.seen_at, "snapshot_id": snapshot_id,
        }
        for event in added
    ]  # fmt: skip
    if rows:
        await session.execute(insert(MatchEvent), rows)


async def ripe_matches(session: AsyncSession) -> Sequence[str]:
    """Matches with a result that is not final yet."""
    ripe = (MatchRecord.phase == Phase.PROVISIONAL) & MatchRecord.result_at.is_not(None)
    return (await session.scalars(select(MatchRecord.id).where(ripe).order_by(MatchRecord.result_at).limit(500))).all()


# --- slates, teams and lines


async def slate(session: AsyncSession, slate_id: UUID, *, lock: bool = False, hold: bool = False) -> Slate | None:
    """The slate; locked, its scorings take turns; held, none takes place meanwhile, and others may hold it too."""
    chosen = select(Slate).where(Slate.id == slate_id)
    if lock or hold:
        chosen = chosen.with_for_update(read=not lock).execution_options(populate_existing=True)
    return (await session.scalars(chosen)).one_or_none()


async def add_slate(session: AsyncSession, values: Mapping[str, Any], matches: Sequence[str]) -> bool:
    """Keep a slate; False if there is one of that id."""
    made = await session.execute(insert(Slate).values(**values).on_conflict_do_nothing().returning(Slate.id))
    if made.first() is None:
        return False
    await session.execute(
        insert(SlateMatch), [{"slate_id": values["id"], "match_id": match_id} for match_id in matches]
    )
    return True


async def matches_of(session: AsyncSession, slate_id: UUID) -> Sequence[MatchRecord]:
    """The matches of a slate."""
    joined = (
        select(MatchRecord)
        .join(SlateMatch, SlateMatch.match_id == MatchRecord.id)
        .where(SlateMatch.slate_id == slate_id)
    )
    return (await session.scalars(joined.order_by(MatchRecord.id))).all()


async def slates_of(session: AsyncSession, match_id: str) -> Sequence[tuple[UUID, str]]:
    """The slates of a match with the hash of their rules, in the order in which they are locked."""
    joined = select(Slate.id, Slate.rules_sha256).join(SlateMatch, SlateMatch.slate_id == Slate.id)
    found = await session.execute(joined.where(SlateMatch.match_id == match_id).order_by(Slate.id))
    return [(row.id, row.rules_sha256) for row in found]


_SCORED = text("""
    INSERT INTO scored (match_id, rules_sha256, revision) VALUES (:match, :rules, 0) ON CONFLICT DO NOTHING
""")
_REACHED = text("SELECT revision FROM scored WHERE match_id = :match AND rules_sha256 = :rules FOR UPDATE")
_MARK = text("UPDATE scored SET revision = :revision WHERE match_id = :match AND rules_sha256 = :rules")


async def scored_up_to(session: AsyncSession, match_id: str, rules_sha256: str) -> int:
    """The revision up to which the match is scored under these rules, 0 for never; locked."""
    await session.execute(_SCORED, {"match": match_id, "rules": rules_sha256})
    return int((await session.execute(_REACHED, {"match": match_id, "rules": rules_sha256})).scalar_one())


async def revision_scored(session: AsyncSession, match_id: str, rules_sha256: str) -> int:
    """The same for readers."""
    of = (Scored.match_id == match_id) & (Scored.rules_sha256 == rules_sha256)
    return (await session.scalars(select(Scored.revision).where(of))).one_or_none() or 0


async def mark_scored(session: AsyncSession, match_id: str, rules_sha256: str, revision: int) -> None:
    """The match is scored up to `revision`."""
    await session.execute(_MARK, {"match": match_id, "rules": rules_sha256, "revision": revision})


@dataclass(frozen=True, slots=True)
class RuleTotal:
    """What the lines of one rule for one player in one place come to, and what the newest of them says is behind it."""

    units: int
    measured: dict[str, int]
    events: list[str]


#: Player, rule, place.
LineKey = tuple[str, str, str]

_STANDING = text("""
    SELECT player, rule, place, sum(units)::bigint AS units,
        (array_agg(measured ORDER BY revision DESC))[1] AS measured,
        (array_agg(events ORDER BY revision DESC))[1] AS events
    FROM lines WHERE match_id = :match AND rules_sha256 = :rules GROUP BY player, rule, place
""").columns(measured=JSONB(), events=JSONB())
_CURRENT = text("""
    SELECT player, rule, sum(units)::bigint AS units
    FROM lines WHERE match_id = ANY(:matches) AND rules_sha256 = :rules
    GROUP BY match_id, player, rule, place HAVING sum(units) <> 0
""").bindparams(bindparam("matches", type_=ARRAY(Text())))
_TOTALS = text("""
    SELECT player, sum(units)::bigint AS units FROM lines WHERE match_id = :match AND rules_sha256 = :rules
    GROUP BY player ORDER BY units DESC, player
""")


async def standing(session: AsyncSession, match_id: str, rules_sha256: str) -> dict[LineKey, RuleTotal]:
    """What stands of a match under some rules."""
    found = await session.execute(_STANDING, {"match": match_id, "rules": rules_sha256})
    return {(row.player, row.rule, row.place): RuleTotal(row.units, row.measured, row.events) for row in found}


async def current_lines(session: AsyncSession, matches: Sequence[str], rules_sha256: str) -> list[Line]:
    """What the lines of several matches come to, for scoring teams; without what is behind them."""
    found = await session.execute(_CURRENT, {"matches": list(matches), "rules": rules_sha256})
    return [Line(row.player, row.rule, points(row.units), ()) for row in found]


async def totals(session: AsyncSession, match_id: str, rules_sha256: str) -> list[tuple[str, int]]:
    """Player and units, best first."""
    found = await session.execute(_TOTALS, {"match": match_id, "rules": rules_sha256})
    return [(row.player, row.units) for row in found]


async def lines(session: AsyncSession, match_id: str, rules_sha256: str, player: str | None) -> Sequence[ScoreLine]:
    """The lines of a match in the order in which they were made."""
    of = (ScoreLine.match_id == match_id) & (ScoreLine.rules_sha256 == rules_sha256)
    if player is not None:
        of = of & (ScoreLine.player == player)
    ordered = (
        select(ScoreLine).where(of).order_by(ScoreLine.revision, ScoreLine.player, ScoreLine.rule, ScoreLine.place)
    )
    return (await session.scalars(ordered)).all()


async def add_lines(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append lines."""
    if rows:
        await session.execute(insert(ScoreLine), list(rows))


async def team(session: AsyncSession, team_id: UUID) -> Team | None:
    """The team."""
    return (await session.scalars(select(Team).where(Team.id == team_id))).one_or_none()


async def keep_team(session: AsyncSession, values: Mapping[str, Any]) -> bool:
    """Keep a team, or its new picks; False if another player, or another slate, has a team of that id by now."""
    changed = {name: values[name] for name in ("roster", "members", "units", "changed_in")}
    own = (Team.owner_id == values["owner_id"]) & (Team.slate_id == values["slate_id"])
    kept = insert(Team).values(**values).on_conflict_do_update(index_elements=["id"], set_=changed, where=own)
    return (await session.execute(kept.returning(Team.id))).first() is not None


# --- notifications


async def notified(session: AsyncSession, match_id: str, revision: int, after: UUID, count: int) -> Sequence[UUID]:
    """Who was notified of a correction, in the order of their ids."""
    of = (Notification.match_id == match_id) & (Notification.revision == revision) & (Notification.owner_id > after)
    return (await session.scalars(select(Notification.owner_id).where(of).order_by("owner_id").limit(count))).all()


_NOTIFICATIONS = """
    SELECT id, match_id, message, created_at FROM notifications WHERE owner_id = $1 ORDER BY id DESC LIMIT $2
"""


async def notifications(reads: Reads, owner: UUID, limit: int) -> Sequence[Any]:
    """A player's notifications, newest first: rows with id, match_id, message and created_at."""
    return await reads.fetch(_NOTIFICATIONS, owner, limit)


async def forget_notifications(session: AsyncSession, before: datetime) -> int:
    """Delete a batch of notifications that are older than that moment; returns how many."""
    old = select(Notification.id).where(Notification.created_at < before).limit(_FORGET_BATCH)
    statement = delete(Notification).where(Notification.id.in_(old))
    return (await session.execute(statement)).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult
