"""A kind of movement for prizes that the house guarantees, and an index to read which were paid."""

from __future__ import annotations

from alembic import op

from services.common.indexes import create_concurrently, drop_concurrently

revision = "0018"
down_revision = "0017"

INDEX = "ix_transactions_guaranteed_prizes"


def upgrade() -> None:
    op.execute("""
        INSERT INTO movement_kinds VALUES ('guaranteed_prize', '{pot,promotions}', '{winnings}') ON CONFLICT DO NOTHING
    """)
    create_concurrently(INDEX, "transactions", ["created_at", "id"], where="kind = 'guaranteed_prize'")


def downgrade() -> None:
    # The kind stays: what was posted of it is of a kind that the ledger knows.
    drop_concurrently(INDEX)
