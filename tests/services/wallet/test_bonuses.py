"""Bonuses: played through, expired, forfeited by a withdrawal; limits of time played."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.wallet import bonuses, checks_repository, repository
from services.wallet.bonus_rules import RULES, Bonus, Played, standings
from services.wallet.kinds import KINDS
from tests.services.support import Clock
from tests.services.wallet.fixtures import Wallet
from tests.services.wallet.test_holds import Payments

DAY = datetime(2026, 5, 1, tzinfo=UTC)


def bonus(amount: int = 100, *, given: int = 0, times: int = 5, days: int = 30, forfeits: bool = True) -> Bonus:
    moment = DAY + timedelta(days=given)
    return Bonus(
        id=uuid4(), amount=amount, required=amount * times, given=moment, since=moment,
        expires_at=moment + timedelta(days=days), forfeits=forfeits,
    )  # fmt: skip


def played(day: int, amount: int, *, withdrawal: bool = False) -> Played:
    return Played(DAY + timedelta(days=day), amount, withdrawal)


def at(day: int) -> datetime:
    return DAY + timedelta(days=day)


@pytest.mark.parametrize(
    ("what", "day", "state"),
    [
        ([played(1, 499)], 2, None),
        ([played(1, 499), played(2, 1)], 2, "released"),
        ([played(1, 499)], 30, "expired"),
        ([played(1, 499), played(30, 1)], 31, "expired"),  # on its last day it is over
        ([played(1, 499), played(2, 9, withdrawal=True), played(3, 1)], 4, "forfeited"),
        ([played(1, 500), played(2, 9, withdrawal=True)], 3, "released"),  # whoever looks late finds the same
        ([played(0, 500)], 1, None),  # staked before, or at the moment at which it was given
    ],
)
def test_what_comes_first_decides(what: list[Played], day: int, state: str | None) -> None:
    (found,) = standings([bonus()], what, 100, at(day))
    assert found.state == state
    (kept,) = standings([bonus(forfeits=False)], what, 100, at(day))
    assert (kept.state == "forfeited") is False


def test_bonuses_are_played_through_and_spent_one_after_the_other() -> None:
    pair = [bonus(100), bonus(50, given=1)]
    first, second = standings(pair, [played(2, 300)], 120, at(3))
    assert [(first.wagered, first.left), (second.wagered, second.left)] == [(300, 70), (0, 50)]
    first, second = standings(pair, [played(2, 500), played(3, 249)], 120, at(4))
    assert (first.state, first.left, first.at) == ("released", 70, at(2))
    assert (second.state, second.wagered, second.left) == (None, 249, 50)
    first, second = standings(pair, [played(2, 500), played(3, 250)], 40, at(4))
    assert [(each.state, each.left) for each in (first, second)] == [("released", 0), ("released", 40)]
    first, second = standings(pair, [played(5, 1, withdrawal=True)], 120, at(6))
    assert {first.state, second.state} == {"forfeited"}
    assert first.left + second.left == 120


@given(
    amounts=st.lists(st.integers(1, 1_000), min_size=1, max_size=4),
    events=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 2_000), st.booleans()), max_size=12),
    spent=st.integers(0, 4_000),
    day=st.integers(0, 70),
)
def test_no_paisa_is_moved_twice_and_looking_often_changes_nothing(
    amounts: list[int], events: list[tuple[int, int, bool]], spent: int, day: int
) -> None:
    found = [bonus(amount, given=number) for number, amount in enumerate(amounts)]
    what = [played(when, amount, withdrawal=withdrawal) for when, amount, withdrawal in sorted(events)]
    balance = max(0, sum(amounts) - spent)
    until = [each for each in what if each.at <= at(day)]
    now = standings(found, until, balance, at(day))
    assert sum(each.left for each in now) == min(balance, sum(amounts))
    assert all(0 <= each.left <= each.bonus.amount for each in now)
    later = standings(found, what, balance, at(200))
    for before, after in zip(now, later, strict=True):
        if before.state:  # how and when it ended does not depend on when somebody looks
            assert (after.state, after.at) == (before.state, before.at)
    assert all(each.state for each in later)


@pytest.fixture
async def payments(wallet: Wallet) -> Payments:
    made = Payments(wallet)
    await renew(made)
    return made


async def renew(payments: Payments) -> None:
    """A token of this moment."""
    scopes = {kind.scope for kind in KINDS.values()} | {"wallet:read"}
    payments.token = await payments.wallet.machine("all", scopes)


async def give(payments: Payments, amount: int, rule: str, **more: Any) -> Any:
    body = {"id": str(uuid4()), "player": payments.player, "amount": amount, "rule": rule, "reference": uuid4().hex}
    return await payments.ask("bonuses", **(body | more))


async def end(payments: Payments, clock: Clock) -> int:
    async with payments.wallet.app.state.sessions() as session:
        ended = await bonuses.end_due(repository.InSession(session), clock)
        await session.commit()
        assert await checks_repository.found(session, 5) == []
    return ended


@pytest.mark.postgres
async def test_a_bonus_is_released_or_goes(payments: Payments, clock: Clock) -> None:
    pot = str(uuid4())
    await payments.deposit(10_000)
    body = {"id": str(uuid4()), "reference": "welcome-1"}
    first = await give(payments, 500, "loyalty", **body)
    assert (first.status_code, first.json()["required"]) == (200, 500 * RULES["loyalty"].times)
    assert (await give(payments, 500, "loyalty", **body)).json() == first.json(), "given once"
    other = await give(payments, 501, "loyalty", **body)
    assert (other.status_code, other.json()["code"]) == (422, "id_reused")
    assert (await give(payments, 1_000_001, "loyalty")).json()["code"] == "limit_exceeded"
    clock.move(minutes=1)
    cancelled = await payments.move("contest_entry", 400, pot=pot)
    await payments.ask("reversals", id=str(uuid4()), transaction=cancelled.json()["id"])
    await payments.move("contest_entry", 499, pot=pot)
    assert await end(payments, clock) == 0, "what was undone does not count"
    await payments.move("contest_entry", 1, pot=pot)
    assert [await end(payments, clock) for _ in range(2)] == [1, 0]
    left = await payments.balances()
    assert (left["bonus"], left["winnings"]) == (0, 451), "49 paise of it were played"
    assert (await give(payments, 300, "welcome")).status_code == 200
    clock.move(minutes=1)
    hold = await payments.hold(100)
    assert await end(payments, clock) == 0, "what is held has not gone out"
    await payments.capture(hold.json()["id"])
    assert await end(payments, clock) == 1
    assert (await payments.balances())["bonus"] == 0
    await give(payments, 200, "welcome")
    clock.move(days=31)
    await renew(payments)
    assert await end(payments, clock) == 1
    app = await payments.wallet.auth.cloud.connect(payments.wallet.database, role="app", service="wallet")
    rows = await app.fetch("SELECT state, amount FROM bonus_ends ORDER BY ended_at")
    assert [tuple(row) for row in rows] == [("released", 451), ("forfeited", 300), ("expired", 200)]
    await app.close()


@pytest.mark.postgres
async def test_a_limit_of_time_ends_play(payments: Payments, clock: Clock) -> None:
    wallet, pot = payments.wallet, str(uuid4())
    person = await wallet.auth.person()
    payments.player = (await wallet.auth.client.get("/auth/me", headers=person.bearer)).json()["id"]
    await payments.deposit(1_000)
    body = {"measure": "time", "days": 1, "amount": 2}
    assert (await wallet.client.put("/wallet/limits", json=body, headers=person.bearer)).status_code == 200

    async def count() -> int:
        answer = await wallet.client.post("/wallet/play-time", headers=person.bearer)
        assert answer.status_code == 200, answer.text
        used: int = answer.json()["limits"][0]["used"]
        return used

    assert [await count(), await count()] == [1, 1], "a minute is one, however often it is told"
    assert (await payments.move("contest_entry", 10, pot=pot)).status_code == 201
    clock.move(minutes=1)
    assert await count() == 2
    refused = await payments.move("contest_entry", 10, pot=pot)
    assert (refused.status_code, refused.json()["code"]) == (409, "limit_reached")
    clock.move(days=1)
    await renew(payments)
    assert (await payments.move("contest_entry", 10, pot=pot)).status_code == 201
