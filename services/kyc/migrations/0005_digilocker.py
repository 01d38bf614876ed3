"""Flows to DigiLocker: begun, answered, fetched. Erased with their case."""

from __future__ import annotations

from alembic import op

from services.common.grants import grant

revision = "0005"
down_revision = "0004"

_SCHEMA = """
    CREATE TABLE digilocker_flows (
        id UUID NOT NULL,
        player_id UUID NOT NULL,
        session TEXT NOT NULL,
        state TEXT NOT NULL,
        token_digest BYTEA NOT NULL,
        redirect TEXT NOT NULL,
        created_at timestamptz NOT NULL,
        until timestamptz NOT NULL,
        code BYTEA,
        verifier BYTEA,
        reason TEXT,
        CONSTRAINT pk_digilocker_flows PRIMARY KEY (id),
        CONSTRAINT fk_digilocker_flows_player_id FOREIGN KEY(player_id) REFERENCES cases (player_id) ON DELETE CASCADE
    );
    CREATE INDEX ix_digilocker_flows_player_id ON digilocker_flows (player_id);
    CREATE INDEX ix_digilocker_flows_until ON digilocker_flows (until) WHERE state IN ('open', 'answered');
"""


def upgrade() -> None:
    for statement in filter(str.strip, _SCHEMA.split(";")):
        op.execute(statement)
    grant("digilocker_flows", "UPDATE", columns=["state", "code", "verifier", "reason"])
