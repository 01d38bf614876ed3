"""How far a dispute has gone: one that was won may go on at the next stage, and is held anew."""

from __future__ import annotations

from alembic import op

from services.common.grants import grant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE disputes ADD COLUMN stage BIGINT DEFAULT 0 NOT NULL, ADD COLUMN released_in BIGINT")
    op.execute("UPDATE disputes SET released_in = 0 WHERE wallet = 'released'")
    grant("disputes", "UPDATE", columns=["stage", "released_in"])
