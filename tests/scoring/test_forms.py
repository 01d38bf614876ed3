"""The forms of a rule as functions: exactly 0 where nothing is given, whatever is unknown."""

from __future__ import annotations

from fractions import Fraction

import pytest

from scoring.engine.conditions import parse_condition
from scoring.engine.document import Bands, Case, Cases, Each, Form, Milestones, Table
from scoring.engine.exact import Interval, interval
from scoring.engine.forms import points_of, ratio

HALF = Fraction(1, 2)
FORMS: list[tuple[Form, dict[int, Fraction | int]]] = [
    (Each("m", HALF, 1), {0: 0, 1: HALF, 5: Fraction(5, 2)}),
    (Each("m", Fraction(-1), 2), {1: 0, 2: -1, 3: -1, 4: -2}),
    (Milestones("m", ((50, Fraction(8)), (25, Fraction(4)))), {24: 0, 25: 4, 49: 4, 50: 8, 900: 8}),
    (
        Bands("m", 1, None, "", ((interval(at_least=Fraction(3), at_most=Fraction(4)), HALF),)),
        {2: 0, 3: HALF, 4: HALF, 5: 0},
    ),
    (Table("m", {0: HALF, 7: Fraction(3)}), {0: HALF, 1: 0, 7: 3}),
    (Cases((Case(parse_condition({"m": {"at_least": 2}}), HALF, ""),)), {1: 0, 2: HALF}),
]


@pytest.mark.parametrize(("form", "expected"), FORMS, ids=[type(form).__name__ for form, _ in FORMS])
def test_points(form: Form, expected: dict[int, Fraction | int]) -> None:
    give = points_of(form)
    given = {value: give({"m": value}) for value in expected}
    assert given == expected
    assert all(isinstance(points, Fraction) for points in given.values())


@pytest.mark.parametrize("form", [form for form, _ in FORMS], ids=[type(form).__name__ for form, _ in FORMS])
def test_what_is_unknown_gives_0(form: Form) -> None:
    for values in ({"m": None}, {}):
        points = points_of(form)(values)
        assert points == 0 and isinstance(points, Fraction)


def test_ratio() -> None:
    form = Bands("runs", 6, "balls", "", ((Interval(), Fraction(1)),))
    assert ratio(form, {"runs": 7, "balls": 4}) == Fraction(21, 2)
    assert ratio(form, {"runs": 0, "balls": 4}) == 0
    for unknown in ({"runs": None, "balls": 4}, {"runs": 7, "balls": None}, {"runs": 7, "balls": 0}, {"runs": 7}, {}):
        assert ratio(form, unknown) is None
        points = points_of(form)(unknown)
        assert points == 0 and isinstance(points, Fraction)
