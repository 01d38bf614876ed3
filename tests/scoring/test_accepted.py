"""What an operator has looked at is scored and says so; what cannot be read is no contradiction that can be accepted."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest

from scoring.engine import registry
from scoring.engine.errors import SourceError
from scoring.engine.scoring import scorecard
from scoring.sources import cricsheet, f1db_tables
from scoring.sources.findings import Findings
from scoring.sources.reading import Node
from tests.scoring.builders import NOON, ball, innings, match, wicket
from tests.tables import every_row

BALL = ("innings", 0, "overs", 0, "deliveries", 0)
WICKETS = (*BALL, "wickets")

#: What is wrong: where and what, the reason given for it, and the points once somebody has accepted it.
ACCEPTED: dict[str, tuple[tuple[str | int, ...], Any, str, dict[str, int]]] = {
    "a batter whom no list has": ((*BALL, "batter"), "Umpire", "does not play for Home", {"umpire": 12, "h1": 4}),
    "a batter of the other side": ((*BALL, "batter"), "A3", "'A3' does not play for Home", {"a3": 12, "h1": 4}),
    "a bowler whom no list has": ((*BALL, "bowler"), "Umpire", "does not play for Away", {"umpire": 4, "h1": 12}),
    "a catch by him": (
        WICKETS,
        [wicket("caught", "H1", "Umpire")],
        "does not play for Away",
        {"umpire": 12, "a1": 34, "h1": 12},
    ),
    "a catch by two": (WICKETS, [wicket("caught", "H1", "A2", "A3")], "2 fielders for one", {"a2": 4, "a3": 12}),
    "a substitute of the other side": (
        (*BALL, "replacements"),
        {"match": [{"in": "A2", "team": "Home"}]},
        "'A2' plays for Away",
        {"a2": 4, "h1": 12},
    ),
    "a player listed twice": (("info", "players", "Home"), ["H1", "H1", "H2"], "H1 is listed twice", {"h1": 12}),
    "overs that are misnumbered": ((*BALL[:4], "over"), 1, "over 1 where over 0 is expected", {"h1": 12}),
    "no outcome": (("info", "outcome"), {}, "neither a winner nor a result", {"h1": 12}),
    "a winner who did not play": (("info", "outcome"), {"winner": "Gods"}, "'Gods' does not play", {"h1": 12}),
    "runs that do not add up": ((*BALL, "runs", "total"), 9, "9 in total, but 4 and 0 extras", {"h1": 12}),
}

UNREADABLE: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "nobody has an id for him": ((*BALL, "batter"), "Nobody"),
    "no number": ((*BALL, "runs", "total"), "x"),
    "an innings of a third team": (("innings", 0, "team"), "Others"),
    "no dismissal": (WICKETS, [wicket("vanished")]),
}


def changed(path: tuple[str | int, ...], value: Any) -> Node:
    document: Any = deepcopy(match(innings("Home", [ball(4)])))
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return Node(document, "match.json")


@every_row("path, value, reason, expected", ACCEPTED)
def test_an_accepted_contradiction_is_scored_and_kept(
    path: tuple[str | int, ...], value: Any, reason: str, expected: dict[str, int]
) -> None:
    with pytest.raises(SourceError, match=re.escape(reason)):
        cricsheet.from_node(changed(path, value), "1", NOON)
    read = cricsheet.from_node(changed(path, value), "1", NOON, accept="asked the scorers")
    assert [reason in found for found in read.findings.contradictions].count(True) == 1
    totals = scorecard(registry.load("cricket-t20-b"), read.events).totals
    assert {player: int(totals[player]) for player in expected} == expected


@every_row("path, value", UNREADABLE)
def test_what_cannot_be_read_is_refused_all_the_same(path: tuple[str | int, ...], value: Any) -> None:
    with pytest.raises(SourceError):
        cricsheet.from_node(changed(path, value), "1", NOON, accept="asked the scorers")


@every_row(
    "places, reason",
    {
        "out of order": (["2", "1"], "place 1 where place 3 is expected"),
        "after the retired": (["1", "DNF", "2"], "no more places"),
    },
)
def test_places_of_a_race_that_are_out_of_order(places: list[str], reason: str) -> None:
    rows = [{"driverId": f"d-{n}", "constructorId": "c", "position": place} for n, place in enumerate(places)]
    with pytest.raises(SourceError, match=reason):
        f1db_tables.rows(Node(rows, "race-results.yml"), Findings())
    accepting = Findings("the stewards' document says so")
    assert len(f1db_tables.rows(Node(rows, "race-results.yml"), accepting)) == len(places)
    assert reason in accepting.contradictions[0]
