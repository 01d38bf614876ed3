"""Only the ledger's own functions change balances: the app role calls them, and may not do by itself what they do.

They run with their owner's rights and a search path of their own. What the app role still may insert is an account and its
balance of nothing (row-level security, which does not hold for the owner); what found a discrepancy it cannot delete.
"""

from __future__ import annotations

from alembic import op

from services.common.grants import grant, revoke

revision = "0015"
down_revision = "0014"

#: What only functions write: with entries go balances, with parts what is held.
WRITTEN = ("transactions", "entries", "holds", "hold_parts", "hold_ends", "receivables", "chain_blocks", "chain_links")

#: What the app role calls of what writes there.
FUNCTIONS = ("post", "set_frozen", "seal", "settle_recovery")

#: What a recovery took is taken off the debts of its player, the oldest first: once, and of a movement that was made.
SETTLE = """
CREATE FUNCTION settle_recovery(recovery uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE debtor uuid; taken bigint;
BEGIN
    SELECT a.owner_id, -sum(e.amount) INTO debtor, taken
        FROM transactions t JOIN entries e ON e.transaction_id = t.id JOIN accounts a ON a.id = e.account_id
        WHERE t.id = recovery AND t.kind = 'recovery' AND NOT a.house GROUP BY a.owner_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is no recovery', recovery USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO recoveries VALUES (recovery);
    PERFORM 1 FROM receivables r JOIN accounts a ON a.id = r.account_id WHERE a.owner_id = debtor
        ORDER BY r.transaction_id, r.account_id FOR UPDATE OF r;
    UPDATE receivables r SET recovered = r.recovered + least(d.owed, greatest(0, taken - (d.so_far - d.owed)))
        FROM (
            SELECT r.transaction_id, r.account_id, r.amount - r.recovered AS owed,
                sum(r.amount - r.recovered) OVER (ORDER BY r.created_at, r.transaction_id, r.account_id) AS so_far
            FROM receivables r JOIN accounts a ON a.id = r.account_id WHERE a.owner_id = debtor AND r.recovered < r.amount
        ) d
        WHERE r.transaction_id = d.transaction_id AND r.account_id = d.account_id AND d.so_far - d.owed < taken;
    RETURN taken;
END $$
"""


def upgrade() -> None:
    op.execute("""
        CREATE TABLE recoveries (
            transaction_id uuid NOT NULL,
            CONSTRAINT pk_recoveries PRIMARY KEY (transaction_id),
            CONSTRAINT fk_recoveries_transaction_id FOREIGN KEY (transaction_id) REFERENCES transactions (id)
        )
    """)
    # Settled by the code of before; what it settles beside us fails, and is asked for again.
    op.execute("INSERT INTO recoveries SELECT id FROM transactions WHERE kind = 'recovery'")
    op.execute("""
        CREATE TRIGGER recoveries_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON recoveries
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """)
    op.get_bind().exec_driver_sql(SETTLE)
    for function in FUNCTIONS:
        op.execute(f"ALTER FUNCTION {function} SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp")
    for table in (*WRITTEN, "recoveries", "alembic_version"):
        revoke(table, "INSERT", "UPDATE")
    revoke("balances", "UPDATE")
    op.execute("ALTER TABLE balances ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY balances_read ON balances FOR SELECT USING (true)")
    op.execute("""
        CREATE POLICY balances_begin_empty ON balances FOR INSERT
        WITH CHECK (amount = 0 AND entries = 0 AND held = 0 AND NOT frozen AND newest_at IS NULL)
    """)
    op.execute("ALTER TABLE reconciliation_reports ENABLE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY reports_read ON reconciliation_reports FOR SELECT USING (true)")
    op.execute("CREATE POLICY reports_kept ON reconciliation_reports FOR INSERT WITH CHECK (true)")
    op.execute("CREATE POLICY clean_reports_go ON reconciliation_reports FOR DELETE USING (discrepancies = '[]')")


def downgrade() -> None:
    for table in ("balances", "reconciliation_reports"):
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    for policy, table in (
        ("balances_read", "balances"),
        ("balances_begin_empty", "balances"),
        ("reports_read", "reconciliation_reports"),
        ("reports_kept", "reconciliation_reports"),
        ("clean_reports_go", "reconciliation_reports"),
    ):
        op.execute(f"DROP POLICY {policy} ON {table}")
    op.execute("DROP FUNCTION settle_recovery")
    for function in FUNCTIONS[:-1]:
        op.execute(f"ALTER FUNCTION {function} SECURITY INVOKER RESET search_path")
    op.execute("DROP TABLE recoveries")
    for table in WRITTEN:
        grant(table, "INSERT")
    grant("hold_parts", "UPDATE", columns=["remaining"])
    grant("receivables", "UPDATE", columns=["recovered"])
    grant("balances", "UPDATE", columns=["amount", "entries", "held", "frozen", "newest_at"])
