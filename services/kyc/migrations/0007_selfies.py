"""Selfies: gestures that were drawn for a player, and several pictures of one item."""

from __future__ import annotations

from alembic import op

from services.common.grants import grant

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("ALTER TABLE cases ADD challenge UUID, ADD challenge_gestures TEXT[], ADD challenge_until timestamptz")
    op.execute("ALTER TABLE documents ADD place SMALLINT DEFAULT 0 NOT NULL")
    grant("cases", "UPDATE", columns=["challenge", "challenge_gestures", "challenge_until"])
    grant("documents", "UPDATE", columns=["place"])
