"""Used refresh tokens are deleted in the end."""

from __future__ import annotations

from services.common.grants import grant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    grant("refresh_tokens", "DELETE")
