"""The forms of a rule as functions: from measured whole numbers to exact points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache, partial

from scoring.engine.conditions import holds
from scoring.engine.document import Bands, Cases, Each, Form, Milestones, Table

#: From measures in one group (None: unknown) to points; 0 gives no line.
PointsOf = Callable[[Mapping[str, int | None]], Fraction]

_NOTHING = Fraction(0)

#: Exact points are dear to compute and few: so many are kept of each rule.
_KEPT = 4096


#: The same for a form that looks at one measure.
PointsOfOne = Callable[[int | None], Fraction]


def points_of_one(form: Form, name: str) -> PointsOfOne:
    """The function that a form stands for which looks at the measure of this name and at no other."""
    points = points_of(form)
    return lru_cache(_KEPT)(lambda value: points({name: value}))


def points_of(form: Form) -> PointsOf:
    """The function that a rule's form stands for."""
    match form:
        case Each():
            each = lru_cache(_KEPT)(lambda value: value // form.every * form.points)
            return lambda values: each(values.get(form.measure) or 0)
        case Milestones():
            steps = tuple(sorted(form.steps, reverse=True))
            return lambda values: _highest(steps, values.get(form.measure))
        case Bands():
            band = lru_cache(_KEPT)(partial(_band, form))
            return lambda values: band(values.get(form.measure), 1 if form.per is None else values.get(form.per))
        case Table():
            return lambda values: _listed(form, values)
        case Cases():
            return lambda values: _first(form, values)


def ratio(form: Bands, values: Mapping[str, int | None]) -> Fraction | None:
    """What a rule with bands looks at; None if a measure is unknown or nothing is there to divide by."""
    return _rate(form, values.get(form.measure), 1 if form.per is None else values.get(form.per))


def _rate(form: Bands, value: int | None, per: int | None) -> Fraction | None:
    return None if value is None or not per else Fraction(value * form.times, per)


def _highest(falling: tuple[tuple[int, Fraction], ...], value: int | None) -> Fraction:
    return next((points for at, points in falling if value is not None and value >= at), _NOTHING)


def _band(form: Bands, value: int | None, per: int | None) -> Fraction:
    rate = _rate(form, value, per)
    return _NOTHING if rate is None else next((points for span, points in form.steps if rate in span), _NOTHING)


def _listed(form: Table, values: Mapping[str, int | None]) -> Fraction:
    value = values.get(form.measure)
    points = _NOTHING if value is None else form.points.get(value, _NOTHING)
    shares = None if form.divided_by is None else values.get(form.divided_by)
    return points / shares if shares else points


def _first(form: Cases, values: Mapping[str, int | None]) -> Fraction:
    return next((case.points for case in form.cases if holds(case.when, values.get)), _NOTHING)
