"""Every real match, scored by the engine and by the naive second implementation: equal line by line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from scoring.engine import registry
from scoring.engine.compiled import Line
from scoring.engine.scoring import score, scorecard, total
from scoring.sources import open_match
from tests.scoring import naive
from tests.scoring.builders import CRICKET, NOON, RACES, event
from tests.scoring.published import CRICKET as TABLES


def plain(lines: Iterable[Line]) -> naive.Lines:
    return {(line.player, line.rule, line.group, float(line.points)) for line in lines}


@pytest.mark.parametrize("path", CRICKET, ids=lambda path: path.stem)
@pytest.mark.parametrize("rules", TABLES)
def test_cricket_lines_equal_the_naive_ones(path: Path, rules: str) -> None:
    match = open_match(path, NOON)
    lines = score(registry.load(rules), match.events)
    assert len(lines) == len(plain(lines))
    assert plain(lines) == naive.cricket(path, rules)


@pytest.mark.parametrize("path", CRICKET, ids=lambda path: path.stem)
def test_with_roles_known_pure_bowlers_have_neither_duck_nor_strike_rate(path: Path) -> None:
    match = open_match(path, NOON)
    bowled = sorted({str(one.attributes["bowler"]) for one in match.events if one.kind == "delivery"})
    roles = [event(f"role:{player}", "role", player=player, role="bowler") for player in bowled]
    lines = score(registry.load("cricket-t20-b"), [*match.events, *roles])
    assert plain(lines) == naive.cricket(path, "cricket-t20-b", frozenset(bowled))


@pytest.mark.slow
@pytest.mark.parametrize("path", RACES, ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_f1_lines_equal_the_naive_ones(path: Path) -> None:
    match = open_match(path, NOON)
    league = plain(score(registry.load("f1-league"), match.events))
    drivers = {row["driverId"] for row in naive.table(path, "race-results")}
    # The league gives its points by car; the naive scorer knows drivers only.
    assert {(player, rule, (), points) for player, rule, _, points in league if player in drivers} == naive.f1_league(
        path
    )
    fantasy = registry.load("f1-fantasy-2026")
    assert plain(score(fantasy, match.events)) == naive.f1_fantasy(path)
    gains_only = registry.load("f1-fantasy-2026", {"place_lost": "0"})
    assert plain(score(gains_only, match.events)) == naive.f1_fantasy(path, place_lost=0)


@pytest.mark.parametrize("path", RACES, ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_the_league_gives_the_championship_points_that_f1db_records(path: Path) -> None:
    recorded: dict[str, float] = {}
    for name in ("race-results", "sprint-race-results"):
        for row in naive.table(path, name):
            recorded[row["driverId"]] = recorded.get(row["driverId"], 0) + float(row["points"] or 0)
    totals = scorecard(registry.load("f1-league"), open_match(path, NOON).events).totals
    assert {driver: float(totals[driver]) for driver in recorded} == recorded


def test_totals_are_the_sums_of_lines_and_every_line_names_events_of_the_match() -> None:
    for path in CRICKET:
        match = open_match(path, NOON)
        known = {one.id for one in match.events}
        card = scorecard(registry.load("cricket-t20-b"), match.events)
        summed = total(card.lines)
        assert card.totals == {player: summed.get(player, 0) for player in card.profiles}
        assert all(line.events and set(line.events) <= known for line in card.lines)
