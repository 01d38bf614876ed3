"""Ranks and prizes."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.engine.contests import rank, split_prizes
from scoring.engine.errors import PrizeError

totals = st.dictionaries(st.integers(0, 1000), st.integers(-5, 5), max_size=30)
tables = st.lists(st.integers(0, 10**9), max_size=40)


@given(totals)
def test_a_rank_is_one_more_than_those_who_have_more(points: dict[int, int]) -> None:
    ranks = rank(points)
    assert list(ranks) == list(points)
    assert all(ranks[entry] == 1 + sum(other > points[entry] for other in points.values()) for entry in points)


def test_competitive_ranks() -> None:
    assert rank({"a": 10, "b": 20, "c": 20, "d": Fraction(41, 2)}) == {"a": 4, "b": 2, "c": 2, "d": 1}
    assert rank({"a": 3, "b": 3, "c": 3, "d": 1}) == {"a": 1, "b": 1, "c": 1, "d": 4}


@given(totals, tables)
def test_prizes_pay_out_exactly_the_places_taken(points: dict[int, int], table: list[int]) -> None:
    ranks = rank(points)
    prizes = split_prizes(table, ranks)
    assert list(prizes) == list(points)
    assert sum(prizes.values()) == sum(table[: len(points)])
    for one in points:
        for other in points:
            if ranks[one] == ranks[other]:
                assert abs(prizes[one] - prizes[other]) <= 1


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20).map(lambda table: sorted(table, reverse=True)), totals)
def test_who_ranks_better_never_gets_less(table: list[int], points: dict[int, int]) -> None:
    ranks = rank(points)
    prizes = split_prizes(table, ranks)
    for one in points:
        for other in points:
            if ranks[one] < ranks[other]:
                assert prizes[one] >= prizes[other]


def test_tied_places_are_summed_and_the_earliest_get_the_odd_paise() -> None:
    ranks = rank({"first": 9, "early": 5, "middle": 5, "late": 5, "last": 1})
    assert split_prizes([1000, 500, 300, 201, 50], ranks) == {
        "first": 1000,
        "early": 334,
        "middle": 334,
        "late": 333,
        "last": 50,
    }
    assert split_prizes([1000, 500], ranks) == {"first": 1000, "early": 167, "middle": 167, "late": 166, "last": 0}
    assert split_prizes([], ranks) == dict.fromkeys(ranks, 0)
    assert split_prizes([100, 50], {}) == {}


@pytest.mark.parametrize(
    ("table", "ranks", "message"),
    [
        ([100, -1], {"a": 1}, "prize of place 2: -1 is no whole number of paise from 0 up"),
        ([1.5], {"a": 1}, "prize of place 1: 1.5"),
        ([True], {"a": 1}, "prize of place 1: True"),
        ([100], {"a": 2}, "rank 2: no competitive ranking .1224.: rank 1 is expected"),
        ([100], {"a": 1, "b": 1, "c": 2}, "rank 2: .*rank 3 is expected"),
        ([100], {"a": 1, "b": 3}, "rank 3: .*rank 2 is expected"),
    ],
)
def test_what_cannot_be_paid_is_refused(table: list[int], ranks: dict[str, int], message: str) -> None:
    with pytest.raises(PrizeError, match=message):
        split_prizes(table, ranks)
