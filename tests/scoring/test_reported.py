"""Inputs that an outside look at the engine found scored wrongly, with the right values (cases/README.md says why)."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from scoring.engine import registry
from scoring.engine.compiled import Line
from scoring.engine.rosters import Pick, Roster, apply_multipliers
from scoring.engine.scoring import scorecard
from scoring.report import notes
from scoring.sources import f1db
from tests.scoring.builders import NOON
from tests.scoring.test_command import app

CASES = Path(__file__).parent / "cases"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["score", *(str(argument) for argument in arguments)])


def points(*arguments: object) -> dict[str, str]:
    document = json.loads(run(*arguments, "--json").stdout)
    return {player["id"]: player["points"] for player in document["players"] if player["points"] != "0"}


def roster_total(match: str, rules: str, roster: str) -> str:
    document = json.loads(run(CASES / match, "--rules", rules, "--roster", CASES / roster, "--json").stdout)
    total: str = document["roster"]["points"]
    return total


@pytest.mark.parametrize(
    ("case", "right"),
    [
        ("f1-pit-lane-start", {"driver-a": "10", "driver-b": "8"}),
        ("f1-empty-pit-stops", {"driver-a": "10", "driver-b": "6"}),
        ("f1-shared-car-no-points", {"driver-a": "9", "driver-b": "6"}),
        ("f1-ineligible-car", {"driver-a": "9", "driver-c": "4"}),
        ("f1-points-field-contradicts", {"driver-a": "25", "driver-b": "18"}),
    ],
)
def test_races(case: str, right: dict[str, str]) -> None:
    assert points(CASES / case, "--rules", "f1-league") == right


@pytest.mark.parametrize("numbers", [("8", "8"), ("8", "22"), ("8", "")])
def test_who_shares_a_place_was_in_one_car_whatever_its_numbers(tmp_path: Path, numbers: tuple[str, str]) -> None:
    """1951 France: eight points for the winning car, and two drivers in it."""

    def row(place: int, driver: str, constructor: str, **more: str) -> dict[str, object]:
        return {"position": place, "driverId": driver, "constructorId": constructor, "laps": 10, **more}

    shared = [row(1, f"driver-{name}", "team-a", sharedCar="true") for name in "ab"]
    for each, number in zip(shared, numbers, strict=True):
        each |= {"driverNumber": number} if number else {}
    race = tmp_path / "race"
    race.mkdir()
    header = {"id": 9999, "round": 1, "date": "1951-07-01", "grandPrixId": "test", "officialName": "Test", "laps": 10}
    (race / "race.yml").write_text(yaml.safe_dump(header | {"qualifyingFormat": "ONE_SESSION"}))
    (race / "race-results.yml").write_text(yaml.safe_dump([*shared, row(2, "driver-c", "team-b")]))
    assert points(race, "--rules", "f1-league") == {"driver-a": "4", "driver-b": "4", "driver-c": "6"}
    shared[1]["constructorId"] = "team-b"
    (race / "race-results.yml").write_text(yaml.safe_dump([*shared, row(2, "driver-c", "team-b")]))
    refused = run(race, "--rules", "f1-league")
    assert refused.exit_code != 0 and "both at place 1, and not in one car" in " ".join(refused.stderr.split())


def test_what_the_source_states_otherwise_is_a_finding() -> None:
    shown = run(CASES / "f1-points-field-contradicts", "--rules", "f1-league").stdout
    assert "the source states 19 points for driver-b; these rules compute 18" in shown
    assert "states" not in run(CASES / "f1-empty-pit-stops", "--rules", "f1-league").stdout


def test_cricket() -> None:
    shared = points(CASES / "cricket-shared-over-maiden.json", "--rules", "cricket-t20-b")
    assert shared["b0000002"] == "10"
    assert points(CASES / "cricket-seven-ball-over.json", "--rules", "cricket-t20-b")
    assert "7 legal balls" in run(CASES / "cricket-seven-ball-over.json", "--rules", "cricket-t20-b").stdout
    assert points(CASES / "cricket-duplicate-equal-key.json", "--rules", "cricket-t20-b")
    hundred = run(CASES / "cricket-hundred-no-note.json", "--rules", "cricket-t20-b").stdout
    assert "balls_per_over is 6; this one is not" in hundred


def test_a_key_that_stands_twice_with_two_values_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.json"
    path.write_text('{"info": 1, "info": 2}')
    assert "the key 'info' stands twice in one object, with two values" in run(path, "--rules", "cricket-t20-b").stderr


def test_rosters() -> None:
    as_batter, as_bowler, absent = (
        roster_total("roster/match.json", "cricket-t20-b", f"roster/{name}.roster")
        for name in ("as-batter", "as-bowler", "not-in-the-eleven")
    )
    assert as_batter == as_bowler == "85"
    assert absent == "81"
    assert roster_total("fpl-autosub/gameweek.json", "fpl", "fpl-autosub/squad.roster") == "50"


def test_football() -> None:
    assert points(CASES / "fpl-own-goal-assist.json", "--rules", "fpl") == {"fw": "5"}


def test_one_bad_file_ends_nothing() -> None:
    result = run(CASES / "dir-one-bad", "--rules", "cricket-t20-b", "--json")
    assert result.exit_code == 1
    assert [json.loads(line)["match"]["id"] for line in result.stdout.splitlines()] == ["cricsheet:b-good"]
    assert "a-bad.json: neither a Cricsheet match" in result.stderr
    assert "1 of 2 refused" in result.stderr


def test_of_two_revisions_the_newer_one_is_scored_and_the_difference_shown() -> None:
    result = run(CASES / "dir-same-match-twice", "--rules", "cricket-t20-b", "--json")
    assert result.exit_code == 0
    (document,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert document["match"]["id"] == "cricsheet:555"
    assert any("rev1" in note and "older and not scored" in note for note in document["match"]["notes"])


def race(folder: Path, date: str, results: list[dict[str, Any]], **tables: list[dict[str, Any]]) -> Path:
    """An f1db race: a row is a place with what the test says of it."""
    folder.mkdir(exist_ok=True)
    (folder / "race.yml").write_text(
        yaml.safe_dump({"id": 1, "round": 1, "date": date, "grandPrixId": "x", "laps": 10})
    )
    for name, rows in {"race-results": results, **tables}.items():
        (folder / f"{name}.yml").write_text(yaml.safe_dump(rows, sort_keys=False))
    return folder


def row(position: object, driver: str, **more: object) -> dict[str, Any]:
    return {"position": str(position), "driverId": driver, "constructorId": f"team-{driver}", **more}


def test_drivers_of_a_shared_car_divide_its_points_until_1957(tmp_path: Path) -> None:
    results = [
        row(1, "a", points="4", sharedCar="true", driverNumber="8"),
        {**row(1, "b", points="5", sharedCar="true", driverNumber="8"), "constructorId": "team-a"},
        row(2, "c", points="6"),
        # The second car of b, shared by three: 4 points in exact thirds, which the source rounds.
        {**row(3, "b", points="1.33", sharedCar="true", driverNumber="2"), "constructorId": "team-d"},
        row(3, "d", points="1.33", sharedCar="true", driverNumber="2"),
        {**row(3, "e", points="1.33", sharedCar="true", driverNumber="2"), "constructorId": "team-d"},
    ]
    fastest = [{**row(1, "b"), "constructorId": "team-d"}]
    place = race(tmp_path / "1955", "1955-01-16", results, **{"fastest-laps": fastest})
    assert points(place, "--rules", "f1-league") == {"c": "6", "b": "19/3", "a": "4", "d": "4/3", "e": "4/3"}
    match = f1db.read(place, NOON)
    assert not [note for note in notes(match, scorecard(registry.load("f1-league"), match.events)) if "states" in note]
    refused = run(place, "--rules", "f1-fantasy-2026")
    assert refused.exit_code == 2 and "points to whole cars only" in refused.stderr


def test_a_shared_fastest_lap_is_divided_exactly(tmp_path: Path) -> None:
    drivers = "abcdefg"
    results = [row(place, driver) for place, driver in enumerate(drivers, start=1)]
    fastest = [row(1, driver) for driver in drivers]
    place = race(tmp_path / "1954", "1954-07-17", results, **{"fastest-laps": fastest})
    assert points(place, "--rules", "f1-league") == {
        "a": "57/7", "b": "43/7", "c": "29/7", "d": "22/7", "e": "15/7", "f": "1/7", "g": "1/7",
    }  # fmt: skip


def test_points_of_formula_2_cars_pass_to_the_cars_behind_if_the_source_says_so(tmp_path: Path) -> None:
    stated = {1: "9", 2: "6", 3: "4", 4: "3", 7: "2", 8: "1"}
    results = [row(place, f"d{place}", points=stated.get(place, "")) for place in range(1, 9)]
    place = race(tmp_path / "1969", "1969-08-03", results)
    assert points(place, "--rules", "f1-league") == {f"d{number}": given for number, given in stated.items()}


@pytest.mark.parametrize(
    ("season", "stated"),
    [
        # Every car between the fourth and the eleventh was of Formula 2; Siffert and Beltoise got what they left.
        (1969, {1: "9", 2: "6", 3: "4", 4: "3", 11: "2", 12: "1"}),
        # Gartner and Berger were second cars of teams that had entered one; nobody got their points.
        (1984, {1: "9", 2: "6", 3: "4", 4: "3"}),
        # The fastest lap's point of a car without any other is no sign that points were passed on.
        (1958, {1: "8", 2: "6", 3: "4", 4: "3", 8: "1"}),
    ],
)
def test_cars_without_points_are_passed_over_or_keep_them_from_the_others(
    season: int, stated: dict[int, str], tmp_path: Path
) -> None:
    """1969 and 1958 Germany, 1984 Italy: as f1db has their places and points."""
    results = [row(place, f"d{place}", points=stated.get(place, "")) for place in range(1, 13)]
    fastest = [row(1, "d8")] if season == 1958 else []
    place = race(tmp_path / "race", f"{season}-08-03", results, **{"fastest-laps": fastest})
    assert points(place, "--rules", "f1-league") == {f"d{number}": given for number, given in stated.items()}
    assert "the source states" not in run(place, "--rules", "f1-league").stdout.replace(
        "the source states no points", ""
    )


def test_a_driver_who_stands_twice_without_another_car_is_refused(tmp_path: Path) -> None:
    place = race(tmp_path / "1955", "1955-01-16", [row(1, "a"), row(2, "a")])
    assert "a is listed twice" in run(place, "--rules", "f1-league").stderr


def test_vacant_places_and_a_penalty_with_its_plus_sign(tmp_path: Path) -> None:
    place = race(tmp_path / "2003", "2003-03-09", [row(1, "a", timePenalty="+5.000"), row(3, "b")])
    assert points(place, "--rules", "f1-league") == {"a": "10", "b": "6"}
    assert "nobody is at place 2" in run(place, "--rules", "f1-league").stdout


def test_a_weekend_whose_race_has_no_result_yet(tmp_path: Path) -> None:
    place = race(tmp_path / "sprint", "2025-03-23", [])
    (place / "race-results.yml").unlink()
    (place / "race.yml").write_text("id: 1\nround: 2\ndate: 2025-03-23\ngrandPrixId: china\n")
    (place / "sprint-race-results.yml").write_text(yaml.safe_dump([row(1, "a", laps="19"), row(2, "b", laps="19")]))
    document = json.loads(run(place, "--rules", "f1-league", "--json").stdout)
    assert document["match"]["stage"] == "after the sprint"
    assert {player["id"]: player["points"] for player in document["players"]} == {"a": "8", "b": "7"}


def test_an_operator_may_accept_a_contradiction_and_the_reason_stays(tmp_path: Path) -> None:
    place = race(tmp_path / "2003", "2003-03-09", [row(1, "a", laps="9"), row(2, "b", laps="9")])
    assert run(place, "--rules", "f1-league").exit_code == 2
    document = json.loads(
        run(place, "--rules", "f1-league", "--accept", "laps mistyped, see FIA doc 44", "--json").stdout
    )
    accepted = document["match"]["accepted"]
    assert accepted["reason"] == "laps mistyped, see FIA doc 44"
    assert "the winner ran 9 laps of a race of 10" in accepted["contradictions"][0]
    assert run(place, "--rules", "f1-league", "--accept", " ").exit_code == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "lineup", "id": "lineup:again", "attributes": {"player": "fw"}}, "both say that fw takes part"),
        (
            {"kind": "playing_time", "id": "t", "attributes": {"player": "fw", "minutes": -1, "conceded": 0}},
            "-1 is not between 0",
        ),
        ({"kind": "goal", "id": "g", "attributes": {}}, "'scorer' is missing; a goal without it says nothing"),
    ],
)
def test_event_logs_that_say_nothing_or_too_much_are_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    document = json.loads((CASES / "fpl-own-goal-assist.json").read_text())
    document["events"].append({"provider": "x", "version": 1, "seen_at": "2025-08-16T15:00:00+00:00", **change})
    path = tmp_path / "log.json"
    path.write_text(json.dumps(document))
    result = run(path, "--rules", "fpl")
    assert result.exit_code == 2 and message in result.stderr


def test_no_negative_takes_nothing_off_in_any_line() -> None:
    """Qualified third and retired: 8; a constructor whose second car set no time keeps what the first one earned."""
    rules = registry.load("f1-fantasy-2026")
    roster = Roster((Pick("hadjar"), Pick("red-bull")), {}, (), ("no-negative",))
    lines = [
        Line("hadjar", "qualifying-position", Fraction(8), (), ("hadjar",)),
        Line("hadjar", "race-not-finished", Fraction(-20), ()),
        Line("red-bull", "qualifying-position", Fraction(8), (), ("hadjar",)),
        Line("red-bull", "qualifying-no-time", Fraction(-5), (), ("verstappen",)),
        Line("red-bull", "race-position", Fraction(8), (), ("verstappen",)),
        Line("red-bull", "race-not-finished", Fraction(-20), ()),
    ]
    assert {line.player: line.points for line in apply_multipliers(rules, roster, lines).lines} == {
        "hadjar": 8,
        "red-bull": 16,
    }


def test_impact_of_a_directory(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["rules", "impact", "cricket-t20-a", "cricket-t20-b", str(CASES / "dir-same-match-twice")]
    )
    assert result.exit_code == 0 and result.stdout.count("cricsheet:555") == 2
