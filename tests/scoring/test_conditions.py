"""Conditions as data: what passes, what follows from what, and how they read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.engine.conditions import Scalar, Test, holds, implies, parse_condition

numbers = st.integers(-3, 6)
bounds = st.dictionaries(st.sampled_from(["at_least", "above", "at_most", "below"]), numbers, min_size=1)
tests = st.one_of(
    numbers, st.lists(numbers, min_size=1, max_size=3, unique=True), bounds,
    st.fixed_dictionaries({"not": st.lists(numbers, min_size=1, max_size=3, unique=True)}),
)  # fmt: skip
conditions = st.dictionaries(st.sampled_from(["runs", "balls"]), tests)


def parse(given: Any) -> Test:
    return parse_condition({"x": given})["x"]


@pytest.mark.parametrize(
    ("given", "passing", "failing"),
    [
        (0, [0, False], [1, None, "0"]),
        ("a", ["a"], ["b", None]),
        (None, [None], [0, ""]),
        ([1, 2], [1, 2], [3, None]),
        ({"not": ["a"]}, ["b", None, 3], ["a"]),
        ({"at_least": 5}, [5, 6], [4, None, "5"]),
        ({"above": 5}, [6], [5, None]),
        ({"at_most": 5}, [5, -1], [6]),
        ({"below": 5}, [4], [5]),
        ({"at_least": 2, "below": 4}, [2, 3], [1, 4]),
    ],
)
def test_what_passes(given: Any, passing: list[Scalar], failing: list[Scalar]) -> None:
    test = parse(given)
    assert all(test.holds(value) for value in passing)
    assert not any(test.holds(value) for value in failing)


@given(conditions, conditions, st.dictionaries(st.sampled_from(["runs", "balls"]), numbers, min_size=2))
def test_what_is_said_to_follow_does_follow(narrow: Any, wide: Any, values: dict[str, int]) -> None:
    one, other = parse_condition(narrow), parse_condition(wide)
    if implies(one, other) and holds(one, values.get):
        assert holds(other, values.get)
    assert implies(one, one)
    assert holds(one, values.get) == all(test.holds(values[name]) for name, test in one.items())


@pytest.mark.parametrize(
    ("narrow", "wide", "follows"),
    [
        (3, [3, 4], True), ([3, 4], 3, False), (3, {"at_least": 3}, True), (3, {"above": 3}, False), (3, {"not": [4]}, True),
        ({"not": [3]}, {"at_least": 0}, False), ({"at_least": 3}, {"not": [1]}, False), ({"at_least": 3}, 3, False),
        ({"at_least": 3}, {"above": 2}, True), ({"above": 3, "below": 3}, 99, True), ({"not": [1]}, {"not": [1]}, True),
        ({"not": [1]}, 1, False),
    ],
)  # fmt: skip
def test_what_follows(narrow: Any, wide: Any, follows: bool) -> None:
    assert parse(narrow).implies(parse(wide)) is follows


def test_a_condition_on_something_else_does_not_follow() -> None:
    assert not implies(parse_condition({"runs": 1}), parse_condition({"balls": 1}))
    assert implies(parse_condition({"runs": 1}), {})
    assert not implies({}, parse_condition({"runs": 1}))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (0, "is 0"), ("bowler", "is bowler"), ([1, 2], "is 1 or 2"), (True, "is yes"), (False, "is no"), (None, "is unknown"),
        ({"not": ["a", "b"]}, "is not a or b"), ({"at_least": 5}, "5 or more"), ({"at_least": 5, "at_most": 7}, "5 to 7"),
    ],
)  # fmt: skip
def test_words(given: Any, words: str) -> None:
    assert parse(given).words() == words


def test_impossible() -> None:
    assert parse({"above": 5, "at_most": 5}).impossible
    assert Test(allowed=()).impossible
    assert not any(parse(given).impossible for given in (0, {"not": [0]}, {"at_least": 5, "at_most": 5}))
