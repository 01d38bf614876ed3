"""Rule 133 and GST: the reference's own figures, and what holds whatever is deposited, won and withdrawn."""

from __future__ import annotations

import doctest
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.wallet import tax
from services.wallet.kinds import KINDS
from services.wallet.tasks import jobs
from services.wallet.tax import Year
from tests.services.support import Clock
from tests.services.wallet.fixtures import Wallet
from tests.services.wallet.test_holds import Payments

DAY = date(2025, 6, 1)
amounts = st.integers(1, 10**11)


def test_the_doctests() -> None:
    assert doctest.testmod(tax).failed == 0


def test_the_references_vector() -> None:
    """Deposit 10,000, withdraw 12,000, deposit 5,000, withdraw 10,000, 1,000 left."""
    year = Year(deposited=10_000_00)
    first = tax.at_withdrawal(year, 12_000_00, DAY)
    assert (first.net, first.tax, first.section) == (2_000_00, 600_00, "194BA")
    year = replace(year, withdrawn=12_000_00, deposited=15_000_00, taxed=first.net)
    second = tax.at_withdrawal(year, 10_000_00, DAY)
    assert (second.net, second.tax) == (5_000_00, 1_500_00)
    year = replace(year, withdrawn=22_000_00, taxed=7_000_00)
    last = tax.at_years_end(year, 1_000_00, DAY)
    assert (last.net, last.tax) == (1_000_00, 300_00)
    assert tax.annual(year, 1_000_00) == 8_000_00 == first.net + second.net + last.net


@given(st.lists(st.tuples(st.booleans(), amounts), max_size=20), st.integers(0, 10**11), st.integers(0, 10**11))
def test_the_steps_come_to_the_annual_sum(steps: list[tuple[bool, int]], opening: int, closing: int) -> None:
    """Never less than the year's net winnings are taxed, and exactly these where no step was below zero."""
    year, nets, clamped = Year(opening=opening), 0, False
    for is_deposit, amount in steps:
        if is_deposit:
            year = replace(year, deposited=year.deposited + amount)
            continue
        raw = year.withdrawn + amount - (year.deposited + year.opening + year.taxed)
        clamped |= raw < 0
        step = tax.at_withdrawal(year, amount, DAY)
        assert step.net in (max(0, raw), 0)
        assert step.deferred == (0 < raw <= tax.MONTHLY_EXEMPT)
        nets += step.net
        year = replace(year, withdrawn=year.withdrawn + amount, taxed=year.taxed + step.net)
    clamped |= tax.annual(year, closing) < year.taxed
    end = tax.at_years_end(year, closing, DAY)
    assert nets + end.net >= tax.annual(year, closing)
    if not clamped:
        assert nets + end.net == tax.annual(year, closing)


@given(amounts)
def test_a_withdrawal_of_what_was_deposited_is_not_taxed(amount: int) -> None:
    assert tax.at_withdrawal(Year(deposited=amount), amount, DAY).tax == 0


def test_little_is_taxed_later() -> None:
    year = Year(withdrawn=50_00)
    assert tax.at_withdrawal(Year(), 50_00, DAY).deferred
    assert tax.at_withdrawal(year, 50_00, DAY).deferred, "₹100 in the month are not above it"
    assert tax.at_withdrawal(year, 50_01, DAY).net == 100_01, "what was deferred is taxed along"
    month = Year(withdrawn=500_00, taxed=500_00, taxed_this_month=500_00)
    assert tax.at_withdrawal(month, 10_00, DAY).net == 10_00, "the month is above it already"
    assert tax.at_years_end(year, 0, DAY).net == 50_00


@pytest.mark.parametrize(
    ("day", "section"),
    [
        (date(2023, 3, 31), ""),
        (date(2023, 4, 1), "194BA"),
        (date(2026, 3, 31), "194BA"),
        (date(2026, 4, 1), "393(3) Table 2"),
    ],
)
def test_the_section_is_the_days(day: date, section: str) -> None:
    assert tax.at_withdrawal(Year(), 1_000_00, day).section == section


@pytest.mark.parametrize(
    ("day", "amount", "net", "levied"),
    [
        (date(2023, 9, 30), 100_00, 100_00, 0),
        (date(2023, 10, 1), 100_00, 78_12, 21_88),
        (date(2025, 9, 21), 100_00, 78_12, 21_88),
        (date(2025, 9, 22), 140_00, 100_00, 40_00),
    ],
)
def test_gst_is_the_days(day: date, amount: int, net: int, levied: int) -> None:
    assert tax.gst(amount, day) == (net, levied)


