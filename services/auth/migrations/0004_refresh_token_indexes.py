"""Refresh tokens of a session are counted by time, and used ones found by age."""

from __future__ import annotations

from services.common.indexes import create_concurrently, drop_concurrently

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_concurrently("ix_refresh_tokens_session_id_created_at", "refresh_tokens", ["session_id", "created_at"])
    create_concurrently("ix_refresh_tokens_used_at", "refresh_tokens", ["used_at"], where="used_at IS NOT NULL")
    drop_concurrently("ix_refresh_tokens_session_id")  # the first of these two begins with the same column
