"""The ledger, with what PostgreSQL itself guarantees of it; notifications, reports; outbox and idempotency keys.

Guaranteed by the database, whatever the application does: a bounded balance is never below zero, the entries of a transaction
sum to zero, and entries and transactions are never changed or deleted, not even by their owner.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from services.common.grants import grant

revision = "0001"
down_revision = None

HOUSE = UUID("00000000-0000-7000-8000-000000000001")

moment = sa.DateTime(timezone=True)


def upgrade() -> None:
    accounts, balances = _ledger()
    _guarantees()
    _derived()
    _shared()
    op.bulk_insert(accounts, [{"id": HOUSE, "player_id": None, "created_at": datetime.now(UTC)}])
    op.bulk_insert(balances, [{"account_id": HOUSE, "bounded": False, "amount": 0, "entries": 0}])


def _ledger() -> tuple[sa.Table, sa.Table]:
    accounts = op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("player_id", sa.Uuid()),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("player_id", name="uq_accounts_player_id"),
    )
    balances = op.create_table(
        "balances",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("bounded", sa.Boolean(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_balances"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_balances_account_id"),
        sa.CheckConstraint("amount >= 0 OR NOT bounded", name=op.f("ck_balances_no_overdraft")),
        # Updated all the time in place: room on each page for the new version keeps updates out of the index.
        postgresql_with={"fillfactor": 70},
    )
    grant("balances", "UPDATE", columns=["amount", "entries"])
    op.create_table(
        "transactions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text()),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_transactions"),
        sa.UniqueConstraint("reference", name="uq_transactions_reference"),
        sa.CheckConstraint("kind IN ('credit', 'transfer')", name=op.f("ck_transactions_kind")),
        sa.CheckConstraint("(kind = 'credit') = (reference IS NOT NULL)", name=op.f("ck_transactions_reference")),
    )
    op.create_table(
        "entries",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "sequence", name="pk_entries"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_entries_account_id"),
        sa.ForeignKeyConstraint(["transaction_id"], ["transactions.id"], name="fk_entries_transaction_id"),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_entries_amount")),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_entries_sequence")),
    )
    op.create_index("ix_entries_transaction_id", "entries", ["transaction_id"])
    return accounts, balances


def _guarantees() -> None:
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END $$
    """)
    for table in ("transactions", "entries"):
        op.execute(f"""
            CREATE TRIGGER {table}_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """)
    op.execute("""
        CREATE FUNCTION entries_sum_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE total numeric;
        BEGIN
            SELECT sum(amount) INTO total FROM entries WHERE transaction_id = NEW.transaction_id;
            IF total <> 0 THEN
                RAISE EXCEPTION 'the entries of transaction % sum to %', NEW.transaction_id, total
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_sum_to_zero';
            END IF;
            RETURN NULL;
        END $$
    """)
    # At the commit, when all entries of the transaction are there.
    op.execute("""
        CREATE CONSTRAINT TRIGGER entries_sum_to_zero AFTER INSERT ON entries
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION entries_sum_to_zero()
    """)


def _derived() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        sa.UniqueConstraint("account_id", "transaction_id", name="uq_notifications_account_id_transaction_id"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="fk_notifications_account_id"),
        sa.ForeignKeyConstraint(["transaction_id"], ["transactions.id"], name="fk_notifications_transaction_id"),
    )
    op.create_table(
        "reconciliation_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("accounts", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("discrepancies", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reconciliation_reports"),
    )
    op.create_index("ix_reconciliation_reports_created_at", "reconciliation_reports", ["created_at"])
    grant("reconciliation_reports", "DELETE")


def _shared() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("payload", JSONB(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt_at", moment, nullable=False),
        sa.Column("done_at", moment),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_due", "outbox", ["next_attempt_at"], postgresql_where="done_at IS NULL")
    grant("outbox", "UPDATE", columns=["attempts", "next_attempt_at", "done_at"])
    grant("outbox", "DELETE")
    op.create_table(
        "idempotency_keys",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.BigInteger()),
        sa.Column("body", sa.Text()),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name="pk_idempotency_keys"),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    grant("idempotency_keys", "UPDATE", columns=["status", "body"])
    grant("idempotency_keys", "DELETE")
