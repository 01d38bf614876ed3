"""Auth tells other services what happened."""

from __future__ import annotations

from services.common import tables

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    tables.events()
