"""What the wallet has done for a dispute: held, released or taken."""

from __future__ import annotations

from alembic import op

from services.common.grants import grant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("ALTER TABLE disputes ADD COLUMN wallet TEXT DEFAULT '' NOT NULL")
    grant("disputes", "UPDATE", columns=["wallet"])
