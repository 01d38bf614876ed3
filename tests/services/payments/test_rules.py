"""What is pure: state machines, amounts, routing, the gate's rules."""

from __future__ import annotations

import itertools
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from environments.tiers import TIERS
from model.egress import EGRESS
from services.common.money import MAX_AMOUNT, Paise
from services.payments import states
from services.payments.amounts import paise, rupees
from services.payments.jurisdiction import DIRECTORY, Activity, Gate, PolicyError, Request, Verdict
from services.payments.levels import Level
from services.payments.routing import PROBE_SECONDS, Router
from services.payments.runtime import open_levels
from services.payments.states import ATTEMPTS, DEPOSITS, PAYOUTS, REFUNDS, moves
from tests.services.support import environ

PLAYER = "0192d000-0000-7000-8000-00000000000a"
MACHINES: list[Any] = [ATTEMPTS, DEPOSITS, REFUNDS, PAYOUTS]


@pytest.mark.parametrize("table", MACHINES)
def test_a_machine_has_no_circle_and_every_state_has_its_row(table: Any) -> None:
    kind = type(next(iter(table)))
    assert set(table) == set(kind.__members__.values())
    order: list[Any] = []
    while len(order) < len(table):
        ready = [state for state in table if state not in order and table[state] <= set(order)]
        assert ready, "a circle: news that come twice could go round it"
        order += ready


@pytest.mark.parametrize("table", MACHINES)
def test_news_that_come_twice_and_in_any_order_move_a_machine_forward_only(table: Any) -> None:
    for news in itertools.product(table, repeat=3):
        state, been = next(iter(table)), []
        for to in (*news, *news):
            if moves(table, state, to):
                been.append(state)
                state = to
        assert state not in been


@pytest.mark.parametrize(("table", "end"), [(ATTEMPTS, "paid"), (REFUNDS, "processed"), (PAYOUTS, "reversed")])
def test_what_happened_with_money_wins_over_whatever_else_was_said(table: Any, end: str) -> None:
    kind = type(next(iter(table)))
    asked = set(states.ASKED[{"paid": "attempt", "processed": "refund", "reversed": "payout"}[end]])
    for state in table:
        if state in asked:
            assert moves(table, state, kind(end)), state


def test_unknown_is_left_only_by_what_a_provider_says() -> None:
    for table in (ATTEMPTS, REFUNDS, PAYOUTS):
        assert not any(to in ("new", "ready", "requested") for to, before in table.items() if "unknown" in before)


@given(st.integers(0, MAX_AMOUNT))
def test_rupees_are_exact_both_ways(amount: int) -> None:
    assert paise(repr(rupees(Paise(amount)))) == amount
    assert paise(Decimal(amount) / 100) == amount


@pytest.mark.parametrize("value", ["8.355", "abc", None, "NaN", "Infinity", True])
def test_what_is_no_amount_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="no amount"):
        paise(value)


# --- routing


class Time:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_an_ill_provider_is_passed_over_probed_now_and_then_and_comes_back() -> None:
    time = Time()
    router = Router(["razorpay", "cashfree"], time)
    assert router.order() == ["razorpay", "cashfree"]
    for _ in range(4):
        router.note("razorpay", good=False)
    assert router.score("razorpay") == 0.0
    assert router.order() == ["razorpay", "cashfree"], "the first call after it fell ill is a probe"
    assert router.order() == ["cashfree", "razorpay"]
    time.seconds += PROBE_SECONDS
    assert router.order()[0] == "razorpay"
    for _ in range(12):
        router.note("razorpay", good=True)
    assert router.order() == ["razorpay", "cashfree"]


def test_one_bad_call_makes_nobody_ill_and_what_was_long_ago_is_forgotten() -> None:
    time = Time()
    router = Router(["razorpay", "cashfree"], time)
    router.note("razorpay", good=False)
    assert router.order()[0] == "razorpay"
    for _ in range(9):
        router.note("razorpay", good=False)
    time.seconds += 600
    assert router.order()[0] == "razorpay"


def test_who_says_that_it_is_down_comes_last_and_is_not_probed() -> None:
    router = Router(["razorpay", "cashfree"], Time())
    assert router.order({"razorpay"}) == ["cashfree", "razorpay"]
    assert router.order({"razorpay", "cashfree"}) == ["razorpay", "cashfree"], "with nobody well all are tried"


