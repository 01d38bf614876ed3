"""Refresh tokens of a session are counted by time, and used ones are deleted in the end."""

from __future__ import annotations

from alembic import op

from services.common.grants import grant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("ix_refresh_tokens_session_id_created_at", "refresh_tokens", ["session_id", "created_at"])
    op.create_index("ix_refresh_tokens_used_at", "refresh_tokens", ["used_at"], postgresql_where="used_at IS NOT NULL")
    op.drop_index(
        "ix_refresh_tokens_session_id", "refresh_tokens"
    )  # the first of these two begins with the same column
    grant("refresh_tokens", "DELETE")
