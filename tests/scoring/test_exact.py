"""Exact numbers and intervals."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.engine.exact import Interval, interval, is_decimal, to_decimal, to_fraction

decimals = st.decimals(-(10**6), 10**6, places=4, allow_nan=False).map(lambda value: f"{value:f}")
numbers = st.fractions(-50, 50, max_denominator=12)
bounds = st.none() | numbers


@given(decimals)
def test_a_decimal_string_survives_the_way_there_and_back(text: str) -> None:
    value = to_fraction(text)
    assert to_fraction(to_decimal(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(Fraction(75, 2), "37.5"), (Fraction(-1, 8), "-0.125"), (Fraction(100), "100"), (Fraction(0), "0"),
     (Fraction(1, 10), "0.1"), (Fraction(1, 20), "0.05"), (Fraction(-7), "-7"), (Fraction(3, 5), "0.6"),
     (Fraction(1, 100), "0.01"), (Fraction(33, 40), "0.825")],
)  # fmt: skip
def test_to_decimal_is_short_and_exact(value: Fraction, text: str) -> None:
    assert to_decimal(value) == text


@pytest.mark.parametrize("value", [Fraction(1, 3), Fraction(5, 7), Fraction(1, 6)])
def test_to_decimal_refuses_what_has_no_decimal_form(value: Fraction) -> None:
    with pytest.raises(ValueError, match="no exact decimal form"):
        to_decimal(value)


@pytest.mark.parametrize(
    "text", ["", "1.", ".5", "1e3", "½", "1/3", "+1", "NaN", "1,5", " 1", "1\n", "١", "0x1", "1" * 13]
)
def test_what_is_no_decimal_is_refused(text: str) -> None:
    assert not is_decimal(text)
    with pytest.raises(ValueError, match="is not a decimal number"):
        to_fraction(text)


def test_what_is_not_text_is_no_decimal() -> None:
    assert not is_decimal(1)
    assert not is_decimal(None)


@pytest.mark.slow
@given(bounds, bounds, bounds, bounds, numbers)
def test_membership_is_what_the_bounds_say(
    at_least: Fraction | None, above: Fraction | None, at_most: Fraction | None, below: Fraction | None, value: Fraction
) -> None:
    span = interval(at_least=at_least, above=above, at_most=at_most, below=below)
    expected = (
        (at_least is None or value >= at_least)
        and (above is None or value > above)
        and (at_most is None or value <= at_most)
        and (below is None or value < below)
    )
    assert (value in span) == expected
    assert not (span.empty and value in span)


@given(bounds, bounds, bounds, bounds)
def test_within_is_true_only_of_subsets(
    low: Fraction | None, high: Fraction | None, other_low: Fraction | None, other_high: Fraction | None
) -> None:
    for one in (interval(at_least=low, below=high), interval(above=low, at_most=high)):
        for other in (interval(at_least=other_low, below=other_high), interval(above=other_low, at_most=other_high)):
            ends = [end for end in (low, high, other_low, other_high) if end is not None] or [Fraction(0)]
            step = Fraction(1, 1000)
            probes = [end + side for end in ends for side in (-step, 0, step)] + [Fraction(-99), Fraction(99)]
            members = [value for value in probes if value in one]
            assert one.within(other) == all(value in other for value in members)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (interval(below=Fraction(5)), "below 5"),
        (interval(at_most=Fraction(5)), "5 or less"),
        (interval(at_least=Fraction(5), below=Fraction(6)), "5 to below 6"),
        (interval(at_least=Fraction(6), at_most=Fraction(7)), "6 to 7"),
        (interval(above=Fraction(11), at_most=Fraction(12)), "above 11 to 12"),
        (interval(above=Fraction(12)), "above 12"),
        (interval(at_least=Fraction(12)), "12 or more"),
        (interval(at_least=Fraction(3), at_most=Fraction(3)), "3"),
        (interval(at_least=Fraction(3), below=Fraction(3)), "3 to below 3"),
        (Interval(), "any"),
    ],
)
def test_words(span: Interval, words: str) -> None:
    assert span.words() == words


def test_of_two_bounds_on_one_side_the_tighter_holds() -> None:
    assert Fraction(5) not in interval(at_least=Fraction(5), above=Fraction(5))
    assert Fraction(5) not in interval(at_most=Fraction(5), below=Fraction(5))
    assert Fraction(6) in interval(at_least=Fraction(5), above=Fraction(4), at_most=Fraction(6), below=Fraction(7))


@pytest.mark.parametrize(
    ("span", "empty"),
    [
        (interval(at_least=Fraction(1), below=Fraction(1)), True),
        (interval(at_least=Fraction(1), at_most=Fraction(1)), False),
        (interval(above=Fraction(1), at_most=Fraction(1)), True),
        (interval(above=Fraction(1), below=Fraction(1)), True),
        (interval(above=Fraction(2), at_most=Fraction(1)), True),
        (Interval(), False),
        (interval(at_least=Fraction(1)), False),
        (interval(below=Fraction(1)), False),
    ],
)
def test_empty(span: Interval, empty: bool) -> None:
    assert span.empty is empty
