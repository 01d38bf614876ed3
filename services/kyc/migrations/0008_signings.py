"""Agreements on their way to be signed: prepared, asked for, answered. Of a player one is open at a time."""

from __future__ import annotations

from alembic import op

from services.common.grants import grant

revision = "0008"
down_revision = "0007"

_SCHEMA = """
    CREATE TABLE signings (
        id UUID NOT NULL,
        player_id UUID NOT NULL,
        version TEXT NOT NULL,
        state TEXT NOT NULL,
        answer_to TEXT NOT NULL,
        created_at timestamptz NOT NULL,
        until timestamptz NOT NULL,
        asked_at timestamptz,
        digest BYTEA,
        place_start BIGINT,
        place_end BIGINT,
        request TEXT,
        response BYTEA,
        responses BIGINT NOT NULL,
        reason TEXT,
        CONSTRAINT pk_signings PRIMARY KEY (id),
        CONSTRAINT fk_signings_player_id FOREIGN KEY(player_id) REFERENCES cases (player_id) ON DELETE CASCADE
    );
    CREATE INDEX ix_signings_player_id ON signings (player_id);
    CREATE UNIQUE INDEX uq_signings_open ON signings (player_id) WHERE state IN ('preparing', 'awaiting', 'answered');
    CREATE INDEX ix_signings_until ON signings (until) WHERE state IN ('preparing', 'awaiting', 'answered');
"""

#: What the service may change of one.
_CHANGED = ["state", "asked_at", "digest", "place_start", "place_end", "request", "response", "responses", "reason"]


def upgrade() -> None:
    for statement in filter(str.strip, _SCHEMA.split(";")):
        op.execute(statement)
    grant("signings", "UPDATE", columns=_CHANGED)
