"""An index to page through who was notified of a correction."""

from __future__ import annotations

from services.common.indexes import create_concurrently

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_concurrently(
        "ix_notifications_match_id_revision_owner_id", "notifications", ["match_id", "revision", "owner_id"]
    )
