"""Measures compiled to functions: from one player's events to whole numbers per group, with the events behind each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from scoring.engine.conditions import Condition, Scalar
from scoring.engine.document import Having, Measure
from scoring.engine.events import Event

#: Values of the scope's attributes; () is the whole match.
GroupKey = tuple[Scalar, ...]


class Measured(NamedTuple):
    """A measure's value in one group and the events that made it."""

    value: int
    events: Sequence[Event]


#: A measure's values, by player and group.
ByPlayer = dict[str, dict[GroupKey, Measured]]

#: From the events of a measure's kind, in id order, to its values.
Measurer = Callable[[Sequence[Event]], ByPlayer]

#: Chooses events; the result may be the very list that was given.
Selector = Callable[[Sequence[Event]], Sequence[Event]]

#: One player's chosen events to values by group.
_Grouped = Callable[[Sequence[Event]], dict[GroupKey, Measured]]

_MATCH: GroupKey = ()


def compile_measure(measure: Measure, scope: tuple[str, ...]) -> Measurer:
    """A function from the events of the measure's kind to the measure per player and group of `scope`.

    Only events that meet the measure's `where` are looked at. A player or a group that no such event falls in is absent from
    the result: least and greatest of nothing are not 0.
    """
    select, grouped = compile_condition(measure.where), _grouped(measure, scope)
    if measure.kind in ("min", "max") and measure.attribute:
        # The least of unknown values is not 0, so only events that know the attribute count for it.
        known, chosen = _knowing(measure.attribute), select
        select = lambda events: known(chosen(events))  # noqa: E731 # shorter than a function of one line
    names = measure.players
    first = names[0]

    def run(events: Sequence[Event]) -> ByPlayer:
        own: dict[Scalar, list[Event]] = {}
        if len(names) == 1:
            for event in select(events):
                player = event.attributes.get(first)
                if player in own:
                    own[player].append(event)
                else:
                    own[player] = [event]
        else:
            for event in select(events):
                for player in {event.attributes.get(name) for name in names}:
                    own.setdefault(player, []).append(event)
        return {player: grouped(events_of) for player, events_of in own.items() if isinstance(player, str)}

    return run


def _grouped(measure: Measure, scope: tuple[str, ...]) -> _Grouped:
    """A function from one player's chosen events to the measure per group of `scope`."""
    if measure.kind == "count_groups":
        return _count_groups(measure, scope)
    amount = _amount(measure)
    if not scope:
        return lambda events: {_MATCH: amount(events)}

    def by_group(events: Sequence[Event]) -> dict[GroupKey, Measured]:
        groups: dict[GroupKey, list[Event]] = {}
        for event in events:
            groups.setdefault(tuple([event.attributes.get(name) for name in scope]), []).append(event)
        return {key: amount(group) for key, group in groups.items()}

    return by_group


def compile_condition(condition: Condition) -> Selector:
    """A function that keeps the events whose attributes meet a condition, quick for one plain value."""
    tests = list(condition.items())
    if not tests:
        return _all
    (name, first), rest = tests[0], tests[1:]
    if first.allowed is not None and len(first.allowed) == 1:
        wanted = first.allowed[0]

        def plain(events: Sequence[Event]) -> Sequence[Event]:
            return [event for event in events if event.attributes.get(name) == wanted]

        select: Selector = plain
    else:
        holds = first.holds

        def asking(events: Sequence[Event]) -> Sequence[Event]:
            return [event for event in events if holds(event.attributes.get(name))]

        select = asking
    if not rest:
        return select
    then = compile_condition(dict(rest))
    return lambda events: then(select(events))


def _all(events: Sequence[Event]) -> Sequence[Event]:
    return events


def _knowing(attribute: str) -> Selector:
    return lambda events: [event for event in events if isinstance(event.attributes.get(attribute), int)]


def _amount(measure: Measure) -> Callable[[Sequence[Event]], Measured]:
    """How a group of events becomes a number; the events that add nothing to a sum are left out of what is behind it."""
    attribute = measure.attribute
    if attribute is None:
        return lambda group: Measured(len(group), group)

    if measure.kind == "sum":

        def add(group: Sequence[Event]) -> Measured:
            counted = [event for event in group if event.attributes.get(attribute)]
            try:
                return Measured(sum([event.attributes[attribute] for event in counted]), counted)  # type: ignore[misc] # text: below
            except TypeError:  # not all of them are numbers
                counted = [event for event in counted if isinstance(event.attributes[attribute], int)]
                return Measured(sum([_whole(event, attribute) for event in counted]), counted)

        return add
    choose = min if measure.kind == "min" else max

    def extreme(group: Sequence[Event]) -> Measured:
        found = choose([_whole(event, attribute) for event in group])
        return Measured(found, [event for event in group if _whole(event, attribute) == found])

    return extreme


def _count_groups(measure: Measure, scope: tuple[str, ...]) -> _Grouped:
    by = measure.by
    outer = [by.index(name) for name in scope]

    def run(events: Sequence[Event]) -> dict[GroupKey, Measured]:
        groups: dict[GroupKey, list[Event]] = defaultdict(list)
        for event in events:
            groups[tuple([event.attributes.get(name) for name in by])].append(event)
        found: dict[GroupKey, list[list[Event]]] = {}
        for key, group in groups.items():
            if all(_has(group, test) for test in measure.having):
                found.setdefault(tuple([key[index] for index in outer]), []).append(group)
        return {
            place: Measured(len(lists), [event for group in lists for event in group]) for place, lists in found.items()
        }

    return run


def _has(group: list[Event], having: Having) -> bool:
    total = sum(_whole(event, having.sum) for event in group)
    if having.at_least_greatest is not None:
        return total >= max(_whole(event, having.at_least_greatest) for event in group)
    return total == having.equals


def _whole(event: Event, attribute: str) -> int:
    given = event.attributes.get(attribute)
    return given if isinstance(given, int) else 0