@given(amounts, st.sampled_from([date(2023, 10, 1), date(2025, 9, 22)]))
def test_gst_takes_its_share_and_no_paisa_is_lost(amount: int, day: date) -> None:
    net, levied = tax.gst(amount, day)
    rate = tax.rate_on(tax.GST, day)
    assert rate is not None
    assert net + levied == amount
    assert abs(levied * (10_000 + rate.points) - amount * rate.points) * 2 <= 10_000 + rate.points


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))
def test_each_moment_is_in_its_tax_year(moment: datetime) -> None:
    begin, end = tax.bounds(tax.tax_year(moment))
    assert begin <= moment < end


@pytest.mark.postgres
async def test_the_references_vector_through_the_ledger(wallet: Wallet) -> None:
    """The same figures, posted: deposits, winnings, withholdings and payouts; a payout that fails gives its tax back."""
    payments = Payments(wallet)
    payments.token = await wallet.machine("all", {kind.scope for kind in KINDS.values()} | {"wallet:read"})
    pot = str(uuid4())

    async def withdraw(amount: int, key: str = "") -> dict[str, Any]:
        answer = await payments.ask("tax/withholdings", id=key or str(uuid4()), player=payments.player, amount=amount)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    await payments.deposit(10_000_00)
    await payments.move("contest_entry", 10_000_00, pot=pot)
    rich = Payments(wallet)
    rich.token = payments.token
    await rich.deposit(100_000_00)
    await rich.move("contest_entry", 100_000_00, pot=pot)
    await payments.move("prize", 18_000_00, pot=pot)
    key = str(uuid4())
    first = await withdraw(12_000_00, key)
    assert (first["net"], first["tax"]) == (2_000_00, 600_00)
    assert await withdraw(12_000_00, key) == first, "once"
    undone = await payments.ask("reversals", id=str(uuid4()), transaction=key)
    assert undone.status_code == 201
    again = await withdraw(12_000_00)
    assert (again["net"], again["tax"]) == (2_000_00, 600_00), "what was given back was not taxed"
    held = (await payments.hold(11_400_00)).json()["id"]
    await payments.capture(held)
    await payments.deposit(5_000_00)
    assert (await withdraw(10_000_00))["net"] == 5_000_00
    answer = await wallet.client.get(f"/wallet/internal/tax/{payments.player}/{first['year']}", headers=payments.token)
    found = answer.json()
    assert [found[name] for name in ("deposited", "opening", "taxed")] == [15_000_00, 0, 7_000_00]
    assert sorted(each["tax"] for each in found["deductions"]) == [600_00, 600_00, 1_500_00]
    assert (await payments.balances())["winnings"] == 18_000_00 - 600_00 - 11_400_00 - 1_500_00


@pytest.mark.postgres
async def test_the_years_end_is_taken_once_from_everybody(wallet: Wallet, clock: Clock) -> None:
    """Of what was won and not withdrawn; who lost is closed without tax, whose money is held stays open until it is free."""
    scopes = {kind.scope for kind in KINDS.values()} | {"wallet:read"}
    pot, made = str(uuid4()), [Payments(wallet) for _ in range(3)]
    winner, loser, holder = made
    for each in made:
        each.token = await wallet.machine("all", scopes)
        await each.deposit(1_000_00)
        await each.move("contest_entry", 1_000_00, pot=pot)
    await winner.move("prize", 1_500_00, pot=pot)
    await holder.move("prize", 1_400_00, pot=pot)
    held = (await holder.hold(1_400_00)).json()["id"]
    year = tax.tax_year(clock.now())
    sessions = wallet.app.state.sessions
    assert await jobs.run_scheduled(sessions, clock, "wallet.close_tax_years")
    clock.move(minutes=int((tax.bounds(year)[1] - clock.now()).total_seconds() // 60) + 60)
    for _ in range(2):
        assert await jobs.run_scheduled(sessions, clock, "wallet.close_tax_years")
    for each in made:
        each.token = await wallet.machine("all", scopes)
    assert (await winner.balances())["winnings"] == 1_500_00 - 150_00
    answer = await wallet.client.get(f"/wallet/internal/tax/{winner.player}/{year}", headers=winner.token)
    (deduction,) = answer.json()["deductions"]
    assert (deduction["occasion"], deduction["net"], deduction["tax"]) == ("year_end", 500_00, 150_00)
    answer = await wallet.client.get(f"/wallet/internal/tax/{loser.player}/{year}", headers=winner.token)
    assert [each["tax"] for each in answer.json()["deductions"]] == [0]
    assert (await holder.balances())["winnings"] == 1_400_00
    await wallet.client.post(f"/wallet/internal/holds/{held}/void", headers=winner.token)
    assert await jobs.run_scheduled(sessions, clock, "wallet.close_tax_years")
    assert (await holder.balances())["winnings"] == 1_400_00 - 120_00
