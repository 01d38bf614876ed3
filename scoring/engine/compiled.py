"""Rules made ready to run: one function per measure and scope, one per rule; a match's events in, everyone's lines out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from operator import attrgetter
from typing import Final, NamedTuple

from scoring.engine.conditions import Scalar, holds
from scoring.engine.document import Measure, Rules, ScoringRule
from scoring.engine.events import Event
from scoring.engine.forms import PointsOf, points_of
from scoring.engine.measures import ByPlayer, GroupKey, Log, Measured, Measurer, compile_condition, compile_measure


@dataclass(slots=True, unsafe_hash=True)
class Line:
    """Points that one rule gives one player: `group` says where (the innings, the car; () is the match), `measured` what
    was counted, `events` the ids of the events behind it, in order. Immutable like an event."""

    player: Final[str]
    rule: Final[str]
    points: Final[Fraction]
    events: Final[tuple[str, ...]]
    group: Final[GroupKey] = ()
    measured: Final[tuple[tuple[str, int], ...]] = ()


@dataclass(frozen=True)
class Profile:
    """Who a player is, as the match's events say (the attributes of the vocabulary's profile)."""

    player: str
    attributes: Mapping[str, Scalar] = field(hash=False)

    def text(self, attribute: str) -> str:
        """An attribute as text, "" if it is not known."""
        value = self.attributes.get(attribute)
        return "" if value is None else str(value)


_ID = attrgetter("id")

_NO_LOG = Log(())

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
        self, events: Iterable[Event], active: Sequence[Runnable], players: Collection[str] | None
    ) -> tuple[dict[str, Profile], dict[str, tuple[Line, ...]]]:
        """Who of `players` (None: of everyone) takes part, and the lines of each who has any, in the order of the rules.

        `events` are at least all that name one of them. Who is no player of the match (a substitute fielder) has no profile
        and earns nothing.
        """
        lists: dict[str, list[Event]] = {}
        for event in events:
            kind = event.kind
            if kind in lists:
                lists[kind].append(event)
            else:
                lists[kind] = [event]
        for own in lists.values():
            own.sort(key=_ID)
        profiles = self._profiles(lists, players)
        logs = {kind: Log(self._counts[kind](own) if kind in self._counts else own) for kind, own in lists.items()}
        measured: dict[tuple[str, str], _Table] = {}
        lines: dict[str, list[Line]] = {}
        for runnable in active:
            rule = runnable.rule
            tables: dict[str, _Table] = {}
            for name in runnable.measures:
                key = (name, rule.scope)
                if key not in measured:
                    ready = self._measures[key]
                    measured[key] = ready.run(logs.get(ready.event, _NO_LOG)), ready.empty
                tables[name] = measured[key]
            apply = _apply_one if len(tables) == 1 else _apply
            named = (
                tables[runnable.measures[0]][0]
                if len(tables) == 1
                else {p for table, _ in tables.values() for p in table}
            )
            for player in named:
                profile = profiles.get(player)
                if profile is not None and (not rule.eligible or holds(rule.eligible, profile.attributes.get)):
                    apply(runnable, player, tables, lines)
        return profiles, {player: tuple(own_lines) for player, own_lines in lines.items()}

    def _profiles(self, by_kind: Mapping[str, Sequence[Event]], players: Collection[str] | None) -> dict[str, Profile]:
        """Those of `players` whom the vocabulary's first source knows, with what all of its sources say of them."""
        known: dict[str, dict[str, Scalar]] = {}
        for place, source in enumerate(self.rules.vocabulary.profile):
            for event in by_kind.get(source.event, ()):
                player = event.attributes.get(source.player)
                if not isinstance(player, str) or (players is not None and player not in players):
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


def _apply_one(runnable: Runnable, player: str, tables: Mapping[str, _Table], lines: dict[str, list[Line]]) -> None:
    """The same as `_apply` for a rule that looks at one measure, which most do: several times as quick."""
    rule = runnable.rule
    ((name, (table, _)),) = tables.items()
    groups = table[player]
    for group in _ordered(groups) if len(groups) > 1 else groups:
        measured = groups[group]
        counted = {name: measured.value}
        given = runnable.points(counted) if not rule.when or holds(rule.when, counted.get) else None
        if given:
            line = Line(player, rule.id, given, tuple(sorted(measured.ids())), group, ((name, measured.value),))
            if player in lines:
                lines[player].append(line)
            else:
                lines[player] = [line]


def _apply(runnable: Runnable, player: str, tables: Mapping[str, _Table], lines: dict[str, list[Line]]) -> None:
    """Add the rule's lines for one player: one per group in which it gives points."""
    rule = runnable.rule
    own = [(name, table.get(player, _NOWHERE), empty) for name, (table, empty) in tables.items()]
    groups = {group for _, values, _ in own for group in values}
    for group in _ordered(groups) if len(groups) > 1 else groups:
        counted = {name: values[group].value if group in values else empty for name, values, empty in own}
        given = runnable.points(counted) if not rule.when or holds(rule.when, counted.get) else None
        if given:
            behind: list[str] = []
            for _, values, _ in own:
                if group in values:
                    behind += values[group].ids()
            # Each measure's are in order by now: to sort what is made of a few such parts is quick, of a set it is not.
            behind.sort()
            measured = tuple([(name, value) for name, value in counted.items() if value is not None])
            line = Line(player, rule.id, given, tuple(dict.fromkeys(behind)), group, measured)
            lines.setdefault(player, []).append(line)


def _ordered(groups: Iterable[GroupKey]) -> list[GroupKey]:
    return sorted(groups, key=lambda parts: [str(part).rjust(12) for part in parts])
