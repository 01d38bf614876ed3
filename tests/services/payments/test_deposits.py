"""Deposits from the order to the wallet's credit: once, whatever comes twice, late, by two providers, or not at all."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from localcloud.partners.world import Fault, Scenario
from services.common import logs
from tests.services.payments.fixtures import Depositor, Payments
from tests.services.wallet.fixtures import Wallet
from tests.services.written_metrics import written_metrics

pytestmark = pytest.mark.postgres


async def test_a_deposit_is_credited_by_the_webhook_alone(
    payments: Payments, capsys: pytest.CaptureFixture[str]
) -> None:
    player = await payments.player()
    deposit = await player.order(50_000)
    assert (deposit["state"], deposit["provider"]) == ("pending", "razorpay")
    assert set(deposit["checkout"]) == {"order_id", "key_id", "amount", "currency"}
    player.pay(deposit)
    await payments.settle()
    assert (await player.deposit(deposit["id"]))["state"] == "credited"
    assert await player.balance() == 50_000
    counted = written_metrics(capsys.readouterr().out)
    assert (sum(counted["DepositsCredited"]), counted["DepositedPaise"]) == (1, [50_000])
    assert counted["DepositSeconds"][0] >= 0
    # The same webhooks again, and a look of the janitor's, change nothing.
    await payments.later()
    assert await player.balance() == 50_000
    counted = written_metrics(capsys.readouterr().out)
    assert "DepositedPaise" not in counted and set(counted["DepositsCredited"]) == {0}, "counted once"


async def test_a_request_that_is_sent_twice_is_one_deposit(payments: Payments) -> None:
    player = await payments.player()
    first, again = await player.order(key="intent-0001"), await player.order(key="intent-0001")
    assert first == again
    assert len(payments.partners.razorpay.world.orders) == 1
    answer = await player.ask("POST", "/deposits", {"amount": 1, "jurisdiction": "XX"}, "intent-0001")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("provider", ["razorpay", "cashfree"])
async def test_a_client_proves_what_it_says_and_is_credited_once(payments: Payments, provider: str) -> None:
    player = await payments.player()
    payments.partners.follow(Scenario(lost=1.0))
    if provider == "cashfree":
        payments.partners.razorpay.world.scenario = Scenario(down=Fault.ERROR_BEFORE, lost=1.0)
    deposit = await player.order(50_000)
    assert deposit["provider"] == provider
    order, path = deposit["checkout"]["order_id"], f"/deposits/{deposit['id']}/verification"
    # Before it is paid, whatever the client says: nothing.
    assert (await player.ask("POST", path, {"order": order})).status_code == 200
    await payments.work()
    assert (await player.deposit(deposit["id"]))["state"] == "pending"
    payment = player.pay(deposit)
    forged = {"order": order, "payment": payment, "signature": "0" * 64}
    answer = await player.ask("POST", path, forged)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")
    signature = payments.partners.razorpay.callback(order, payment)
    said = {"order": order, "payment": payment, "signature": signature} if provider == "razorpay" else {"order": order}
    for _ in range(3):
        assert (await player.ask("POST", path, said)).status_code == 200
    await payments.work()
    assert (await player.deposit(deposit["id"]))["state"] == "credited"
    assert await player.balance() == 50_000
    stranger = await payments.player()
    assert (await stranger.ask("POST", path, said)).json()["code"] == "deposit_unknown"
    assert (await stranger.ask("GET", f"/deposits/{deposit['id']}")).json()["code"] == "deposit_unknown"


@pytest.mark.parametrize("fault", [each for each in Fault if each is not Fault.NONE])
async def test_the_second_provider_takes_the_order_whatever_the_first_does(payments: Payments, fault: Fault) -> None:
    payments.partners.razorpay.world.follow(Scenario(down=fault))
    player = await payments.player()
    deposit = await player.order(50_000)
    assert deposit["provider"] == "cashfree"
    player.pay(deposit)
    payments.partners.razorpay.world.follow(Scenario())
    await payments.settle()
    await payments.later()
    assert await player.balance() == 50_000


async def test_an_outage_of_both_ends_a_deposit_at_once_and_money_that_waited_arrives_afterwards(
    payments: Payments,
) -> None:
    player = await payments.player()
    before = await player.order(30_000)
    player.pay(before)
    payments.partners.follow(Scenario(down=Fault.SILENT_BEFORE))
    during = await player.order(40_000)
    assert (during["state"], during["checkout"]) == ("ended", {})
    await payments.settle()  # the webhook came; nobody answers when asked
    assert (await player.deposit(before["id"]))["state"] == "pending"
    payments.partners.follow(Scenario())
    await payments.later()
    assert (await player.deposit(before["id"]))["state"] == "credited"
    assert await player.balance() == 30_000


async def test_an_order_whose_answer_was_lost_is_found_and_expires(payments: Payments) -> None:
    """SILENT_AFTER: the provider has the order, and we never heard of it. UNKNOWN is settled by asking."""
    payments.partners.razorpay.world.follow(Scenario(down=Fault.SILENT_AFTER))
    player = await payments.player()
    deposit = await player.order()
    states = {row["provider"]: row["state"] for row in await payments.rows("SELECT provider, state FROM attempts")}
    assert states == {"razorpay": "unknown", "cashfree": "open"}
    payments.partners.razorpay.world.follow(Scenario())
    await payments.later()
    (lost,) = await payments.rows("SELECT state, provider_order FROM attempts WHERE provider = 'razorpay'")
    assert (lost["state"], lost["provider_order"] != "") == ("open", True)
    # It was paid all the same, and so is the other: one credit, the other goes back.
    payments.partners.razorpay.pay(lost["provider_order"])
    player.pay(deposit)
    await payments.settle()
    await payments.later()
    assert await player.balance() == 50_000
    (refund,) = await payments.rows("SELECT amount, state, reason FROM refunds")
    assert tuple(refund) == (50_000, "processed", "surplus")


async def test_another_attempt_only_when_the_first_is_known_to_have_brought_nothing(payments: Payments) -> None:
    player = await payments.player()
    deposit = await player.order(50_000)
    path = f"/deposits/{deposit['id']}/attempts"
    # Paid, and the webhook is late: no second attempt.
    player.pay(deposit)
    payments.partners.razorpay.world.owed.clear()
    answer = await player.ask("POST", path, {})
    assert answer.json()["provider"] == "razorpay"
    await payments.settle()
    assert (await player.deposit(deposit["id"]))["state"] == "credited"
    assert (await player.ask("POST", path, {})).json()["code"] == "deposit_over"
    # Not paid: the other provider.
    second = await player.order(20_000)
    retried = (await player.ask("POST", f"/deposits/{second['id']}/attempts", {})).json()
    assert (retried["id"], retried["provider"], retried["state"]) == (second["id"], "cashfree", "pending")
    # The first succeeds late, the second as well: one credit.
    player.pay(second)
    player.pay(retried)
    await payments.settle()
    await payments.later()
    assert await player.balance() == 70_000
    # Nobody knows: no second attempt.
    third = await player.order(10_000)
    payments.partners.razorpay.world.follow(Scenario(down=Fault.ERROR_BEFORE))
    assert (await player.ask("POST", f"/deposits/{third['id']}/attempts", {})).json()["provider"] == "razorpay"


async def test_another_amount_than_was_asked_for_goes_back(payments: Payments) -> None:
    player = await payments.player()
    deposit = await player.order(50_000)
    player.pay(deposit, 49_999)
    await payments.settle()
    await payments.later()
    assert await player.balance() == 0
    assert [tuple(row) for row in await payments.rows("SELECT amount, state FROM refunds")] == [(49_999, "processed")]


async def test_money_waits_while_the_wallet_is_away(payments: Payments) -> None:
    player = await payments.player()
    deposit = await player.order(50_000)
    player.pay(deposit)
    payments.inside.broken = {"wallet"}
    await payments.settle()
    assert (await player.deposit(deposit["id"]))["state"] == "paid"
    payments.inside.broken = set()
    await payments.later()
    assert (await player.deposit(deposit["id"]))["state"] == "credited"
    assert await player.balance() == 50_000


async def test_the_gate_refuses_and_keeps_what_it_said(payments: Payments) -> None:
    player = await payments.player()
    for jurisdiction, amount, code in (("IN", 5000, "not_allowed_here"), ("XX", 99, "limit_reached")):
        answer = await player.ask("POST", "/deposits", {"amount": amount, "jurisdiction": jurisdiction})
        assert (answer.status_code, answer.json()["code"]) == (403, code)
    await player.order(5000)
    decisions = await payments.rows("SELECT jurisdiction, allowed, reason, version FROM decisions ORDER BY created_at")
    assert [(row["jurisdiction"], row["allowed"], row["reason"]) for row in decisions] == [
        ("IN", False, "jurisdiction_closed"), ("XX", False, "amount_out_of_bounds"), ("XX", True, "allowed")
    ]  # fmt: skip
    assert all(row["version"].startswith(f"{row['jurisdiction']}@") for row in decisions)
    assert await payments.rows("SELECT id FROM deposits") and len(payments.partners.razorpay.world.orders) == 1


async def test_a_daily_limit_holds_against_many_at_once(payments: Payments) -> None:
    """₹5,00,000 a day, ₹1,00,000 at a time: of twelve at once five go through."""
    player = await payments.player()
    answers = await asyncio.gather(
        *(player.ask("POST", "/deposits", {"amount": 10_000_000, "jurisdiction": "XX"}) for _ in range(12))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [403] * 7


async def test_services_ask_the_gate_for_contest_entries(payments: Payments) -> None:
    player = str(uuid4())
    body = {"player": player, "activity": "contest_entry", "jurisdiction": "XX", "amount": 4900}
    answer = await payments.machine("POST", "/gate", body)
    assert answer.json()["allowed"] is True
    for closed in ("IN", "US"):
        told = (await payments.machine("POST", "/gate", body | {"jurisdiction": closed})).json()
        assert (told["allowed"], told["reason"]) == (False, "jurisdiction_closed")
    # What was allowed counts for the day: ₹1,00,000.
    for expected in (True, False):
        told = (await payments.machine("POST", "/gate", body | {"amount": 1_000_000})).json()
        if not expected:
            for _ in range(9):
                told = (await payments.machine("POST", "/gate", body | {"amount": 1_000_000})).json()
        assert told["allowed"] is expected
    audited = (await payments.staff("auditor", "GET", f"/decisions/{player}")).json()["decisions"]
    assert {each["version"].partition("@")[0] for each in audited} == {"XX", "IN", "none"}
    assert (await payments.machine("POST", "/gate", body | {"amount": 2**63})).status_code == 422
    asked = await payments.client.post(
        "/payments/internal/gate", json=body, headers=payments.colleagues["auditor"].bearer
    )
    assert asked.status_code == 403


async def test_a_downtime_feed_is_listened_to(payments: Payments) -> None:
    payments.partners.razorpay.world.is_down = True
    from services.common.clock import SystemClock

    assert await payments.jobs.run_scheduled(payments.sessions, SystemClock(), "payments.ask_downtimes")
    await payments.work()
    player = await payments.player()
    assert (await player.order())["provider"] == "cashfree"


async def test_no_secret_and_no_account_is_logged(
    payments: Payments, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong: the providers' keys, bank accounts and names stay out of the log."""
    monkeypatch.setattr(logging.root, "handlers", [])
    logs.configure(service="payments", process="web", environment="test", level="DEBUG")
    player = await payments.player()
    instrument = await player.instrument()
    for fault in Fault:
        payments.partners.follow(Scenario(down=fault, late=1.0))
        deposit = await player.order(20_000)
        await player.withdraw(100, instrument)
        if deposit["checkout"]:
            player.pay(deposit)
        await payments.settle()
    said = "".join(capfd.readouterr())
    assert "gate" in said
    secrets = [
        value
        for name, value in payments.cloud.secrets.items()
        if name.startswith(("RAZORPAY", "CASHFREE", "INSTRUMENT"))
    ]
    shown = [row["shown"] for row in await payments.rows("SELECT shown FROM instruments")]
    for forbidden in (*secrets, "Asha Rao", "@okbank"):
        assert forbidden not in said
    assert shown and json.dumps(shown).count("\\u2022") >= 4


