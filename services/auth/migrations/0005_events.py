"""Auth tells other services what happened."""

from __future__ import annotations

from services.common import tables

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    tables.events()
