"""Freezes, adjustments by two, the chain over what was posted, trial balances, reconciliations with payments, tax deducted.

All of it is append-only, but for what the chain and the tax year have reached.
"""

from __future__ import annotations

from alembic import op

from services.common.grants import grant

revision = "0010"
down_revision = "0009"

TABLES = {
    "freezes": """
        id uuid NOT NULL, player_id uuid NOT NULL, reason text NOT NULL, placed_by text NOT NULL,
        placed_at timestamptz NOT NULL,
        CONSTRAINT pk_freezes PRIMARY KEY (id)
    """,
    "freeze_lifts": """
        freeze_id uuid NOT NULL, reason text NOT NULL, lifted_by text NOT NULL, lifted_at timestamptz NOT NULL,
        CONSTRAINT pk_freeze_lifts PRIMARY KEY (freeze_id),
        CONSTRAINT fk_freeze_lifts_freeze_id FOREIGN KEY (freeze_id) REFERENCES freezes (id)
    """,
    # Who decides is not who proposed: the foreign key brings the proposer along, and the CHECK compares.
    "adjustments": """
        id uuid NOT NULL, player_id uuid NOT NULL, bucket text NOT NULL, amount bigint NOT NULL, reason text NOT NULL,
        proposed_by text NOT NULL, proposed_at timestamptz NOT NULL,
        CONSTRAINT pk_adjustments PRIMARY KEY (id),
        CONSTRAINT uq_adjustments_id_proposed_by UNIQUE (id, proposed_by),
        CONSTRAINT ck_adjustments_amount CHECK (amount <> 0),
        CONSTRAINT ck_adjustments_bucket CHECK (bucket IN ('deposit', 'winnings', 'bonus'))
    """,
    "adjustment_decisions": """
        adjustment_id uuid NOT NULL, proposed_by text NOT NULL, approved boolean NOT NULL, decided_by text NOT NULL,
        decided_at timestamptz NOT NULL,
        CONSTRAINT pk_adjustment_decisions PRIMARY KEY (adjustment_id),
        CONSTRAINT fk_adjustment_decisions_adjustment_id FOREIGN KEY (adjustment_id, proposed_by)
            REFERENCES adjustments (id, proposed_by),
        CONSTRAINT ck_adjustment_decisions_decided_by CHECK (decided_by <> proposed_by)
    """,
    "chain_blocks": """
        number bigint NOT NULL, previous bytea NOT NULL, hash bytea NOT NULL, transactions bigint NOT NULL,
        position bigint NOT NULL, sealed_at timestamptz NOT NULL,
        CONSTRAINT pk_chain_blocks PRIMARY KEY (number)
    """,
    "chain_links": """
        transaction_id uuid NOT NULL, block bigint NOT NULL,
        CONSTRAINT pk_chain_links PRIMARY KEY (transaction_id),
        CONSTRAINT fk_chain_links_block FOREIGN KEY (block) REFERENCES chain_blocks (number)
            DEFERRABLE INITIALLY DEFERRED
    """,
    "trial_balances": """
        day date NOT NULL, account text NOT NULL, currency text NOT NULL, debits bigint NOT NULL, credits bigint NOT NULL,
        balance bigint NOT NULL,
        CONSTRAINT pk_trial_balances PRIMARY KEY (day, account, currency)
    """,
    # `id` is the movement's, where there was anything to deduct.
    "deductions": """
        id uuid NOT NULL, player_id uuid NOT NULL, year bigint NOT NULL, occasion text NOT NULL, amount bigint NOT NULL,
        net bigint NOT NULL, tax bigint NOT NULL, section text NOT NULL, created_at timestamptz NOT NULL,
        CONSTRAINT pk_deductions PRIMARY KEY (id),
        CONSTRAINT ck_deductions_occasion CHECK (occasion IN ('withdrawal', 'year_end')),
        CONSTRAINT ck_deductions_tax CHECK (tax BETWEEN 0 AND net)
    """,
    "payment_reconciliations": """
        id uuid NOT NULL, provider text NOT NULL, created_at timestamptz NOT NULL, matched bigint NOT NULL,
        findings jsonb NOT NULL,
        CONSTRAINT pk_payment_reconciliations PRIMARY KEY (id)
    """,
}


