"""A review may be a second decision on an item: of whom the first one is."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("ALTER TABLE reviews ADD checks TEXT")
