"""Events as tables: what rules read of thousands of events is read column by column, not event by event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter, lt
from typing import TypeVar, cast, overload

from scoring.engine.conditions import Condition, Scalar, Test
from scoring.engine.events import Event

#: The values of one attribute, by row.
Column = Sequence[Scalar]

#: Values of several attributes of one event; () is the whole match.
GroupKey = tuple[Scalar, ...]

_ID = attrgetter("id")

_NUMBERS = frozenset((int, bool))

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class EventTable:
    """Events of one kind, in the order of their ids; a row is an event's place in that order."""

    __slots__ = ("_column", "_columns", "_keys", "_numbers", "ids")

    def __init__(self, ids: Sequence[str], column: Callable[[str], Column]) -> None:
        self.ids = ids
        self._column = column
        self._columns: dict[str, Column] = {}
        self._numbers: dict[str, Sequence[int]] = {}
        self._keys: dict[tuple[str, ...], list[GroupKey]] = {}

    def column(self, name: str) -> Column:
        """An attribute's values, None where an event has none."""
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = self._column(name)
        return found

    def numbers(self, name: str) -> Sequence[int]:
        """The whole numbers among an attribute's values, 0 for what is none."""
        found = self._numbers.get(name)
        if found is None:
            column = self.column(name)
            if _NUMBERS.issuperset(map(type, column)):
                found = cast(Sequence[int], column)
            else:
                found = [value if isinstance(value, int) else 0 for value in column]
            self._numbers[name] = found
        return found

    def keys(self, names: tuple[str, ...]) -> list[GroupKey]:
        """The values of several attributes, together."""
        found = self._keys.get(names)
        if found is None:
            found = self._keys[names] = list(zip(*map(self.column, names), strict=True))
        return found


def tables_of(events: Iterable[Event]) -> dict[str, EventTable]:
    """Events, each in one version, by kind."""
    lists: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        lists[event.kind].append(event)
    return {kind: _table(own) for kind, own in lists.items()}


def _table(events: list[Event]) -> EventTable:
    events.sort(key=_ID)
    return EventTable([event.id for event in events], lambda name: [event.attributes.get(name) for event in events])


#: A condition as a key.
_ConditionKey = tuple[tuple[str, Test], ...]


class Rows:
    """Some of a table's rows, in order. What meets a condition, and who is in them, is looked at once."""

    __slots__ = ("_chosen", "_divided", "rows", "table")

    def __init__(self, table: EventTable, rows: Sequence[int]) -> None:
        self.table = table
        self.rows = rows
        self._divided: dict[tuple[str, ...], dict[str, list[int]]] = {}
        self._chosen: dict[_ConditionKey, Rows] = {}

    def where(self, condition: Condition) -> Rows:
        """Those that meet a condition."""
        if not condition:
            return self
        key = tuple(condition.items())
        found = self._chosen.get(key)
        if found is None:
            rows = self.rows
            for name, test in key:
                rows = _passing(self.table.column(name), rows, test)
            # Where all pass, as they mostly do, who is in them is not looked at again.
            found = self._chosen[key] = self if len(rows) == len(self.rows) else Rows(self.table, rows)
        return found

    def knowing(self, attribute: str) -> Rows:
        """Those that have a whole number as an attribute."""
        column = self.table.column(attribute)
        return Rows(self.table, [row for row in self.rows if isinstance(column[row], int)])

    def by_player(self, names: tuple[str, ...]) -> dict[str, list[int]]:
        """The rows of each player whom one of these attributes names."""
        found = self._divided.get(names)
        if found is None:
            found = self._divided[names] = self._divide(names)
        return found

    def _divide(self, names: tuple[str, ...]) -> dict[str, list[int]]:
        own: dict[Scalar, list[int]] = defaultdict(list)
        first, *more = map(self.table.column, names)
        if more:
            for row in self.rows:
                for player in {first[row], *(column[row] for column in more)}:
                    own[player].append(row)
        else:
            for row in self.rows:
                own[first[row]].append(row)
        return {player: rows for player, rows in own.items() if isinstance(player, str)}


def _passing(column: Column, rows: Sequence[int], test: Test) -> Sequence[int]:
    allowed = test.allowed
    if allowed is None:
        holds = test.holds
        return [row for row in rows if holds(column[row])]
    if len(rows) == len(column) == sum(map(column.count, dict.fromkeys(allowed))):
        return rows
    if len(allowed) == 1:
        (wanted,) = allowed
        return [row for row in rows if column[row] == wanted]
    return [row for row in rows if column[row] in allowed]


