"""Prizes that the house guarantees: the pot's money first, then promotions'; paid once by id, and read back in order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.services.support import Clock
from tests.services.wallet.fixtures import Wallet
from tests.services.wallet.test_holds import Payments, parts, payments

pytestmark = pytest.mark.postgres

__all__ = ["payments"]


async def test_a_guaranteed_prize_takes_the_pots_money_first(payments: Payments) -> None:
    pot = str(uuid4())
    await payments.deposit(100)
    await payments.move("contest_entry", 100, pot=pot)
    body = {"id": str(uuid4()), "pot": pot, "reference": "prize:1"}
    first = await payments.move("guaranteed_prize", 60, **body)
    assert parts(first) == {"pot": -60, "winnings": 60}
    again = await payments.move("guaranteed_prize", 60, **body)
    assert again.status_code == 200 and again.json()["replayed"] is True
    other = await payments.move("guaranteed_prize", 61, **body)
    assert (other.status_code, other.json()["code"]) == (422, "id_reused")
    taken = await payments.move("guaranteed_prize", 60, **(body | {"id": str(uuid4())}))
    assert (taken.status_code, taken.json()["code"]) == (409, "reference_taken")
    more = await payments.move("guaranteed_prize", 50, pot=pot, reference="prize:2")
    assert parts(more) == {"pot": -40, "promotions": -10, "winnings": 50}
    free = await payments.move("guaranteed_prize", 7, pot=str(uuid4()), reference="prize:3")
    assert parts(free) == {"promotions": -7, "winnings": 7}, "a contest that nobody paid for"
    assert (await payments.balances())["winnings"] == 117


async def test_whoever_pays_prizes_needs_the_scope_and_keeps_to_its_limit(payments: Payments, wallet: Wallet) -> None:
    body = {"pot": str(uuid4()), "reference": "prize:9"}
    assert (await payments.move("guaranteed_prize", 5, pot=body["pot"])).status_code == 422, "a reference is needed"
    payments.token = await wallet.machine("plays", {"wallet:play"})
    assert (await payments.move("guaranteed_prize", 5, **body)).status_code == 403
    payments.token = await wallet.machine("pays", {"wallet:prize"}, {"wallet:prize": 4})
    refused = await payments.move("guaranteed_prize", 5, **body)
    assert refused.json()["code"] == "limit_exceeded"
    assert (await payments.move("guaranteed_prize", 4, **body)).status_code == 201


async def test_paid_prizes_are_read_page_by_page(payments: Payments, clock: Clock) -> None:
    begun, made = clock.now(), []
    for number in range(5):
        answer = await payments.move("guaranteed_prize", 10 + number, pot=str(uuid4()), reference=f"prize:{number}")
        made.append(answer.json()["id"])
        clock.move(minutes=number % 2)  # some at one moment
    await payments.move("bonus", 5, reference="not a prize")
    await payments.ask("reversals", id=str(uuid4()), transaction=made[2])

    async def page(**more: Any) -> list[dict[str, Any]]:
        query: dict[str, Any] = {
            "since": begun.isoformat(),
            "until": (clock.now() + timedelta(hours=1)).isoformat(),
            "count": 2,
        } | more
        answer = await payments.wallet.client.get("/wallet/internal/prizes", params=query, headers=payments.token)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["prizes"])

    found, last = [], await page()
    while last:
        found += last
        last = await page(after_at=last[-1]["created_at"], after=last[-1]["id"])
    assert sorted(each["id"] for each in found) == sorted(made)
    assert {each["reference"]: each["amount"] for each in found} == {f"prize:{n}": 10 + n for n in range(5)}
    assert [each["id"] for each in found if each["reversed"]] == [made[2]]
    assert {each["player"] for each in found} == {payments.player}
    assert await page(since=(clock.now() + timedelta(minutes=1)).isoformat()) == []
