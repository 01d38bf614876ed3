"""Payouts and refunds: never more than there is, never twice, and every end known to the wallet."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from localcloud.partners.world import Fault, Scenario
from tests.services.payments.fixtures import Depositor, Payments

pytestmark = pytest.mark.postgres


async def state(player: Depositor, answer: Any) -> str:
    assert answer.status_code == 201, answer.text
    return str((await player.ask("GET", f"/payouts/{answer.json()['id']}")).json()["state"])


async def test_a_payout_is_held_sent_and_captured(payments: Payments) -> None:
    player = await payments.player()
    await player.paid_in(50_000)
    instrument = await player.instrument()
    first = await player.withdraw(30_000, instrument, "payout-0001")
    again = await player.withdraw(30_000, instrument, "payout-0001")
    assert first.json() == again.json()
    await payments.settle()
    assert await state(player, first) == "processed"
    assert await player.balance() == 20_000
    assert [row["wallet"] for row in await payments.rows("SELECT wallet FROM payouts")] == ["captured"]
    assert len(payments.partners.razorpay.world.payouts) == 1
    too_much = await player.withdraw(20_001, instrument)
    await payments.settle()
    assert await state(player, too_much) == "declined"


async def test_an_account_is_paid_to_only_when_it_is_confirmed_and_ones_own(payments: Payments) -> None:
    player, other = await payments.player(), await payments.player()
    body = {"kind": "bank", "name": "Asha Rao", "account": "000111222333", "ifsc": "HDFC0000001"}
    kept = (await player.ask("POST", "/instruments", body)).json()
    assert kept == {"id": kept["id"], "kind": "bank", "shown": "••••2333", "verified": False}
    assert (await player.ask("POST", "/instruments", body)).json()["id"] == kept["id"]
    assert (await player.withdraw(100, kept["id"])).json()["code"] == "instrument_unverified"
    assert (await other.withdraw(100, kept["id"])).json()["code"] == "instrument_unknown"
    (row,) = await payments.rows("SELECT sealed, digest FROM instruments")
    assert b"000111222333" not in row["sealed"] and b"Asha" not in row["sealed"]
    for wrong in ({"account": "no address", "kind": "vpa"}, {"ifsc": ""}, {"ifsc": "hdfc"}, {"name": "1"}):
        assert (await player.ask("POST", "/instruments", body | wrong)).status_code == 422


async def test_one_that_fails_is_released_and_one_that_comes_back_is_returned(payments: Payments) -> None:
    player = await payments.player()
    await player.paid_in(50_000)
    instrument = await player.instrument()
    payments.partners.follow(Scenario(decline=1.0))
    failed = await player.withdraw(10_000, instrument)
    await payments.settle()
    assert (await state(player, failed), await player.balance()) == ("failed", 50_000)
    payments.partners.follow(Scenario(reverse=1.0))
    reversed_ = await player.withdraw(10_000, instrument)
    await payments.settle()
    assert (await state(player, reversed_), await player.balance()) == ("reversed", 50_000)
    assert {row["wallet"] for row in await payments.rows("SELECT wallet FROM payouts")} == {"released", "returned"}


FAULTS = [each for each in Fault if each is not Fault.NONE]


@pytest.mark.parametrize(
    ("fault", "provider"),
    [
        pytest.param(fault, provider, id=f"{fault}-{provider}", marks=pytest.mark.nightly if (n + m) % 2 else ())
        for n, fault in enumerate(FAULTS)
        for m, provider in enumerate(("razorpay", "cashfree"))
    ],
)
async def test_a_payout_whose_answer_was_lost_is_asked_about_and_paid_once(
    payments: Payments, provider: str, fault: Fault
) -> None:
    """Each fault with one of the providers, by turns; with both of them at night."""
    player = await payments.player()
    await player.paid_in(50_000)
    if provider == "cashfree":
        await payments.rows("INSERT INTO downtimes VALUES ('razorpay', true, now())")
        for _ in range(6):
            (await payments.outside()).router.note("razorpay", good=False)
        (await payments.outside()).router.order()  # the probe
    instrument = await player.instrument()
    payments.partners.follow(Scenario(down=fault))
    answer = await player.withdraw(10_000, instrument)
    await payments.work()
    assert await state(player, answer) in ("ready", "unknown")
    (row,) = await payments.rows("SELECT provider, wallet FROM payouts")
    assert (row["provider"], row["wallet"]) == (provider, "held")
    payments.partners.follow(Scenario())
    await payments.later()
    assert (await state(player, answer), await player.balance()) == ("processed", 40_000)
    paid = [len(each.world.payouts) for each in payments.partners.all.values()]
    assert sum(paid) == 1


async def test_a_large_one_waits_for_a_second_person(payments: Payments) -> None:
    player = await payments.player()
    for _ in range(2):
        await player.paid_in(9_000_000)
    instrument = await player.instrument()
    first, second = [await player.withdraw(6_000_000, instrument) for _ in range(2)]
    await payments.settle()
    assert await state(player, first) == await state(player, second) == "waiting"
    assert payments.partners.razorpay.world.payouts == {}
    waiting = (await payments.staff("finance", "GET", "/payouts/waiting")).json()["payouts"]
    assert {each["id"] for each in waiting} == {first.json()["id"], second.json()["id"]}
    path = f"/payouts/{first.json()['id']}/approval"
    for other in ("support", "risk", "admin", "auditor"):
        assert (await payments.staff(other, "POST", path)).json()["code"] == "forbidden"
    both = payments.colleagues["finance"]
    await payments.rows("UPDATE instruments SET verified_by = $1", str(both.id))
    refused = await payments.staff("finance", "POST", path)
    assert (refused.status_code, refused.json()["code"]) == (403, "second_person_needed"), "who confirmed the account"
    await payments.rows("UPDATE instruments SET verified_by = 'somebody else'")
    await payments.rows("UPDATE payouts SET player_id = $1 WHERE id = $2", both.id, UUID(first.json()["id"]))
    assert (await payments.staff("finance", "POST", path)).json()["code"] == "forbidden", "nobody approves their own"
    await payments.rows("UPDATE payouts SET player_id = $1", UUID(player.id))
    machine = await payments.wallet.machine("some", {"payments:approve"})
    assert (await payments.client.post(f"/payments/staff{path}", headers=machine)).status_code == 403
    approved = await payments.staff("finance", "POST", path)
    assert approved.json()["decided_by"] == str(both.id)
    rejected = await payments.staff("finance", "POST", f"/payouts/{second.json()['id']}/rejection")
    assert rejected.status_code == 200
    for verdict in ("approval", "rejection"):
        again = await payments.staff("finance", "POST", f"/payouts/{first.json()['id']}/{verdict}")
        assert (again.status_code, again.json()["code"]) == (409, "payout_decided")
    await payments.settle()
    assert (await state(player, first), await state(player, second)) == ("processed", "rejected")
    assert await player.balance() == 12_000_000
    unknown = await payments.staff("finance", "POST", f"/payouts/{uuid4()}/approval")
    assert unknown.json()["code"] == "payout_unknown"


async def test_of_many_at_once_no_more_than_there_is_and_the_days_count(payments: Payments) -> None:
    player = await payments.player()
    await player.paid_in(50_000)
    instrument = await player.instrument()
    answers = await asyncio.gather(*(player.withdraw(9_000, instrument) for _ in range(24)))
    assert sorted(answer.status_code for answer in answers) == [201] * 20 + [403] * 4
    await payments.settle()
    states = [row["state"] for row in await payments.rows("SELECT state FROM payouts")]
    assert (states.count("processed"), states.count("declined")) == (5, 15)
    assert await player.balance() == 5_000


# --- refunds


async def refund(payments: Payments, deposit: str, amount: int, refund_id: str | None = None) -> Any:
    body = {"amount": amount, "reason": "asked for by the player"}
    path = f"/deposits/{deposit}/refunds/{refund_id or uuid4()}"
    return await payments.staff("finance", "PUT", path, body)


async def test_refunds_never_exceed_what_came_however_many_at_once(payments: Payments) -> None:
    player = await payments.player()
    deposit = await player.paid_in(50_000)
    answers = await asyncio.gather(*(refund(payments, deposit["id"], 20_000) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [409] * 4
    await payments.settle()
    assert await player.balance() == 10_000
    same = str(uuid4())
    first, again = (
        await refund(payments, deposit["id"], 10_000, same),
        await refund(payments, deposit["id"], 10_000, same),
    )
    assert first.json() == again.json()
    assert (await refund(payments, deposit["id"], 100)).json()["code"] == "refund_too_large"
    await payments.settle()
    assert await player.balance() == 0
    seen = (await payments.staff("support", "GET", f"/deposits/{deposit['id']}")).json()
    assert [each["state"] for each in seen["payments"][0]["refunds"]] == ["processed"] * 3
    assert (await refund(payments, str(uuid4()), 100)).json()["code"] == "deposit_unknown"


async def test_a_refunds_id_is_of_one_refund_and_disputed_money_goes_back_once(payments: Payments) -> None:
    player = await payments.player()
    one, other = await player.paid_in(50_000), await player.paid_in(50_000)
    same = str(uuid4())
    answers = await asyncio.gather(*(refund(payments, one["id"], 10_000, same) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5, [answer.text for answer in answers]
    for deposit, amount in ((other["id"], 10_000), (one["id"], 10_001)):
        answer = await refund(payments, deposit, amount, same)
        assert (answer.status_code, answer.json()["code"]) == (409, "refund_differs")
    assert [tuple(row) for row in await payments.rows("SELECT amount, requested_by FROM refunds")] == [
        (10_000, str(payments.colleagues["finance"].id))
    ]
    await payments.rows("UPDATE payments SET frozen = true WHERE deposit_id = $1", UUID(other["id"]))
    answer = await refund(payments, other["id"], 10_000)
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_disputed"), "the bank may take it as well"
    await payments.rows("UPDATE deposits SET player_id = $1", payments.colleagues["finance"].id)
    assert (await refund(payments, one["id"], 10_000)).json()["code"] == "forbidden", "nobody refunds their own"


async def test_what_waits_for_a_second_person_does_not_leave_once_a_payment_is_disputed(payments: Payments) -> None:
    player = await payments.player()
    await player.paid_in(9_000_000)
    answer = await player.withdraw(6_000_000, await player.instrument())
    await payments.settle()
    assert await state(player, answer) == "waiting"
    (payment,) = payments.partners.razorpay.world.payments
    payments.partners.razorpay.dispute(payment, "open")
    await payments.settle()
    assert (await payments.staff("finance", "POST", f"/payouts/{answer.json()['id']}/approval")).status_code == 200
    await payments.settle()
    assert await state(player, answer) == "failed"
    assert payments.partners.razorpay.world.payouts == {}
    assert [row["reason"] for row in await payments.rows("SELECT reason FROM payouts")] == ["a payment is disputed"]
    found = await payments.balances(player)
    assert found["deposit"] == 9_000_000, "the money is the player's again, for the dispute to hold"


async def test_what_the_player_no_longer_has_is_not_refunded(payments: Payments) -> None:
    player = await payments.player()
    deposit = await player.paid_in(50_000)
    await player.withdraw(40_000, await player.instrument())
    await payments.settle()
    await refund(payments, deposit["id"], 20_000)
    await payments.settle()
    assert [row["state"] for row in await payments.rows("SELECT state FROM refunds")] == ["declined"]
    assert payments.partners.razorpay.world.refunds == {}


@pytest.mark.parametrize("fault", [Fault.SILENT_AFTER, Fault.ERROR_BEFORE, Fault.LIMITED, Fault.HTML_AFTER])
async def test_a_refund_whose_answer_was_lost_is_asked_about_and_goes_once(payments: Payments, fault: Fault) -> None:
    player = await payments.player()
    deposit = await player.paid_in(50_000)
    payments.partners.follow(Scenario(down=fault))
    await refund(payments, deposit["id"], 20_000)
    await payments.work()
    payments.partners.follow(Scenario())
    await payments.later()
    assert [row["state"] for row in await payments.rows("SELECT state FROM refunds")] == ["processed"]
    assert await player.balance() == 30_000


async def test_a_refund_that_fails_is_the_players_again(payments: Payments) -> None:
    player = await payments.player()
    deposit = await player.paid_in(50_000)
    payments.partners.follow(Scenario(decline=1.0))
    await refund(payments, deposit["id"], 20_000)
    await payments.settle()
    assert [row["state"] for row in await payments.rows("SELECT state FROM refunds")] == ["failed"]
    assert await player.balance() == 50_000
    payments.partners.follow(Scenario())
    await refund(payments, deposit["id"], 50_000)
    await payments.settle()
    assert await player.balance() == 0
