"""The outbox keeps time by the database's clock and knows dead letters; every scheduled job leaves a trace."""

from __future__ import annotations

from alembic import op

from services.common import tables
from services.common.grants import grant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
        ALTER TABLE outbox
            ALTER created_at SET DEFAULT now(), ALTER attempts SET DEFAULT 0, ALTER next_attempt_at SET DEFAULT now(),
            ADD dead_at timestamptz, ADD last_error text, ADD reserved_until timestamptz
    """)
    grant("outbox", "UPDATE", columns=["dead_at", "last_error", "reserved_until"])
    tables.job_runs()
