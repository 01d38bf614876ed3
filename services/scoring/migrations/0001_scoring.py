"""Rules, matches, lines, slates, teams, contests, pay-outs; outbox, events and a trace of each job.

Guaranteed by the database: what feeds said, the events read from it and the lines of points are never changed or deleted, not
even by their owner; no line stands outside of a scoring.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.common import tables
from services.common.grants import grant

revision = "0001"
down_revision = None

_moment = sa.DateTime(timezone=True)


def _text(name: str, **more: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=False, **more)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _id(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, JSONB(), nullable=False)


def _at(name: str) -> sa.Column[Any]:
    return sa.Column(name, _moment, nullable=False)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}")


def upgrade() -> None:
    _matches()
    _slates()
    _lines()
    _contests()
    for table in ("snapshots", "match_events", "lines"):
        op.execute(f"""
            CREATE TRIGGER {table}_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """)
    tables.outbox()
    tables.idempotency_keys()
    tables.job_runs()
    tables.events()


def _matches() -> None:
    op.create_table(
        "rules",
        _text("sha256"),
        _text("name"),
        _text("document"),
        _json("parameters"),
        _text("published_by"),
        _at("published_at"),
        sa.Column("withdrawn_at", _moment),
        _key("rules", "sha256"),
    )
    op.create_index("ix_rules_name", "rules", ["name"])
    grant("rules", "UPDATE", columns=["withdrawn_at"])
    op.create_table(
        "matches",
        _text("id"),
        _text("sport"),
        _text("title"),
        _text("phase"),
        _number("revision"),
        _json("prefer"),
        _json("disputes"),
        sa.Column("result_at", _moment),
        _number("confirmed"),
        _number("corrected_in"),
        sa.Column("confirmed_at", _moment),
        _at("created_at"),
        sa.Column("final_at", _moment),
        _key("matches", "id"),
        sa.CheckConstraint("phase IN ('scheduled', 'provisional', 'final')", name=op.f("ck_matches_phase")),
    )
    op.create_index("ix_matches_result_at", "matches", ["result_at"])
    changing = ["title", "phase", "revision", "prefer", "disputes", "result_at", "confirmed", "confirmed_at"]
    grant("matches", "UPDATE", columns=[*changing, "corrected_in", "final_at"])
    op.create_table(
        "snapshots",
        _id("id"),
        _text("match_id"),
        _text("provider"),
        _text("source"),
        _text("sha256"),
        _json("files"),
        sa.Column("complete", sa.Boolean(), nullable=False),
        _at("seen_at"),
        _at("received_at"),
        _text("received_from"),
        _key("snapshots", "id"),
        _to("snapshots", "match_id", "matches.id"),
    )
    op.create_index("ix_snapshots_match_id_provider_id", "snapshots", ["match_id", "provider", "id"])
    op.create_table(
        "match_events",
        _text("match_id"),
        _text("provider"),
        _text("event_id"),
        _number("version"),
        _text("kind"),
        _json("attributes"),
        sa.Column("retracted", sa.Boolean(), nullable=False),
        _at("seen_at"),
        sa.Column("snapshot_id", sa.Uuid()),
        _key("match_events", "match_id", "provider", "event_id", "version"),
        _to("match_events", "match_id", "matches.id"),
    )
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END $$
    """)


