"""The outbox's indexes, made while the service works: what is due, dead letters, what was done long ago."""

from __future__ import annotations

from services.common.indexes import create_concurrently, drop_concurrently

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_concurrently("ix_outbox_waiting", "outbox", ["next_attempt_at"], where="done_at IS NULL AND dead_at IS NULL")
    create_concurrently("ix_outbox_dead", "outbox", ["dead_at"], where="done_at IS NULL AND dead_at IS NOT NULL")
    create_concurrently("ix_outbox_done_at", "outbox", ["done_at"], where="done_at IS NOT NULL")
    drop_concurrently("ix_outbox_due")
