"""What PostgreSQL itself guarantees of the ledger, whatever the application does."""

from __future__ import annotations

import contextlib
import json
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.wallet import ledger
from services.wallet.ledger import NO_CAP
from tests.services.support import Clock, Cloud
from tests.services.wallet.fixtures import Wallet

pytestmark = pytest.mark.postgres

HOUSE = "00000000-0000-7000-8000-000000000001"


#: Of each table: what the app role may do with it besides to read it. What it is not allowed is tried, and refused.
WRITABLE = {
    "accounts": {"INSERT"},
    "adjustment_decisions": {"INSERT"},
    "adjustments": {"INSERT"},
    "balances": {"INSERT"},
    "bonus_ends": {"INSERT"},
    "bonuses": {"INSERT"},
    "chain_blocks": set(),
    "chain_links": set(),
    "deductions": {"INSERT"},
    "entries": set(),
    "event_position": {"INSERT", "UPDATE"},
    "events": {"INSERT", "UPDATE", "DELETE"},
    "freeze_lifts": {"INSERT"},
    "freezes": {"INSERT"},
    "hold_ends": set(),
    "hold_parts": set(),
    "holds": set(),
    "idempotency_keys": {"INSERT", "UPDATE", "DELETE"},
    "job_runs": {"INSERT", "UPDATE"},
    "movement_kinds": set(),
    "notifications": {"INSERT", "DELETE"},
    "outbox": {"INSERT", "UPDATE", "DELETE"},
    "payment_reconciliations": {"INSERT"},
    "play_minutes": {"INSERT", "DELETE"},
    "player_limits": {"INSERT"},
    "receivables": set(),
    "reconciliation_reports": {"INSERT", "DELETE"},
    "recoveries": set(),
    "transactions": set(),
    "trial_balances": {"INSERT"},
    "unbalanced": set(),
    "alembic_version": set(),
}


