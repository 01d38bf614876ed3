"""Measures compiled to functions: from one player's events to whole numbers per group, with the events behind each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from services.scoring.engine.conditions import Condition, Scalar
from services.scoring.engine.document import Having, Measure
from services.scoring.engine.events import Event

#: Values of the scope's attributes; () is the whole match.
GroupKey = tuple[Scalar, ...]


class Measured(NamedTuple):
    """A measure's value in one group and the events that made it."""

    value: int
    events: list[Event]


Measurer = Callable[[Sequence[Event]], dict[GroupKey, Measured]]


def compile_measure(measure: Measure, counts: Condition, scope: tuple[str, ...]) -> Measurer:
    """A function from the events of the measure's kind that name the player to the measure per group of `scope`.

    Only events that meet the rules' `counts` and the measure's own `where` are looked at. A group that no such event
    falls in is absent from the result: least and greatest of nothing are not 0.
    """
    passes = _predicate(counts, measure.where)
    if measure.kind == "count_groups":
        return _count_groups(measure, passes, scope)
    amount = _amount(measure)
    if measure.kind in ("min", "max"):
        passes = _knowing(measure.attribute or "", passes)

    def run(events: Sequence[Event]) -> dict[GroupKey, Measured]:
        groups: dict[GroupKey, list[Event]] = {}
        for event in events:
            attributes = event.attributes
            if passes(attributes):
                key = tuple([attributes.get(name) for name in scope])
                group = groups.get(key)
                if group is None:
                    groups[key] = [event]
                else:
                    group.append(event)
        return {key: Measured(*amount(group)) for key, group in groups.items()}

    return run


def _amount(measure: Measure) -> Callable[[list[Event]], tuple[int, list[Event]]]:
    """How a group of events becomes a number; the events that add nothing to a sum are left out of what is behind it."""
    attribute = measure.attribute
    if attribute is None:
        return lambda group: (len(group), group)

    def value(event: Event) -> int:
        given = event.attributes.get(attribute)
        return given if isinstance(given, int) else 0

    if measure.kind == "sum":

        def add(group: list[Event]) -> tuple[int, list[Event]]:
            behind = [event for event in group if event.attributes.get(attribute)]
            return sum([value(event) for event in behind]), behind

        return add
    choose = min if measure.kind == "min" else max

    def extreme(group: list[Event]) -> tuple[int, list[Event]]:
        found = choose(value(event) for event in group)
        return found, [event for event in group if value(event) == found]

    return extreme


def _knowing(attribute: str, passes: Callable[[Mapping[str, Scalar]], bool]) -> Callable[[Mapping[str, Scalar]], bool]:
    """Only events that know the attribute: the least of unknown values is not 0."""
    return lambda attributes: isinstance(attributes.get(attribute), int) and passes(attributes)


def _count_groups(measure: Measure, passes: Callable[[Mapping[str, Scalar]], bool], scope: tuple[str, ...]) -> Measurer:
    by = measure.by
    outer = [by.index(name) for name in scope]

    def run(events: Sequence[Event]) -> dict[GroupKey, Measured]:
        groups: dict[GroupKey, list[Event]] = defaultdict(list)
        for event in events:
            attributes = event.attributes
            if passes(attributes):
                groups[tuple([attributes.get(name) for name in by])].append(event)
        result: dict[GroupKey, Measured] = {}
        for key, group in groups.items():
            if all(_has(group, test) for test in measure.having):
                place = tuple([key[index] for index in outer])
                known = result.get(place, Measured(0, []))
                result[place] = Measured(known.value + 1, known.events + group)
        return result

    return run


def _has(group: list[Event], having: Having) -> bool:
    total = sum(_whole(event, having.sum) for event in group)
    if having.at_least_greatest is not None:
        return total >= max(_whole(event, having.at_least_greatest) for event in group)
    return total == having.equals


def _whole(event: Event, attribute: str) -> int:
    given = event.attributes.get(attribute)
    return given if isinstance(given, int) else 0


def _predicate(*conditions: Condition) -> Callable[[Mapping[str, Scalar]], bool]:
    """All of the conditions as one function, quick for the common case of plain values."""
    tests = [(name, test) for condition in conditions for name, test in condition.items()]
    plain = [(name, test.allowed[0]) for name, test in tests if test.allowed is not None and len(test.allowed) == 1]
    others = [(name, test.holds) for name, test in tests if test.allowed is None or len(test.allowed) != 1]

    def passes(attributes: Mapping[str, Scalar]) -> bool:
        for name, wanted in plain:
            if attributes.get(name) != wanted:
                return False
        return all(holds(attributes.get(name)) for name, holds in others)

    return passes
