"""Accounts by bucket, accounts of the house by name and shard, kinds of movement as data, what is held and what is frozen.

The database guarantees more than before,
    at less cost: entries are checked once for each statement and not once for each row; they are
of accounts that the transaction's kind allows,
    in one currency. A transaction that several statements enter is looked at again when
it commits.
"""

from __future__ import annotations

from alembic import op

from services.common.grants import grant

revision = "0007"
down_revision = "0006"

#: Names of the house's accounts, in the order of their ids; each has SHARDS accounts. The first is where all came from before.
HOUSE = ("house", "rake", "promotions", "tds_payable", "gst_payable", "suspense", "receivable", "rounding",
         "psp:razorpay", "psp:cashfree")  # fmt: skip
SHARDS = 8

#: kind → classes of accounts that it takes from, and that it gives to.
KINDS = {
    "credit": (["house"], ["deposit"]),
    "transfer": (["deposit"], ["deposit"]),
    "deposit": (["psp"], ["deposit", "gst_payable", "rounding"]),
    "payout": (["deposit", "winnings"], ["psp", "tds_payable"]),
    "refund": (["deposit"], ["psp"]),
    "dispute": (["deposit", "winnings"], ["psp"]),
    "contest_entry": (["bonus", "deposit", "winnings"], ["pot"]),
    "prize": (["pot"], ["winnings"]),
    "rake": (["pot"], ["rake"]),
    "bonus": (["promotions"], ["bonus"]),
    "bonus_release": (["bonus"], ["winnings"]),
    "bonus_expiry": (["bonus"], ["promotions"]),
    "tds": (["deposit", "winnings"], ["tds_payable"]),
    "psp_settlement": (["house"], ["psp"]),
    "tax_payment": (["tds_payable", "gst_payable"], ["house"]),
    "adjustment": (["suspense", "deposit", "winnings", "bonus"], ["suspense", "deposit", "winnings", "bonus"]),
    "recovery": (["deposit", "winnings"], ["receivable"]),
    "write_off": (["promotions"], ["receivable"]),
    "reversal": ([], []),
}


def upgrade() -> None:
    _accounts()
    _balances()
    _transactions()
    _entries()


def _accounts() -> None:
    op.execute("""
        ALTER TABLE accounts
            ADD owner_id uuid, ADD bucket text NOT NULL DEFAULT 'deposit', ADD currency text NOT NULL DEFAULT 'INR',
            ADD house boolean NOT NULL DEFAULT false, ADD name text, ADD shard bigint NOT NULL DEFAULT 0
    """)
    op.execute("UPDATE accounts SET owner_id = player_id WHERE player_id IS NOT NULL")
    op.execute("UPDATE accounts SET house = true, name = 'house', bucket = 'house' WHERE player_id IS NULL")
    # Code of before opens a player's account and knows no owner.
    op.execute("""
        CREATE FUNCTION owner_of_account() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.owner_id := coalesce(NEW.owner_id, NEW.player_id);
            RETURN NEW;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER accounts_owner BEFORE INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION owner_of_account()
    """)
    op.execute("""
        ALTER TABLE accounts
            ADD CONSTRAINT uq_accounts_owner_id_bucket_currency UNIQUE (owner_id, bucket, currency),
            ADD CONSTRAINT uq_accounts_name_shard_currency UNIQUE (name, shard, currency),
            ADD CONSTRAINT uq_accounts_id_house UNIQUE (id, house),
            ADD CONSTRAINT ck_accounts_owner CHECK (house = (name IS NOT NULL) AND house = (owner_id IS NULL)),
            ADD CONSTRAINT ck_accounts_bucket CHECK (house OR bucket IN ('deposit', 'winnings', 'bonus', 'pot')),
            ADD CONSTRAINT ck_accounts_currency CHECK (currency ~ '^[A-Z]{3}$')
    """)
    values = ", ".join(
        f"('00000000-0000-7000-8000-{(number << 8 | shard) + 1:012x}', now(), '{name.partition(':')[0]}', true, "
        f"'{name}', {shard})"
        for number, name in enumerate(HOUSE)
        for shard in range(SHARDS)
        if number or shard  # the first was there
    )
    op.execute(f"INSERT INTO accounts (id, created_at, bucket, house, name, shard) VALUES {values}")  # noqa: S608 - ours
    # The house's accounts are made by migrations alone.
    _revoke("INSERT", "accounts")
    grant("accounts", "INSERT", columns=["id", "player_id", "created_at", "owner_id", "bucket", "currency"])


def _balances() -> None:
    op.execute("""
        ALTER TABLE balances
            ADD held bigint NOT NULL DEFAULT 0, ADD house boolean NOT NULL DEFAULT false,
            ADD frozen boolean NOT NULL DEFAULT false, ADD newest_at timestamptz
    """)
    op.execute("UPDATE balances SET house = true WHERE NOT bounded")
    op.execute("""
        ALTER TABLE balances
            DROP CONSTRAINT ck_balances_bounded, DROP CONSTRAINT ck_balances_no_overdraft,
            ADD CONSTRAINT ck_balances_bounded CHECK (bounded OR house),
            ADD CONSTRAINT ck_balances_no_overdraft CHECK (amount >= held OR NOT bounded),
            ADD CONSTRAINT ck_balances_held CHECK (held >= 0 AND (held = 0 OR bounded)),
            ADD CONSTRAINT fk_balances_account_id_house FOREIGN KEY (account_id, house) REFERENCES accounts (id, house)
    """)
    op.execute("""
        INSERT INTO balances (account_id, bounded, amount, entries, house)
        SELECT id, false, 0, 0, true FROM accounts WHERE house AND id <> '00000000-0000-7000-8000-000000000001'
    """)
    grant("balances", "UPDATE", columns=["held", "frozen", "newest_at"])


