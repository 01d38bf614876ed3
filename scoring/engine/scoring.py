"""Scoring: match events in, lines of points out; in full, or again for the players whom a correction concerns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from scoring.engine.compiled import Line, Profile, compiled
from scoring.engine.conditions import Scalar
from scoring.engine.document import Rules
from scoring.engine.events import Event, VersionKey, collect, heads
from scoring.engine.exact import add_up
from scoring.engine.tables import Later, Log, tables_of


@dataclass(frozen=True)
class Scorecard:
    """The lines of a match under one rules document, and what is needed to score it again after a correction.

    - context: the attributes of the match itself.
    - computed: the players whose lines were computed in making this scorecard out of the one before; None: everyone's.
    """

    rules: Rules
    prefer: tuple[str, ...]
    versions: Mapping[VersionKey, Event] = field(repr=False)
    state: Mapping[str, Event] = field(repr=False)
    context: Mapping[str, Scalar] = field(repr=False)
    profiles: Mapping[str, Profile] = field(repr=False)
    by_player: Mapping[str, tuple[Line, ...]] = field(repr=False)
    computed: frozenset[str] | None = None

    @cached_property
    def involved(self) -> Mapping[str, frozenset[str]]:
        """By player, the ids of the events that name the player: what a correction needs, and nobody else."""
        return {player: frozenset(ids) for player, ids in compiled(self.rules).involved(self.state).items()}

    @property
    def touched(self) -> frozenset[str]:
        """The players whose lines were computed in making this scorecard."""
        return frozenset(self.involved) if self.computed is None else self.computed

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every line, by player and then in the order of the rules."""
        return tuple(line for player in sorted(self.by_player) for line in self.by_player[player])

    @property
    def totals(self) -> dict[str, Fraction]:
        """Points of everyone who took part, those without a line included."""
        sums = dict.fromkeys(sorted(self.profiles), Fraction(0))
        for player, lines in self.by_player.items():
            sums[player] = add_up(line.points for line in lines)
        return sums


def score(rules: Rules, events: Iterable[Event], prefer: Sequence[str] = ()) -> tuple[Line, ...]:
    """The lines of a match: a pure function of the rules and of the set of events, whatever their order or repetition."""
    return scorecard(rules, events, prefer).lines


def total(lines: Iterable[Line]) -> dict[str, Fraction]:
    """The sum of the lines' points by player."""
    sums: dict[str, Fraction] = {}
    for line in lines:
        sums[line.player] = sums.get(line.player, Fraction(0)) + line.points
    return sums


def scorecard(rules: Rules, events: Iterable[Event], prefer: Sequence[str] = ()) -> Scorecard:
    """Score a match in full. `prefer` orders the providers, for events that several of them report."""
    ready, kind = compiled(rules), rules.vocabulary.context
    tables = events.tables() if isinstance(events, Log) else None
    if isinstance(events, Log) and tables is not None:  # nothing is corrected in what comes from one file
        profiles, lines = ready.score(tables, ready.active(events.first(kind)), None)
        versions, state = Later(lambda: collect(events)), Later(lambda: {event.id: event for event in events})
        return Scorecard(rules, tuple(prefer), versions, state, events.first(kind), profiles, lines)
    known = collect(events)
    current = _state(known.values(), prefer)
    context = _context(rules, current)
    profiles, lines = ready.score(tables_of(current.values()), ready.active(context), None)
    return Scorecard(rules, tuple(prefer), known, current, context, profiles, lines)


def rescore(card: Scorecard, events: Iterable[Event]) -> Scorecard:
    """Score again with `events` added to the log: exactly what a full scoring gives, computed for the players concerned.

    Concerned are the players named by an event that changed, before or after; if the match's own attributes changed,
    everyone is.
    """
    ready = compiled(card.rules)
    added = list(events)
    versions = collect(added, card.versions)
    changed = {event.id for event in added}
    pool = [event for event in versions.values() if event.id in changed]
    after = _state(pool, card.prefer)
    state = dict(card.state)
    involved = dict(card.involved)
    touched: set[str] = set()
    everyone = False
    for id_ in sorted(changed):
        old, new = card.state.get(id_), after.get(id_)
        if old is new or (old is not None and new is not None and old.says_the_same(new)):
            if new is not None:
                state[id_] = new
            continue
        if old is not None:
            del state[id_]
            everyone = everyone or old.kind == ready.context
            for player in ready.players_of(old):
                involved[player] = involved[player] - {id_}
                touched.add(player)
        if new is not None:
            state[id_] = new
            everyone = everyone or new.kind == ready.context
            for player in ready.players_of(new):
                involved[player] = involved.get(player, frozenset()) | {id_}
                touched.add(player)
    involved = {player: ids for player, ids in involved.items() if ids}
    concerned = frozenset(involved) | touched if everyone else frozenset(touched)
    profiles = {player: profile for player, profile in card.profiles.items() if player not in concerned}
    by_player = {player: lines for player, lines in card.by_player.items() if player not in concerned}
    read = frozenset[str]().union(*(involved[player] for player in concerned if player in involved))
    context = _context(card.rules, state)
    known, lines = ready.score(tables_of(state[id_] for id_ in read), ready.active(context), concerned)
    again = Scorecard(
        card.rules, card.prefer, versions, state, context, {**profiles, **known}, {**by_player, **lines}, concerned
    )
    again.__dict__["involved"] = involved  # what cached_property would compute anew
    return again


def _state(versions: Iterable[Event], prefer: Sequence[str]) -> dict[str, Event]:
    return {id_: event for id_, event in heads(versions, prefer).items() if not event.retracted}


def _context(rules: Rules, state: Mapping[str, Event]) -> Mapping[str, Scalar]:
    kind = rules.vocabulary.context
    first = min((id_ for id_, event in state.items() if event.kind == kind), default=None)
    return {} if first is None else state[first].attributes
