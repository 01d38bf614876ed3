"""Holds with their parts, captures and ends; limits that players set; what a reversal could not take back.

A hold is never changed: what becomes of it is told by rows beside it. Its end is one row,
    so that it ends once whoever tries; what
is left of each part can neither grow nor fall below zero.
"""

from __future__ import annotations

from alembic import op

from services.common import tables
from services.common.grants import grant

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    tables.events()
    _holds()
    _limits()
    op.execute("""
        CREATE TABLE receivables (
            transaction_id uuid NOT NULL, account_id uuid NOT NULL, amount bigint NOT NULL, recovered bigint NOT NULL DEFAULT 0,
            created_at timestamptz NOT NULL,
            CONSTRAINT pk_receivables PRIMARY KEY (transaction_id, account_id),
            CONSTRAINT fk_receivables_transaction_id FOREIGN KEY (transaction_id) REFERENCES transactions (id),
            CONSTRAINT fk_receivables_account_id FOREIGN KEY (account_id) REFERENCES accounts (id),
            CONSTRAINT ck_receivables_amount CHECK (amount > 0 AND recovered BETWEEN 0 AND amount)
        )
    """)
    op.create_index("ix_receivables_account_id", "receivables", ["account_id"])
    grant("receivables", "UPDATE", columns=["recovered"])


def _holds() -> None:
    op.execute("""
        CREATE TABLE holds (
            id uuid NOT NULL, kind text NOT NULL, player_id uuid NOT NULL, amount bigint NOT NULL, reference text,
            expires_at timestamptz, request_hash bytea NOT NULL, created_by text NOT NULL, created_at timestamptz NOT NULL,
            CONSTRAINT pk_holds PRIMARY KEY (id),
            CONSTRAINT fk_holds_kind FOREIGN KEY (kind) REFERENCES movement_kinds (kind),
            CONSTRAINT uq_holds_reference UNIQUE (reference),
            CONSTRAINT ck_holds_amount CHECK (amount > 0)
        )
    """)
    op.create_index("ix_holds_player_id", "holds", ["player_id"])
    op.execute("CREATE INDEX ix_holds_expires_at ON holds (expires_at) WHERE expires_at IS NOT NULL")
    op.execute("""
        CREATE TABLE hold_parts (
            hold_id uuid NOT NULL, number bigint NOT NULL, account_id uuid NOT NULL, amount bigint NOT NULL,
                remaining bigint NOT NULL,
            CONSTRAINT pk_hold_parts PRIMARY KEY (hold_id, number),
            CONSTRAINT uq_hold_parts_hold_id_account_id UNIQUE (hold_id, account_id),
            CONSTRAINT fk_hold_parts_hold_id FOREIGN KEY (hold_id) REFERENCES holds (id),
            CONSTRAINT fk_hold_parts_account_id FOREIGN KEY (account_id) REFERENCES accounts (id),
            CONSTRAINT ck_hold_parts_amount CHECK (amount > 0 AND remaining BETWEEN 0 AND amount)
        )
    """)
    grant("hold_parts", "UPDATE", columns=["remaining"])
    op.execute("CREATE INDEX ix_hold_parts_open ON hold_parts (account_id) WHERE remaining > 0")
    op.execute("""
        CREATE TABLE hold_ends (
            hold_id uuid NOT NULL, state text NOT NULL, released bigint NOT NULL, ended_by text NOT NULL,
                ended_at timestamptz NOT NULL,
            CONSTRAINT pk_hold_ends PRIMARY KEY (hold_id),
            CONSTRAINT fk_hold_ends_hold_id FOREIGN KEY (hold_id) REFERENCES holds (id),
            CONSTRAINT ck_hold_ends_state CHECK (state IN ('captured', 'voided', 'expired') AND released >= 0)
        )
    """)
    op.execute(
        "ALTER TABLE transactions ADD CONSTRAINT fk_transactions_hold_id FOREIGN KEY (hold_id) REFERENCES holds (id)"
    )
    op.execute("CREATE INDEX ix_transactions_hold_id ON transactions (hold_id) WHERE hold_id IS NOT NULL")
    for table in ("holds", "hold_ends"):
        op.execute(f"""
            CREATE TRIGGER {table}_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """)


def _limits() -> None:
    """Of each player, measure and window the newest row in force counts: to lower a limit takes back a raise that waits."""
    op.execute("""
        CREATE TABLE player_limits (
            id uuid NOT NULL, player_id uuid NOT NULL, measure text NOT NULL, days bigint NOT NULL, amount bigint,
            effective_at timestamptz NOT NULL, until timestamptz, set_by text NOT NULL, created_at timestamptz NOT NULL,
            CONSTRAINT pk_player_limits PRIMARY KEY (id),
            CONSTRAINT ck_player_limits_measure CHECK (measure IN ('deposit', 'loss', 'time', 'play')),
            CONSTRAINT ck_player_limits_days CHECK (days IN (1, 7, 30)),
            CONSTRAINT ck_player_limits_amount CHECK (amount >= 0),
            CONSTRAINT ck_player_limits_until CHECK ((measure = 'play') = (until IS NOT NULL))
        )
    """)
    op.create_index("ix_player_limits_player_id", "player_limits", ["player_id"])
    op.execute("""
        CREATE TRIGGER player_limits_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON player_limits
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """)
    op.execute("""
        CREATE FUNCTION limits_of(player uuid, at timestamptz)
        RETURNS TABLE (measure text, days bigint, amount bigint, until timestamptz, used bigint) LANGUAGE sql STABLE AS $$
            WITH newest AS (
                SELECT DISTINCT ON (l.measure, l.days) l.* FROM player_limits l
                WHERE l.player_id = player AND l.effective_at <= at AND l.measure <> 'play'
                ORDER BY l.measure, l.days, l.created_at DESC, l.id DESC
            )
            SELECT n.measure, n.days, n.amount, NULL::timestamptz, coalesce((
                SELECT sum(CASE WHEN n.measure = 'deposit' THEN e.amount ELSE -e.amount END)
                FROM accounts a JOIN entries e ON e.account_id = a.id JOIN transactions t ON t.id = e.transaction_id
                LEFT JOIN transactions o ON o.id = t.reverses
                WHERE a.owner_id = player AND e.created_at > at - n.days * interval '1 day'
                    AND coalesce(o.kind, t.kind) = ANY(CASE n.measure
                        WHEN 'deposit' THEN ARRAY['deposit', 'credit'] WHEN 'loss' THEN ARRAY['contest_entry',
                            'prize'] ELSE ARRAY[]::text[] END)
            ), 0)::bigint
            FROM newest n WHERE n.amount IS NOT NULL
            UNION ALL
            SELECT 'play', 30, 0, max(l.until), 0 FROM player_limits l
            WHERE l.player_id = player AND l.measure = 'play' AND l.effective_at <= at AND l.until > at HAVING count(*) > 0
        $$
    """)
