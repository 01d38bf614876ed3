"""Measures compiled to functions: from one player's events to whole numbers per group, with the events behind each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple

from scoring.engine.conditions import Condition, Scalar, Test
from scoring.engine.document import Having, Measure
from scoring.engine.events import Event

#: Values of the scope's attributes; () is the whole match.
GroupKey = tuple[Scalar, ...]


class Measured(NamedTuple):
    """A measure's value in one group of events; of a sum, those without the attribute `summed` are not behind it."""

    value: int
    group: Sequence[Event]
    summed: str | None = None

    def ids(self) -> list[str]:
        """The ids of the events that made the value, in the order of the events."""
        name = self.summed
        if name is None:
            return [event.id for event in self.group]
        return [event.id for event in self.group if event.attributes.get(name)]


class Log:
    """A match's events of one kind, in id order. What meets a condition, and who is in it, is looked at once."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self._divided: dict[tuple[str, ...], dict[str, list[Event]]] = {}
        self._chosen: dict[ConditionKey, Log] = {}

    def where(self, condition: ConditionKey, select: Selector) -> Log:
        """The events that `select` keeps, which is what `condition` says."""
        found = self._chosen.get(condition)
        if found is None:
            found = self._chosen[condition] = Log(select(self.events))
        return found

    def by_player(self, names: tuple[str, ...]) -> dict[str, list[Event]]:
        """The events of each player whom one of these attributes names."""
        found = self._divided.get(names)
        if found is None:
            found = self._divided[names] = self._divide(names)
        return found

    def _divide(self, names: tuple[str, ...]) -> dict[str, list[Event]]:
        own: dict[Scalar, list[Event]] = {}
        if len(names) == 1:
            (name,) = names
            for event in self.events:
                player = event.attributes.get(name)
                if player in own:
                    own[player].append(event)
                else:
                    own[player] = [event]
        else:
            for event in self.events:
                for player in {event.attributes.get(name) for name in names}:
                    own.setdefault(player, []).append(event)
        return {player: events for player, events in own.items() if isinstance(player, str)}


#: A condition as a key.
ConditionKey = tuple[tuple[str, Test], ...]

#: A measure's values, by player and group.
ByPlayer = dict[str, dict[GroupKey, Measured]]

#: From the events of a measure's kind to its values.
Measurer = Callable[[Log], ByPlayer]

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
        return _by_player(measure.players, grouped, lambda log: Log(select(log.events)))
    if not measure.where:
        return _by_player(measure.players, grouped, lambda log: log)
    condition = tuple(measure.where.items())
    return _by_player(measure.players, grouped, lambda log: log.where(condition, select))


def _by_player(names: tuple[str, ...], grouped: _Grouped, chosen: Callable[[Log], Log]) -> Measurer:
    return lambda log: {player: grouped(events) for player, events in chosen(log).by_player(names).items()}


def _grouped(measure: Measure, scope: tuple[str, ...]) -> _Grouped:
    """A function from one player's chosen events to the measure per group of `scope`."""
    if measure.kind == "count_groups":
        return _count_groups(measure, scope)
    amount = _amount(measure)
    if not scope:
        return lambda events: {_MATCH: amount(events)}

    def by_group(events: Sequence[Event]) -> dict[GroupKey, Measured]:
        return {key: amount(group) for key, group in _groups(events, scope).items()}

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
            try:
                total = sum([event.attributes.get(attribute) or 0 for event in group])  # type: ignore[misc] # text: below
            except TypeError:  # not all of them are numbers
                numbers = [event for event in group if isinstance(event.attributes.get(attribute), int)]
                return Measured(sum([_whole(event, attribute) for event in numbers]), numbers, attribute)
            return Measured(total, group, attribute)

        return add
    choose = min if measure.kind == "min" else max

    def extreme(group: Sequence[Event]) -> Measured:
        found = choose([_whole(event, attribute) for event in group])
        return Measured(found, [event for event in group if _whole(event, attribute) == found])

    return extreme


def _groups(events: Sequence[Event], names: tuple[str, ...]) -> dict[GroupKey, list[Event]]:
    """Events by the values of some attributes."""
    groups: dict[GroupKey, list[Event]] = defaultdict(list)
    if len(names) > 1:
        values = itemgetter(*names)  # a tuple at once: several times as quick as asking one by one
        try:
            for event in events:
                groups[values(event.attributes)].append(event)
            return groups
        except KeyError:  # some events lack one of them
            groups = defaultdict(list)
    for event in events:
        groups[tuple([event.attributes.get(name) for name in names])].append(event)
    return groups


def _count_groups(measure: Measure, scope: tuple[str, ...]) -> _Grouped:
    by = measure.by
    outer = [by.index(name) for name in scope]
    # Few groups come to an exact sum, most to their length: who asks for that first has done with most of them.
    having = sorted(measure.having, key=lambda test: test.at_least_greatest is not None)

    def run(events: Sequence[Event]) -> dict[GroupKey, Measured]:
        found: dict[GroupKey, list[list[Event]]] = {}
        for key, group in _groups(events, by).items():
            for test in having:
                if not _has(group, test):
                    break
            else:
                found.setdefault(tuple([key[index] for index in outer]), []).append(group)
        return {
            place: Measured(len(lists), [event for group in lists for event in group]) for place, lists in found.items()
        }

    return run


def _has(group: list[Event], having: Having) -> bool:
    total = _sum(group, having.sum)
    if having.at_least_greatest is not None:
        return total >= max(_numbers(group, having.at_least_greatest))
    return total == having.equals


def _sum(events: Sequence[Event], attribute: str) -> int:
    """The sum of the whole numbers among the values of an attribute."""
    try:
        return sum([event.attributes.get(attribute) or 0 for event in events])  # type: ignore[misc] # text: below
    except TypeError:  # not all of them are numbers
        return sum(_numbers(events, attribute))


def _numbers(events: Sequence[Event], attribute: str) -> list[int]:
    """The whole numbers that events have as an attribute, 0 for those that have none."""
    found = [event.attributes.get(attribute) or 0 for event in events]
    return [value if isinstance(value, int) else 0 for value in found]


def _whole(event: Event, attribute: str) -> int:
    given = event.attributes.get(attribute)
    return given if isinstance(given, int) else 0
