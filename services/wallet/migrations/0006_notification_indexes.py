"""Notifications are read by account, newest first, and deleted by age."""

from __future__ import annotations

from services.common.indexes import create_concurrently

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    create_concurrently("ix_notifications_account_id_id", "notifications", ["account_id", "id"])
    create_concurrently("ix_notifications_created_at", "notifications", ["created_at"])
