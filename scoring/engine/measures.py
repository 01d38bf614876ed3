"""Measures compiled to functions: from one player's events to whole numbers per group, with the events behind each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from scoring.engine.document import Having, Measure
from scoring.engine.tables import EventTable, GroupKey, Rows

#: A measure's value in one group of events, and the rows of those events in order.
Measured = tuple[int, Sequence[int]]


class Values(NamedTuple):
    """A measure's values by player and group. Of a sum, events without the attribute `summed` are not behind its value."""

    by_player: dict[str, dict[GroupKey, Measured]]
    table: EventTable
    summed: str | None

    def behind(self, rows: Sequence[int]) -> Sequence[int]:
        """Those of a value's rows that made it, in order."""
        if self.summed is None:
            return rows
        numbers = self.table.numbers(self.summed)
        return [row for row in rows if numbers[row]]

    def ids(self, rows: Sequence[int]) -> list[str]:
        """The ids of the events that made a value, in order."""
        ids = self.table.ids
        return [ids[row] for row in self.behind(rows)]


#: From the events of a measure's kind to its values.
Measurer = Callable[[Rows], Values]

#: One player's chosen events to values by group.
_Grouped = Callable[[EventTable, Sequence[int]], dict[GroupKey, Measured]]

_MATCH: GroupKey = ()


def compile_measure(measure: Measure, scope: tuple[str, ...]) -> Measurer:
    """A function from the events of the measure's kind to the measure per player and group of `scope`.

    Only events that meet the measure's `where` are looked at. A player or a group that no such event falls in is absent from
    the result: least and greatest of nothing are not 0.
    """
    grouped, names, condition = _grouped(measure, scope), measure.players, measure.where
    # The least of unknown values is not 0, so only events that know the attribute count for it.
    known = measure.attribute if measure.kind in ("min", "max") else None
    summed = measure.attribute if measure.kind == "sum" else None

    def run(rows: Rows) -> Values:
        chosen, table = rows.where(condition), rows.table
        if known:
            chosen = chosen.knowing(known)
        by_player = {player: grouped(table, own) for player, own in chosen.by_player(names).items()}
        return Values(by_player, table, summed)

    return run


def _grouped(measure: Measure, scope: tuple[str, ...]) -> _Grouped:
    """A function from one player's chosen events to the measure per group of `scope`."""
    if measure.kind == "count_groups":
        return _count_groups(measure, scope)
    amount = _amount(measure)
    if not scope:
        return lambda table, rows: {_MATCH: amount(table, rows)}

    def by_group(table: EventTable, rows: Sequence[int]) -> dict[GroupKey, Measured]:
        return {key: amount(table, group) for key, group in _groups(table, rows, scope).items()}

    return by_group


def _amount(measure: Measure) -> Callable[[EventTable, Sequence[int]], Measured]:
    """How a group of events becomes a number."""
    attribute = measure.attribute
    if attribute is None:
        return lambda table, group: (len(group), group)

    if measure.kind == "sum":

        def add(table: EventTable, group: Sequence[int]) -> Measured:
            numbers = table.numbers(attribute)
            return sum([numbers[row] for row in group]), group

        return add
    choose = min if measure.kind == "min" else max

    def extreme(table: EventTable, group: Sequence[int]) -> Measured:
        numbers = table.numbers(attribute)
        found = choose([numbers[row] for row in group])
        return found, [row for row in group if numbers[row] == found]

    return extreme


def _groups(table: EventTable, rows: Sequence[int], names: tuple[str, ...]) -> dict[GroupKey, list[int]]:
    """Rows by the values of some attributes."""
    keys, groups = table.keys(names), defaultdict[GroupKey, list[int]](list)
    for row in rows:
        groups[keys[row]].append(row)
    return groups


def _count_groups(measure: Measure, scope: tuple[str, ...]) -> _Grouped:
    by = measure.by
    outer = [by.index(name) for name in scope]
    # Few groups come to an exact sum, most to their length: who asks for that first has done with most of them.
    having = sorted(measure.having, key=lambda test: test.at_least_greatest is not None)

    def run(table: EventTable, rows: Sequence[int]) -> dict[GroupKey, Measured]:
        found: dict[GroupKey, list[list[int]]] = {}
        for key, group in _groups(table, rows, by).items():
            for test in having:
                if not _has(table, group, test):
                    break
            else:
                found.setdefault(tuple([key[index] for index in outer]), []).append(group)
        return {
            place: (len(lists), sorted([row for group in lists for row in group])) for place, lists in found.items()
        }

    return run


def _has(table: EventTable, group: Sequence[int], having: Having) -> bool:
    numbers = table.numbers(having.sum)
    total = sum([numbers[row] for row in group])
    if having.at_least_greatest is None:
        return total == having.equals
    greatest = table.numbers(having.at_least_greatest)
    return total >= max([greatest[row] for row in group])
