"""Webhooks: signed, bounded, stored once, worked off in any order; a dispute freezes."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from localcloud.partners.world import Scenario
from services.payments import webhooks
from services.payments.invariants import INVARIANTS
from services.payments.providers.signatures import base64_digest, hex_digest
from tests.services.payments.fixtures import Depositor, Payments

pytestmark = pytest.mark.postgres


async def send(payments: Payments, provider: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    given = {"Content-Type": "application/json", **headers}
    answer = await payments.client.post(f"/payments/webhooks/{provider}", content=body, headers=given)
    return answer.status_code, answer.json().get("code", "")


def signed(payments: Payments, body: bytes, event: str = "evt_1") -> dict[str, str]:
    secret = payments.cloud.secrets["RAZORPAY_WEBHOOK_SECRET"]
    return {"X-Razorpay-Signature": hex_digest(secret, body), "X-Razorpay-Event-Id": event}


async def test_what_is_not_signed_is_refused_and_not_kept(payments: Payments) -> None:
    body = b'{"event":"payment.captured"}'
    good = signed(payments, body)
    for headers in (
        {},
        {"X-Razorpay-Signature": "0" * 64},
        {"X-Razorpay-Signature": good["X-Razorpay-Signature"].upper()},
    ):
        assert await send(payments, "razorpay", body, headers) == (401, "signature_invalid")
    assert await send(payments, "razorpay", body + b" ", good) == (401, "signature_invalid")
    assert await send(payments, "cashfree", body, good) == (401, "signature_invalid")
    assert await payments.rows("SELECT id FROM webhooks") == []
    assert await send(payments, "razorpay", body, good) == (200, "")


async def test_a_replayed_timestamp_outside_of_the_window_is_refused(payments: Payments) -> None:
    body = b'{"type":"PAYMENT_SUCCESS_WEBHOOK","data":{}}'
    secret = payments.cloud.secrets["CASHFREE_CLIENT_SECRET"]
    for seconds, expected in ((0, 200), (-3500, 200), (-3700, 401), (250, 200), (400, 401)):
        stamp = str(int((time.time() + seconds) * 1000))
        headers = {"x-webhook-timestamp": stamp, "x-webhook-signature": base64_digest(secret, stamp.encode() + body)}
        assert (await send(payments, "cashfree", body, headers))[0] == expected, seconds
    assert len(await payments.rows("SELECT id FROM webhooks")) == 1, "the same body is the same event"


async def test_size_is_bounded_before_anything_is_stored(payments: Payments) -> None:
    fits = json.dumps({"event": "x", "pad": "y" * (webhooks.MAX_BYTES - 40)}).encode()
    assert len(fits) <= webhooks.MAX_BYTES
    assert (await send(payments, "razorpay", fits, signed(payments, fits)))[0] == 200
    large = json.dumps({"pad": "y" * webhooks.MAX_BYTES}).encode()
    assert await send(payments, "razorpay", large, signed(payments, large, "evt_2")) == (413, "body_too_large")


async def test_what_nobody_knows_is_kept_and_shown(payments: Payments) -> None:
    others = b'{"event":"order.paid","payload":{"order":{"entity":{"id":"order_of_others"}}}}'
    bodies = [b'{"event":"moon.landed"}', others, b"[]"]
    for number, body in enumerate(bodies):
        assert (await send(payments, "razorpay", body, signed(payments, body, f"evt_{number}")))[0] == 200
    await payments.work()
    found = (await payments.staff("auditor", "GET", "/webhooks/strange")).json()["webhooks"]
    assert {each["kind"] for each in found} == {"moon.landed", "order.paid", ""}
    assert all(row["state"] == "strange" for row in await payments.rows("SELECT state FROM webhooks"))


async def flood(payments: Payments, players: int, copies: int) -> list[tuple[Depositor, int]]:
    """Every player pays once; each webhook comes so many times, in another order than they were sent in, many at once."""
    chance = random.Random(7)
    paid: list[tuple[Depositor, int]] = []
    for number in range(players):
        player = await payments.player()
        deposit = await player.order(10_000 + number)
        player.pay(deposit)
        paid.append((player, 10_000 + number))
    owed: list[tuple[str, Mapping[str, str], bytes]] = []
    for name, stand_in in payments.partners.all.items():
        owed += [(name, stand_in.headers(each), each.body) for each in stand_in.world.owed for _ in range(copies)]
        stand_in.world.owed.clear()
    chance.shuffle(owed)
    for first in range(0, len(owed), 25):
        sending = (send(payments, name, body, headers) for name, headers, body in owed[first : first + 25])
        assert {status for status, _ in await asyncio.gather(*sending)} == {200}
        if first % 100 == 0:
            await payments.work()
    await payments.work()
    return paid


async def check_credits(payments: Payments, paid: list[tuple[Depositor, int]]) -> None:
    for player, amount in paid:
        assert await player.balance() == amount
    assert await payments.rows("SELECT id FROM refunds") == []
    credited = await payments.rows("SELECT count(*), sum(amount) FROM deposits WHERE state = 'credited'")
    assert tuple(credited[0]) == (len(paid), sum(amount for _, amount in paid))


async def test_duplicated_and_reordered_webhooks_credit_once(payments: Payments) -> None:
    payments.partners.follow(Scenario(seed=5, late=0.5))
    await check_credits(payments, await flood(payments, 4, 15))


async def test_replayed_refund_webhooks_give_back_once(payments: Payments) -> None:
    """docs/postmortems/duplicate-refunds.md: a provider delivers all of it again, as retries and under new event ids."""
    player = await payments.player()
    player.pay(await player.order(50_000), 60_000)
    await payments.settle()
    await payments.later()
    given_back = [(60_000, "processed")]
    assert [tuple(row) for row in await payments.rows("SELECT amount, state FROM refunds")] == given_back
    known = await payments.rows("SELECT key, body FROM webhooks WHERE provider = 'razorpay'")
    assert any("refund" in row["body"] for row in known)
    again = [(row["body"].encode(), key) for row in known for n in range(10) for key in (row["key"], f"evt_{uuid4()}")]
    random.Random(3).shuffle(again)
    for first in range(0, len(again), 20):
        sending = (send(payments, "razorpay", body, signed(payments, body, key)) for body, key in again[first:][:20])
        assert {status for status, _ in await asyncio.gather(*sending)} == {200}
    await payments.settle()
    await payments.later()
    assert [tuple(row) for row in await payments.rows("SELECT amount, state FROM refunds")] == given_back
    assert [refund.amount for refund in payments.partners.razorpay.world.refunds.values()] == [60_000]
    assert await player.balance() == 0
    broken = [name for name, query in INVARIANTS.items() if await payments.rows(query)]
    assert broken == []
    await payments.rows("UPDATE refunds SET amount = amount + 1")
    assert [name for name, query in INVARIANTS.items() if await payments.rows(query)] == ["more_goes_back_than_came"]


@pytest.mark.nightly
@pytest.mark.timeout(3600)
async def test_ten_thousand_duplicated_and_reordered_webhooks_credit_once(payments: Payments) -> None:
    payments.partners.follow(Scenario(seed=5, late=0.5))
    paid = await flood(payments, 50, 90)  # 2 or 3 events each
    received = await payments.rows("SELECT count(*) FROM webhooks")
    assert received[0][0] >= 100
    await check_credits(payments, paid)


def dispute(payments: Payments, status: str, phase: str = "chargeback") -> None:
    (payment,) = payments.partners.razorpay.world.payments
    payments.partners.razorpay.dispute(payment, status, phase)


async def test_a_dispute_freezes_payouts_and_the_money_until_it_is_won(payments: Payments) -> None:
    player = await payments.player()
    await player.paid_in(50_000)
    instrument = await player.instrument()
    dispute(payments, "open")
    await payments.settle()
    assert (await payments.balances(player))["held"] == 50_000
    refused: Any = await player.withdraw(10_000, instrument)
    await payments.settle()
    assert (await player.ask("GET", f"/payouts/{refused.json()['id']}")).json()["state"] == "declined"
    dispute(payments, "won")
    await payments.settle()
    assert (await payments.balances(player))["available"] == 50_000
    allowed = await player.withdraw(10_000, instrument)
    await payments.settle()
    assert (await player.ask("GET", f"/payouts/{allowed.json()['id']}")).json()["state"] == "processed"
    dispute(payments, "lost")
    await payments.settle()
    assert [tuple(row) for row in await payments.rows("SELECT wallet, status FROM disputes")] == [("released", "lost")]
    assert [row["frozen"] for row in await payments.rows("SELECT frozen FROM payments")] == [True]


async def test_a_dispute_that_goes_on_after_it_was_won_is_held_anew(
    payments: Payments, caplog: pytest.LogCaptureFixture
) -> None:
    player = await payments.player()
    await player.paid_in(50_000)
    for status, phase, held in (
        ("open", "chargeback", 50_000),
        ("won", "chargeback", 0),
        ("open", "pre_arbitration", 50_000),
        ("won", "pre_arbitration", 0),
        ("open", "arbitration", 50_000),
    ):
        dispute(payments, status, phase)
        await payments.settle()
        assert (await payments.balances(player))["held"] == held, (status, phase)
        frozen = await payments.rows("SELECT frozen FROM payments")
        assert [row["frozen"] for row in frozen] == [held > 0]
    dispute(payments, "won", "chargeback")  # old news, late
    dispute(payments, "lost", "arbitration")
    await payments.settle()
    found = await payments.balances(player)
    assert (found["deposit"], found["held"], found["owed"]) == (0, 0, 0)
    kinds = await payments.wallet_rows("SELECT kind FROM transactions ORDER BY kind")
    assert [row["kind"] for row in kinds] == ["deposit", "dispute"], "taken once"
    assert not [each for each in caplog.records if each.levelname == "CRITICAL"]


async def test_a_dispute_whose_end_is_told_before_its_beginning_has_ended(payments: Payments) -> None:
    player = await payments.player()
    await player.paid_in(50_000)
    for status in ("won", "open"):
        dispute(payments, status)
        await payments.settle()
    found = await payments.balances(player)
    assert (found["available"], found["held"]) == (50_000, 0)
    assert [row["frozen"] for row in await payments.rows("SELECT frozen FROM payments")] == [False]


async def test_a_dispute_that_goes_on_while_the_wallet_releases_it_is_held(
    payments: Payments, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = await payments.player()
    await player.paid_in(50_000)
    dispute(payments, "open")
    await payments.settle()
    outside = await payments.outside()
    release = outside.wallet.release_dispute

    async def release_and_lose_time(hold: UUID) -> None:
        await release(hold)
        monkeypatch.setattr(outside.wallet, "release_dispute", release)
        dispute(payments, "open", "pre_arbitration")
        await payments.partners.deliver(payments.client)
        await payments.work()

    monkeypatch.setattr(outside.wallet, "release_dispute", release_and_lose_time)
    dispute(payments, "won")
    await payments.settle()
    assert (await payments.balances(player))["held"] == 50_000


@pytest.mark.parametrize("entered", [0, 20_000, 50_000])
async def test_a_lost_dispute_takes_what_there_is_once_and_says_what_is_missing(
    payments: Payments, caplog: pytest.LogCaptureFixture, entered: int
) -> None:
    player = await payments.player()
    await player.paid_in(50_000)
    if entered:
        await payments.enter(str(uuid4()), player, entered)
    payments.inside.broken.add("wallet")
    dispute(payments, "open")
    dispute(payments, "lost")
    await payments.settle()
    assert [row["wallet"] for row in await payments.rows("SELECT wallet FROM disputes")] == [""]
    payments.inside.broken.clear()
    for _ in range(2):
        await payments.later()
        dispute(payments, "lost")  # told again: nothing more is taken
        await payments.settle()
    found = await payments.balances(player)
    # Where nothing was there, the deposit is undone: the player owes it. A part that is missing is for staff.
    assert (found["deposit"], found["held"], found["owed"]) == (0, 0, 50_000 if entered == 50_000 else 0)
    assert [row["wallet"] for row in await payments.rows("SELECT wallet FROM disputes")] == ["taken"]
    missing = [getattr(record, "missing", 0) for record in caplog.records if record.levelname == "CRITICAL"]
    assert missing == ([20_000] if entered == 20_000 else [])
