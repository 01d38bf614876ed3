"""Players are informed before they are erased; digests say by which secret they are, so that it can rotate."""

from __future__ import annotations

from alembic import op

from services.common.grants import grant

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.execute("ALTER TABLE cases ADD notice_at timestamptz, ADD informed_at timestamptz")
    op.execute("ALTER TABLE items ADD digest_by BYTEA, ADD digest_kept BOOLEAN DEFAULT false NOT NULL")
    grant("cases", "UPDATE", columns=["notice_at", "informed_at"])
    grant("items", "UPDATE", columns=["digest", "digest_by", "digest_kept"])
