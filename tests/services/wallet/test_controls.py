"""Freezes, adjustments by two, limits of players, the hash chain, trial balances, comparisons with providers, statements."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from services.wallet import chain, controls_repository
from services.wallet.tasks import jobs
from tests.services.auth.fixtures import Person
from tests.services.support import OUTSIDE, Clock
from tests.services.wallet.fixtures import Wallet
from tests.services.wallet.test_holds import Payments, parts

pytestmark = pytest.mark.postgres


@pytest.fixture
async def payments(wallet: Wallet) -> Payments:
    made = Payments(wallet)
    await renew(made)
    return made


async def renew(payments: Payments) -> None:
    """A token of this moment."""
    scopes = (
        "deposit",
        "payout",
        "refund",
        "dispute",
        "reverse",
        "play",
        "promote",
        "read",
        "settle",
    )
    payments.token = await payments.wallet.machine("all", {f"wallet:{scope}" for scope in scopes})


async def log_in(wallet: Wallet, person: Person) -> dict[str, str]:
    """The same for a player."""
    body = {"email": person.email, "password": person.password}
    answer = await wallet.auth.client.post("/auth/login", json=body)
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def act(payments: Payments, who: Person, path: str, **body: Any) -> httpx.Response:
    """What a member of staff does."""
    return await payments.wallet.client.post(f"/wallet/staff/{path}", json=body, headers=who.bearer | OUTSIDE)


async def number_events(wallet: Wallet) -> None:
    """What the worker's loop does."""
    from services.common.events import log

    async with wallet.app.state.sessions() as session, session.begin():
        await log.number(session)


async def test_frozen_money_stays(payments: Payments, clock: Clock) -> None:
    auth, risk = payments.wallet.auth, await payments.wallet.auth.colleague("risk")
    await payments.deposit(1_000)
    freeze = {"id": str(uuid4()), "player": payments.player, "reason": "a dispute at the bank"}
    for _ in range(2):
        assert (await act(payments, risk, "freezes", **freeze)).json()["frozen"] is True
    refused = await payments.move("contest_entry", 10, pot=str(uuid4()))
    assert (refused.status_code, refused.json()["code"]) == (409, "account_frozen")
    assert (await payments.hold(10)).json()["code"] == "account_frozen"
    await payments.deposit(5)  # it takes in
    assert (await payments.hold(100, kind="dispute")).status_code == 201, "what is disputed is held all the same"
    other = await act(payments, risk, "freezes", **(freeze | {"player": str(uuid4())}))
    assert (other.status_code, other.json()["code"]) == (422, "id_reused")
    lift = f"freezes/{freeze['id']}/lift"
    for who in (await auth.colleague("finance", "support", "admin", "auditor"), await auth.player()):
        assert (await act(payments, who, lift, reason="mine to lift")).status_code == 403
    clock.move(minutes=6)
    assert (await act(payments, risk, lift, reason="it was settled")).json()["code"] == "step_up_needed"
    risk = await auth.show_two_factors(risk)
    lifted = await act(payments, risk, lift, reason="it was settled")
    assert lifted.json()["frozen"] is False
    assert (await payments.move("contest_entry", 10, pot=str(uuid4()))).status_code == 201
    assert (await act(payments, risk, f"freezes/{uuid4()}/lift", reason="nothing there")).json()[
        "code"
    ] == "freeze_unknown"


