"""The f1db adapter: sprint weekends, every way not to finish, the grid, and races that contradict themselves."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from scoring.engine import registry
from scoring.engine.errors import SourceError
from scoring.engine.events import Event
from scoring.engine.scoring import scorecard
from scoring.report import notes
from scoring.sources import f1db
from scoring.sources.f1db_tables import milliseconds
from scoring.sources.reading import Node
from tests.scoring.builders import NOON, RACES

Rows = list[dict[str, Any]]


def race(year: int, name: str) -> Path:
    return next(path for path in RACES if path.name == name and str(year) in path.parts)


def told(path: Path) -> dict[str, Event]:
    return {event.id: event for event in f1db.read(path, NOON).events}


@pytest.fixture
def edited(austin: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the race with one table changed."""

    def edit(table: str, change: Callable[[Any], Any]) -> Path:
        directory = tmp_path / "race"
        shutil.copytree(austin, directory, dirs_exist_ok=True)
        path = directory / f"{table}.yml"
        content = yaml.load(path.read_text(), yaml.CBaseLoader)
        result = change(content)
        path.write_text(yaml.dump(content if result is None else result, Dumper=yaml.CSafeDumper, sort_keys=False))
        return directory

    return edit


@pytest.mark.slow
def test_results_say_how_each_race_ended() -> None:
    las_vegas = told(race(2025, "22-las-vegas"))
    assert las_vegas["result:race:lando-norris"].attributes["status"] == "disqualified"
    assert las_vegas["result:race:lando-norris"].attributes["position"] is None
    statuses = {event.attributes["status"] for path in RACES for event in told(path).values() if event.kind == "result"}
    assert statuses == {"classified", "disqualified", "did_not_start", "did_not_finish"}
    qualifying = {
        event.attributes["status"] for path in RACES for event in told(path).values() if event.kind == "qualifying"
    }
    assert qualifying == {"classified", "disqualified", "not_classified"}


def test_three_cars_are_disqualified_in_china_2025() -> None:
    china = told(race(2025, "02-china"))
    out = {
        event.attributes["driver"]
        for event in china.values()
        if event.kind == "result" and event.attributes["status"] == "disqualified"
    }
    assert out == {"charles-leclerc", "lewis-hamilton", "pierre-gasly"}
    assert china["result:sprint:lewis-hamilton"].attributes["position"] == 1
    assert china["match"].attributes == {
        "season": 2025,
        "round": 2,
        "laps": 56,
        "distance_percent": 100,
        "sprint_distance_percent": 100,
    }


def test_places_gained_are_counted_from_the_grid_and_the_pit_lane_is_behind_it(austin: Path) -> None:
    events = told(austin)
    winner = events["result:race:max-verstappen"].attributes
    assert (winner["grid"], winner["position"], winner["places_gained"], winner["places_lost"]) == (6, 1, 5, 0)
    russell = events["result:race:george-russell"].attributes
    assert (russell["grid"], russell["position"], russell["places_gained"], russell["places_lost"]) == (5, 5, 0, 0)
    behind = {
        event.attributes["driver"]: int(str(event.attributes["position"]))
        for event in events.values()
        if event.kind == "grid" and event.attributes["pit_lane"]
    }
    assert sorted(behind.values()) == [17, 18, 19, 20]
    stroll = events["result:race:lance-stroll"].attributes
    assert stroll["grid"] == behind["lance-stroll"] and stroll["places_gained"] == behind["lance-stroll"] - 7
    retired = events["result:race:fernando-alonso"].attributes
    assert (retired["places_gained"], retired["places_lost"]) == (0, 0)


def test_grid_penalties_and_what_they_cost() -> None:
    grid = told(race(2024, "07-emilia-romagna"))["grid:race:oscar-piastri"].attributes
    assert (grid["penalty"], grid["qualified"], grid["position"], grid["places_dropped"]) == ("3", 2, 5, 3)


def test_time_penalties(austin: Path) -> None:
    assert told(austin)["result:race:alexander-albon"].attributes["time_penalty_ms"] == 5000
    assert told(austin)["result:race:max-verstappen"].attributes["time_penalty_ms"] == 0


def test_fastest_lap_driver_of_the_day_and_pit_stops(austin: Path) -> None:
    events = told(austin)
    assert events["fastest_lap:race:yuki-tsunoda"].attributes == {
        "session": "race", "driver": "yuki-tsunoda", "constructor": "alphatauri", "lap": 56, "time_ms": 98_139, "shared_by": 1,
    }  # fmt: skip
    assert events["driver_of_the_day:lando-norris"].attributes["percent_hundredths"] == 2596
    assert sum(event.kind == "driver_of_the_day" for event in events.values()) == 1
    stops = [event for event in events.values() if event.kind == "pit_stop"]
    assert stops and all(event.attributes["stationary_ms"] is None for event in stops)


