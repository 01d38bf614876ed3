"""What `post` looks up and writes, found by index whatever the tables' sizes; foreign keys checked by the statement.

A plan is made while a table is small and kept while it grows: a reference, and what a reversal undoes, were looked for by
reading all transactions, 10 ms a batch at 5,000 of them. And foreign keys were checked, and the row that they name locked, for
each entry: triggers check all entries of a statement together, and the rows that they name cannot be deleted any more, which is
what the locks were for.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"

#: For each item by index, in no other way.
BY_INDEX = "SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off"

#: The balances of accounts and of what holds keep, locked in the order of their ids; then, as nobody else changes them any
#: more, the parts that holds have left.
LOCK = """
CREATE OR REPLACE FUNCTION post_lock(
    p_accounts uuid[], p_holds uuid[],
    OUT acc uuid[], OUT bounded boolean[], OUT amt bigint[], OUT kept bigint[], OUT seq bigint[], OUT frozen boolean[],
    OUT newest timestamptz,
    OUT part_hold uuid[], OUT part_number bigint[], OUT part_account uuid[], OUT part_left bigint[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF p_holds <> '{}' THEN
        p_accounts := p_accounts || ARRAY(SELECT p.account_id FROM hold_parts p WHERE p.hold_id = ANY(p_holds));
    END IF;
    SELECT array_agg(b.account_id), array_agg(b.bounded), array_agg(b.amount), array_agg(b.held), array_agg(b.entries),
        array_agg(b.frozen), max(b.newest_at)
    INTO acc, bounded, amt, kept, seq, frozen, newest
    FROM (
        SELECT b.* FROM (SELECT DISTINCT unnest(p_accounts) AS id ORDER BY 1) g JOIN balances b ON b.account_id = g.id
        ORDER BY b.account_id FOR NO KEY UPDATE OF b
    ) b;
    IF p_holds <> '{}' THEN
        SELECT array_agg(p.hold_id), array_agg(p.number), array_agg(p.account_id), array_agg(p.remaining)
        INTO part_hold, part_number, part_account, part_left
        FROM hold_parts p WHERE p.hold_id = ANY(p_holds) AND p.remaining > 0;
    END IF;
END $$
"""

#: What is stored of items already, by their number: the hash and moment of an id, whether a reference or a reversal is taken,
#: the hold that is meant, the answer under a key.
KNOWN = """
CREATE OR REPLACE FUNCTION post_known(
    p_ids uuid[], p_ops text[], p_holds uuid[], p_references text[], p_reverses uuid[], p_by text[], p_keys text[],
    OUT old_hash text[], OUT old_at timestamptz[], OUT ended boolean[], OUT hold_kind text[], OUT expiry timestamptz[],
    OUT taken boolean[], OUT reversed boolean[], OUT old_key text[], OUT old_body text[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    SELECT array_agg(encode(k.hash, 'hex')), array_agg(k.at) INTO old_hash, old_at FROM (
        SELECT coalesce(t.request_hash, h.request_hash) AS hash, coalesce(t.created_at, h.created_at) AS at
        FROM unnest(p_ids) WITH ORDINALITY AS i (id, k)
        LEFT JOIN transactions t ON t.id = i.id LEFT JOIN holds h ON h.id = i.id ORDER BY i.k
    ) k;
    IF array_remove(p_holds, NULL) <> '{}' THEN
        SELECT array_agg(k.ended), array_agg(k.kind), array_agg(k.expires_at) INTO ended, hold_kind, expiry FROM (
            SELECT x.hold_id IS NOT NULL AS ended, g.kind, g.expires_at
            FROM unnest(p_holds) WITH ORDINALITY AS i (hold, k)
            LEFT JOIN hold_ends x ON x.hold_id = i.hold LEFT JOIN holds g ON g.id = i.hold ORDER BY i.k
        ) k;
    END IF;
    IF array_remove(p_references, NULL) <> '{}' THEN
        SELECT array_agg(k.taken) INTO taken FROM (
            SELECT coalesce(i.again > 1 OR t.id IS NOT NULL OR h.id IS NOT NULL, false) AS taken
            FROM (
                SELECT *, CASE WHEN reference IS NOT NULL
                    THEN row_number() OVER (PARTITION BY reference, op = 'hold' ORDER BY k) END AS again
                FROM unnest(p_references, p_ops) WITH ORDINALITY AS g (reference, op, k)
            ) i LEFT JOIN transactions t ON t.reference = i.reference AND i.op <> 'hold'
            LEFT JOIN holds h ON h.reference = i.reference AND i.op = 'hold' ORDER BY i.k
        ) k;
    END IF;
    IF array_remove(p_reverses, NULL) <> '{}' THEN
        SELECT array_agg(k.reversed) INTO reversed FROM (
            SELECT coalesce(i.twice > 1 OR r.id IS NOT NULL, false) AS reversed
            FROM (
                SELECT *, CASE WHEN reverses IS NOT NULL THEN row_number() OVER (PARTITION BY reverses ORDER BY k) END AS twice
                FROM unnest(p_reverses) WITH ORDINALITY AS g (reverses, k)
            ) i LEFT JOIN transactions r ON r.reverses = i.reverses ORDER BY i.k
        ) k;
    END IF;
    IF array_remove(p_keys, NULL) <> '{}' THEN
        SELECT array_agg(encode(k.request_hash, 'hex')), array_agg(k.body) INTO old_key, old_body FROM (
            SELECT s.request_hash, s.body FROM unnest(p_by, p_keys) WITH ORDINALITY AS i (by, key, k)
            LEFT JOIN idempotency_keys s ON s.caller = i.by AND s.key = i.key ORDER BY i.k
        ) k;
    END IF;
END $$
"""

#: What was entered when items were posted that are posted again.
ENTRIES_OF = """
CREATE OR REPLACE FUNCTION post_entries_of(
    p_ids uuid[], p_statuses text[], p_at timestamptz[],
    OUT items bigint[], OUT accounts uuid[], OUT amounts bigint[], OUT afters bigint[]
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT coalesce(array_agg(r.k), '{}'), coalesce(array_agg(t.account_id), '{}'), coalesce(array_agg(t.amount), '{}'),
        coalesce(array_agg(t.balance_after), '{}')
    INTO items, accounts, amounts, afters
    FROM unnest(p_ids, p_statuses, p_at) WITH ORDINALITY AS r (id, status, at, k) JOIN entries t ON t.transaction_id = r.id
    WHERE r.status = 'replayed' AND r.at IS NOT NULL;
END $$
"""

#: The entries of a batch, and the balances after them.
ENTRIES = """
CREATE OR REPLACE FUNCTION post_entries(
    p_ids uuid[], acc uuid[], amt bigint[], kept bigint[], seq bigint[], moved boolean[], moment timestamptz,
    e_item bigint[], e_acc bigint[], e_amount bigint[], e_after bigint[], e_seq bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entries (account_id, sequence, transaction_id, amount, balance_after, created_at)
        SELECT acc[x.a], x.sequence, p_ids[x.item], x.amount, x.after, moment
        FROM unnest(e_item, e_acc, e_amount, e_after, e_seq) AS x (item, a, amount, after, sequence);
    UPDATE balances b SET amount = x.amount, held = x.held, entries = x.sequence, newest_at = moment
        FROM unnest(acc, amt, kept, seq, moved) AS x (account, amount, held, sequence, moved)
        WHERE b.account_id = x.account AND x.moved;
END $$
"""

#: What foreign keys of entries and transactions said, of all rows of a statement. With the owner's rights, see migration 0007.
CHECK_ENTRIES = """
CREATE OR REPLACE FUNCTION check_entries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT n.transaction_id, min(t.kind) AS kind, bool_or(a.id IS NULL OR t.id IS NULL) AS unknown,
            min(a.currency) <> max(a.currency) OR bool_or(
                k.kind <> 'reversal' AND a.bucket <> ALL(CASE WHEN n.amount < 0 THEN k.takes ELSE k.gives END)
            ) AS strange, sum(n.amount) AS total
        FROM added n LEFT JOIN accounts a ON a.id = n.account_id LEFT JOIN transactions t ON t.id = n.transaction_id
        LEFT JOIN movement_kinds k ON k.kind = t.kind
        GROUP BY n.transaction_id
        HAVING sum(n.amount) <> 0 OR bool_or(a.id IS NULL OR k.kind IS NULL) OR min(a.currency) <> max(a.currency) OR bool_or(
            k.kind <> 'reversal' AND a.bucket <> ALL(CASE WHEN n.amount < 0 THEN k.takes ELSE k.gives END)
        )
    LOOP
        IF found.unknown THEN
            RAISE EXCEPTION 'an entry names the transaction % or an account that there is not', found.transaction_id
                USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'entries_of_accounts';
        ELSIF found.strange THEN
            RAISE EXCEPTION 'transaction % moves what a % may not', found.transaction_id, found.kind
                USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_of_kind';
        ELSIF found.total <> 0 THEN
            INSERT INTO unbalanced VALUES (found.transaction_id) ON CONFLICT DO NOTHING;
        END IF;
    END LOOP;
    RETURN NULL;
END $$
"""

CHECK_TRANSACTIONS = """
CREATE FUNCTION check_transactions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE unknown text;
BEGIN
    SELECT n.kind INTO unknown FROM (SELECT DISTINCT kind FROM added) n
        WHERE NOT EXISTS (SELECT 1 FROM movement_kinds k WHERE k.kind = n.kind) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no kind of movement %', unknown
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'transactions_of_kinds';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    functions = {
        "post_lock": LOCK,
        "post_known": KNOWN,
        "post_entries_of": ENTRIES_OF,
        "post_entries": ENTRIES,
        "check_entries": CHECK_ENTRIES,
        "check_transactions": CHECK_TRANSACTIONS,
    }
    for name, function in functions.items():
        op.get_bind().exec_driver_sql(function)  # colons are its own
        op.execute(f"ALTER FUNCTION {name} {BY_INDEX}")
    # What entries and transactions name is never deleted and keeps its name: no row has to be locked for that.
    for table, names in (("accounts", "id, bucket, currency, house"), ("movement_kinds", "kind")):
        op.execute(f"""
            CREATE TRIGGER {table}_kept BEFORE DELETE OR TRUNCATE OR UPDATE OF {names} ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """)
    op.execute("""
        CREATE TRIGGER transactions_checked AFTER INSERT ON transactions REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION check_transactions()
    """)
    op.execute("ALTER TABLE entries DROP CONSTRAINT fk_entries_account_id, DROP CONSTRAINT fk_entries_transaction_id")
    op.execute("ALTER TABLE transactions DROP CONSTRAINT fk_transactions_kind")
