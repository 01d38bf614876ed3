"""Many rosters at once: totals in whole units, brought up to date by the deltas of the players that a correction moved."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import lcm

from scoring.engine.document import Bands, Cases, Each, Form, Milestones, Rules
from scoring.engine.errors import RosterError


class RosterBook:
    """The totals of many rosters under one rules document.

    Points and factors become whole numbers (exact for every number in the rules), so that a total is one integer of
    1/`scale` points. For each player the book keeps the rows of the rosters that hold that player, by factor; a change of
    one player costs one addition per such roster. Chips that are not a plain factor (no-negative, autopilot) have no place
    here: score those rosters with `apply_multipliers`.
    """

    def __init__(self, rules: Rules) -> None:
        self._point_scale = _denominator(rules)
        self._factor_scale = lcm(1, *(factor.denominator for factor in _all_factors(rules)))
        self.scale = self._point_scale * self._factor_scale
        self._totals = array("q")
        self._holders: dict[str, dict[int, array[int]]] = {}
        self._points: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._totals)

    def add(self, factors: Mapping[str, Fraction | int]) -> int:
        """Add a roster (player -> factor), scored with the points known so far; its row."""
        row = len(self._totals)
        units = 0
        for player, factor in factors.items():
            weight = _whole(factor, self._factor_scale, "factor")
            holders = self._holders.setdefault(player, {})
            rows = holders.get(weight)
            if rows is None:
                rows = holders[weight] = array("I")
            rows.append(row)
            units += self._points.get(player, 0) * weight
        self._totals.append(units)
        return row

    def update(self, points: Mapping[str, Fraction]) -> int:
        """Set the points of some players; how many (roster, player) pairs had to change."""
        touched = 0
        totals = self._totals
        for player, value in points.items():
            new = _whole(value, self._point_scale, "points")
            delta = new - self._points.get(player, 0)
            if not delta:
                continue
            self._points[player] = new
            for weight, rows in self._holders.get(player, {}).items():
                change = delta * weight
                touched += len(rows)
                for row in rows:
                    totals[row] += change
        return touched

    def total(self, row: int) -> Fraction:
        """The exact total of one roster."""
        return Fraction(self._totals[row], self.scale)

    def ranks(self) -> array[int]:
        """Competitive ranks of all rosters, by row."""
        places: dict[int, int] = {}
        taken = 0
        for units, count in sorted(Counter(self._totals).items(), reverse=True):
            places[units] = taken + 1
            taken += count
        return array("I", map(places.__getitem__, self._totals))


def _whole(value: Fraction | int, scale: int, what: str) -> int:
    units = value * scale
    if units.denominator != 1:
        raise RosterError(f"{what} {value}", f"not a whole number of 1/{scale}, as these rules give")
    return units.numerator


def _denominator(rules: Rules) -> int:
    return lcm(1, *(points.denominator for rule in rules.rules for points in _all_points(rule.form)))


def _all_points(form: Form) -> Iterable[Fraction]:
    match form:
        case Each():
            return [form.points]
        case Milestones() | Bands():
            return [points for _, points in form.steps]
        case Cases():
            return [case.points for case in form.cases]
        case _:
            return form.points.values()


def _all_factors(rules: Rules) -> Iterable[Fraction]:
    yield from (multiplier.factor for multiplier in rules.multipliers)
    yield from (Fraction(chip.value["factor"]) for chip in rules.chips if chip.effect in ("factor", "office"))
