"""Contests: competitive ranks and prizes in exact paise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import TypeVar

from scoring.engine.errors import PrizeError

Entry = TypeVar("Entry")


def rank(totals: Mapping[Entry, Fraction | int]) -> dict[Entry, int]:
    """Competitive ranks ("1224"): equal points share a rank and the next rank skips; in the order given."""
    # Whole numbers of the smallest part: to compare fractions takes many times as long.
    part = lcm(*{points.denominator for points in totals.values()})
    whole = {entry: points.numerator * (part // points.denominator) for entry, points in totals.items()}
    counted = Counter(whole.values())
    places: dict[int, int] = {}
    taken = 0
    for points in sorted(counted, reverse=True):
        places[points] = taken + 1
        taken += counted[points]
    return {entry: places[points] for entry, points in whole.items()}


def split_prizes(table: Sequence[int], ranks: Mapping[Entry, int]) -> dict[Entry, int]:
    """Prizes in paise: `table` holds the prize of each place (the first is place 1), `ranks` competitive ranks.

    The prizes of tied places are summed and shared equally. Paise that cannot be shared go one each to the tied entries
    that stand first in `ranks`, so its order must be the order of entry (earliest first). Places that nobody took are not
    paid. What is paid is exactly the sum of the places taken.
    """
    for place, prize in enumerate(table, start=1):
        if not isinstance(prize, int) or isinstance(prize, bool) or prize < 0:
            raise PrizeError(f"prize of place {place}", f"{prize!r} is no whole number of paise from 0 up")
    tied: dict[int, list[Entry]] = {}
    for entry, place in ranks.items():
        tied.setdefault(place, []).append(entry)
    expected = 1
    for place in sorted(tied):
        if place != expected:
            raise PrizeError(f"rank {place}", f"no competitive ranking (1224): rank {expected} is expected")
        expected += len(tied[place])
    prizes = dict.fromkeys(ranks, 0)
    for place, entries in tied.items():
        share, left = divmod(sum(table[place - 1 : place - 1 + len(entries)]), len(entries))
        for index, entry in enumerate(entries):
            prizes[entry] = share + (1 if index < left else 0)
    return prizes
