"""Bands are exact at every border: the published tables over every pair of whole numbers that a match can give."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.engine import registry
from scoring.engine.document import Bands
from scoring.engine.forms import points_of, ratio
from tests.scoring.published import CRICKET, banded

RATES = {
    "economy-rate": ("runs_conceded", "balls_bowled", 6, "economy"),
    "strike-rate": ("runs", "balls_faced", 100, "strike rate"),
}
FORMATS = [name for name, table in CRICKET.items() if table["economy"]]


@cache
def bands(rules: str, rule_id: str) -> Bands:
    form = next(rule.form for rule in registry.load(rules).rules if rule.id == rule_id)
    assert isinstance(form, Bands)
    return form


@pytest.mark.slow
@pytest.mark.parametrize("rule_id", RATES)
@pytest.mark.parametrize("rules", FORMATS)
@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.nightly)])
def test_every_rate_of_whole_numbers_gives_the_published_points(
    rules: str, rule_id: str, step: int, pytestconfig: pytest.Config
) -> None:
    """In each run a seventh of them, others by the seed in its header; all at night. Borders have a test of their own."""
    first = int(pytestconfig.option.hypothesis_seed) % step
    amount, per, times, table = RATES[rule_id]
    points = points_of(bands(rules, rule_id))
    printed = CRICKET[rules][table][1]
    # Beyond sixty balls bowled, which no bowler is allowed, two decimals no longer tell the rates apart.
    for balls in range(1, 61 if rule_id == "economy-rate" else 151):
        for runs in range((first + balls) % step, 301, step):
            assert points({amount: runs, per: balls}) == banded(printed, times * runs / balls), (runs, balls)


@pytest.mark.parametrize("rule_id", RATES)
@pytest.mark.parametrize("rules", FORMATS)
def test_just_below_on_and_just_above_each_border(rules: str, rule_id: str) -> None:
    """A border splits the line exactly: the nearest rates on both sides lie where the bounds say."""
    amount, per, times, _ = RATES[rule_id]
    form = bands(rules, rule_id)
    points = points_of(form)
    for (left, left_points), (right, right_points) in zip(form.steps, form.steps[1:], strict=False):
        assert left.high is not None and left.high == right.low
        border, side = left.high
        balls = 10**9 * border.denominator * times
        runs = border * balls / times
        assert runs.denominator == 1
        owner = left_points if side else right_points
        assert points({amount: runs.numerator - 1, per: balls}) == left_points
        assert points({amount: runs.numerator, per: balls}) == owner
        assert points({amount: runs.numerator + 1, per: balls}) == right_points


@given(st.integers(0, 10**6), st.integers(1, 10**4))
def test_every_value_lies_in_exactly_one_band(value: int, per: int) -> None:
    for rules in FORMATS:
        for rule_id, (amount, divisor, _, _) in RATES.items():
            form = bands(rules, rule_id)
            rate = ratio(form, {amount: value, divisor: per})
            assert rate is not None
            assert sum(rate in span for span, _ in form.steps) == 1


def test_nothing_bowled_gives_no_rate_and_no_points() -> None:
    form = bands("cricket-t20-a", "economy-rate")
    assert ratio(form, {"runs_conceded": 5, "balls_bowled": 0}) is None
    assert points_of(form)({"runs_conceded": 5, "balls_bowled": 0}) == 0
    assert ratio(form, {"runs_conceded": None, "balls_bowled": 6}) is None


def test_bands_of_one_measure_need_no_divisor() -> None:
    form = bands("f1-fantasy-2026", "pit-stop")
    give = points_of(form)
    expected = {0: 20, 1999: 20, 2000: 10, 2199: 10, 2200: 5, 2499: 5, 2500: 2, 2999: 2, 3000: 0, 60_000: 0}
    assert {stop: give({"fastest_stop": stop}) for stop in expected} == expected
    assert give({"fastest_stop": None}) == 0
    assert ratio(form, {"fastest_stop": 2345}) == Fraction(2345)