async def test_an_adjustment_needs_two(payments: Payments) -> None:
    await payments.deposit(100)
    asked = {
        "id": str(uuid4()), "player": payments.player, "bucket": "winnings", "amount": 50, "reason": "a match was scored wrong",
    }  # fmt: skip
    auth = payments.wallet.auth
    first, second = await auth.colleague("finance"), await auth.colleague("finance")
    assert (await act(payments, first, "adjustments", **asked)).json() == {"id": asked["id"], "approved": None}
    assert (await act(payments, first, "adjustments", **(asked | {"amount": 51}))).json()["code"] == "id_reused"
    own_money = asked | {"id": str(uuid4()), "player": str(first.id)}
    assert (await act(payments, first, "adjustments", **own_money)).json()["code"] == "forbidden"
    path = f"adjustments/{asked['id']}/decision"
    own = await act(payments, first, path, approved=True)
    assert (own.status_code, own.json()["code"]) == (403, "own_adjustment")
    assert (await payments.balances())["winnings"] == 0
    machine = await payments.wallet.machine("some", {"wallet:approve", "wallet:adjust"})
    refused = await payments.wallet.client.post(f"/wallet/staff/{path}", json={"approved": True}, headers=machine)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), "no client is a member of staff"
    answers = await asyncio.gather(*(act(payments, second, path, approved=True) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    assert (await payments.balances())["winnings"] == 50
    late = await act(payments, second, path, approved=False)
    assert (late.status_code, late.json()["code"]) == (409, "adjustment_decided")
    app = await payments.wallet.auth.cloud.connect(payments.wallet.database, role="app", service="wallet")
    kept = await app.fetchrow("SELECT proposed_by, decided_by FROM adjustment_decisions")
    assert tuple(kept) == (str(first.id), str(second.id))
    with pytest.raises(asyncpg.CheckViolationError, match="decided_by"):
        await app.execute(
            "INSERT INTO adjustments VALUES ($1, $2, 'deposit', 1, 'why not', 'me', now())", other := uuid4(), uuid4()
        )
        await app.execute("INSERT INTO adjustment_decisions VALUES ($1, 'me', true, 'me', now())", other)
    await app.close()


async def test_who_takes_deposits_asks_whether_it_may(payments: Payments) -> None:
    wallet = payments.wallet
    person = await wallet.auth.person()
    payments.player = (await wallet.auth.client.get("/auth/me", headers=person.bearer)).json()["id"]

    async def ask(amount: int, pending: int = 0) -> dict[str, Any]:
        answer = await payments.ask("limits/deposits", player=payments.player, amount=amount, pending=pending)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    assert await ask(10**9) == {"allowed": True, "reason": None, "left": None}
    for days, amount in ((1, 1_000), (30, 1_500)):
        body = {"measure": "deposit", "days": days, "amount": amount}
        assert (await wallet.client.put("/wallet/limits", json=body, headers=person.bearer)).status_code == 200
    await payments.deposit(700)
    assert await ask(300) == {"allowed": True, "reason": None, "left": 300}
    assert await ask(300, pending=1) == {"allowed": False, "reason": "limit_reached", "left": 299}
    assert (await wallet.client.post("/wallet/exclusions", json={"days": 3}, headers=person.bearer)).status_code == 200
    assert await ask(1) == {"allowed": False, "reason": "player_excluded", "left": 300}
    entry = await payments.move("contest_entry", 1, pot=str(uuid4()))
    assert entry.json()["code"] == "player_excluded"


async def test_a_players_limit_holds_whatever_comes_at_once(payments: Payments, clock: Clock) -> None:
    wallet = payments.wallet
    person = await wallet.auth.person()
    payments.player = (await wallet.auth.client.get("/auth/me", headers=person.bearer)).json()["id"]
    await payments.deposit(10_000)

    async def limit(amount: int | None) -> httpx.Response:
        body = {"measure": "loss", "days": 7, "amount": amount}
        return await wallet.client.put("/wallet/limits", json=body, headers=await log_in(wallet, person))

    assert (await limit(500)).json()["limits"][0]["amount"] == 500
    pot = str(uuid4())
    answers = await asyncio.gather(*(payments.move("contest_entry", 100, pot=pot) for _ in range(12)))
    assert Counter(answer.json().get("code") for answer in answers) == {None: 5, "limit_reached": 7}
    assert parts(await payments.move("prize", 300, pot=pot))["winnings"] == 300
    assert (await payments.move("contest_entry", 300, pot=pot)).status_code == 201, "what was won back may be played"
    raised = (await limit(5_000)).json()
    assert (raised["limits"][0]["amount"], raised["waiting"][0]["amount"]) == (500, 5_000), (
        "not before it has cooled off"
    )
    await limit(400)
    clock.move(days=8)
    await renew(payments)
    found = (await wallet.client.get("/wallet/limits", headers=await log_in(wallet, person))).json()
    assert [each["amount"] for each in found["limits"]] == [400], "a lower one takes back a raise that waits"
    for days in (30, 1):
        await wallet.client.post("/wallet/exclusions", json={"days": days}, headers=await log_in(wallet, person))
    clock.move(days=29)
    await renew(payments)
    refused = await payments.move("contest_entry", 1, pot=pot)
    assert (refused.status_code, refused.json()["code"]) == (409, "player_excluded")
    clock.move(days=2)
    await renew(payments)
    assert (await payments.move("contest_entry", 1, pot=pot)).status_code == 201


async def test_the_chain_shows_what_was_changed(payments: Payments, clock: Clock) -> None:
    for _ in range(3):
        await payments.deposit(100)
    await number_events(payments.wallet)
    sessions = payments.wallet.app.state.sessions
    assert await jobs.run_scheduled(sessions, clock, "wallet.seal_chain")
    await payments.deposit(100)
    await number_events(payments.wallet)
    assert await jobs.run_scheduled(sessions, clock, "wallet.seal_chain")
    async with sessions() as session:
        assert await controls_repository.newest_block(session) == 3, "the first has what is older than events"
        assert await chain.verify(session)
    owner = await payments.wallet.auth.cloud.connect(payments.wallet.database, role="owner", service="wallet")
    await owner.execute("ALTER TABLE transactions DISABLE TRIGGER transactions_immutable")
    await owner.execute(
        "UPDATE transactions SET note = 'x' WHERE id IN (SELECT transaction_id FROM chain_links WHERE block = 2)"
    )
    await owner.close()
    async with sessions() as session:
        assert await controls_repository.broken_blocks(session, 1, 3) == [2]
        assert not await chain.verify(session)
    assert await jobs.run_scheduled(sessions, clock, "wallet.verify_chain")


async def test_a_trial_balance_sums_to_zero(payments: Payments, clock: Clock) -> None:
    sessions = payments.wallet.app.state.sessions
    totals: list[dict[str, Any]] = []
    for amount in (1_000, 500):
        await payments.deposit(amount, gst=True)
        clock.move(days=1)
        await renew(payments)
        for _ in range(2):
            assert await jobs.run_scheduled(sessions, clock, "wallet.trial_balance")
        app = await payments.wallet.auth.cloud.connect(payments.wallet.database, role="app", service="wallet")
        rows = await app.fetch(
            "SELECT account, balance FROM trial_balances WHERE day = (SELECT max(day) FROM trial_balances)"
        )
        totals.append({row["account"]: row["balance"] for row in rows})
        await app.close()
    assert totals[0] == {"psp:razorpay": -1_000, "deposit": 714, "gst_payable": 286}
    assert totals[1] == {"psp:razorpay": -1_500, "deposit": 1_071, "gst_payable": 429}


async def test_a_providers_records_are_compared(payments: Payments, clock: Clock) -> None:
    for name, amount in (("a", 100), ("b", 200), ("c", 300)):
        assert (await payments.move("deposit", amount, provider="razorpay", reference=name)).status_code == 201
    await payments.move("refund", 50, provider="razorpay", reference="d")
    records = [("a", 100), ("b", 201), ("d", -50), ("e", 7)]
    answer = await payments.ask(
        "payment-reconciliations", provider="razorpay", since="2020-01-01T00:00:00Z", until="2100-01-01T00:00:00Z",
        records=[{"reference": name, "amount": amount} for name, amount in records],
    )  # fmt: skip
    found = answer.json()
    assert found["matched"] == 2
    assert {(each["kind"], each["reference"]) for each in found["findings"]} == {
        ("amount_differs", "b"), ("missing_there", "c"), ("missing_here", "e"),
    }  # fmt: skip


async def test_what_was_had_at_a_moment_and_a_statement_as_a_file(wallet: Wallet, clock: Clock) -> None:
    one, other = await wallet.player(1_000), await wallet.player()
    begun = clock.now()
    for _ in range(5):
        clock.move(minutes=1)
        await one.transfer(other.account, 10)
    for minutes, amount in ((0, 1_000), (1, 990), (2.5, 980), (9, 950)):
        moment = (begun + timedelta(minutes=minutes)).isoformat()
        answer = await wallet.client.get("/wallet/balance", params={"at": moment}, headers=one.bearer)
        assert answer.json()["balance"] == amount, minutes
    body = {"to_account": other.account, "amount": 1, "note": "=HYPERLINK(1)"}
    headers = one.bearer | {"Idempotency-Key": uuid4().hex}
    await wallet.client.post("/wallet/transfers", json=body, headers=headers)
    span = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
    answer = await wallet.client.get("/wallet/statement.csv", params=span, headers=one.bearer)
    assert answer.headers["content-type"].startswith("text/csv")
    lines = answer.text.splitlines()
    assert len(lines) == 8
    assert lines[-1].endswith("'=HYPERLINK(1)"), "no spreadsheet takes a note for a formula"