def _slates() -> None:
    op.create_table(
        "slates",
        _id("id"),
        _text("title"),
        _text("rules_sha256"),
        _json("players"),
        _at("locks_at"),
        _number("revision"),
        _at("created_at"),
        _key("slates", "id"),
        _to("slates", "rules_sha256", "rules.sha256"),
    )
    grant("slates", "UPDATE", columns=["revision"])
    op.create_table(
        "slate_matches",
        _id("slate_id"),
        _text("match_id"),
        _key("slate_matches", "slate_id", "match_id"),
        _to("slate_matches", "slate_id", "slates.id"),
        _to("slate_matches", "match_id", "matches.id"),
    )
    op.create_index("ix_slate_matches_match_id", "slate_matches", ["match_id"])
    op.create_table(
        "teams",
        _id("id"),
        _id("slate_id"),
        _id("owner_id"),
        _json("roster"),
        sa.Column("members", ARRAY(sa.Text()), nullable=False),
        _number("units"),
        _number("changed_in"),
        _at("created_at"),
        _key("teams", "id"),
        _to("teams", "slate_id", "slates.id"),
        # Totals are updated in place by every scoring: room on each page keeps that out of the indexes.
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_teams_slate_id_id", "teams", ["slate_id", "id"])
    op.create_index("ix_teams_owner_id", "teams", ["owner_id"])
    grant("teams", "UPDATE", columns=["roster", "members", "units", "changed_in"])


def _lines() -> None:
    op.create_table(
        "scored",
        _text("match_id"),
        _text("rules_sha256"),
        _number("revision"),
        _key("scored", "match_id", "rules_sha256"),
        _to("scored", "match_id", "matches.id"),
        _to("scored", "rules_sha256", "rules.sha256"),
    )
    grant("scored", "UPDATE", columns=["revision"])
    op.create_table(
        "lines",
        _text("match_id"),
        _text("rules_sha256"),
        _number("revision"),
        _text("player"),
        _text("rule"),
        _text("place"),
        _number("units"),
        _json("measured"),
        _json("events"),
        _at("made_at"),
        _key("lines", "match_id", "rules_sha256", "revision", "player", "rule", "place"),
        sa.ForeignKeyConstraint(
            ["match_id", "rules_sha256"], ["scored.match_id", "scored.rules_sha256"], name="fk_lines_scored"
        ),
    )


def _contests() -> None:
    op.create_table(
        "contests",
        _id("id"),
        _id("slate_id"),
        _text("title"),
        _json("prizes"),
        _text("state"),
        sa.Column("approved_by", sa.Text()),
        _number("entered"),
        _at("created_at"),
        _key("contests", "id"),
        _to("contests", "slate_id", "slates.id"),
        sa.CheckConstraint("state IN ('open', 'proposed', 'ordered')", name=op.f("ck_contests_state")),
    )
    op.create_index("ix_contests_slate_id", "contests", ["slate_id"])
    grant("contests", "UPDATE", columns=["state", "approved_by", "entered"])
    op.create_table(
        "entries",
        _id("contest_id"),
        _id("team_id"),
        _number("number"),
        _at("created_at"),
        _key("entries", "contest_id", "team_id"),
        _to("entries", "contest_id", "contests.id"),
        _to("entries", "team_id", "teams.id"),
        sa.UniqueConstraint("contest_id", "number", name="uq_entries_contest_id_number"),
    )
    op.create_index("ix_entries_team_id", "entries", ["team_id"])
    op.create_table(
        "payouts",
        _id("id"),
        _id("contest_id"),
        _id("team_id"),
        _id("owner_id"),
        _number("rank"),
        _number("amount"),
        _at("created_at"),
        sa.Column("ordered_at", _moment),
        _key("payouts", "id"),
        _to("payouts", "contest_id", "contests.id"),
        _to("payouts", "team_id", "teams.id"),
        sa.UniqueConstraint("contest_id", "team_id", name="uq_payouts_contest_id_team_id"),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payouts_amount")),
    )
    grant("payouts", "UPDATE", columns=["ordered_at"])
    op.create_table(
        "notifications",
        _id("id"),
        _id("owner_id"),
        _text("match_id"),
        _number("revision"),
        _text("message"),
        _at("created_at"),
        _key("notifications", "id"),
        _to("notifications", "match_id", "matches.id"),
        sa.UniqueConstraint("owner_id", "match_id", "revision", name="uq_notifications_owner_id_match_id_revision"),
    )
    op.create_index("ix_notifications_created_at", "notifications", ["created_at"])
    grant("notifications", "DELETE")