@given(st.lists(st.tuples(st.sampled_from(["razorpay", "cashfree"]), st.booleans(), st.floats(0, 60)), max_size=60))
def test_every_provider_is_in_every_order(calls: list[tuple[Any, bool, float]]) -> None:
    time = Time()
    router = Router(["razorpay", "cashfree"], time)
    for name, good, pause in calls:
        router.note(name, good=good)
        time.seconds += pause
        assert sorted(router.order()) == ["cashfree", "razorpay"]
        assert 0 <= router.score(name) <= 1


# --- the gate

TODAY = date(2026, 11, 26)


def asked(
    activity: str = "deposit", jurisdiction: str = "XX", amount: int = 5000, today: int = 0, count: int = 0
) -> Request:
    return Request(
        activity=Activity(activity), jurisdiction=jurisdiction, amount=Paise(amount), today=Paise(today), count=count
    )  # fmt: skip


def outcome(verdict: Verdict) -> tuple[bool, str]:
    return verdict.allowed, verdict.reason


@pytest.mark.parametrize("environment", ["prod", "dev", "staging", "production"])
@pytest.mark.parametrize("activity", list(Activity))
def test_no_country_and_not_the_laptops_is_open_where_money_is_real(environment: str, activity: Activity) -> None:
    gate = Gate(environment)
    for jurisdiction in ("XX", "IN", "IN-TG", "US", "GB", "ZZ"):
        verdict = gate.decide(asked(activity.value, jurisdiction), TODAY)
        assert outcome(verdict) == (False, "jurisdiction_closed")


def test_no_real_country_is_open_anywhere() -> None:
    for file in DIRECTORY.glob("*.yaml"):
        policy = yaml.safe_load(file.read_text())
        assert policy["owner"] and policy["decided"]
        assert set(policy["environments"]) <= ({"local", "test"} if file.stem == "XX" else set()), file.name


def write(directory: Path, name: str, **changed: Any) -> None:
    bounds = {"minimum": 100, "maximum": 10_000, "daily": 20_000, "count": 3, "approval_above": 9_000}
    rule = {"from": "2026-01-01", "residence": "declared", "kyc": "none", "tds": "none", "deposit": bounds}
    policy = {
        "jurisdiction": name, "owner": "counsel", "decided": "2026-10-01", "environments": ["prod"], "rules": [rule]
    } | changed  # fmt: skip
    (directory / f"{name}.yaml").write_text(yaml.safe_dump(policy))


def test_an_operators_file_with_an_owner_and_a_date_opens_one_environment_from_its_day_on(tmp_path: Path) -> None:
    write(tmp_path, "ZZ")
    gate = Gate("prod", tmp_path)
    verdict = gate.decide(asked(jurisdiction="ZZ"), TODAY)
    assert outcome(verdict) == (True, "allowed")
    assert verdict.version.startswith("ZZ@2026-10-01#")
    assert outcome(gate.decide(asked(jurisdiction="ZZ"), date(2025, 12, 31))) == (False, "no_rule_today")
    assert outcome(Gate("dev", tmp_path).decide(asked(jurisdiction="ZZ"), TODAY)) == (False, "jurisdiction_closed")
    assert outcome(gate.decide(asked("payout", "ZZ"), TODAY)) == (False, "activity_closed")
    # Another content is another version.
    write(tmp_path, "ZZ", owner="somebody else")
    assert Gate("prod", tmp_path).decide(asked(jurisdiction="ZZ"), TODAY).version != verdict.version


@pytest.mark.parametrize("missing", ["owner", "decided", "environments", "rules"])
def test_a_file_without_owner_or_date_stops_the_service(tmp_path: Path, missing: str) -> None:
    write(tmp_path, "ZZ")
    policy = yaml.safe_load((tmp_path / "ZZ.yaml").read_text())
    del policy[missing]
    (tmp_path / "ZZ.yaml").write_text(yaml.safe_dump(policy))
    with pytest.raises(PolicyError, match=rf"ZZ\.yaml: (.|\n)*{missing}"):
        Gate("prod", tmp_path)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"minimum": -1}, "greater than or equal to 0"),
        ({"minimum": 0, "maximum": 0}, "greater than 0"),
        ({"minimum": 0, "daily": 0}, "greater than 0"),
        ({"count": 0}, "greater than 0"),
        ({"approval_above": -1}, "greater than or equal to 0"),
        ({"minimum": 10_001}, "minimum 10001 is above maximum 10000"),
        ({"daily": 99}, "minimum 100 is above daily 99"),
        ({"minimun": 100}, "Extra inputs"),
    ],
    ids=str,
)
def test_bounds_that_are_none_stop_the_service(tmp_path: Path, given: dict[str, int], reason: str) -> None:
    bounds = {"minimum": 100, "maximum": 10_000, "daily": 20_000, "count": 3, "approval_above": 9_000} | given
    rule = {"from": "2026-01-01", "residence": "declared", "kyc": "none", "tds": "none", "payout": bounds}
    write(tmp_path, "ZZ", rules=[rule])
    with pytest.raises(PolicyError, match=rf"ZZ\.yaml: (.|\n)*{reason}"):
        Gate("prod", tmp_path)