def upgrade() -> None:
    for table, columns in TABLES.items():
        op.execute(f"CREATE TABLE {table} ({columns})")
        op.execute(f"""
            CREATE TRIGGER {table}_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """)
    op.create_index("ix_freezes_player_id", "freezes", ["player_id"])
    op.create_index("ix_deductions_player_id_year", "deductions", ["player_id", "year"])
    op.create_index("ix_chain_links_block", "chain_links", ["block"])
    # Entries are made in order of time: a summary of each range of pages finds a day.
    op.execute("CREATE INDEX ix_entries_created_at ON entries USING brin (created_at)")
    op.get_bind().exec_driver_sql(FREEZE)
    op.get_bind().exec_driver_sql(CONTENT)
    op.get_bind().exec_driver_sql(SEAL)
    op.get_bind().exec_driver_sql(BALANCE_AT)
    grant("balances", "UPDATE", columns=["frozen"])


#: Whether a player's money is frozen follows from the freezes that are not lifted; the rows are locked in order.
FREEZE = """
CREATE FUNCTION set_frozen(player uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE is_open boolean;
BEGIN
    PERFORM 1 FROM balances WHERE account_id IN (SELECT id FROM accounts WHERE owner_id = player)
        ORDER BY account_id FOR NO KEY UPDATE;
    SELECT EXISTS (
        SELECT 1 FROM freezes f LEFT JOIN freeze_lifts l ON l.freeze_id = f.id
            WHERE f.player_id = player AND l.freeze_id IS NULL
    ) INTO is_open;
    UPDATE balances SET frozen = is_open
        WHERE account_id IN (SELECT id FROM accounts WHERE owner_id = player) AND frozen <> is_open;
    RETURN is_open;
END $$
"""

#: A hash of transactions with their entries, whatever the session's settings: everything that was entered, in one order.
CONTENT = """
CREATE FUNCTION content_hash(previous bytea, ids uuid[]) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(previous || convert_to(coalesce(string_agg(
        concat_ws('|', t.id, t.kind, coalesce(t.reference, '-'), t.note, t.created_by, extract(epoch FROM t.created_at),
            coalesce(encode(t.request_hash, 'hex'), '-'), coalesce(t.reverses::text, '-'), coalesce(t.hold_id::text, '-'),
            e.legs),
        E'\\n' ORDER BY t.id
    ), ''), 'UTF8'))
    FROM transactions t CROSS JOIN LATERAL (
        SELECT string_agg(concat_ws(',', account_id, sequence, amount, balance_after), ';' ORDER BY account_id) AS legs
        FROM entries WHERE transaction_id = t.id
    ) e WHERE t.id = ANY(ids)
$$
"""

#: Seals what was posted since the last block, in the order in which events were numbered; the first block has all that is older
#: than events. Returns how many transactions it sealed.
SEAL = """
CREATE FUNCTION seal(most bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE last_number bigint; last_hash bytea; last_position bigint; ids uuid[]; reached bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(27413);
    SELECT number, hash, position INTO last_number, last_hash, last_position FROM chain_blocks ORDER BY number DESC LIMIT 1;
    IF last_number IS NULL THEN
        last_number := 0; last_hash := '';
        SELECT array_agg(t.id) INTO ids FROM transactions t
            WHERE t.created_at < now() - interval '1 minute'
                AND NOT EXISTS (SELECT 1 FROM events e WHERE (e.data ->> 'transaction')::uuid = t.id);
        reached := 0;
    ELSE
        SELECT array_agg((e.data ->> 'transaction')::uuid), max(e.position) INTO ids, reached FROM (
            SELECT * FROM events WHERE position > last_position AND name = 'wallet.transaction-posted'
            ORDER BY position LIMIT most
        ) e;
        IF ids IS NULL THEN
            RETURN 0;
        END IF;
    END IF;
    ids := coalesce(ids, '{}');
    INSERT INTO chain_blocks VALUES (
        last_number + 1, last_hash, content_hash(last_hash, ids), cardinality(ids), reached, now()
    );
    INSERT INTO chain_links SELECT id, last_number + 1 FROM unnest(ids) AS x (id);
    RETURN greatest(cardinality(ids), 1);
END $$
"""

#: What an account had at a moment. Entries are in order of time, so that some twenty looks find the newest before it.
BALANCE_AT = """
CREATE FUNCTION balance_at(account uuid, moment timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE low bigint := 0; high bigint; middle bigint; at timestamptz; after bigint := 0; found bigint;
BEGIN
    SELECT max(sequence) INTO high FROM entries WHERE account_id = account;
    WHILE low < coalesce(high, 0) LOOP
        middle := (low + high + 1) / 2;
        SELECT created_at, balance_after INTO at, found FROM entries WHERE account_id = account AND sequence = middle;
        IF at <= moment THEN
            low := middle; after := found;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN after;
END $$
"""
