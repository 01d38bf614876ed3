"""Burn rates: what they spend, when they speak, and what they promise of an objective."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.edge.load_balancer import LoadBalancer, LoadBalancerArgs
from components.edge.routes import Route
from components.observability.burn_rates import BURNS, least, signals
from components.observability.signals import Comparison, Severity
from localcloud.dataplane.watch.expressions import math
from model.vocabulary import Slo

MONTH = 30 * 24 * 3600
WHERE = {"LoadBalancer": "app/edge/1", "TargetGroup": "targetgroup/wallet/1"}
AVAILABILITY = Slo(name="availability", objective=99.9)
LATENCY = Slo(name="latency", objective=99, milliseconds=300)

objectives = st.floats(95, 99.99).map(lambda percent: Slo(name="availability", objective=percent))


def value(expression: str, **numbers: float | None) -> float | None:
    """What CloudWatch makes of an expression in one period, as its documentation has it: the few forms used here."""

    def fill(number: float | None, instead: float) -> float:
        return instead if number is None else number

    if numbers["requests"] is None:
        return None
    lazy = re.fullmatch(r"IF\((.+?), (\d+), (.+)\)", expression)
    assert lazy, expression
    names = {"FILL": fill, **numbers}
    condition, one, other = (lazy[part] for part in (1, 2, 3))
    chosen = one if eval(condition, {}, names) else other
    found = eval(chosen, {}, names)
    assert isinstance(found, int | float)
    return found


def test_paging_spends_two_percent_of_a_month_in_an_hour_and_the_ticket_five_in_six():
    spent = {burn.name: burn.rate * burn.seconds / MONTH for burn in BURNS}
    assert spent["hour"] == pytest.approx(0.02)
    assert spent["hours"] == pytest.approx(0.05)


@given(objectives, st.sampled_from(BURNS))
def test_the_limit_is_as_many_failures_as_the_rate_says(objective, burn):
    limit = least(objective, burn)
    assert 0 < limit < objective.objective
    assert (100 - limit) / (100 - objective.objective) == pytest.approx(burn.rate, rel=1e-3)


def test_a_page_needs_the_long_and_the_short_window_of_one_objective():
    found = {item.name: item for item in signals("wallet", [WHERE], [AVAILABILITY, LATENCY])}
    assert set(found) == {f"wallet-{what}-{burn.name}" for what in ("availability", "latency") for burn in BURNS}
    assert len({item.together for item in found.values() if item.severity is Severity.PAGE}) == 2
    assert found["wallet-availability-hour"].together == found["wallet-availability-minutes"].together
    assert {item.together for item in found.values() if item.severity is Severity.TICKET} == {""}
    assert {item.comparison for item in found.values()} == {Comparison.BELOW}


@pytest.mark.parametrize(
    ("requests", "errors", "rings"),
    [
        (10_000, None, False),  # CloudWatch has no data point where nothing failed
        (10_000, 100, False),  # 1 %: ten times what is allowed
        (10_000, 150, True),
        (99, 99, False),  # too few to tell
        (100, 100, True),
        (None, None, False),
    ],
)
def test_availability_rings_by_the_share_of_failures(requests, errors, rings):
    (hour, *_) = signals("wallet", [WHERE], [AVAILABILITY])
    good = value(hour.expression, requests=requests, errors=errors)
    assert (good is not None and good < hour.threshold) == rings


@pytest.mark.parametrize(("requests", "quick", "rings"), [(1000, 86.0, False), (1000, 85.0, True), (50, 0.0, False)])
def test_latency_rings_by_the_share_that_is_quick_enough(requests, quick, rings):
    (hour, *_) = signals("wallet", [WHERE], [LATENCY])
    assert hour.inputs["quick"].statistic == "PR(:0.3)"
    good = value(hour.expression, requests=requests, quick=quick)
    assert (good is not None and good < hour.threshold) == rings


@pytest.mark.parametrize("percent", [0, 94.9, 100])
def test_objectives_that_cannot_be_watched_are_refused(percent):
    with pytest.raises(ValueError, match=r"greater than or equal to 95|less than 100"):
        Slo(name="availability", objective=percent)


def test_an_objective_takes_the_place_of_the_fixed_limit(run):
    route = Route(name="wallet", patterns=["/wallet/*"], port=8080, slos=[AVAILABILITY])
    args = LoadBalancerArgs(
        vpc_id="vpc-1",
        subnet_ids=["subnet-a", "subnet-b"],
        security_group_id="sg-1",
        routes=[route],
        certificate_arn="arn:certificate",
        access_logs_bucket="logs",
    )
    names = {item.name for item in run(lambda: LoadBalancer("edge", args)).result.signals}
    assert {"wallet-unhealthy", "wallet-slow", "wallet-availability-hour"} <= names
    assert "wallet-errors" not in names


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"requests1": 900, "requests2": 100, "errors1": 0, "errors2": 100}, 90),
        ({"requests1": 1000, "requests2": None, "errors1": 10, "errors2": None}, 99),
        ({"requests1": None, "requests2": 1000, "errors1": None, "errors2": None}, 100),
        ({"requests1": 1, "requests2": 2, "errors1": 1, "errors2": 2}, 100),
    ],
)
def test_of_two_target_groups_all_requests_count(numbers: dict[str, float | None], expected: float) -> None:
    """While ECS moves requests both have some."""
    other = {**WHERE, "TargetGroup": "targetgroup/wallet-other/1"}
    (hour, *_) = signals("wallet", [WHERE, other], [AVAILABILITY])
    assert set(hour.inputs) == set(numbers)
    assert math(hour.expression)(numbers) == pytest.approx(expected)


def test_of_two_target_groups_the_share_of_quick_answers_is_that_of_all() -> None:
    other = {**WHERE, "TargetGroup": "targetgroup/wallet-other/1"}
    (hour, *_) = signals("wallet", [WHERE, other], [LATENCY])
    numbers = {"requests1": 900.0, "requests2": 100.0, "quick1": 100.0, "quick2": 50.0}
    assert math(hour.expression)(numbers) == pytest.approx(95)
    assert math(hour.expression)({**numbers, "requests2": None, "quick2": None}) == pytest.approx(100)
