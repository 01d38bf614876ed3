"""Exact numbers: decimal strings, fractions and intervals with open or closed ends. No float is ever made."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")

_NOTHING = Fraction(0)

#: More digits than points times a factor can have (six each).
_MOST_DIGITS = 20

#: A point between two numbers: (value, 0) lies just before the value, (value, 1) just after it.
Cut = tuple[Fraction, int]


def is_decimal(text: object) -> bool:
    """Whether `text` is a decimal string such as "-1.5"."""
    return isinstance(text, str) and _DECIMAL.fullmatch(text) is not None


def to_fraction(text: str) -> Fraction:
    """The exact value of a decimal string; ValueError for anything else ("1e3", "½", "1/3")."""
    if not is_decimal(text):
        raise ValueError(f"{text!r} is not a decimal number such as '12' or '-1.5'")
    return Fraction(text)


def add_up(numbers: Iterable[Fraction]) -> Fraction:
    """The exact sum; whole numbers, which most points are, are added as such."""
    whole, rest = 0, _NOTHING
    for number in numbers:
        if number.denominator == 1:
            whole += number.numerator
        else:
            rest += number
    return rest + whole


def to_decimal(value: Fraction) -> str:
    """The shortest decimal string that is exactly `value`; ValueError if there is none (1/3)."""
    if value.denominator == 1:
        return str(value.numerator)
    digits = next((digits for digits in range(_MOST_DIGITS) if 10**digits % value.denominator == 0), None)
    if digits is None:
        raise ValueError(f"{value} has no exact decimal form")
    scaled = abs(value.numerator) * 10**digits // value.denominator
    whole, part = divmod(scaled, 10**digits)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{part:0{digits}d}" if digits else f"{sign}{whole}"


def to_text(value: Fraction) -> str:
    """`value` exactly: as a decimal string where there is one, else as a fraction (a seventh of a point: "1/7")."""
    try:
        return to_decimal(value)
    except ValueError:
        return str(value)


@dataclass(frozen=True, slots=True)
class Interval:
    """The numbers between two cuts; None is unbounded. Every interval is half-open on the line of cuts, so that two
    neighbours share one cut and no number is in both or in neither, whichever of them owns the border."""

    low: Cut | None = None
    high: Cut | None = None

    def __contains__(self, value: Fraction | int) -> bool:
        low, high = self.low, self.high
        if low is not None and (value < low[0] or (value == low[0] and low[1] == 1)):
            return False
        return high is None or value < high[0] or (value == high[0] and high[1] == 1)

    @property
    def empty(self) -> bool:
        """Whether no number is in it."""
        return self.low is not None and self.high is not None and self.low >= self.high

    def within(self, other: Interval) -> bool:
        """Whether every number of this interval is in `other` too."""
        if self.empty:
            return True
        low_fits = other.low is None or (self.low is not None and self.low >= other.low)
        high_fits = other.high is None or (self.high is not None and self.high <= other.high)
        return low_fits and high_fits

    def words(self) -> str:
        """The interval as a player reads it: "below 5", "5 to below 6", "6 to 7", "above 12"."""
        if self.low is not None and self.high == (self.low[0], 1) and self.low[1] == 0:
            return to_decimal(self.low[0])
        low = "" if self.low is None else f"{'above ' if self.low[1] else ''}{to_decimal(self.low[0])}"
        high = "" if self.high is None else f"{'' if self.high[1] else 'below '}{to_decimal(self.high[0])}"
        if low and high:
            return f"{low} to {high}"
        if low:
            return low if low.startswith("above") else f"{low} or more"
        return "any" if not high else (high if high.startswith("below") else f"{high} or less")


def interval(
    *,
    at_least: Fraction | None = None,
    above: Fraction | None = None,
    at_most: Fraction | None = None,
    below: Fraction | None = None,
) -> Interval:
    """An interval from its published bounds; of two bounds on one side the tighter holds."""
    lows = [(value, side) for value, side in ((at_least, 0), (above, 1)) if value is not None]
    highs = [(value, side) for value, side in ((below, 0), (at_most, 1)) if value is not None]
    return Interval(max(lows, default=None), min(highs, default=None))
