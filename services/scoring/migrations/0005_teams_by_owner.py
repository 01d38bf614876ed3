"""An index to find each player's best team of a slate."""

from __future__ import annotations

from services.common.indexes import create_concurrently

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_concurrently("ix_teams_slate_id_owner_id", "teams", ["slate_id", "owner_id"])
