"""An idempotency key may be pending: a provider is being called for it."""

from __future__ import annotations

from services.common import tables

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    tables.pending_idempotency_keys()
