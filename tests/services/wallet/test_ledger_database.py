"""What PostgreSQL itself guarantees of the ledger, whatever the application does."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.wallet import ledger
from tests.services.support import Clock, Cloud
from tests.services.wallet.fixtures import Wallet

pytestmark = pytest.mark.postgres

HOUSE = "00000000-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET amount = amount + 1",
        "DELETE FROM entries",
        "TRUNCATE entries",
        "UPDATE transactions SET note = 'x'",
        "DELETE FROM transactions",
        "UPDATE accounts SET player_id = NULL",
        "DELETE FROM accounts",
        "UPDATE balances SET bounded = false",
        "DELETE FROM balances",
        "UPDATE reconciliation_reports SET discrepancies = '[]'",
        "UPDATE outbox SET payload = '{}'",
        "ALTER TABLE entries DISABLE TRIGGER ALL",
        "CREATE TABLE mine (id int)",
        "SET ROLE wallet_owner",
    ],
)
async def test_the_app_role_may_not(cloud: Cloud, statement: str) -> None:
    async with cloud.fresh("wallet") as database:
        app = await cloud.connect(database, role="app", service="wallet")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(statement)
        await app.close()


@pytest.mark.parametrize("table", ["entries", "transactions"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET created_at = now()", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_not_even_the_owner_changes_what_was_entered(cloud: Cloud, table: str, verb: str) -> None:
    async with cloud.fresh("wallet") as database:
        owner = await cloud.connect(database, role="owner", service="wallet")
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await owner.execute(verb.format(table))
        await owner.close()


async def _enter(app: Any, legs: list[tuple[str, int]]) -> None:
    transaction = uuid4()
    async with app.transaction():
        await app.execute(
            "INSERT INTO transactions VALUES ($1, 'credit', $2, '', 'test', now())", transaction, str(transaction)
        )
        for account, amount in legs:
            await app.execute(
                "INSERT INTO entries SELECT $1, entries + 1, $2, $3, amount + $3, now() FROM balances WHERE account_id = $1",
                account,
                transaction,
                amount,
            )


async def test_a_lopsided_transaction_does_not_commit(cloud: Cloud) -> None:
    async with cloud.fresh("wallet") as database:
        app = await cloud.connect(database, role="app", service="wallet")
        with pytest.raises(asyncpg.CheckViolationError, match="sum to -5"):
            await _enter(app, [(HOUSE, -5)])
        assert await app.fetchval("SELECT count(*) FROM transactions") == 0
        await app.close()


async def test_only_the_house_has_an_unbounded_balance(wallet: Wallet) -> None:
    """Who has only the app role's rights can insert balances, but none that may fall below zero."""
    app = await wallet.auth.cloud.connect(wallet.database, role="app", service="wallet")
    account = uuid4()
    await app.execute("INSERT INTO accounts (id, player_id, created_at) VALUES ($1, $2, now())", account, uuid4())
    with pytest.raises(asyncpg.CheckViolationError, match="ck_balances_bounded"):
        await app.execute("INSERT INTO balances VALUES ($1, false, 0, 0)", account)
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
    app = await wallet.auth.cloud.connect(wallet.database, role="app", service="wallet")
    with pytest.raises(asyncpg.CheckViolationError, match="ck_balances_no_overdraft"):
        await app.execute("UPDATE balances SET amount = amount - 11 WHERE account_id = $1", player.account)
    await app.close()


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
