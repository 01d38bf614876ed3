"""Many rosters: deltas give exactly what scoring each roster gives."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.engine import registry
from scoring.engine.bulk import RosterBook
from scoring.engine.contests import rank
from scoring.engine.document import Chip
from scoring.engine.errors import RosterError

PLAYERS = [f"p{n}" for n in range(30)]


@pytest.mark.slow
@given(st.integers(0, 2**32), st.sampled_from(["cricket-t20-b", "f1-league", "fpl"]))
def test_updates_equal_scoring_every_roster_again(seed: int, rules_id: str) -> None:
    source = random.Random(seed)
    rules = registry.load(rules_id)
    book = RosterBook(rules)
    factors = [Fraction(1), *(multiplier.factor for multiplier in rules.multipliers)]
    rosters = [{player: source.choice(factors) for player in source.sample(PLAYERS, 11)} for _ in range(20)]
    points: dict[str, Fraction] = {}
    for row, roster in enumerate(rosters[:10]):
        assert book.add(roster) == row
    for _ in range(4):
        change = {player: Fraction(source.randrange(-20, 100)) for player in source.sample(PLAYERS, 5)}
        moved = {player for player, new in change.items() if new != points.get(player, 0)}
        holders = sum(player in roster for roster in rosters[:10] for player in moved)
        assert book.update(change) == holders
        points |= change
    for roster in rosters[10:]:
        book.add(roster)
    expected = [
        sum((points.get(player, Fraction(0)) * factor for player, factor in roster.items()), Fraction(0))
        for roster in rosters
    ]
    assert [book.total(row) for row in range(len(book))] == expected
    assert list(book.ranks()) == list(rank(dict(enumerate(expected))).values())


def test_the_scale_is_what_the_rules_need() -> None:
    assert RosterBook(registry.load("fpl")).scale == 1
    assert RosterBook(registry.load("cricket-t20-a")).scale == 2
    assert RosterBook(registry.load("f1-league")).scale == 4


def test_points_that_the_rules_cannot_give_are_refused() -> None:
    book = RosterBook(registry.load("cricket-t20-a"))
    with pytest.raises(RosterError, match="points 1/2: not a whole number of 1/1"):
        book.update({"a": Fraction(1, 2)})
    with pytest.raises(RosterError, match="factor 4/3: not a whole number of 1/2"):
        book.add({"a": Fraction(4, 3)})
    assert len(book) == 0 and book.add({"a": Fraction(3, 2)}) == 0


def test_an_empty_book() -> None:
    book = RosterBook(registry.load("fpl"))
    assert (len(book), list(book.ranks()), book.update({"a": Fraction(1)})) == (0, [], 0)


@pytest.mark.slow
def test_factors_of_chips_count_for_the_scale() -> None:
    rules = registry.load("fpl")
    triple = Chip("a", "A", "factor", {"multiplier": "captain", "factor": "2.25"})
    extra = Chip("b", "B", "office", {"office": "captain", "factor": "1.125"})
    assert RosterBook(replace(rules, chips=(triple,))).scale == 4
    assert RosterBook(replace(rules, chips=(extra,))).scale == 8
    assert RosterBook(replace(rules, chips=(), multipliers=())).scale == 1
