"""Siblings of the reported cases (test_reported), each with the points that the game's or the season's own rules give."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from scoring.engine import registry
from scoring.engine.scoring import scorecard
from tests.scoring.builders import ball, innings, match, parsed, wicket
from tests.scoring.test_football import played
from tests.scoring.test_football import points as football_points
from tests.scoring.test_reported import points, row
from tests.tables import every_row

DOTS = [ball() for _ in range(6)]
OTHERS = [ball(bowler="A2") for _ in range(6)]


def out(kind: str, *fielders: Any, player: str = "H1", **more: Any) -> dict[str, Any]:
    """A delivery with a wicket; fielders by name, or as the file writes them."""
    named = [{"name": each} if isinstance(each, str) else each for each in fielders]
    return ball(wickets=[{**wicket(kind, player), **({"fielders": named} if named else {})}], **more)


def run_in_full(runs: int) -> dict[str, Any]:
    given = ball(runs)
    return {**given, "runs": {**given["runs"], "non_boundary": True}}


#: Innings of Home, and what some players then have under set B (4 for the line-up).
CRICKET: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "a no-ball by the bowler before: nobody's maiden": (
        innings("Home", [ball(extras={"noballs": 1}), *OTHERS]),
        {"a1": 4, "a2": 10},
    ),
    "a ball each of two bowlers": (innings("Home", [*DOTS[:3], *OTHERS[:3]]), {"a1": 7, "a2": 7}),
    "a wide by the bowler himself": (innings("Home", [ball(extras={"wides": 1}), *DOTS]), {"a1": 10}),
    "leg-byes spoil no maiden": (innings("Home", [ball(extras={"legbyes": 1}), *DOTS[1:]]), {"a1": 22, "h1": 4}),
    "nor do byes": (innings("Home", [*DOTS[1:], ball(extras={"byes": 4})]), {"a1": 22}),
    "nor do penalty runs": (innings("Home", [*DOTS[1:], ball(extras={"penalty": 5})]), {"a1": 22}),
    "a no-ball run as byes does": (innings("Home", [ball(extras={"noballs": 1, "byes": 2}), *DOTS]), {"a1": 10}),
    "a maiden of seven balls": (innings("Home", [*DOTS, ball()]), {"a1": 23}),
    "five balls that count as an over are none": (innings("Home", DOTS[1:], OTHERS), {"a1": 9, "a2": 22}),
    "five that the umpires called over are one": (
        innings("Home", DOTS[1:], OTHERS, miscounted_overs={"0": {"balls": 5}}),
        {"a1": 21, "a2": 22},
    ),
    "an innings that ends after three balls": (innings("Home", DOTS[3:]), {"a1": 7}),
    "six run in full": (innings("Home", [run_in_full(6)]), {"h1": 10}),
    "four run in full": (innings("Home", [run_in_full(4)]), {"h1": 8}),
    "a four": (innings("Home", [ball(4)]), {"h1": 12}),
    "four off a no-ball": (innings("Home", [ball(4, extras={"noballs": 1})]), {"h1": 12, "a1": 4}),
    "four leg-byes are no boundary": (innings("Home", [ball(extras={"legbyes": 4})]), {"h1": 4, "a1": 5}),
    "caught and bowled": (innings("Home", [out("caught and bowled")]), {"a1": 43, "h1": 2}),
    "bowled": (innings("Home", [out("bowled")]), {"a1": 43, "h1": 2}),
    "lbw": (innings("Home", [out("lbw")]), {"a1": 43}),
    "hit wicket": (innings("Home", [out("hit wicket")]), {"a1": 35, "h1": 2}),
    "stumped off a wide": (
        innings("Home", [out("stumped", "A2", extras={"wides": 1})]),
        {"a1": 34, "a2": 16, "h1": 2},
    ),
    "caught by a substitute": (innings("Home", [out("caught", {"name": "Sub", "substitute": True})]), {"a1": 35}),
    "caught by nobody whom the file names": (innings("Home", [out("caught", {"substitute": True})]), {"a1": 35}),
    "run out by nobody whom the file names": (innings("Home", [out("run out", {"substitute": True})]), {"a1": 5}),
    "run out by two, one of them not named": (
        innings("Home", [out("run out", {"substitute": True}, "A2")]),
        {"a1": 5, "a2": 10},
    ),
    "run out by three": (innings("Home", [out("run out", "A2", "A3", "A4")]), {"a2": 4, "a3": 10, "a4": 10}),
    "run out by one": (innings("Home", [out("run out", "A2")]), {"a2": 16}),
    "the other batter run out": (innings("Home", [out("run out", "A2", player="H2")]), {"h1": 4, "h2": 2}),
    "retired hurt on nothing": (innings("Home", [out("retired hurt")]), {"h1": 4, "a1": 5}),
    "retired out on nothing": (innings("Home", [out("retired out")]), {"h1": 2, "a1": 5}),
    "obstructing the field": (innings("Home", [out("obstructing the field")]), {"h1": 2, "a1": 5}),
    "three catches and a fourth": (
        innings("Home", [out("caught", "A2", player=f"H{n}", batter=f"H{n}", non_striker="H9") for n in range(1, 5)]),
        {"a2": 4 + 4 * 8 + 4, "a1": 4 + 4 * 31 + 8},
    ),
    "a super over counts for nothing": (innings("Home", [ball(6)], super_over=True), {"h1": 4, "a1": 4}),
}


@every_row("played_innings, expected", CRICKET)
def test_cricket(played_innings: dict[str, Any], expected: dict[str, int]) -> None:
    totals = scorecard(registry.load("cricket-t20-b"), parsed(match(played_innings)).events).totals
    assert {player: int(totals[player]) for player in expected} == expected


def test_five_balls_make_a_maiden_where_an_over_has_five() -> None:
    read = parsed(match(innings("Home", DOTS[1:], OTHERS[1:]), balls_per_over=5))
    totals = scorecard(registry.load("cricket-t20-b"), read.events).totals
    assert (totals["a1"], totals["a2"], read.findings.notes) == (21, 21, [])


@every_row(
    "outcome, winner",
    {
        "a bowl-out": ({"result": "tie", "bowl_out": "Away"}, "Away"),
        "a super over": ({"result": "tie", "eliminator": "Home"}, "Home"),
        "a tie": ({"result": "tie"}, "tie"),
        "no result": ({"result": "no result"}, "no result"),
    },
)
def test_who_won(outcome: dict[str, Any], winner: str) -> None:
    assert parsed(match(innings("Home", DOTS), innings("Away", []), outcome=outcome)).facts["outcome"] == winner


def grid(*places: tuple[str, str]) -> list[dict[str, Any]]:
    return [row(place, driver) for driver, place in places]


#: Date, header, results with other tables, and everybody's points under the league's rules.
RACES: dict[str, tuple[str, dict[str, Any], dict[str, list[dict[str, Any]]], dict[str, str]]] = {
    "two from the pit lane": (
        "2005-03-06",
        {},
        {
            "race-results": [row(1, "a", gridPosition="PL"), row(2, "b", gridPosition="PL"), row(3, "c")],
            "starting-grid-positions": [row(1, "c"), row("PL", "a"), row("PL", "b")],
        },
        {"a": "10", "b": "8", "c": "6"},
    ),
    "a grid that names one twice": (
        "2005-03-06",
        {},
        {
            "race-results": [row(1, "a"), row(2, "b")],
            "starting-grid-positions": [row(1, "a"), row(2, "a"), row(3, "b")],
        },
        {"a": "10", "b": "8"},
    ),
    "a qualifying table of somebody who did not race": (
        "2005-03-06",
        {},
        {"race-results": [row(1, "a")], "qualifying-results": [row(1, "z"), row(2, "a")]},
        {"a": "10"},
    ),
    "empty tables": (
        "1994-05-15",
        {},
        {"race-results": [row(1, "a"), row(2, "b")], "fastest-laps": [], "qualifying-results": [], "pit-stops": []},
        {"a": "10", "b": "6"},
    ),
    "a shared car at a place with points, since 1958": (
        "1958-05-18",
        {},
        {
            "race-results": [
                row(1, "a", points="8"),
                row(2, "b", sharedCar="true"),
                {**row(2, "c", sharedCar="true"), "constructorId": "team-b"},
                row(3, "d", points="4"),
            ]
        },
        {"a": "8", "d": "4"},
    ),
    "the fastest lap of a driver who retired, 1955": (
        "1955-06-05",
        {},
        {"race-results": [row(1, "a"), row("DNF", "b")], "fastest-laps": [row(1, "b")]},
        {"a": "8", "b": "1"},
    ),
    "the fastest lap, 1960": (
        "1960-06-05",
        {},
        {"race-results": [row(1, "a")], "fastest-laps": [row(1, "a")]},
        {"a": "8"},
    ),
    "the fastest lap outside of the ten, 2024": (
        "2024-05-05",
        {},
        {"race-results": [row(n, f"d{n}") for n in range(1, 12)], "fastest-laps": [row(1, "d11")]},
        {f"d{n}": str(each) for n, each in enumerate((25, 18, 15, 12, 10, 8, 6, 4, 2, 1), start=1)},
    ),
    "the fastest lap of the tenth, 2024": (
        "2024-05-05",
        {},
        {"race-results": [row(n, f"d{n}") for n in range(1, 12)], "fastest-laps": [row(1, "d10")]},
        {f"d{n}": str(each) for n, each in enumerate((25, 18, 15, 12, 10, 8, 6, 4, 2, 2), start=1)},
    ),
    "the fastest lap, 2025": (
        "2025-05-05",
        {},
        {"race-results": [row(1, "a"), row(2, "b")], "fastest-laps": [row(1, "a")]},
        {"a": "25", "b": "18"},
    ),
    "disqualified from the second place": (
        "2023-10-22",
        {},
        {"race-results": [row(1, "a"), row(2, "b"), row("DSQ", "c")]},
        {"a": "25", "b": "18"},
    ),
    "half of the points, 1991 Australia": (
        "1991-11-03",
        {"laps": 14, "scheduledLaps": 81},
        {"race-results": [row(1, "a", laps="14"), row(2, "b", laps="14")]},
        {"a": "5", "b": "3"},
    ),
    "18 of a hundred parts of the distance, 2022: paid in full once resumed": (
        "2022-10-09",
        {"laps": 10, "scheduledLaps": 53},
        {"race-results": [row(1, "a", laps="10"), row(2, "b", laps="10")]},
        {"a": "25", "b": "18"},
    ),
    "18 of a hundred parts, 2023": (
        "2023-10-09",
        {"laps": 10, "scheduledLaps": 53},
        {"race-results": [row(n, f"d{n}", laps="10") for n in range(1, 7)]},
        {"d1": "6", "d2": "4", "d3": "3", "d4": "2", "d5": "1"},
    ),
    "38 of a hundred parts, 2023": (
        "2023-10-09",
        {"laps": 20, "scheduledLaps": 53},
        {"race-results": [row(n, f"d{n}", laps="20") for n in range(1, 11)]},
        {f"d{n}": str(each) for n, each in enumerate((13, 10, 8, 6, 5, 4, 3, 2, 1), start=1)},
    ),
    "53 of a hundred parts, 2023": (
        "2023-10-09",
        {"laps": 28, "scheduledLaps": 53},
        {"race-results": [row(1, "a", laps="28"), row(2, "b", laps="28")]},
        {"a": "19", "b": "14"},
    ),
    "less than two laps, 2023": (
        "2023-10-09",
        {"laps": 1, "scheduledLaps": 53},
        {"race-results": [row(1, "a", laps="1"), row(2, "b", laps="1")]},
        {},
    ),
    "double points, 2014": (
        "2014-11-23",
        {"round": 19},
        {"race-results": [row(1, "a"), row(2, "b")]},
        {"a": "50", "b": "36"},
    ),
}


@pytest.mark.parametrize("name", RACES)
def test_races(name: str, tmp_path: Path) -> None:
    date, header, tables, expected = RACES[name]
    known = {"id": 1, "round": 1, "date": date, "grandPrixId": "x", "laps": 10} | header
    (tmp_path / "race.yml").write_text(yaml.safe_dump(known))
    for table, rows in tables.items():
        (tmp_path / f"{table}.yml").write_text(yaml.safe_dump(rows, sort_keys=False))
    assert points(tmp_path, "--rules", "f1-league") == expected


CARD = {colour: ("card", {"player": "p", "colour": colour}) for colour in ("yellow", "red")}

#: A role, what happened, and the points of 2025/26.
FOOTBALL: dict[str, tuple[str, list[tuple[str, dict[str, Any]]], int]] = {
    "an assist for the other side's own goal": (
        "midfielder",
        [played(90, 1), ("goal", {"scorer": "q", "assist": "p", "own": True})],
        2 + 3,
    ),
    "an own goal of nobody's making": ("defender", [played(90, 1), ("goal", {"scorer": "p", "own": True})], 2 - 2),
    "two own goals": ("defender", [played(90, 2), *[("goal", {"scorer": "p", "own": True})] * 2], 2 - 4 - 1),
    "a goal and an own goal": (
        "forward",
        [played(90), ("goal", {"scorer": "p", "own": False}), ("goal", {"scorer": "p", "own": True})],
        2 + 4 - 2,
    ),
    "off after an hour, nothing conceded until then": ("defender", [played(60, 0)], 2 + 4),
    "off a minute before": ("defender", [played(59, 0)], 1),
    "a keeper's clean sheet with nine saves": (
        "goalkeeper",
        [played(90, 0), *[("save", {"player": "p", "penalty": False})] * 9],
        2 + 4 + 3,
    ),
    "sent off from the bench": ("midfielder", [played(0, 0), CARD["red"]], -3),
    "two cautions": ("midfielder", [played(90, 1), CARD["yellow"], CARD["red"]], 2 - 3),
    "a caution and a clean sheet": ("midfielder", [played(90, 0), CARD["yellow"]], 2 + 1 - 1),
    "five conceded by a midfielder": ("midfielder", [played(90, 5)], 2),
    "five conceded by a keeper": ("goalkeeper", [played(90, 5)], 2 - 2),
    "a keeper's goal": ("goalkeeper", [played(90, 1), ("goal", {"scorer": "p", "own": False})], 2 + 10),
    "a penalty saved and missed": (
        "goalkeeper",
        [played(90, 1), ("save", {"player": "p", "penalty": True}), ("penalty_miss", {"player": "p"})],
        2 + 5 - 2,
    ),
    "three of bonus": ("forward", [played(90), ("bonus", {"player": "p", "points": 3})], 5),
}


@every_row("role, kinds, expected", FOOTBALL)
def test_football(role: str, kinds: list[tuple[str, dict[str, Any]]], expected: int) -> None:
    assert football_points(role, *kinds) == Fraction(expected)
