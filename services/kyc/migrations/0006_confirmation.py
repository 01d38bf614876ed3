"""A PAN waits for a provider's answer: until when, and the provider's reference of it."""

from __future__ import annotations

from alembic import op

from services.common.grants import grant

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute("ALTER TABLE items ADD confirm_until timestamptz, ADD confirmed_by TEXT")
    op.execute("CREATE INDEX ix_items_confirming ON items (confirm_until) WHERE state = 'confirming'")
    grant("items", "UPDATE", columns=["confirm_until", "confirmed_by"])