async def test_who_may_move_money_is_asked_before_any_does(payments: Payments, wallet: Wallet) -> None:
    auth, player = payments.auth, await payments.player()
    unverified, one_factor = await auth.unverified(await auth.player()), await auth.player()
    minor = await auth.verified(birth_date=f"{datetime.now(UTC).year - 16}-01-01")
    deposit, payout = (
        {"amount": 5_000, "jurisdiction": "XX"},
        {"amount": 5_000, "instrument": str(uuid4()), "jurisdiction": "XX"},
    )
    instrument = {"kind": "vpa", "name": "Asha Rao", "account": "asha@okbank"}
    forbidden, step_up = (403, "forbidden"), (401, "step_up_needed")
    for person, path, body, expected in (
        (unverified, "/deposits", deposit, forbidden),
        (minor, "/deposits", deposit, forbidden),
        (unverified, "/instruments", instrument, forbidden),
        (unverified, "/payouts", payout, forbidden),
        (one_factor, "/instruments", instrument, step_up),
        (one_factor, "/payouts", payout, step_up),
    ):
        answer = await Depositor(payments, person).ask("POST", path, body)
        assert (answer.status_code, answer.json()["code"]) == expected, path
    transfer = {"to_account": str(uuid4()), "amount": 1}
    headers = unverified.bearer | {"Idempotency-Key": uuid4().hex}
    assert (await wallet.client.post("/wallet/transfers", json=transfer, headers=headers)).status_code == 403
    exclusion = {"kind": "time-out", "days": 2}
    assert (await auth.client.post("/auth/exclusions", json=exclusion, headers=player.bearer)).status_code < 300
    back = Depositor(payments, await auth.log_in(player.person))
    assert (await back.ask("POST", "/deposits", deposit)).json()["code"] == "forbidden", (
        "excluded players pay nothing in"
    )
    assert (await back.ask("GET", "/deposits")).status_code == 200


