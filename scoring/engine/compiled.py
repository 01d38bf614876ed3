"""Rules made ready to run: one function per measure and scope, one per rule; a match's events in, everyone's lines out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from scoring.engine.conditions import Scalar, holds
from scoring.engine.document import Measure, Rules, ScoringRule
from scoring.engine.events import Event
from scoring.engine.forms import PointsOfValues, points_of_values
from scoring.engine.measures import Measured, Measurer, Values, compile_measure
from scoring.engine.tables import EventTable, GroupKey, Rows


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


_NO_ROWS = Rows(EventTable((), lambda _: ()), ())

_NOWHERE: Mapping[GroupKey, Measured] = {}


_MATCH: Sequence[GroupKey] = [()]


class Runnable(NamedTuple):
    """One rule with its function and the measures that it looks at."""

    rule: ScoringRule
    points: PointsOfValues
    measures: tuple[str, ...]


class _Measure(NamedTuple):
    """One measure in one scope: of which kind of event it is, and what no event counts as (None: unknown)."""

    event: str
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
        self._rules = [Runnable(rule, points_of_values(rule), rule.measures) for rule in rules.rules]
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
        self, tables: Mapping[str, EventTable], active: Sequence[Runnable], players: Collection[str] | None
    ) -> tuple[dict[str, Profile], dict[str, tuple[Line, ...]]]:
        """Who of `players` (None: of everyone) takes part, and the lines of each who has any, in the order of the rules.

        `tables` hold at least all events that name one of them. Who is no player of the match (a substitute fielder) has no
        profile and earns nothing.
        """
        profiles = self._profiles(tables, players)
        counts = self.rules.counts
        logs = {kind: Rows(table, range(len(table.ids))).where(counts.get(kind, {})) for kind, table in tables.items()}
        measured: dict[tuple[str, str], Values] = {}
        lines: dict[str, list[Line]] = defaultdict(list)
        for runnable in active:
            scope = runnable.rule.scope
            for name in runnable.measures:
                if (name, scope) not in measured:
                    ready = self._measures[name, scope]
                    measured[name, scope] = ready.run(logs.get(ready.event, _NO_ROWS))
            if len(runnable.measures) == 1:
                _apply_one(runnable, measured[runnable.measures[0], scope], profiles, lines)
            else:
                given = [(name, measured[name, scope], self._measures[name, scope].empty) for name in runnable.measures]
                _apply(runnable, given, profiles, lines)
        return profiles, {player: tuple(own_lines) for player, own_lines in lines.items()}

    def _profiles(self, tables: Mapping[str, EventTable], players: Collection[str] | None) -> dict[str, Profile]:
        """Those of `players` whom the vocabulary's first source knows, with what all of its sources say of them."""
        known: dict[str, dict[str, Scalar]] = {}
        for place, source in enumerate(self.rules.vocabulary.profile):
            if source.event not in tables:
                continue
            table, names = tables[source.event], source.attributes
            for player, stated in zip(table.column(source.player), table.keys(names), strict=True):
                if not isinstance(player, str) or (players is not None and player not in players):
                    continue
                if place == 0:
                    known.setdefault(player, {})
                if player in known:
                    own = known[player]
                    for name, value in zip(names, stated, strict=True):
                        if value is not None:
                            own[name] = value
        return {player: Profile(player, attributes) for player, attributes in known.items()}


@lru_cache(maxsize=256)
def compiled(rules: Rules) -> Compiled:
    """The rules made ready, once per document."""
    return Compiled(rules)


def _apply_one(
    runnable: Runnable, values: Values, profiles: Mapping[str, Profile], lines: dict[str, list[Line]]
) -> None:
    """The same as `_apply` for a rule that looks at one measure, which most do."""
    rule, points, name = runnable.rule, runnable.points, runnable.measures[0]
    for player, groups in values.by_player.items():
        profile = profiles.get(player)
        if profile is None or (rule.eligible and not holds(rule.eligible, profile.attributes.get)):
            continue
        for group in _ordered(groups) if len(groups) > 1 else groups:
            value, rows = groups[group]
            given = points((value,))
            if given:
                lines[player].append(Line(player, rule.id, given, tuple(values.ids(rows)), group, ((name, value),)))


def _apply(
    runnable: Runnable,
    given: Sequence[tuple[str, Values, int | None]],
    profiles: Mapping[str, Profile],
    lines: dict[str, list[Line]],
) -> None:
    """Add the rule's lines for each player: one per group in which it gives points."""
    rule, points = runnable.rule, runnable.points
    by_players = [values.by_player for _, values, _ in given]
    nothing: list[Measured | tuple[None, Sequence[int]]] = [
        (None, ()) if empty is None else (empty, ()) for _, _, empty in given
    ]
    for player in set[str]().union(*by_players):
        profile = profiles.get(player)
        if profile is None or (rule.eligible and not holds(rule.eligible, profile.attributes.get)):
            continue
        own = [by_player.get(player, _NOWHERE) for by_player in by_players]
        groups = _MATCH if rule.scope == "match" else _ordered({group for by_group in own for group in by_group})
        for group in groups:
            found = [by_group.get(group, none) for by_group, none in zip(own, nothing, strict=True)]
            gives = points(tuple([value for value, _ in found]))
            if gives:
                behind = _together([(values, rows) for (_, values, _), (_, rows) in zip(given, found, strict=True)])
                measured = [(name, value) for name, (value, _) in zip(runnable.measures, found, strict=True)]
                known = tuple([(name, value) for name, value in measured if value is not None])
                lines[player].append(Line(player, rule.id, gives, behind, group, known))


def _together(parts: Sequence[tuple[Values, Sequence[int]]]) -> tuple[str, ...]:
    """The ids of the events behind several measures, each once, in order."""
    (first, _), *others = parts
    if any(values.table is not first.table for values, _ in others):
        return tuple(sorted({id_ for values, rows in parts for id_ in values.ids(rows)}))
    ids, behind = first.table.ids, set[int]()
    for values, rows in parts:
        behind.update(values.behind(rows))
    return tuple([ids[row] for row in sorted(behind)])


def _ordered(groups: Iterable[GroupKey]) -> list[GroupKey]:
    return sorted(groups, key=lambda parts: [str(part).rjust(12) for part in parts])
