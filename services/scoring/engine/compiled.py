"""Rules made ready to run: one function per measure and scope, one per rule; a player's events in, the player's lines out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache

from services.scoring.engine.conditions import Scalar, holds
from services.scoring.engine.document import Rule, Rules
from services.scoring.engine.events import Event
from services.scoring.engine.forms import PointsOf, points_of
from services.scoring.engine.measures import GroupKey, Measured, Measurer, compile_measure


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


#: A measure's values by group, and what a group without any event counts as (None: unknown).
_Values = tuple[Mapping[GroupKey, Measured], int | None]


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
        self._measurers: dict[tuple[str, str], Measurer] = {}
        for rule in rules.rules:
            for name in rule.measures:
                measure = vocabulary.measures[name]
                if (name, rule.scope) not in self._measurers:
                    self._measurers[name, rule.scope] = compile_measure(
                        measure, rules.counts.get(measure.event, {}), vocabulary.scopes[rule.scope]
                    )
        self._points = [(rule, points_of(rule.form)) for rule in rules.rules]

    def players_of(self, event: Event) -> set[str]:
        """Whom an event names."""
        named = {event.attributes.get(name) for name in self._player_attributes.get(event.kind, ())}
        return {player for player in named if isinstance(player, str)}

    def active(self, context: Mapping[str, Scalar]) -> list[tuple[Rule, PointsOf]]:
        """The rules that apply to a match with these attributes."""
        return [(rule, points) for rule, points in self._points if holds(rule.during, context.get)]

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

    def lines(
        self, profile: Profile, own: Sequence[Event], active: Sequence[tuple[Rule, PointsOf]]
    ) -> tuple[Line, ...]:
        """The lines of a player with these events (in id order), in the order of the rules."""
        parts = self._parts(profile.player, own)
        measured: dict[tuple[str, str], _Values] = {}
        lines: list[Line] = []
        for rule, points in active:
            if holds(rule.eligible, profile.attributes.get):
                tables = {name: self._measure(name, rule.scope, parts, measured) for name in rule.measures}
                lines += _apply(rule, points, profile.player, tables)
        return tuple(lines)

    def _parts(self, player: str, own: Sequence[Event]) -> dict[tuple[str, str], list[Event]]:
        """The player's events by kind and by the attribute that names the player."""
        parts: dict[tuple[str, str], list[Event]] = {}
        for event in own:
            attributes = event.attributes
            for name in self._player_attributes.get(event.kind, ()):
                if attributes.get(name) == player:
                    parts.setdefault((event.kind, name), []).append(event)
        return parts

    def _measure(
        self,
        name: str,
        scope: str,
        parts: Mapping[tuple[str, str], list[Event]],
        measured: dict[tuple[str, str], _Values],
    ) -> _Values:
        found = measured.get((name, scope))
        if found is None:
            measure = self.rules.vocabulary.measures[name]
            lists = [parts[measure.event, player] for player in measure.players if (measure.event, player) in parts]
            run = self._measurers[name, scope]
            found = measured[name, scope] = (run(_merged(lists)), None if measure.kind in ("min", "max") else 0)
        return found


@lru_cache(maxsize=256)
def compiled(rules: Rules) -> Compiled:
    """The rules made ready, once per document."""
    return Compiled(rules)


def _merged(lists: Sequence[list[Event]]) -> Sequence[Event]:
    """Events of several lists, each once, in id order."""
    if len(lists) == 1:
        return lists[0]
    return sorted({event.id: event for events in lists for event in events}.values(), key=lambda event: event.id)


def _apply(rule: Rule, points: PointsOf, player: str, tables: Mapping[str, _Values]) -> Iterator[Line]:
    """The rule's lines for one player: one per group in which it gives points."""
    groups = {group for table, _ in tables.values() for group in table}
    for group in sorted(groups, key=lambda parts: [str(part).rjust(12) for part in parts]):
        values = {name: table[group].value if group in table else empty for name, (table, empty) in tables.items()}
        given = points(values) if holds(rule.when, values.get) else Fraction(0)
        if given:
            behind = {event.id for table, _ in tables.values() if group in table for event in table[group].events}
            measured = tuple((name, value) for name, value in values.items() if value is not None)
            yield Line(player, rule.id, given, tuple(sorted(behind)), group, measured)
