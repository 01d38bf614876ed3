"""Pictures of documents: announced, sent to S3, handed in with an item.

Guaranteed by the database: of a player, one file is awaited once; what was announced of it does not change.
"""

from __future__ import annotations

from alembic import op

from services.common.grants import grant

revision = "0002"
down_revision = "0001"

_SCHEMA = """
    CREATE TABLE documents (
        id UUID NOT NULL,
        player_id UUID NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        media_type TEXT NOT NULL,
        size BIGINT NOT NULL,
        sha256 BYTEA NOT NULL,
        item_id UUID,
        masked BOOLEAN NOT NULL,
        created_at timestamptz NOT NULL,
        CONSTRAINT pk_documents PRIMARY KEY (id),
        CONSTRAINT fk_documents_player_id FOREIGN KEY(player_id) REFERENCES cases (player_id),
        CONSTRAINT fk_documents_item_id FOREIGN KEY(item_id) REFERENCES items (id)
    );
    CREATE INDEX ix_documents_item_id ON documents (item_id);
    CREATE INDEX ix_documents_player_id ON documents (player_id);
    CREATE UNIQUE INDEX uq_documents_awaited ON documents (player_id, sha256) WHERE state = 'awaited';
    CREATE INDEX ix_documents_awaited ON documents (created_at) WHERE state = 'awaited';
"""


def upgrade() -> None:
    for statement in filter(str.strip, _SCHEMA.split(";")):
        op.execute(statement)
    grant("documents", "UPDATE", columns=["state", "item_id", "masked"])
