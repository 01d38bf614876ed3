"""Cases, items with their sealed fields, consents, reviews, decisions and looks.

Guaranteed by the database: a player has one case, an item one open review, and a document verifies one player at a time;
consents, decisions, looks and sealed values are only added to.
"""

from __future__ import annotations

from alembic import op

from services.common import tables
from services.common.grants import grant

revision = "0001"
down_revision = None

_SCHEMA = """
    CREATE TABLE cases (
        player_id UUID NOT NULL,
        state TEXT NOT NULL,
        level TEXT NOT NULL,
        data_key BYTEA,
        opened_at timestamptz NOT NULL,
        approved_at timestamptz,
        expires_at timestamptz,
        CONSTRAINT pk_cases PRIMARY KEY (player_id)
    );
    CREATE INDEX ix_cases_expires_at ON cases (expires_at) WHERE state = 'approved';
    CREATE TABLE items (
        id UUID NOT NULL,
        player_id UUID NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        digest BYTEA NOT NULL,
        shown TEXT NOT NULL,
        findings TEXT[] DEFAULT '{}' NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_items PRIMARY KEY (id),
        CONSTRAINT fk_items_player_id FOREIGN KEY(player_id) REFERENCES cases (player_id)
    );
    CREATE INDEX ix_items_player_id ON items (player_id, created_at);
    CREATE INDEX ix_items_digest ON items (kind, digest);
    CREATE UNIQUE INDEX uq_items_verified ON items (kind, digest) WHERE state = 'verified';
    CREATE TABLE sealed_fields (
        item_id UUID NOT NULL,
        name TEXT NOT NULL,
        sealed BYTEA NOT NULL,
        CONSTRAINT pk_sealed_fields PRIMARY KEY (item_id, name),
        CONSTRAINT fk_sealed_fields_item_id FOREIGN KEY(item_id) REFERENCES items (id)
    );
    CREATE TABLE consents (
        id UUID NOT NULL,
        player_id UUID NOT NULL,
        purpose TEXT NOT NULL,
        version TEXT NOT NULL,
        given BOOLEAN NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_consents PRIMARY KEY (id),
        CONSTRAINT fk_consents_player_id FOREIGN KEY(player_id) REFERENCES cases (player_id)
    );
    CREATE INDEX ix_consents_player_id ON consents (player_id, purpose, at);
    CREATE TABLE reviews (
        id UUID NOT NULL,
        item_id UUID NOT NULL,
        player_id UUID NOT NULL,
        opened_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        claimed_by TEXT,
        claimed_until timestamptz,
        proposed_by TEXT,
        closed_at timestamptz,
        CONSTRAINT pk_reviews PRIMARY KEY (id),
        CONSTRAINT fk_reviews_item_id FOREIGN KEY(item_id) REFERENCES items (id)
    );
    CREATE UNIQUE INDEX uq_reviews_open ON reviews (item_id) WHERE closed_at IS NULL;
    CREATE INDEX ix_reviews_queue ON reviews (due_at) WHERE closed_at IS NULL;
    CREATE TABLE decisions (
        id UUID NOT NULL,
        player_id UUID NOT NULL,
        item_id UUID,
        actor TEXT NOT NULL,
        outcome TEXT NOT NULL,
        reasons TEXT[] NOT NULL,
        state TEXT NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_decisions PRIMARY KEY (id)
    );
    CREATE INDEX ix_decisions_player_id ON decisions (player_id, at);
    CREATE TABLE looks (
        id UUID NOT NULL,
        player_id UUID NOT NULL,
        item_id UUID NOT NULL,
        actor TEXT NOT NULL,
        fields TEXT[] NOT NULL,
        at timestamptz NOT NULL,
        CONSTRAINT pk_looks PRIMARY KEY (id)
    );
    CREATE INDEX ix_looks_player_id ON looks (player_id, at);
"""

#: What the service may change, by table; all else is only added to.
_CHANGED = {
    "cases": ["state", "level", "data_key", "approved_at", "expires_at"],
    "items": ["state", "findings"],
    "reviews": ["claimed_by", "claimed_until", "proposed_by", "closed_at"],
}


def upgrade() -> None:
    for statement in filter(str.strip, _SCHEMA.split(";")):
        op.execute(statement)
    for table, columns in _CHANGED.items():
        grant(table, "UPDATE", columns=columns)
    tables.outbox()
    tables.idempotency_keys()
    tables.job_runs()