class Log(Sequence[Event]):
    """What one provider's file says of a match, as a source builds it: events by kind, made only for who asks for them.

    Every event has the same provider, version and time, and an id of its own that no other kind of events uses.
    """

    def __init__(self, provider: str, version: int, seen_at: datetime) -> None:
        self._provider, self._version, self._seen_at = provider, version, seen_at
        self._ids: dict[str, list[str]] = {}
        self._attributes: dict[str, list[Mapping[str, Scalar]]] = {}
        self._columns: dict[str, dict[str, list[Scalar]]] = {}
        self._beside: tuple[Event, ...] = ()
        self._made: tuple[Event, ...] | None = None

    def add(self, id_: str, kind: str, attributes: Mapping[str, Scalar]) -> None:
        """One more event."""
        self._made = None
        if kind in self._columns:
            self._ids[kind].append(id_)
            for name, column in self._columns[kind].items():
                column.append(attributes[name])
            return
        self._ids.setdefault(kind, []).append(id_)
        self._attributes.setdefault(kind, []).append(attributes)

    def extend(self, kind: str, ids: Iterable[str], columns: Mapping[str, Sequence[Scalar]]) -> None:
        """Many more events of a kind whose events all have the same attributes and are added in this way first."""
        self._made = None
        self._ids.setdefault(kind, []).extend(ids)
        known = self._columns.setdefault(kind, {name: [] for name in columns})
        for name, column in columns.items():
            known[name].extend(column)

    def beside(self, others: Sequence[Event]) -> Log | None:
        """The log with events of another provider, each in one version, of kinds of which it has none; else None."""
        if {event.kind for event in others} & self._ids.keys() or len({event.id for event in others}) < len(others):
            return None
        found = Log(self._provider, self._version, self._seen_at)
        found._ids, found._attributes, found._columns = dict(self._ids), self._attributes, self._columns
        found._beside = tuple(others)
        return found

    def tables(self) -> dict[str, EventTable] | None:
        """The events by kind; None if two have one id, which a log of events has to judge."""
        found = tables_of(self._beside)
        for kind, ids in self._ids.items():
            if all(map(lt, ids, ids[1:])):
                found[kind] = EventTable(ids, self._reader(kind, None))
                continue
            if len(set(ids)) < len(ids):
                return None
            order = sorted(range(len(ids)), key=ids.__getitem__)
            found[kind] = EventTable([ids[row] for row in order], self._reader(kind, order))
        return found

    def first(self, kind: str) -> Mapping[str, Scalar]:
        """The attributes of a kind's first event; none if there is no such event."""
        ids = self._ids.get(kind)
        return {} if not ids else self._row(kind, ids.index(min(ids)))

    def _reader(self, kind: str, order: Sequence[int] | None) -> Callable[[str], Column]:
        columns, rows = self._columns.get(kind), self._attributes.get(kind, ())

        def column(name: str) -> Column:
            if columns is None:
                found: Column = [attributes.get(name) for attributes in rows]
            else:
                found = columns[name] if name in columns else [None] * len(self._ids[kind])
            return found if order is None else [found[row] for row in order]

        return column

    def _row(self, kind: str, row: int) -> Mapping[str, Scalar]:
        if kind in self._columns:
            return {name: column[row] for name, column in self._columns[kind].items()}
        return self._attributes[kind][row]

    def _events(self) -> tuple[Event, ...]:
        if self._made is None:
            provider, version, seen_at = self._provider, self._version, self._seen_at
            self._made = tuple(
                Event(provider, id_, version, seen_at, kind, self._row(kind, row))
                for kind, ids in self._ids.items()
                for row, id_ in enumerate(ids)
            )
            self._made += self._beside
        return self._made

    def __len__(self) -> int:
        return sum(map(len, self._ids.values())) + len(self._beside)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events())

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Event, ...]: ...
    def __getitem__(self, index: int | slice) -> Event | tuple[Event, ...]:
        return self._events()[index]

    def __eq__(self, other: object) -> bool:
        return self._events() == tuple(other) if isinstance(other, Sequence) else NotImplemented


def beside(events: Sequence[Event], others: Sequence[Event]) -> Sequence[Event]:
    """Events, and others of another provider."""
    found = events.beside(others) if isinstance(events, Log) else None
    return [*events, *others] if found is None else found


class Later(Mapping[_Key, _Value]):
    """A mapping that is made when somebody first looks into it."""

    def __init__(self, make: Callable[[], Mapping[_Key, _Value]]) -> None:
        self._make: Callable[[], Mapping[_Key, _Value]] | None = make
        self._made: Mapping[_Key, _Value] = {}

    def _mapping(self) -> Mapping[_Key, _Value]:
        if self._make is not None:
            self._made, self._make = self._make(), None
        return self._made

    def __getitem__(self, key: _Key) -> _Value:
        return self._mapping()[key]

    def __iter__(self) -> Iterator[_Key]:
        return iter(self._mapping())

    def __len__(self) -> int:
        return len(self._mapping())