def _transactions() -> None:
    op.execute("CREATE TABLE movement_kinds (kind text NOT NULL, takes text[] NOT NULL, gives text[] NOT NULL)")
    op.execute("ALTER TABLE movement_kinds ADD CONSTRAINT pk_movement_kinds PRIMARY KEY (kind)")
    for kind, classes in KINDS.items():
        takes, gives = ("{" + ",".join(each) + "}" for each in classes)
        op.execute(f"INSERT INTO movement_kinds VALUES ('{kind}', '{takes}', '{gives}')")  # noqa: S608 - ours
    _revoke("INSERT", "movement_kinds")
    op.execute("""
        ALTER TABLE transactions
            DROP CONSTRAINT ck_transactions_kind, DROP CONSTRAINT ck_transactions_reference,
            ADD request_hash bytea, ADD reverses uuid, ADD hold_id uuid,
            ADD CONSTRAINT fk_transactions_kind FOREIGN KEY (kind) REFERENCES movement_kinds (kind),
            ADD CONSTRAINT fk_transactions_reverses FOREIGN KEY (reverses) REFERENCES transactions (id),
            ADD CONSTRAINT uq_transactions_reverses UNIQUE (reverses),
            ADD CONSTRAINT ck_transactions_reverses CHECK ((kind = 'reversal') = (reverses IS NOT NULL)),
            ADD CONSTRAINT ck_transactions_reference CHECK (kind <> 'credit' OR reference IS NOT NULL)
    """)


def _entries() -> None:
    """Checked: each entry's account is one that the kind allows on that side, all are of one currency, they sum to zero."""
    op.execute("""
        CREATE TABLE unbalanced (transaction_id uuid NOT NULL, CONSTRAINT pk_unbalanced PRIMARY KEY (transaction_id))
    """)
    _revoke("INSERT", "unbalanced")
    op.execute("DROP TRIGGER entries_sum_to_zero ON entries")
    op.execute("DROP FUNCTION entries_sum_to_zero()")
    # With the owner's rights: who has the app role's can neither add to `unbalanced` nor take from it.
    op.execute("""
        CREATE FUNCTION check_entries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public,
            pg_temp AS $$
        DECLARE found record;
        BEGIN
            FOR found IN
                SELECT n.transaction_id, min(t.kind) AS kind, min(a.currency) <> max(a.currency) OR bool_or(
                    k.kind <> 'reversal' AND a.bucket <> ALL(CASE WHEN n.amount < 0 THEN k.takes ELSE k.gives END)
                ) AS strange, sum(n.amount) AS total
                FROM added n JOIN accounts a ON a.id = n.account_id JOIN transactions t ON t.id = n.transaction_id
                JOIN movement_kinds k ON k.kind = t.kind
                GROUP BY n.transaction_id
                HAVING sum(n.amount) <> 0 OR min(a.currency) <> max(a.currency) OR bool_or(
                    k.kind <> 'reversal' AND a.bucket <> ALL(CASE WHEN n.amount < 0 THEN k.takes ELSE k.gives END)
                )
            LOOP
                IF found.strange THEN
                    RAISE EXCEPTION 'transaction % moves what a % may not', found.transaction_id, found.kind
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_of_kind';
                ELSIF found.total <> 0 THEN
                    INSERT INTO unbalanced VALUES (found.transaction_id) ON CONFLICT DO NOTHING;
                END IF;
            END LOOP;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE TRIGGER entries_checked AFTER INSERT ON entries REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION check_entries()
    """)
    op.execute("""
        CREATE FUNCTION check_unbalanced() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public,
            pg_temp AS $$
        DECLARE total numeric; currencies bigint;
        BEGIN
            SELECT sum(e.amount), count(DISTINCT a.currency) INTO total, currencies
            FROM entries e JOIN accounts a ON a.id = e.account_id WHERE e.transaction_id = NEW.transaction_id;
            IF total <> 0 OR currencies <> 1 THEN
                RAISE EXCEPTION 'the entries of transaction % sum to % in % currencies', NEW.transaction_id, total, currencies
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'entries_sum_to_zero';
            END IF;
            DELETE FROM unbalanced WHERE transaction_id = NEW.transaction_id;
            RETURN NULL;
        END $$
    """)
    op.execute("""
        CREATE CONSTRAINT TRIGGER unbalanced_checked AFTER INSERT ON unbalanced
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_unbalanced()
    """)


def _revoke(privilege: str, table: str) -> None:
    context = op.get_context()
    assert context.config is not None
    op.execute(f'REVOKE {privilege} ON "{table}" FROM "{context.config.attributes["app_role"]}"')
