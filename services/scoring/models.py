"""The tables of scoring: rules, matches with what feeds said of them, slates with teams, contests with entries and pay-outs."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.common.events.log import EventRow
from services.common.job_runs import JobRun
from services.common.money import Paise
from services.common.outbox import OutboxMessage
from services.scoring import models_seasons
from services.scoring.base import Base


class Phase(StrEnum):
    """How far a match is: `provisional` from the first word of a feed until nothing can be corrected any more."""

    SCHEDULED = "scheduled"
    PROVISIONAL = "provisional"
    FINAL = "final"


class ContestState(StrEnum):
    """How far a contest is: `proposed` once its prizes are computed, `ordered` once their payment is."""

    OPEN = "open"
    PROPOSED = "proposed"
    ORDERED = "ordered"


class RulesVersion(Base):
    """A rules document with its parameters settled. Immutable, but that staff may withdraw it from new slates."""

    __tablename__ = "rules"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    document: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    published_by: Mapped[str]
    published_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_rules_name", "name"),)


class MatchRecord(Base):
    """A match.

    - revision: counts what changed in its events; `corrected_in` is the last one that changed a complete result.
    - prefer: which feeds are believed where they differ; `disputes` are what they say differently.
    - result_at: since when its complete result stands; `confirmed` counts how often that was seen again, unchanged.
    - closed_by: the operator's client that has said that nothing is to be waited for, and `closed_reason` why.
    """

    __tablename__ = "matches"

    id: Mapped[str] = mapped_column(primary_key=True)
    sport: Mapped[str]
    title: Mapped[str]
    phase: Mapped[str]
    revision: Mapped[int]
    prefer: Mapped[list[str]] = mapped_column(JSONB())
    disputes: Mapped[list[dict[str, Any]]]
    result_at: Mapped[datetime | None]
    confirmed: Mapped[int]
    corrected_in: Mapped[int]
    confirmed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    final_at: Mapped[datetime | None]
    closed_by: Mapped[str | None]
    closed_reason: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("phase IN ('scheduled', 'provisional', 'final')", name="phase"),
        Index("ix_matches_result_at", "result_at"),
    )


class Snapshot(Base):
    """What a feed said: the SHA-256 of each file by name, or, before they were kept in S3, their texts (`files`). Immutable."""

    __tablename__ = "snapshots"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    match_id: Mapped[str] = mapped_column(ForeignKey("matches.id"))
    provider: Mapped[str]
    source: Mapped[str]
    sha256: Mapped[str]
    files: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    objects: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    complete: Mapped[bool]
    seen_at: Mapped[datetime]
    received_at: Mapped[datetime]
    received_from: Mapped[str]

    __table_args__ = (Index("ix_snapshots_match_id_provider_id", "match_id", "provider", "id"),)


class Feed(Base):
    """What a provider is asked of a match, and when next.

    - files: name → path at the provider; seen: name → what it answered last (`sha256`, `etag`, `modified`).
    - once: a match that is over, to be taken in once.
    - turn: counts the times that it was handed out; an answer to an older one has no effect.
    """

    __tablename__ = "feeds"

    match_id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)
    files: Mapped[dict[str, Any]]
    every: Mapped[int]
    once: Mapped[bool]
    state: Mapped[str]
    turn: Mapped[int]
    next_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    seen: Mapped[dict[str, Any]]
    failures: Mapped[int]
    error: Mapped[str | None]
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("state IN ('active', 'ended', 'refused')", name="state"),
        Index("ix_feeds_provider_next_at", "provider", "next_at"),
    )


class FeedPause(Base):
    """Until when a provider has asked not to be asked."""

    __tablename__ = "feed_pauses"

    provider: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]


class MatchEvent(Base):
    """One version of one event of a match, and the snapshot that it was read from. Immutable."""

    __tablename__ = "match_events"

    match_id: Mapped[str] = mapped_column(ForeignKey("matches.id"), primary_key=True)
    provider: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    attributes: Mapped[dict[str, Any]]
    retracted: Mapped[bool]
    seen_at: Mapped[datetime]
    snapshot_id: Mapped[UUID | None]


class Slate(Base):
    """Matches that count together under one rules document, and whom teams may pick. `revision` counts its scorings."""

    __tablename__ = "slates"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    title: Mapped[str]
    rules_sha256: Mapped[str] = mapped_column(ForeignKey("rules.sha256"))
    players: Mapped[list[dict[str, Any]]]
    locks_at: Mapped[datetime]
    revision: Mapped[int]
    created_at: Mapped[datetime]


class SlateMatch(Base):
    """A match of a slate."""

    __tablename__ = "slate_matches"

    slate_id: Mapped[UUID] = mapped_column(ForeignKey("slates.id"), primary_key=True)
    match_id: Mapped[str] = mapped_column(ForeignKey("matches.id"), primary_key=True)

    __table_args__ = (Index("ix_slate_matches_match_id", "match_id"),)


class Scored(Base):
    """Up to which revision a match is scored under some rules."""

    __tablename__ = "scored"

    match_id: Mapped[str] = mapped_column(ForeignKey("matches.id"), primary_key=True)
    rules_sha256: Mapped[str] = mapped_column(ForeignKey("rules.sha256"), primary_key=True)
    revision: Mapped[int]


class ScoreLine(Base):
    """Points that a rule gave, or took back, in one scoring of a match: a total is the sum of the lines. Immutable."""

    __tablename__ = "lines"

    match_id: Mapped[str] = mapped_column(primary_key=True)
    rules_sha256: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    player: Mapped[str] = mapped_column(primary_key=True)
    rule: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(primary_key=True)
    units: Mapped[int]
    measured: Mapped[dict[str, Any]]
    events: Mapped[list[str]] = mapped_column(JSONB())
    made_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["match_id", "rules_sha256"], ["scored.match_id", "scored.rules_sha256"], name="fk_lines_scored"
        ),
    )


class Team(Base):
    """What a player of ours has picked for a slate. `changed_in` is the slate's revision that last moved its total."""

    __tablename__ = "teams"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slate_id: Mapped[UUID] = mapped_column(ForeignKey("slates.id"))
    owner_id: Mapped[UUID]
    roster: Mapped[dict[str, Any]]
    members: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    units: Mapped[int]
    changed_in: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_teams_slate_id_id", "slate_id", "id"),
        Index("ix_teams_owner_id", "owner_id"),
        Index("ix_teams_slate_id_owner_id", "slate_id", "owner_id"),
    )


