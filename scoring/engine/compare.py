"""Two versions of rules side by side: what changed in the document, and who moves in a past match."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from scoring.engine.compiled import Line
from scoring.engine.contests import rank
from scoring.engine.document import Rules
from scoring.engine.errors import RulesError
from scoring.engine.events import Event
from scoring.engine.scoring import scorecard


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two documents; a side that lacks it is None."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Move:
    """What a change of rules does to one player in one match: points, rank, and the rules whose points differ."""

    player: str
    name: str
    before: Fraction
    after: Fraction
    rank_before: int
    rank_after: int
    rules: Mapping[str, Fraction]

    @property
    def delta(self) -> Fraction:
        """How many points the player gains."""
        return self.after - self.before


def diff(before: Rules, after: Rules) -> list[Change]:
    """What differs, path by path; entries of lists that have an id are matched by it, whatever their order."""
    return list(_changes("", before.document, after.document))


def impact(before: Rules, after: Rules, events: Iterable[Event]) -> list[Move]:
    """Score one match under both rules: everyone whose points or rank differ, the greatest move first."""
    if before.sport != after.sport:
        raise RulesError(after.name, f"is for {after.sport}, {before.name} for {before.sport}")
    log = list(events)
    cards = scorecard(before, log), scorecard(after, log)
    totals = [card.totals for card in cards]
    ranks = [rank(points) for points in totals]
    moves = []
    for player, profile in cards[0].profiles.items():
        move = Move(
            player=player,
            name=profile.text("name"),
            before=totals[0][player],
            after=totals[1][player],
            rank_before=ranks[0][player],
            rank_after=ranks[1][player],
            rules=_by_rule(cards[0].by_player.get(player, ()), cards[1].by_player.get(player, ())),
        )
        if move.delta or move.rank_before != move.rank_after or move.rules:
            moves.append(move)
    return sorted(moves, key=lambda move: (-abs(move.delta), move.player))


def _by_rule(before: Iterable[Line], after: Iterable[Line]) -> dict[str, Fraction]:
    sums: dict[str, Fraction] = {}
    for sign, lines in ((-1, before), (1, after)):
        for line in lines:
            sums[line.rule] = sums.get(line.rule, Fraction(0)) + sign * line.points
    return {rule: delta for rule, delta in sums.items() if delta}


def _changes(path: str, before: Any, after: Any) -> Iterable[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            yield from _changes(f"{path}.{key}" if path else str(key), before.get(key), after.get(key))
    elif _has_ids(before) and _has_ids(after):
        yield from _changes(path, {item["id"]: item for item in before}, {item["id"]: item for item in after})
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, two) in enumerate(zip(before, after, strict=True)):
            yield from _changes(f"{path}[{index}]", one, two)
    elif before != after or type(before) is not type(after):
        yield Change(path, before, after)


def _has_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) and "id" in item for item in value)
