"""The reconciliation finds what does not add up, and the worker's jobs have their effects."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from services.common.database import create_engine, create_sessions
from services.common.postgres import Reads
from services.wallet import ledger
from services.wallet.tasks import jobs
from tests.services.support import Clock
from tests.services.wallet.fixtures import Wallet

pytestmark = pytest.mark.postgres


async def reconcile(wallet: Wallet, clock: Clock) -> None:
    assert await jobs.run_scheduled(wallet.app.state.sessions, clock, "wallet.reconcile")


async def report(wallet: Wallet) -> dict[str, object]:
    answer = await wallet.client.get("/wallet/staff/reconciliation", headers=wallet.auditor)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


async def test_there_is_no_report_before_the_first(wallet: Wallet) -> None:
    answer = await wallet.client.get("/wallet/staff/reconciliation", headers=wallet.auditor)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_yet_reconciled")


async def test_players_may_not_read_reports(wallet: Wallet) -> None:
    player = await wallet.player()
    answer = await wallet.client.get("/wallet/staff/reconciliation", headers=player.bearer)
    assert answer.status_code == 403


async def test_a_sound_ledger_reconciles(wallet: Wallet, clock: Clock) -> None:
    one, other = await wallet.player(1_000), await wallet.player()
    await one.transfer(other.account, 250)
    await reconcile(wallet, clock)
    found = await report(wallet)
    assert (found["balanced"], found["accounts"], found["entries"], found["discrepancies"]) == (True, 3, 4, [])


@pytest.mark.parametrize(
    ("damage", "kinds"),
    [
        ("UPDATE balances SET amount = amount + 1 WHERE account_id = $1", {"balance"}),
        ("UPDATE balances SET entries = entries + 1 WHERE account_id = $1", {"balance"}),
        ("UPDATE entries SET balance_after = balance_after + 1 WHERE account_id = $1", {"running_balance"}),
        (
            "UPDATE entries SET amount = amount + 1 WHERE account_id = $1",
            {"balance", "running_balance", "transaction", "total"},
        ),
        ("DELETE FROM entries WHERE account_id = $1", {"balance", "transaction", "total"}),
        ("DELETE FROM balances WHERE account_id = $1", {"no_balance"}),
    ],
)
async def test_damage_is_found(wallet: Wallet, clock: Clock, damage: str, kinds: set[str]) -> None:
    player = await wallet.player(1_000)
    owner = await wallet.auth.cloud.connect(wallet.database, role="owner", service="wallet")
    await owner.execute("ALTER TABLE entries DISABLE TRIGGER entries_immutable")
    await owner.execute(damage, player.account)
    await owner.close()
    await reconcile(wallet, clock)
    found = await report(wallet)
    discrepancies = found["discrepancies"]
    assert isinstance(discrepancies, list)
    assert found["balanced"] is False
    assert {each["kind"] for each in discrepancies} == kinds
    named = {each.get("account") for each in discrepancies if "account" in each}
    assert named == {player.account}


async def test_in_between_only_what_has_moved_is_read(wallet: Wallet, clock: Clock) -> None:
    """Damage to what has moved is found within the minute, to what rests within the hour."""
    rests, moves = await wallet.player(1_000), await wallet.player(500)
    owner = await wallet.auth.cloud.connect(wallet.database, role="owner", service="wallet")
    await owner.execute("ALTER TABLE entries DISABLE TRIGGER entries_immutable")
    seen = []

    async def look(minutes: int) -> tuple[bool, bool]:
        clock.move(minutes=minutes)
        await reconcile(wallet, clock)
        row = await owner.fetchrow("SELECT * FROM reconciliation_reports ORDER BY created_at DESC LIMIT 1")
        seen.append((row["accounts"], row["entries"]))
        return row["full"], row["discrepancies"] == "[]"

    assert await look(0) == (True, True)
    clock.move(minutes=20)
    item = ledger.move(
        id=uuid4(), kind="credit", by="test", hash=b"", sources=[(ledger.house("house"), ledger.NO_CAP)],
        destinations=[(UUID(moves.account), 7)], reference="late",
    )  # fmt: skip
    await ledger.post(Reads(wallet.app.state.pool), [item], clock.now())
    assert await look(1) == (False, True)
    await owner.execute("UPDATE entries SET balance_after = 1 WHERE account_id = $1", rests.account)
    assert await look(1) == (False, True)
    assert seen == [(3, 4), (3, 6), (2, 2)]
    await owner.execute("UPDATE balances SET amount = amount + 1 WHERE account_id = $1", moves.account)
    assert await look(1) == (False, False)
    await owner.execute("UPDATE balances SET amount = amount - 1 WHERE account_id = $1", moves.account)
    assert await look(1) == (True, False), "all is read after a report that found something; and the other damage found"
    await owner.execute("UPDATE entries SET balance_after = amount WHERE account_id = $1", rests.account)
    assert await look(1) == (True, True)
    await owner.execute("UPDATE entries SET balance_after = 1 WHERE account_id = $1", rests.account)
    assert await look(30) == (False, True)
    assert await look(30) == (True, False)
    await owner.close()


async def test_two_reconciliations_do_not_run_at_once(wallet: Wallet, clock: Clock) -> None:
    from services.wallet.reconciliation import reconcile as run

    async with wallet.app.state.sessions() as one, one.begin(), wallet.app.state.sessions() as other, other.begin():
        assert await run(one, clock) is not None
        assert await run(other, clock) is None


async def test_clean_reports_are_forgotten_after_a_week(wallet: Wallet, clock: Clock) -> None:
    await reconcile(wallet, clock)
    clock.move(days=8)
    await reconcile(wallet, clock)
    app = await wallet.auth.cloud.connect(wallet.database, role="app", service="wallet")
    assert await app.fetchval("SELECT count(*) FROM reconciliation_reports") == 1
    await app.close()


async def test_the_nightly_job_forgets_old_keys_and_messages(wallet: Wallet, clock: Clock) -> None:
    await wallet.player(100)
    app = await wallet.auth.cloud.connect(wallet.database, role="app", service="wallet")
    await app.execute("UPDATE outbox SET done_at = now() - interval '8 days'")
    for days, left in ((29, 1), (2, 0)):
        clock.move(days=days)
        assert await jobs.run_scheduled(wallet.app.state.sessions, clock, "wallet.forget_keys")
        assert await app.fetchval("SELECT count(*) FROM idempotency_keys") == left
    assert await jobs.run_scheduled(wallet.app.state.sessions, clock, "wallet.forget_messages")
    assert await app.fetchval("SELECT count(*) FROM outbox") == 0
    await app.close()


async def test_notifications_are_forgotten_and_entries_are_not(wallet: Wallet, clock: Clock) -> None:
    player = await wallet.player(100)
    app = await wallet.auth.cloud.connect(wallet.database, role="app", service="wallet")
    await app.execute("""
        INSERT INTO notifications SELECT gen_random_uuid(), account_id, transaction_id, 'x', created_at
        FROM entries WHERE account_id = $1""", player.account)  # fmt: skip
    for days, left in ((89, 1), (2, 0)):
        clock.move(days=days)
        assert await jobs.run_scheduled(wallet.app.state.sessions, clock, "wallet.forget_notifications")
        assert await app.fetchval("SELECT count(*) FROM notifications") == left
    await app.execute("SET enable_seqscan = off")
    plan = await app.fetch(
        "EXPLAIN SELECT * FROM notifications WHERE account_id = $1 ORDER BY id DESC LIMIT 50", uuid4()
    )
    assert "ix_notifications_account_id_id" in str(plan)
    assert await app.fetchval("SELECT count(*) FROM entries") == 2
    await app.close()


async def test_it_works_with_the_rights_of_the_app_role_alone(wallet: Wallet, clock: Clock) -> None:
    engine = create_engine(wallet.auth.cloud.settings("wallet", wallet.database, "app"), "test")
    assert await jobs.run_scheduled(create_sessions(engine), clock, "wallet.reconcile")
    await engine.dispose()
    assert (await report(wallet))["balanced"] is True