class Contest(Base):
    """Teams of a slate against each other, for `prizes` (paise by place)."""

    __tablename__ = "contests"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    slate_id: Mapped[UUID] = mapped_column(ForeignKey("slates.id"))
    title: Mapped[str]
    prizes: Mapped[list[int]] = mapped_column(JSONB())
    state: Mapped[str]
    approved_by: Mapped[str | None]
    entered: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("state IN ('open', 'proposed', 'ordered')", name="state"),
        Index("ix_contests_slate_id", "slate_id"),
        Index("ix_contests_proposed", "id", postgresql_where=text("state = 'proposed'")),
    )


class Entry(Base):
    """A team in a contest; `number` is the order of entry, which settles paise that cannot be shared."""

    __tablename__ = "entries"

    contest_id: Mapped[UUID] = mapped_column(ForeignKey("contests.id"), primary_key=True)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger())
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("contest_id", "number"), Index("ix_entries_team_id", "team_id"))


class Payout(Base):
    """A prize: to whom, for which place. Its id is that of the wallet's posting, which is made once for ever.

    - ordered_at: when its payment was ordered; due_at: when somebody looks why it is not paid, while it is not.
    - posted_at: the moment of the wallet's posting, by the wallet's clock.
    """

    __tablename__ = "payouts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    contest_id: Mapped[UUID] = mapped_column(ForeignKey("contests.id"))
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    owner_id: Mapped[UUID]
    rank: Mapped[int]
    amount: Mapped[Paise]
    created_at: Mapped[datetime]
    ordered_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(server_default="waiting")
    reason: Mapped[str] = mapped_column(server_default="")
    due_at: Mapped[datetime | None]
    posted_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("contest_id", "team_id"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("state IN ('waiting', 'approved', 'sent', 'paid', 'refused')", name="state"),
        CheckConstraint("(state = 'paid') = (posted_at IS NOT NULL)", name="posted"),
        Index("ix_payouts_unpaid", "state", "id", postgresql_where=text("state <> 'paid'")),
        Index("ix_payouts_posted_at", "posted_at", postgresql_where=text("posted_at IS NOT NULL")),
        Index("ix_payouts_contest_id_rank_id", "contest_id", "rank", "id"),
    )


class PrizeReport(Base):
    """Pay-outs of a day (UTC) beside the wallet's postings; `differences` counts, `discrepancies` are the first of them."""

    __tablename__ = "prize_reports"

    day: Mapped[date] = mapped_column(Date(), primary_key=True)
    lines: Mapped[int]
    postings: Mapped[int]
    amount: Mapped[Paise]
    differences: Mapped[int]
    discrepancies: Mapped[list[dict[str, Any]]]
    compared_at: Mapped[datetime]


class Notification(Base):
    """What a player of ours was told of a correction."""

    __tablename__ = "notifications"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    match_id: Mapped[str]
    revision: Mapped[int]
    message: Mapped[str]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("owner_id", "match_id", "revision"),
        Index("ix_notifications_created_at", "created_at"),
        Index("ix_notifications_match_id_revision_owner_id", "match_id", "revision", "owner_id"),
    )


METADATA = (models_seasons.Season.metadata, OutboxMessage.metadata, JobRun.metadata, EventRow.metadata)
