"""Rules made ready to run: one function per measure and scope, one per rule; a player's events in, the player's lines out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from scoring.engine.conditions import Scalar, holds
from scoring.engine.document import Measure, Rules, ScoringRule
from scoring.engine.events import Event
from scoring.engine.forms import PointsOf, points_of
from scoring.engine.measures import GroupKey, Measured, Measurer, compile_condition, compile_measure


@dataclass(frozen=True, slots=True)
class Line:
    """Points that one rule gives one player: `group` says where (the innings, the car; () is the match), `measured` what
    was counted, `events` the ids of the events behind it, in order."""

    player: str
    rule: str
    points: Fraction
    events: tuple[str, ...]
    group: GroupKey = ()
    measured: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Profile:
    """Who a player is, as the match's events say (the attributes of the vocabulary's profile)."""

    player: str
    attributes: Mapping[str, Scalar] = field(hash=False)

    def text(self, attribute: str) -> str:
        """An attribute as text, "" if it is not known."""
        value = self.attributes.get(attribute)
        return "" if value is None else str(value)


_NOTHING = Fraction(0)

#: A measure's values by group, and what a group without any event counts as (None: unknown).
_Values = tuple[Mapping[GroupKey, Measured], int | None]


class Runnable(NamedTuple):
    """One rule with its function, the measures that it looks at, and in which of a player's events those look."""

    rule: ScoringRule
    points: PointsOf
    measures: tuple[str, ...]
    parts: frozenset[tuple[str, str]]


class _Measure(NamedTuple):
    """One measure in one scope: in which of a player's events it looks, and what no event counts as."""

    parts: tuple[tuple[str, str], ...]
    run: Measurer
    empty: int | None


class Compiled:
    """One rules document, ready to run."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        vocabulary = rules.vocabulary
        self.context = vocabulary.context
        self._player_attributes = {
            kind: tuple(name for name, attribute in attributes.items() if attribute.type == "player")
            for kind, attributes in vocabulary.events.items()
        }
        self._counts = {kind: compile_condition(condition) for kind, condition in rules.counts.items()}
        self._rules = [
            Runnable(rule, points_of(rule.form), rule.measures, self._looks_at(rule.measures)) for rule in rules.rules
        ]
        self._measures = {
            (name, rule.scope): self._ready(vocabulary.measures[name], rule.scope)
            for rule in rules.rules
            for name in rule.measures
        }

    def _ready(self, measure: Measure, scope: str) -> _Measure:
        return _Measure(
            parts=tuple((measure.event, player) for player in measure.players),
            run=compile_measure(measure, self.rules.vocabulary.scopes[scope]),
            empty=None if measure.kind in ("min", "max") else 0,
        )

    def _looks_at(self, measures: Iterable[str]) -> frozenset[tuple[str, str]]:
        known = self.rules.vocabulary.measures
        return frozenset((known[name].event, player) for name in measures for player in known[name].players)

    def players_of(self, event: Event) -> set[str]:
        """Whom an event names."""
        named = {event.attributes.get(name) for name in self._player_attributes.get(event.kind, ())}
        return {player for player in named if isinstance(player, str)}

    def active(self, context: Mapping[str, Scalar]) -> list[Runnable]:
        """The rules that apply to a match with these attributes."""
        return [runnable for runnable in self._rules if holds(runnable.rule.during, context.get)]

    def profile(self, player: str, own: Sequence[Event]) -> Profile | None:
        """Who the player is; None for somebody who took no part (a substitute fielder)."""
        sources = self.rules.vocabulary.profile
        known: dict[str, Scalar] = {}
        for source in sources:
            for event in own:
                if event.kind == source.event and event.attributes.get(source.player) == player:
                    given = {name: event.attributes.get(name) for name in source.attributes}
                    known.update({name: value for name, value in given.items() if value is not None})
        took_part = any(
            event.kind == sources[0].event and event.attributes.get(sources[0].player) == player for event in own
        )
        return Profile(player, known) if took_part else None

    def lines(self, profile: Profile, own: Sequence[Event], active: Sequence[Runnable]) -> tuple[Line, ...]:
        """The lines of a player with these events (in id order), in the order of the rules."""
        parts = self._parts(profile.player, own)
        measured: dict[tuple[str, str], _Values] = {}
        lines: list[Line] = []
        for runnable in active:
            rule = runnable.rule
            if not runnable.parts.isdisjoint(parts) and holds(rule.eligible, profile.attributes.get):
                tables: dict[str, _Values] = {}
                for name in runnable.measures:
                    key = (name, rule.scope)
                    if key not in measured:
                        measured[key] = self._measure(self._measures[key], parts)
                    tables[name] = measured[key]
                lines += _apply(runnable, profile.player, tables)
        return tuple(lines)

    def _parts(self, player: str, own: Sequence[Event]) -> dict[tuple[str, str], Sequence[Event]]:
        """The player's events that count, by kind and by the attribute that names the player."""
        parts: dict[tuple[str, str], list[Event]] = {}
        for event in own:
            attributes = event.attributes
            for name in self._player_attributes.get(event.kind, ()):
                if attributes.get(name) == player:
                    parts.setdefault((event.kind, name), []).append(event)
        return {
            (kind, name): self._counts[kind](events) if kind in self._counts else events
            for (kind, name), events in parts.items()
        }

    def _measure(self, measure: _Measure, parts: Mapping[tuple[str, str], Sequence[Event]]) -> _Values:
        lists = [parts[part] for part in measure.parts if part in parts]
        return measure.run(_merged(lists)) if lists else {}, measure.empty


@lru_cache(maxsize=256)
def compiled(rules: Rules) -> Compiled:
    """The rules made ready, once per document."""
    return Compiled(rules)


def _merged(lists: Sequence[Sequence[Event]]) -> Sequence[Event]:
    """Events of several lists, each once, in id order."""
    if len(lists) == 1:
        return lists[0]
    return sorted({event.id: event for events in lists for event in events}.values(), key=lambda event: event.id)


def _apply(runnable: Runnable, player: str, tables: Mapping[str, _Values]) -> Iterator[Line]:
    """The rule's lines for one player: one per group in which it gives points."""
    rule = runnable.rule
    groups = {group for table, _ in tables.values() for group in table}
    for group in sorted(groups, key=lambda parts: [str(part).rjust(12) for part in parts]):
        values = {name: table[group].value if group in table else empty for name, (table, empty) in tables.items()}
        given = runnable.points(values) if holds(rule.when, values.get) else _NOTHING
        if given:
            behind = {event.id for table, _ in tables.values() if group in table for event in table[group].events}
            measured = tuple((name, value) for name, value in values.items() if value is not None)
            yield Line(player, rule.id, given, tuple(sorted(behind)), group, measured)
