"""Points as whole numbers: one unit is 1/252,000 of a point, so sums, ranks and Redis's scores are exact; pure.

252,000 = 2⁵·3²·5³·7 holds decimals to three places, thirds (three drivers of one car), sevenths (a fastest lap that seven
share) and half of each. What it does not hold is refused, never rounded. Redis keeps scores as doubles: exact up to 2⁵³ units,
which are 35,000,000,000 points.
"""

from __future__ import annotations

from fractions import Fraction

from scoring.engine import ScoringError
from scoring.engine.exact import to_text

PER_POINT = 252_000


def units(points: Fraction) -> int:
    """Points in units. Raises ScoringError if they are not a whole number of them."""
    found = points * PER_POINT
    if found.denominator != 1:
        raise ScoringError(f"points {points}", f"not a whole number of 1/{PER_POINT}")
    return found.numerator


def points(found: int) -> Fraction:
    """Units as points."""
    return Fraction(found, PER_POINT)


def shown(found: int) -> str:
    """Units as an exact decimal number of points, or as a fraction where there is none."""
    return to_text(points(found))