async def test_the_app_role_writes_no_table_that_money_hangs_on(cloud: Cloud) -> None:
    """Every table is in the list, and what the list does not allow is refused when it is tried, whatever a grant says."""
    async with cloud.fresh("wallet") as database:
        app = await cloud.connect(database, role="app", service="wallet")
        columns: dict[str, list[str]] = {}
        for table, column in await app.fetch(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        ):
            columns.setdefault(table, []).append(column)
        tables = {row[0] for row in await app.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        assert tables == set(WRITABLE)
        for table, may in WRITABLE.items():
            tried = {
                "INSERT": [f"INSERT INTO {table} DEFAULT VALUES"],
                "UPDATE": [f'UPDATE {table} SET "{column}" = "{column}"' for column in columns[table]],
                "DELETE": [f"DELETE FROM {table}"],
                "TRUNCATE": [f"TRUNCATE {table} CASCADE"],
                "TRIGGER": [
                    f"ALTER TABLE {table} DISABLE TRIGGER ALL",
                    f"DROP TABLE {table} CASCADE",
                    f"ALTER TABLE {table} OWNER TO CURRENT_USER",
                    f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
                    f"CREATE TRIGGER mine BEFORE INSERT ON {table} EXECUTE FUNCTION refuse_change()",
                    f"CREATE RULE mine AS ON UPDATE TO {table} DO INSTEAD NOTHING",
                ],
            }
            for verb, statements in tried.items():
                if verb not in may:
                    for statement in statements:
                        with pytest.raises(asyncpg.InsufficientPrivilegeError):
                            await app.execute(statement)
        await app.close()


#: Other ways to the same.
HOSTILE = (
    "CREATE TABLE mine (id int)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION uuid7() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
    "ALTER FUNCTION post SECURITY INVOKER",
    "SET ROLE wallet_owner",
    "SET SESSION AUTHORIZATION wallet_owner",
    "SET session_replication_role = replica",
    "GRANT wallet_owner TO wallet_app",
    # What `post` calls writes with the rights of who calls it.
    "SELECT post_entries('{}', ARRAY[id], '{9}', '{0}', '{1}', '{t}', now(), '{}', '{}', '{}', '{}', '{}') FROM accounts",
    "UPDATE reconciliation_reports SET discrepancies = '[]'",
    "UPDATE outbox SET payload = '{}'",
)


async def test_the_app_role_may_not(cloud: Cloud) -> None:
    async with cloud.fresh("wallet") as database:
        app = await cloud.connect(database, role="app", service="wallet")
        done = []
        for statement in HOSTILE:
            with contextlib.suppress(asyncpg.InsufficientPrivilegeError):
                await app.execute(statement)
                done.append(statement)
        assert done == []
        await app.close()


async def test_what_runs_with_the_owners_rights_looks_nowhere_else(wallet: Wallet) -> None:
    """Of its functions every one that does has a search path of its own, with what is temporary last; a caller's is no use."""
    app = await wallet.auth.cloud.connect(wallet.database, role="app", service="wallet")
    settings = {
        row["proname"]: row["proconfig"] or []
        for row in await app.fetch(
            "SELECT proname, proconfig FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        )
    }
    assert {"post", "set_frozen", "seal", "settle_recovery", "check_entries", "check_unbalanced"} <= set(settings)
    for name, config in settings.items():
        assert any(each.startswith("search_path=") and each.endswith("public, pg_temp") for each in config), name
    one, other = await wallet.player(100), await wallet.player()
    await app.execute("SET search_path = pg_temp")
    item = ledger.move(
        id=uuid4(), kind="transfer", by="test", hash=b"", sources=[(UUID(one.account), ledger.NO_CAP)],
        destinations=[(UUID(other.account), 1)],
    )  # fmt: skip
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await ledger.post(app, [item], wallet.app.state.clock.now())
    # A database that bootstrap made lets the app role make no temporary table; this copy of one does.
    await app.execute("CREATE TEMP TABLE balances (LIKE public.balances INCLUDING ALL)")
    await app.execute("CREATE TEMP TABLE entries (LIKE public.entries INCLUDING ALL)")
    await app.execute(
        "INSERT INTO pg_temp.balances SELECT account_id, bounded, 1000000, 0 FROM public.balances WHERE bounded"
    )
    await app.execute("SET search_path = pg_temp, public")
    (outcome,) = await ledger.post(app, [item], wallet.app.state.clock.now())
    assert outcome.status == "posted"
    assert await app.fetchval("SELECT count(*) FROM pg_temp.entries") == 0
    assert await other.balance() == 1
    await app.close()


async def test_money_comes_from_nowhere_through_the_functions_either(wallet: Wallet) -> None:
    """Who calls `post` by itself, with legs that no caller of ours makes: it is refused, and nothing is left."""
    one, other = await wallet.player(100), await wallet.player()
    app = await wallet.auth.cloud.connect(wallet.database, role="app", service="wallet")
    mine, theirs, house = UUID(one.account), UUID(other.account), UUID(HOUSE)
    legs: list[tuple[str, str, list[tuple[UUID, int]]]] = [
        ("move", "transfer", [(mine, 1_000)]),  # from nobody
        ("move", "transfer", [(mine, -NO_CAP), (theirs, 10), (theirs, 9)]),  # more than there is comes of it below
        ("move", "credit", [(mine, -NO_CAP), (house, 5)]),  # the wrong way round
        ("move", "transfer", [(house, -NO_CAP), (mine, 5)]),  # from the house, as a transfer
        ("release", "payout", [(mine, 1_000)]),
        ("hold", "payout", [(mine, 1_000)]),
    ]
    before = await app.fetch("SELECT * FROM balances ORDER BY account_id")
    for op, kind, given in legs:
        more = {"amount": 40} if len(given) == 3 else {}
        item = json.dumps(
            [{"op": op, "id": str(uuid4()), "kind": kind, "by": "x", "hash": "", "reference": "x"} | more]
        )
        values = [1] * len(given), [account for account, _ in given], [amount for _, amount in given]
        refused = await _refused(app, item, *values)
        assert refused, f"{op} {kind} {given}"
    assert await app.fetch("SELECT * FROM balances ORDER BY account_id") == before
    await app.close()


async def _refused(app: Any, item: str, *legs: list[Any]) -> bool:
    try:
        row = await app.fetchrow(
            "SELECT * FROM post($1::jsonb, $2, $3, $4, now(), false, $5, NULL)", item, *legs, uuid4()
        )
    except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError):
        return True
    return row["statuses"] != ["posted"]


@pytest.mark.parametrize("table", ["entries", "transactions"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET created_at = now()", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_not_even_the_owner_changes_what_was_entered(cloud: Cloud, table: str, verb: str) -> None:
    async with cloud.fresh("wallet") as database:
        owner = await cloud.connect(database, role="owner", service="wallet")
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await owner.execute(verb.format(table))
        await owner.close()


async def _enter(owner: Any, legs: list[tuple[str, int]]) -> None:
    transaction = uuid4()
    async with owner.transaction():
        await owner.execute(
            "INSERT INTO transactions VALUES ($1, 'credit', $2, '', 'test', now())", transaction, str(transaction)
        )
        for account, amount in legs:
            await owner.execute(
                "INSERT INTO entries SELECT $1, entries + 1, $2, $3, amount + $3, now() FROM balances WHERE account_id = $1",
                account,
                transaction,
                amount,
            )


async def test_a_lopsided_transaction_does_not_commit(cloud: Cloud) -> None:
    async with cloud.fresh("wallet") as database:
        owner = await cloud.connect(database, role="owner", service="wallet")
        with pytest.raises(asyncpg.CheckViolationError, match="sum to -5"):
            await _enter(owner, [(HOUSE, -5)])
        assert await owner.fetchval("SELECT count(*) FROM transactions") == 0
        await owner.close()


async def test_a_balance_begins_with_nothing_and_only_the_houses_is_unbounded(wallet: Wallet) -> None:
    """Who has only the app role's rights can insert balances, but none that may fall below zero, and none with money in it."""
    app = await wallet.auth.cloud.connect(wallet.database, role="app", service="wallet")
    account = uuid4()
    await app.execute("INSERT INTO accounts (id, player_id, created_at) VALUES ($1, $2, now())", account, uuid4())
    with pytest.raises(asyncpg.CheckViolationError, match="ck_balances_bounded"):
        await app.execute("INSERT INTO balances VALUES ($1, false, 0, 0)", account)
    for amount, entries in ((1, 0), (0, 1), (100, 1)):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await app.execute("INSERT INTO balances VALUES ($1, true, $2, $3)", account, amount, entries)
    for more in ("held", "frozen"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(
                f"INSERT INTO balances (account_id, bounded, amount, entries, {more}) VALUES ($1, true, 0, 0, '1')",
                account,
            )
    await app.execute("INSERT INTO balances VALUES ($1, true, 0, 0)", account)
    await app.close()


async def test_a_report_that_found_something_stays(wallet: Wallet) -> None:
    app = await wallet.auth.cloud.connect(wallet.database, role="app", service="wallet")
    for found in ("[]", '[{"kind": "balance"}]'):
        await app.execute("INSERT INTO reconciliation_reports VALUES ($1, now(), 0, 0, $2)", uuid4(), found)
    await app.execute("DELETE FROM reconciliation_reports")
    assert await app.fetchval("SELECT jsonb_array_length(discrepancies) FROM reconciliation_reports") == 1
    await app.close()


async def test_entries_are_in_order_of_time_whatever_the_clocks_show(wallet: Wallet, clock: Clock) -> None:
    """M10: tasks whose clocks differ by minutes write entries of one account one after the other."""
    one, other = await wallet.player(1_000), await wallet.player()
    moments = []
    for minutes in (0, 5, -4, 7, -3):
        clock.move(minutes=minutes)
        answer = await one.transfer(other.account, 10)
        assert answer.status_code == 201, answer.text
        moments.append(answer.json()["created_at"])
    assert moments == sorted(moments)
    app = await wallet.auth.cloud.connect(wallet.database, role="app", service="wallet")
    disordered = await app.fetchval("""
        SELECT count(*) FROM (
            SELECT created_at - lag(created_at) OVER (PARTITION BY account_id ORDER BY sequence) AS step FROM entries
        ) AS steps WHERE step < interval '0'
    """)
    assert disordered == 0
    assert await app.fetchval("SELECT count(DISTINCT (transaction_id, created_at)) FROM entries") == 6
    await app.close()


async def test_a_player_cannot_be_overdrawn_by_sql(wallet: Wallet) -> None:
    player = await wallet.player(10)
    owner = await wallet.auth.cloud.connect(wallet.database, role="owner", service="wallet")
    with pytest.raises(asyncpg.CheckViolationError, match="ck_balances_no_overdraft"):
        await owner.execute("UPDATE balances SET amount = amount - 11 WHERE account_id = $1", player.account)
    await owner.close()


async def test_an_entry_names_an_account_and_a_transaction_that_there_are(cloud: Cloud) -> None:
    """Foreign keys would lock the row that each entry names; a trigger looks at all entries of a statement at once."""
    async with cloud.fresh("wallet") as database:
        owner = await cloud.connect(database, role="owner", service="wallet")
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="an account that there is not"):
            async with owner.transaction():
                known = uuid4()
                await owner.execute("INSERT INTO transactions VALUES ($1, 'credit', 'x', '', 'test', now())", known)
                await owner.execute("INSERT INTO entries VALUES ($1, 1, $2, 5, 5, now())", uuid4(), known)
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="names the transaction"):
            await owner.execute("INSERT INTO entries VALUES ($1, 1, $2, 5, 5, now())", HOUSE, uuid4())
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="no kind of movement gift"):
            await owner.execute("INSERT INTO transactions VALUES ($1, 'gift', NULL, '', 'test', now())", uuid4())
        for gone in (
            "DELETE FROM accounts",
            "DELETE FROM movement_kinds",
            "UPDATE accounts SET id = gen_random_uuid()",
        ):
            with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
                await owner.execute(gone)
        await owner.close()


async def test_posting_reads_no_table_from_end_to_end(wallet: Wallet) -> None:
    """Plans are made while tables are small and kept while they grow: a session that posts finds each row by an index."""
    one, other = await wallet.player(1_000), await wallet.player()
    app = await wallet.auth.cloud.connect(wallet.database, role="app", service="wallet")
    async with app.transaction():
        for _ in range(8):
            item = ledger.move(
                id=uuid4(), kind="transfer", by="test", hash=b"", sources=[(UUID(one.account), ledger.NO_CAP)],
                destinations=[(UUID(other.account), 1)], reference=uuid4().hex, key=uuid4().hex,
            )  # fmt: skip
            for status in ("posted", "replayed"):
                (outcome,) = await ledger.post(app, [item], wallet.app.state.clock.now())
                assert outcome.status == status
        scanned = await app.fetch(
            "SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0"
        )  # of this transaction
    assert {row["relname"] for row in scanned} <= {"movement_kinds"}
    await app.close()
