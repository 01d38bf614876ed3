"""Files of the Fantasy Premier League's API: a double gameweek, its fixtures one by one, and weeks with transfers."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from scoring.engine import registry
from scoring.engine.errors import SourceError
from scoring.engine.rosters import Pick, Roster
from scoring.engine.scoring import scorecard
from scoring.engine.seasons import Week, score_weeks
from scoring.report import notes
from scoring.sources import find_matches, open_match
from tests.scoring.builders import NOON
from tests.scoring.test_reported import run

ROLES = {1: "GKP", 2: "DEF", 3: "MID", 4: "FWD"}

#: Player -> (element type, team).
SQUAD = {1: (1, 1), 2: (2, 1), 3: (3, 2), 4: (4, 2)}

Explained = dict[str, tuple[int, int]]


def explained(fixture: int, stats: Explained) -> dict[str, Any]:
    """Identifier -> (value, points), as event/N/live explains a player's fixture."""
    listed = [{"identifier": name, "value": value, "points": points} for name, (value, points) in stats.items()]
    return {"fixture": fixture, "stats": listed}


def counted(identifier: str, home: dict[int, int], away: dict[int, int]) -> dict[str, Any]:
    sides = {"h": home, "a": away}
    return {
        "identifier": identifier,
        **{side: [{"element": who, "value": n} for who, n in found.items()] for side, found in sides.items()},
    }


def gameweek(
    root: Path, live: dict[int, list[dict[str, Any]]], conceded: dict[int, int], *stats: dict[str, Any]
) -> Path:
    """Two fixtures of the same two teams in one gameweek; `stats` are the first one's own counts."""
    week = root / "gw33"
    week.mkdir()
    fixtures = [
        {"id": n, "code": 1000 + n, "event": 33, "started": True, "finished": n == 1, "kickoff_time": "2026-04-18T14:00:00Z",
         "team_h": 1, "team_a": 2, "stats": list(stats) if n == 1 else []}
        for n in (1, 2)
    ]  # fmt: skip
    bootstrap = {
        "events": [{"id": 1, "deadline_time": "2025-08-15T17:30:00Z"}],
        "teams": [{"id": 1, "name": "Reds"}, {"id": 2, "name": "Blues"}],
        "element_types": [{"id": n, "singular_name_short": name} for n, name in ROLES.items()],
        "elements": [
            {"id": n, "web_name": f"P{n}", "element_type": role, "team": team} for n, (role, team) in SQUAD.items()
        ],
    }
    (root / "fixtures.json").write_text(json.dumps(fixtures))
    (root / "bootstrap-static.json").write_text(json.dumps(bootstrap))
    elements = [
        {"id": n, "stats": {"goals_conceded": conceded.get(n, 0)}, "explain": stats} for n, stats in live.items()
    ]
    (week / "live.json").write_text(json.dumps({"elements": elements}))
    return week


LIVE = {
    1: [
        explained(1, {"minutes": (90, 2), "clean_sheets": (1, 4), "saves": (4, 1), "penalties_saved": (1, 5)}),
        explained(2, {"minutes": (90, 2), "goals_conceded": (3, -1)}),
    ],
    # One goal conceded in each, which changes no points and is left out of the explanation: no clean sheet all the same.
    2: [
        explained(1, {"minutes": (80, 2), "assists": (1, 3)}),
        explained(2, {"minutes": (90, 2), "defensive_contribution": (11, 2)}),
    ],
    3: [
        explained(1, {"minutes": (60, 2), "goals_scored": (1, 5), "bonus": (3, 3)}),
        explained(2, {"minutes": (90, 2), "clean_sheets": (1, 1), "defensive_contribution": (12, 2)}),
    ],
    4: [
        explained(1, {"minutes": (0, 0), "yellow_cards": (1, -1)}),
        explained(2, {"minutes": (30, 1), "own_goals": (1, -2)}),
    ],
}
CONCEDED = {1: 3, 2: 2, 3: 1}


def test_each_fixture_of_a_double_gameweek_is_a_match_and_agrees_with_what_the_game_states(tmp_path: Path) -> None:
    week = gameweek(tmp_path, LIVE, CONCEDED, counted("goals_scored", {}, {3: 1}), counted("assists", {2: 1}, {}))
    result = run(tmp_path, "--rules", "fpl", "--json")
    assert result.exit_code == 0, result.stderr
    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert [document["match"]["id"] for document in documents] == ["fpl:1001", "fpl:1002"]
    assert [document["match"]["stage"] for document in documents] == ["finished", "in play"]
    points = [{player["id"]: player["points"] for player in document["players"]} for document in documents]
    assert points == [{"1": "12", "2": "5", "3": "10", "4": "-1"}, {"1": "1", "2": "4", "3": "5", "4": "-1"}]
    assert not [note for document in documents for note in document["match"]["notes"] if "the source states" in note]
    assert run(week / "live.json", "--rules", "fpl").exit_code == 0


def test_points_that_the_game_states_otherwise_are_a_finding(tmp_path: Path) -> None:
    week = gameweek(tmp_path, {**LIVE, 4: [explained(1, {"minutes": (90, 3)})]}, CONCEDED)
    match = open_match(week / "live.json" / "1", NOON)
    found = notes(match, scorecard(registry.load("fpl"), match.events))
    assert "points: the source states 3 points for 4; these rules compute 2" in found


@pytest.mark.parametrize(
    ("stats", "message"),
    [
        (counted("goals_scored", {}, {3: 2}), "1 goals_scored of player 3, but fixtures.json has 2"),
        (counted("red_cards", {9: 1}, {}), "counts something of player 9"),
    ],
)
def test_files_that_contradict_each_other_are_refused_or_accepted(
    stats: dict[str, Any], message: str, tmp_path: Path
) -> None:
    week = gameweek(tmp_path, LIVE, CONCEDED, stats)
    with pytest.raises(SourceError, match=message):
        open_match(week / "live.json" / "1", NOON)
    assert message in open_match(week / "live.json" / "1", NOON, "looked at").findings.contradictions[0]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    week = gameweek(tmp_path, {7: [explained(1, {"minutes": (90, 2)})]}, {})
    with pytest.raises(SourceError, match=r"player 7 is not in bootstrap-static\.json"):
        open_match(week / "live.json" / "1", NOON)
    with pytest.raises(SourceError, match=r"no such fixture in fixtures\.json"):
        open_match(week / "live.json" / "3", NOON)
    (tmp_path / "fixtures.json").unlink()
    with pytest.raises(SourceError, match=r"no fixtures\.json beside it or in the directory above"):
        list(find_matches(week))


def test_everyone_had_five_free_transfers_for_gameweek_16_of_2025() -> None:
    """The costs of AIrsenal's own team around it: 4 before, none in GW16 to GW18, as FPL charged them."""
    rules = registry.load("fpl")
    made = {"GW14": 0, "GW15": 2, "GW16": 2, "GW17": 2, "GW18": 3}
    squad, weeks, fresh = [str(n) for n in range(15)], [], 100
    for week, transfers in made.items():
        squad = [*squad[transfers:], *(str(fresh + n) for n in range(transfers))]
        fresh += transfers
        weeks.append(Week(week, Roster(tuple(Pick(player) for player in squad), {}), ()))
    assert [week.cost for week in score_weeks(rules, weeks)] == [0, Fraction(4), 0, 0, 0]