def test_a_file_of_another_jurisdiction_stops_the_service(tmp_path: Path) -> None:
    write(tmp_path, "ZZ")
    (tmp_path / "ZZ.yaml").rename(tmp_path / "YY.yaml")
    with pytest.raises(PolicyError, match=r"YY\.yaml: jurisdiction 'ZZ'; accepted: 'YY'"):
        Gate("prod", tmp_path)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"residence": "proven"}, "residence_unproven"),
        ({"kyc": "full"}, "kyc_missing"),
        ({"kyc": "basic"}, "kyc_missing"),
        ({"tds": "s.194BA"}, "tax_unknown"),
    ],
)
def test_what_is_not_known_is_a_no(tmp_path: Path, rule: dict[str, str], reason: str) -> None:
    write(tmp_path, "ZZ")
    policy = yaml.safe_load((tmp_path / "ZZ.yaml").read_text())
    policy["rules"][0] |= rule
    (tmp_path / "ZZ.yaml").write_text(yaml.safe_dump(policy))
    assert outcome(Gate("prod", tmp_path).decide(asked(jurisdiction="ZZ"), TODAY)) == (False, reason)


def test_a_level_that_reaches_the_rules_is_enough(tmp_path: Path) -> None:
    write(tmp_path, "ZZ")
    policy = yaml.safe_load((tmp_path / "ZZ.yaml").read_text())
    policy["rules"][0] |= {"kyc": "basic"}
    (tmp_path / "ZZ.yaml").write_text(yaml.safe_dump(policy))
    gate = Gate("prod", tmp_path)
    assert [gate.asks_for_level(each) for each in ("ZZ", "XX")] == [True, False]
    levels: tuple[Level, ...] = ("none", "basic", "full")
    verdicts = [gate.decide(replace(asked(jurisdiction="ZZ"), level=level), TODAY).allowed for level in levels]
    assert verdicts == [False, True, True]


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (httpx.Response(200, json={"player": PLAYER, "level": "basic", "since": None, "until": None}), "basic"),
        (httpx.Response(200, json={"player": PLAYER, "level": "gold"}), "none"),
        (httpx.Response(200, json={"player": "0192d000-0000-7000-8000-00000000000b", "level": "full"}), "none"),
        (httpx.Response(200, text="<html>"), "none"),
        (httpx.Response(403, json={"level": "full", "player": PLAYER}), "none"),
        (httpx.Response(503), "none"),
        (httpx.ReadTimeout("silent"), "none"),
    ],
)
async def test_no_good_answer_of_kycs_is_no_level(answer: httpx.Response | httpx.HTTPError, level: str) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 600})
        assert request.headers["Authorization"] == "Bearer t"
        if isinstance(answer, Exception):
            raise answer
        return answer

    where = {"KYC_URL": "http://kyc", "AUTH_URL": "http://auth", "CLIENT_SECRET_PAYMENTS_KYC": "s" * 32}
    with environ(where):
        async with AsyncExitStack() as stack:
            levels = await open_levels(stack, httpx.MockTransport(reply))
            assert await levels.of(UUID(PLAYER)) == level


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (asked(amount=99), (False, "amount_out_of_bounds")),
        (asked(amount=10_000_001), (False, "amount_out_of_bounds")),
        (asked(amount=5000, today=49_996_000), (False, "daily_limit")),
        (asked(amount=4000, today=49_996_000), (True, "allowed")),
        (asked("payout", count=20), (False, "too_often")),
        (asked("contest_entry", amount=0), (True, "allowed")),
    ],
)
def test_limits_of_the_laptops_jurisdiction(request_: Request, expected: tuple[bool, str]) -> None:
    assert outcome(Gate("local").decide(request_, TODAY)) == expected


def test_a_large_payout_needs_a_second_person() -> None:
    gate = Gate("local")
    assert not gate.decide(asked("payout", amount=5_000_000), TODAY).approval
    assert gate.decide(asked("payout", amount=5_000_001), TODAY).approval


def test_production_talks_to_the_providers_themselves() -> None:
    assert "endpoints" not in TIERS["production"]
    assert set(EGRESS["payments-providers"].endpoints.values()) == {
        "https://api.razorpay.com",
        "https://api.cashfree.com",
    }
