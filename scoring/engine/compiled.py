"""Rules made ready to run: one function per measure and scope, one per rule; a match's events in, everyone's lines out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from scoring.engine.conditions import Scalar, holds
from scoring.engine.document import Measure, Rules, ScoringRule
from scoring.engine.events import Event
from scoring.engine.forms import PointsOf, points_of
from scoring.engine.measures import ByPlayer, Measured, Measurer, compile_measure
from scoring.engine.tables import GroupKey, Rows, Table


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


_NO_ROWS = Rows(Table((), lambda _: ()), ())

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
_Values = tuple[ByPlayer, int | None]


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
        self, tables: Mapping[str, Table], active: Sequence[Runnable], players: Collection[str] | None
    ) -> tuple[dict[str, Profile], dict[str, tuple[Line, ...]]]:
        """Who of `players` (None: of everyone) takes part, and the lines of each who has any, in the order of the rules.

        `tables` hold at least all events that name one of them. Who is no player of the match (a substitute fielder) has no
        profile and earns nothing.
        """
        profiles = self._profiles(tables, players)
        counts = self.rules.counts
        logs = {
            kind: Rows(table, range(len(table.ids))).where(counts.get(kind, {})) for kind, table in tables.items()
        }
        measured: dict[tuple[str, str], _Values] = {}
        lines: dict[str, list[Line]] = {}
        for runnable in active:
            rule = runnable.rule
            values: dict[str, _Values] = {}
            for name in runnable.measures:
                key = (name, rule.scope)
                if key not in measured:
                    ready = self._measures[key]
                    measured[key] = ready.run(logs.get(ready.event, _NO_ROWS)), ready.empty
                values[name] = measured[key]
            apply = _apply_one if len(values) == 1 else _apply
            named = (
                values[runnable.measures[0]][0]
                if len(values) == 1
                else {p for found, _ in values.values() for p in found}
            )
            for player in named:
                profile = profiles.get(player)
                if profile is not None and (not rule.eligible or holds(rule.eligible, profile.attributes.get)):
                    apply(runnable, player, values, lines)
        return profiles, {player: tuple(own_lines) for player, own_lines in lines.items()}

    def _profiles(self, tables: Mapping[str, Table], players: Collection[str] | None) -> dict[str, Profile]:
        """Those of `players` whom the vocabulary's first source knows, with what all of its sources say of them."""
        known: dict[str, dict[str, Scalar]] = {}
        for place, source in enumerate(self.rules.vocabulary.profile):
            if source.event not in tables:
                continue
            table, names = tables[source.event], source.attributes
            for player, told in zip(table.column(source.player), table.keys(names), strict=True):
                if not isinstance(player, str) or (players is not None and player not in players):
                    continue
                if place == 0:
                    known.setdefault(player, {})
                if player in known:
                    own = known[player]
                    for name, value in zip(names, told, strict=True):
                        if value is not None:
                            own[name] = value
        return {player: Profile(player, attributes) for player, attributes in known.items()}


@lru_cache(maxsize=256)
def compiled(rules: Rules) -> Compiled:
    """The rules made ready, once per document."""
    return Compiled(rules)


def _apply_one(runnable: Runnable, player: str, values: Mapping[str, _Values], lines: dict[str, list[Line]]) -> None:
    """The same as `_apply` for a rule that looks at one measure, which most do: several times as quick."""
    rule = runnable.rule
    ((name, (found, _)),) = values.items()
    groups = found[player]
    for group in _ordered(groups) if len(groups) > 1 else groups:
        measured = groups[group]
        counted = {name: measured.value}
        given = runnable.points(counted) if not rule.when or holds(rule.when, counted.get) else None
        if given:
            line = Line(player, rule.id, given, measured.ids(), group, ((name, measured.value),))
            if player in lines:
                lines[player].append(line)
            else:
                lines[player] = [line]


def _apply(runnable: Runnable, player: str, values: Mapping[str, _Values], lines: dict[str, list[Line]]) -> None:
    """Add the rule's lines for one player: one per group in which it gives points."""
    rule = runnable.rule
    own = [(name, found.get(player, _NOWHERE), empty) for name, (found, empty) in values.items()]
    groups = {group for _, by_group, _ in own for group in by_group}
    for group in _ordered(groups) if len(groups) > 1 else groups:
        counted = {name: by_group[group].value if group in by_group else empty for name, by_group, empty in own}
        given = runnable.points(counted) if not rule.when or holds(rule.when, counted.get) else None
        if given:
            behind = _together([by_group[group] for _, by_group, _ in own if group in by_group])
            measured = tuple([(name, value) for name, value in counted.items() if value is not None])
            lines.setdefault(player, []).append(Line(player, rule.id, given, behind, group, measured))


def _together(parts: Sequence[Measured]) -> tuple[str, ...]:
    """The ids of the events behind several measures, each once, in order."""
    table = parts[0].table
    if all(part.table is table for part in parts):
        ids = table.ids
        return tuple([ids[row] for row in sorted({row for part in parts for row in part.rows()})])
    return tuple(sorted({id_ for part in parts for id_ in part.ids()}))


def _ordered(groups: Iterable[GroupKey]) -> list[GroupKey]:
    return sorted(groups, key=lambda parts: [str(part).rjust(12) for part in parts])
