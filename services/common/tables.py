"""The tables that every service has, as its migrations make them. What is here is never changed, only added to: it was run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from services.common.grants import grant

_moment = sa.DateTime(timezone=True)


def job_runs() -> None:
    """When each scheduled job last succeeded and failed (`services.common.job_runs`)."""
    op.create_table(
        "job_runs",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("known_since", _moment, nullable=False, server_default=sa.func.now()),
        sa.Column("succeeded_at", _moment),
        sa.Column("failed_at", _moment),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("task", name="pk_job_runs"),
    )
    grant("job_runs", "UPDATE", columns=["succeeded_at", "failed_at", "error"])


def outbox() -> None:
    """Work for later (`services.common.outbox`), for a service that begins with it; older ones came to the same in steps."""
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("payload", JSONB(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("created_at", _moment, nullable=False, server_default=sa.func.now()),
        sa.Column("attempts", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("next_attempt_at", _moment, nullable=False, server_default=sa.func.now()),
        sa.Column("done_at", _moment),
        sa.Column("dead_at", _moment),
        sa.Column("last_error", sa.Text()),
        sa.Column("reserved_until", _moment),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    for name, column, where in (
        ("ix_outbox_waiting", "next_attempt_at", "done_at IS NULL AND dead_at IS NULL"),
        ("ix_outbox_dead", "dead_at", "done_at IS NULL AND dead_at IS NOT NULL"),
        ("ix_outbox_done_at", "done_at", "done_at IS NOT NULL"),
    ):
        op.create_index(name, "outbox", [column], postgresql_where=sa.text(where))
    grant(
        "outbox",
        "UPDATE",
        columns=["attempts", "next_attempt_at", "done_at", "dead_at", "last_error", "reserved_until"],
    )
    grant("outbox", "DELETE")


def idempotency_keys() -> None:
    """Keys of requests, pending ones too (`services.common.idempotency`), likewise."""
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.BigInteger()),
        sa.Column("body", sa.Text()),
        sa.Column("created_at", _moment, nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    grant("idempotency_keys", "UPDATE", columns=["status", "body"])
    grant("idempotency_keys", "DELETE")
    pending_idempotency_keys()


def pending_idempotency_keys() -> None:
    """What a pending key is about (`services.common.outside_request`)."""
    op.execute("ALTER TABLE idempotency_keys ADD reference uuid, ADD owner uuid, ADD deadline timestamptz")
    op.create_index(
        "ix_idempotency_keys_pending",
        "idempotency_keys",
        ["deadline"],
        postgresql_where=sa.text("deadline IS NOT NULL"),  # hardly ever any: made in no time
    )
    grant("idempotency_keys", "UPDATE", columns=["owner", "deadline"])


def events() -> None:
    """What a service that emits events keeps of them (`services.common.events.log`)."""
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger()),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("data", JSONB(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("occurred_at", _moment, nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("uq_events_position", "events", ["position"], unique=True)
    op.create_index("ix_events_unnumbered", "events", ["id"], postgresql_where="position IS NULL")
    op.create_table(
        "event_position",
        sa.Column("only", sa.Boolean(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("only", name="pk_event_position"),
    )
    op.execute("INSERT INTO event_position VALUES (true, 0)")
    grant("events", "UPDATE", columns=["position"])
    grant("events", "DELETE")
    grant("event_position", "UPDATE", columns=["last"])


def event_offsets() -> None:
    """What a service that reads events of others keeps (`services.common.events.subscription`). It has an outbox, too."""
    op.create_table(
        "event_offsets",
        sa.Column("producer", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("producer", name="pk_event_offsets"),
    )
    grant("event_offsets", "UPDATE", columns=["position"])
