"""Fantasy Premier League: the published points, from an event log of our own."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from scoring.engine import registry
from scoring.engine.events import Event
from scoring.engine.scoring import scorecard
from tests.scoring.builders import event

GOAL = {"goalkeeper": 10, "defender": 6, "midfielder": 5, "forward": 4}
CLEAN_SHEET = {"goalkeeper": 4, "defender": 4, "midfielder": 1, "forward": 0}


def points(role: str, *kinds: tuple[str, dict[str, Any]]) -> Fraction:
    events: list[Event] = [event("lineup:p", "lineup", player="p", name="P", team="T", role=role)]
    events += [event(f"{kind}:{n}", kind, **attributes) for n, (kind, attributes) in enumerate(kinds)]
    return scorecard(registry.load("fpl"), events).totals["p"]


def played(minutes: int, conceded: int = 1) -> tuple[str, dict[str, Any]]:
    return "playing_time", {"player": "p", "minutes": minutes, "conceded": conceded}


def defending(**counts: int) -> list[tuple[str, dict[str, Any]]]:
    return [("defending", {"player": "p", "action": action, "count": count}) for action, count in counts.items()]


@pytest.mark.parametrize(("minutes", "expected"), [(0, 0), (1, 1), (59, 1), (60, 2), (90, 2)])
def test_playing_time(minutes: int, expected: int) -> None:
    assert points("forward", played(minutes)) == expected


@pytest.mark.parametrize("role", GOAL)
def test_goals_and_clean_sheets_by_role(role: str) -> None:
    assert points(role, ("goal", {"scorer": "p", "own": False})) == GOAL[role]
    assert points(role, played(60, 0)) == 2 + CLEAN_SHEET[role]
    assert points(role, played(59, 0)) == 1
    assert points(role, ("goal", {"scorer": "p", "own": True})) == -2
    assert points(role, ("goal", {"scorer": "q", "assist": "p", "own": False})) == 3


@pytest.mark.parametrize(("conceded", "lost"), [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_every_two_goals_conceded(conceded: int, lost: int) -> None:
    for role in GOAL:
        assert points(role, played(90, conceded)) == 2 - (lost if role in ("goalkeeper", "defender") else 0)


def test_saves_count_in_threes_and_penalties_apart() -> None:
    saves = [("save", {"player": "p", "penalty": n == 0}) for n in range(5)]
    assert points("goalkeeper", *saves) == 1 + 5
    assert points("goalkeeper", *saves[:2]) == 5
    assert points("goalkeeper", *saves, ("save", {"player": "p", "penalty": False})) == 2 + 5
    assert points("forward", ("penalty_miss", {"player": "p"})) == -2


def test_cards() -> None:
    yellow, red = ("card", {"player": "p", "colour": "yellow"}), ("card", {"player": "p", "colour": "red"})
    assert points("forward", yellow) == -1
    assert points("forward", red) == points("forward", yellow, red) == -3


def test_defensive_contributions() -> None:
    assert points("defender", *defending(clearance=4, block=2, interception=2, tackle=1, recovery=30)) == 0
    assert points("defender", *defending(clearance=4, block=2, interception=2, tackle=2)) == 2
    assert points("midfielder", *defending(clearance=4, tackle=4, recovery=3)) == 0
    assert points("forward", *defending(clearance=4, tackle=4, recovery=4)) == 2
    assert points("goalkeeper", *defending(clearance=20)) == 0


def test_bonus() -> None:
    assert points("forward", ("bonus", {"player": "p", "points": 3})) == 3