@pytest.mark.slow
def test_the_fastest_lap_point_needs_the_first_ten_and_a_season_that_had_it() -> None:
    league = registry.load("f1-league")
    given = {
        (path.parts[-3], path.name): [
            line.player
            for line in scorecard(league, f1db.read(path, NOON).events).lines
            if line.rule == "fastest-lap-2019"
        ]
        for path in RACES
    }
    assert given["2023", "18-united-states"] == ["yuki-tsunoda"]
    assert given["2024", "18-singapore"] == []  # Ricciardo, 18th
    assert all(not players for (season, _), players in given.items() if season == "2025")


def test_names_come_from_the_folders_beside_the_seasons_or_else_are_the_ids(austin: Path, tmp_path: Path) -> None:
    entries = {event.attributes["player"]: event.attributes for event in told(austin).values() if event.kind == "entry"}
    assert entries["sergio-perez"]["name"] == "Sergio Pérez"
    assert entries["red-bull"] == {"player": "red-bull", "name": "Red Bull", "team": "Red Bull", "role": "constructor"}
    alone = tmp_path / "alone"
    shutil.copytree(austin, alone)
    assert told(alone)["entry:sergio-perez"].attributes["name"] == "sergio-perez"


def test_optional_tables_may_be_missing(austin: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("race.yml", "race-results.yml"):
        shutil.copy(austin / name, bare / name)
    events = told(bare)
    assert {event.kind for event in events.values()} == {"match", "entry", "grid", "result"}
    assert events["result:race:max-verstappen"].attributes["grid"] == 6
    assert events["match"].attributes["sprint_distance_percent"] is None


def test_unknown_fields_and_files_are_tolerated(edited: Callable[..., Path]) -> None:
    directory = edited("race-results", lambda rows: [{**row, "newField": {"x": "1.5"}} for row in rows])
    (directory / "weather.yml").write_text("rain: [")
    assert "result:race:max-verstappen" in told(directory)


def set_row(index: int, **values: str) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        rows[index].update(values)

    return change


def drop_field(index: int, field: str) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        del rows[index][field]

    return change


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("race-results", set_row(1, position="1"),
         r"\[1\]\.position: lando-norris and max-verstappen are both at place 1, and not in one car"),
        ("race-results", set_row(1, position="3"), r"\[2\]\.position: carlos-sainz-jr and lando-norris are both at place 3"),
        ("race-results", set_row(2, position="1"), r"\[2\]\.position: carlos-sainz-jr and max-verstappen are both at place 1"),
        ("race-results", set_row(-1, position="16"), r"place 16 where no more places are expected"),
        ("race-results", set_row(1, position="WIN"), r"'WIN' is neither a place nor one of DNF, DNS, DSQ"),
        ("race-results", set_row(1, position="²"), r"'²' is neither a place nor one of"),
        ("race-results", set_row(1, driverId="max-verstappen"), r"\[1\]\.driverId: max-verstappen is listed twice"),
        ("race-results", set_row(1, driverId="../secret"), r"'\.\./secret' is no f1db id"),
        ("race-results", drop_field(1, "driverId"), r"\[1\]: 'driverId' is missing"),
        ("race-results", set_row(1, laps="57"), r"laps: 57 is not between 0 and 56"),
        ("race-results", set_row(0, laps="55"), r"laps: the winner ran 55 laps of a race of 56"),
        ("race-results", set_row(14, laps="56"), r"daniel-ricciardo ran 56 laps, more than the car classified ahead"),
        ("race-results", set_row(3, time="1:35:00.000"), r"time: sergio-perez was quicker than the car classified ahead"),
        ("race-results", set_row(3, time="soon"), r"time: 'soon' is no time such as"),
        ("race-results", set_row(3, laps="many"), r"laps: expected a whole number, found 'many'"),
        ("race-results", lambda rows: {"rows": rows}, r"race-results\.yml: expected a list, found an object"),
        ("race-results", lambda rows: [], r"no race-results\.yml in it: the race has no result"),
        ("race", lambda race: {**race, "date": "22/10/2023"}, r"race\.yml\.date: '22/10/2023' is no date"),
        ("race", lambda race: {**race, "laps": "55"}, r"laps: "),
        ("race", lambda race: {**race, "scheduledLaps": "50"}, r"laps: 56 laps run of 50 scheduled"),
        ("race", lambda race: {**race, "round": "0"}, r"round: 0 is not between 1 and 99"),
        ("race", lambda race: {key: value for key, value in race.items() if key != "id"}, r"race\.yml: 'id' is missing"),
        ("race", lambda race: "text", r"expected an object, found 'text'"),
    ],
)  # fmt: skip
def test_a_race_that_contradicts_itself_is_refused_with_the_place(
    edited: Callable[..., Path], table: str, change: Callable[[Any], Any], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        f1db.read(edited(table, change), NOON)


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("race-results", set_row(0, gridPosition="7"),
         r"gridPosition: 7, but starting-grid-positions\.yml has max-verstappen at 6"),
        ("qualifying-results", set_row(0, constructorId="haas"),
         r"constructorId: charles-leclerc drives for ferrari in another table"),
        ("qualifying-results", set_row(0, q1="fast"), r"q1: 'fast' is no time"),
        ("starting-grid-positions", set_row(0, position="2"), r"two drivers on one grid slot"),
        ("starting-grid-positions", set_row(0, driverId="lando-norris"), r"lando-norris drives for mclaren in another table"),
        ("starting-grid-positions", set_row(0, driverId="nobody-known"),
         r"nobody-known is in no race, sprint or qualifying result"),
        ("fastest-laps", set_row(0, driverId="nobody-known"), r"nobody-known is in no race"),
        ("fastest-laps", set_row(1, time="1:00.000"), r"fastest-laps\.yml\[1\]\.time: quicker than the one listed ahead"),
        ("driver-of-the-day-results", set_row(0, percentage="most"), r"percentage: 'most' is no percentage"),
        ("driver-of-the-day-results", set_row(0, position="first"), r"position: expected a whole number, found 'first'"),
        ("pit-stops", lambda rows: [*rows, dict(rows[0])], r"pit_stop:[a-z-]+:01 stands twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_table_is_refused_by_the_rules_that_read_it_and_a_note_for_others(
    edited: Callable[..., Path], table: str, change: Callable[[Any], Any], message: str
) -> None:
    match = f1db.read(edited(table, change), NOON)
    league = registry.load("f1-league")
    if table == "fastest-laps":  # the league of 2023 gives a point for it, the one of 2026 does not
        with pytest.raises(SourceError, match=message):
            match.check(league)
        return
    match.check(league)
    assert re.search(message, " ".join(notes(match, scorecard(league, match.events))))
    fantasy = registry.load("f1-fantasy-2026")
    with pytest.raises(SourceError, match=message):
        match.check(fantasy)
    accepted = f1db.read(edited(table, change), NOON, "the stewards' document says the same")
    accepted.check(fantasy)


def test_a_directory_without_a_race_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no race\.yml in it"):
        f1db.read(tmp_path, NOON)
    (tmp_path / "race.yml").write_text("id: 1\nround: 1\ndate: 2023-01-01\ngrandPrixId: x\nlaps: 50\n")
    with pytest.raises(SourceError, match=r"no race-results\.yml in it"):
        f1db.read(tmp_path, NOON)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1:35:21.362", 5_721_362),
        ("1:35.454", 95_454),
        ("22.519", 22_519),
        ("5.000", 5000),
        ("90.001", 90_001),
        ("0.000", 0),
        ("1:50.8", 110_800),
        ("1.25", 1250),
    ],
)
def test_times_in_milliseconds(text: str, expected: int) -> None:
    assert milliseconds(Node(text, "t")) == expected