async def test_a_players_own_limit_holds_however_many_deposits_come_at_once(payments: Payments) -> None:
    player = await payments.player()
    await player.paid_in(20_000)
    limit = {"measure": "deposit", "days": 1, "amount": 50_000}
    wallet = payments.wallet.client
    assert (await wallet.put("/wallet/limits", json=limit, headers=player.bearer)).status_code == 200
    body = {"amount": 10_000, "jurisdiction": "XX"}
    keys = [uuid4().hex for _ in range(6)]
    answers = await asyncio.gather(*(player.ask("POST", "/deposits", body, key) for key in keys))
    told = Counter(answer.json().get("code", "taken") for answer in answers)
    assert told["limit_reached"] >= 3, told
    assert set(told) <= {"taken", "limit_reached"}
    (key, refused) = next((key, each) for key, each in zip(keys, answers, strict=True) if each.status_code == 403)
    again = await player.ask("POST", "/deposits", body, key)
    assert (again.status_code, again.content) == (403, refused.content), "the refusal is the answer to its key"
    assert again.headers["content-type"] == "application/problem+json"
    states = await payments.rows("SELECT state, count(*) FROM deposits GROUP BY state")
    assert {row["state"]: row["count"] for row in states}["ended"] == told["limit_reached"]


async def test_without_the_wallets_word_no_deposit_is_taken(payments: Payments) -> None:
    player, body, key = await payments.player(), {"amount": 10_000, "jurisdiction": "XX"}, uuid4().hex
    payments.inside.broken.add("wallet")
    answer = await player.ask("POST", "/deposits", body, key)
    assert (answer.status_code, answer.json()["code"]) == (503, "outcome_unknown")
    assert not payments.partners.sent, "no provider was asked"
    payments.inside.broken.clear()
    assert (await player.ask("POST", "/deposits", body, key)).status_code == 201
    exclusion = {"days": 3}
    assert (
        await payments.wallet.client.post("/wallet/exclusions", json=exclusion, headers=player.bearer)
    ).status_code == 200
    refused = await player.ask("POST", "/deposits", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "player_excluded")


async def test_an_entry_needs_the_gates_yes_and_the_wallets(payments: Payments) -> None:
    player, contest, key = await payments.player(), str(uuid4()), uuid4().hex
    await player.paid_in(50_000)
    elsewhere = await payments.enter(contest, player, 10_000, jurisdiction="IN")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "not_allowed_here")
    payments.inside.broken.add("wallet")
    unknown = await payments.enter(contest, player, 10_000, key)
    assert (unknown.status_code, unknown.json()["code"]) == (503, "outcome_unknown")
    payments.inside.broken.clear()
    made = [await payments.enter(contest, player, 10_000, key) for _ in range(2)]
    assert [each.status_code for each in made] == [201, 201]
    assert made[0].json() == made[1].json()
    assert await player.balance() == 40_000, "one entry, however often it was asked for"
    too_much = await payments.enter(contest, player, 45_000)
    assert (too_much.status_code, too_much.json()["code"]) == (409, "entry_refused")
    rows = await payments.rows(
        "SELECT allowed, count(*) FROM decisions WHERE activity = 'contest_entry' GROUP BY allowed"
    )
    assert {row["allowed"]: row["count"] for row in rows} == {True: 2, False: 1}
