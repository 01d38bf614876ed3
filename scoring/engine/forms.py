"""The forms of a rule as functions: from measured whole numbers to exact points."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache

from scoring.engine.conditions import holds
from scoring.engine.document import Bands, Cases, Each, Form, Milestones, ScoringRule, Table
from scoring.engine.exact import Cut

#: From measures in one group (None: unknown) to points; 0 gives no line.
PointsOf = Callable[[Mapping[str, int | None]], Fraction]

_NOTHING = Fraction(0)

#: Exact points are dear to compute and few: so many are kept of each rule.
_KEPT = 4096


#: From a rule's measures, in its own order, to points; 0 also where the rule's conditions on them do not hold.
PointsOfValues = Callable[[tuple[int | None, ...]], Fraction]


def points_of_values(rule: ScoringRule) -> PointsOfValues:
    """The function that a rule stands for; most of what it is asked it was asked before, of this match or another."""
    points, when, names = points_of(rule.form), rule.when, rule.measures

    @lru_cache(_KEPT)
    def given(values: tuple[int | None, ...]) -> Fraction:
        counted = dict(zip(names, values, strict=True))
        return points(counted) if not when or holds(when, counted.get) else _NOTHING

    return given


def points_of(form: Form) -> PointsOf:
    """The function that a rule's form stands for."""
    match form:
        case Each():
            return lambda values: (values.get(form.measure) or 0) // form.every * form.points
        case Milestones():
            steps = tuple(sorted(form.steps, reverse=True))
            return lambda values: _highest(steps, values.get(form.measure))
        case Bands():
            steps_of = [(span.low, span.high, points) for span, points in form.steps]
            return lambda values: _band(steps_of, _rate_of(form, values))
        case Table():
            return lambda values: _listed(form, values)
        case Cases():
            return lambda values: _first(form, values)


def ratio(form: Bands, values: Mapping[str, int | None]) -> Fraction | None:
    """What a rule with bands looks at; None if a measure is unknown or nothing is there to divide by."""
    rate = _rate_of(form, values)
    return None if rate is None else Fraction(*rate)


def _rate_of(form: Bands, values: Mapping[str, int | None]) -> tuple[int, int] | None:
    """What a rule with bands looks at, as what is divided and by how much (more than nothing)."""
    value, per = values.get(form.measure), 1 if form.per is None else values.get(form.per)
    if value is None or not per:
        return None
    return (value * form.times, per) if per > 0 else (-value * form.times, -per)


def _highest(falling: tuple[tuple[int, Fraction], ...], value: int | None) -> Fraction:
    return next((points for at, points in falling if value is not None and value >= at), _NOTHING)


def _band(steps: Sequence[tuple[Cut | None, Cut | None, Fraction]], rate: tuple[int, int] | None) -> Fraction:
    """The points of the first step that the rate lies in. Both sides are multiplied out: to make a fraction of each rate and
    to compare it takes ten times as long."""
    if rate is None:
        return _NOTHING
    value, per = rate
    for low, high, points in steps:
        if low is not None:
            over = value * low[0].denominator - low[0].numerator * per
            if over < low[1]:  # whole numbers: below, or at the border where the border is not in it
                continue
        if high is not None:
            over = value * high[0].denominator - high[0].numerator * per
            if over >= high[1]:  # above, or at the border
                continue
        return points
    return _NOTHING


def _listed(form: Table, values: Mapping[str, int | None]) -> Fraction:
    value = values.get(form.measure)
    points = _NOTHING if value is None else form.points.get(value, _NOTHING)
    shares = None if form.divided_by is None else values.get(form.divided_by)
    return points / shares if shares else points


def _first(form: Cases, values: Mapping[str, int | None]) -> Fraction:
    return next((case.points for case in form.cases if holds(case.when, values.get)), _NOTHING)
