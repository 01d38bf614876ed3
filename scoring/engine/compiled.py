"""Rules made ready to run: one function per measure and scope, one per rule; a match's events in, everyone's lines out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from scoring.engine.conditions import Scalar, holds
from scoring.engine.document import Measure, Rules, ScoringRule
from scoring.engine.events import Event
from scoring.engine.forms import PointsOf, points_of
from scoring.engine.measures import ByPlayer, GroupKey, Measured, Measurer, compile_condition, compile_measure


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


_NOWHERE: Mapping[GroupKey, Measured] = {}


class Runnable(NamedTuple):
    """One rule with its function and the measures that it looks at."""

    rule: ScoringRule
    points: PointsOf
    measures: tuple[str, ...]


class _Measure(NamedTuple):
    """One measure in one scope: of which kind of event it is, and what no event counts as (None: unknown)."""

    event: str
    run: Measurer
    empty: int | None


#: A measure's values, and what no event counts as.
_Table = tuple[ByPlayer, int | None]


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
        self._rules = [Runnable(rule, points_of(rule.form), rule.measures) for rule in rules.rules]
        self._measures = {
            (name, rule.scope): self._ready(vocabulary.measures[name], rule.scope)
            for rule in rules.rules
            for name in rule.measures
        }

    def _ready(self, measure: Measure, scope: str) -> _Measure:
        return _Measure(
            event=measure.event,
            run=compile_measure(measure, self.rules.vocabulary.scopes[scope]),
            empty=None if measure.kind in ("min", "max") else 0,
        )

    def players_of(self, event: Event) -> set[str]:
        """Whom an event names."""
        named = {event.attributes.get(name) for name in self._player_attributes.get(event.kind, ())}
        return {player for player in named if isinstance(player, str)}

    def involved(self, state: Mapping[str, Event]) -> dict[str, set[str]]:
        """By player, the ids of the events that name the player."""
        found: dict[str, set[str]] = {}
        for id_, event in state.items():
            attributes = event.attributes
            for name in self._player_attributes.get(event.kind, ()):
                player = attributes.get(name)
                if isinstance(player, str):
                    ids = found.get(player)
                    if ids is None:
                        found[player] = {id_}
                    else:
                        ids.add(id_)
        return found

    def active(self, context: Mapping[str, Scalar]) -> list[Runnable]:
        """The rules that apply to a match with these attributes."""
        return [runnable for runnable in self._rules if holds(runnable.rule.during, context.get)]

    def score(
        self, events: Iterable[Event], active: Sequence[Runnable], players: Collection[str]
    ) -> tuple[dict[str, Profile], dict[str, tuple[Line, ...]]]:
        """Who of `players` takes part, and the lines of each who has any, in the order of the rules.

        `events`, in id order, are at least all that name one of them. Who is no player of the match (a substitute fielder)
        has no profile and earns nothing.
        """
        by_kind: dict[str, Sequence[Event]] = {}
        lists: dict[str, list[Event]] = {}
        for event in events:
            lists.setdefault(event.kind, []).append(event)
        by_kind.update(lists)
        profiles = self._profiles(by_kind, players)
        for kind, chosen in self._counts.items():
            if kind in by_kind:
                by_kind[kind] = chosen(by_kind[kind])
        measured: dict[tuple[str, str], _Table] = {}
        lines: dict[str, list[Line]] = {}
        for runnable in active:
            rule = runnable.rule
            tables: dict[str, _Table] = {}
            for name in runnable.measures:
                key = (name, rule.scope)
                if key not in measured:
                    ready = self._measures[key]
                    measured[key] = ready.run(by_kind.get(ready.event, ())), ready.empty
                tables[name] = measured[key]
            for player in {player for table, _ in tables.values() for player in table}:
                profile = profiles.get(player)
                if profile is not None and (not rule.eligible or holds(rule.eligible, profile.attributes.get)):
                    _apply(runnable, player, tables, lines)
        return profiles, {player: tuple(own) for player, own in lines.items()}

    def _profiles(self, by_kind: Mapping[str, Sequence[Event]], players: Collection[str]) -> dict[str, Profile]:
        """Those of `players` whom the vocabulary's first source knows, with what all of its sources say of them."""
        known: dict[str, dict[str, Scalar]] = {}
        for place, source in enumerate(self.rules.vocabulary.profile):
            for event in by_kind.get(source.event, ()):
                player = event.attributes.get(source.player)
                if not isinstance(player, str) or player not in players:
                    continue
                if place == 0:
                    known.setdefault(player, {})
                if player in known:
                    known_values = ((name, event.attributes.get(name)) for name in source.attributes)
                    known[player].update((name, value) for name, value in known_values if value is not None)
        return {player: Profile(player, attributes) for player, attributes in known.items()}


@lru_cache(maxsize=256)
def compiled(rules: Rules) -> Compiled:
    """The rules made ready, once per document."""
    return Compiled(rules)


def _apply(runnable: Runnable, player: str, tables: Mapping[str, _Table], lines: dict[str, list[Line]]) -> None:
    """Add the rule's lines for one player: one per group in which it gives points."""
    rule = runnable.rule
    own = [(name, table.get(player, _NOWHERE), empty) for name, (table, empty) in tables.items()]
    groups = own[0][1].keys() if len(own) == 1 else {group for _, values, _ in own for group in values}
    ordered = sorted(groups, key=lambda parts: [str(part).rjust(12) for part in parts]) if len(groups) > 1 else groups
    for group in ordered:
        counted = {name: values[group].value if group in values else empty for name, values, empty in own}
        given = runnable.points(counted) if not rule.when or holds(rule.when, counted.get) else None
        if given:
            behind = {event.id for _, values, _ in own if group in values for event in values[group].events}
            measured = tuple([(name, value) for name, value in counted.items() if value is not None])
            lines.setdefault(player, []).append(Line(player, rule.id, given, tuple(sorted(behind)), group, measured))
