"""The tables that every service has, as its migrations make them. What is here is never changed, only added to: it was run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

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
