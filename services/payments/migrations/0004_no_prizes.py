"""Scoring pays prizes (ADR 0195), and payments no more: the table goes, where nothing that was ordered waits in it.

What was paid is in the wallet's ledger; what was declined moved nothing. No release has run on AWS that reads the table, so
it need not stay a release longer (docs/services.md).
"""

from __future__ import annotations

from alembic import op

from services.common.grants import grant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # The lock first: a task that still runs may be about to take an order, or to note that one was paid.
    op.execute("LOCK TABLE prizes IN ACCESS EXCLUSIVE MODE")
    op.execute("""
        DO $$
        DECLARE waiting bigint; owed bigint;
        BEGIN
            SELECT count(*), sum(amount) INTO waiting, owed FROM prizes WHERE state = 'ordered';
            IF waiting > 0 THEN
                RAISE EXCEPTION '% prizes of % paise in all are ordered and not paid: have the release before pay them first',
                    waiting, owed;
            END IF;
        END $$
    """)
    op.execute("DROP TABLE prizes")


def downgrade() -> None:
    op.execute("""
        CREATE TABLE prizes (
            contest_id UUID NOT NULL,
            line TEXT NOT NULL,
            player_id UUID NOT NULL,
            amount BIGINT NOT NULL,
            state TEXT NOT NULL,
            reason TEXT DEFAULT '' NOT NULL,
            created_at timestamptz DEFAULT now() NOT NULL,
            CONSTRAINT pk_prizes PRIMARY KEY (contest_id, line),
            CONSTRAINT ck_prizes_amount CHECK (amount > 0)
        )
    """)
    op.execute("CREATE INDEX ix_prizes_ordered ON prizes (created_at) WHERE state = 'ordered'")
    grant("prizes", "UPDATE", columns=["state", "reason"])