@pytest.mark.parametrize(
    "text", ["", "1:35", "1.", "+1 lap", "1:2:3:4.000", "-1.000", "1.0000", " 1.000", "١.000", None, []]
)
def test_what_is_no_time_is_refused(text: Any) -> None:
    with pytest.raises(SourceError, match="is no time"):
        milliseconds(Node(text, "t"))


def shortened(edited: Callable[..., Path], season: int, laps: int, scheduled: int) -> dict[str, int]:
    """The championship points of the Austin classification in another season and at another distance."""
    directory = edited(
        "race", lambda given: {**given, "date": f"{season}-06-01", "round": "5", "scheduledLaps": str(scheduled)}
    )
    results = directory / "race-results.yml"
    rows = yaml.load(results.read_text(), yaml.CBaseLoader)
    assert laps == 56 and rows[0]["laps"] == "56"
    card = scorecard(registry.load("f1-league"), f1db.read(directory, NOON).events)
    race_lines = [line for line in card.lines if line.rule.startswith("race")]
    return {line.player: float(line.points) for line in race_lines}  # type: ignore[misc]


@pytest.mark.parametrize(
    ("season", "scheduled", "winner", "second", "tenth"),
    [
        (1955, 56, 8, 6, None), (1960, 56, 8, 6, None), (1975, 56, 9, 6, None), (1975, 100, 4.5, 3, None),
        (1995, 56, 10, 6, None), (1991, 100, 5, 3, None), (2005, 56, 10, 8, None), (2009, 100, 5, 4, None),
        (2010, 56, 25, 18, 1), (2021, 100, 12.5, 9, 0.5), (2022, 100, 25, 18, 1), (2024, 56, 25, 18, 1),
        (2024, 75, 19, 14, 1), (2024, 74, 25, 18, 1), (2024, 112, 19, 14, 1),
         (2024, 113, 13, 10, None), (2024, 224, 13, 10, None),
        (2024, 225, 6, 4, None), (2026, 56, 25, 18, 1),
    ],
)  # fmt: skip
def test_championship_points_of_every_era_and_distance(
    edited: Callable[..., Path], season: int, scheduled: int, winner: float, second: float, tenth: float | None
) -> None:
    points = shortened(edited, season, 56, scheduled)
    assert (points["max-verstappen"], points["lando-norris"], points.get("logan-sargeant")) == (winner, second, tenth)


def test_the_last_race_of_2014_paid_double(edited: Callable[..., Path]) -> None:
    directory = edited("race", lambda given: {**given, "date": "2014-11-23", "round": "19"})
    lines = scorecard(registry.load("f1-league"), f1db.read(directory, NOON).events).lines
    assert sum(line.points for line in lines if line.player == "max-verstappen" and line.rule != "sprint-2022") == 50
