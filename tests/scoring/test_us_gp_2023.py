"""The 2023 United States Grand Prix: Hamilton (2nd) and Leclerc (6th) disqualified hours after the flag."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from scoring.engine import registry
from scoring.engine.events import observe, state_at
from scoring.engine.scoring import rescore, score, scorecard, total
from scoring.sources import f1db

FLAG = datetime(2023, 10, 22, 20, 40, tzinfo=UTC)
RULING = FLAG + timedelta(hours=4)

#: Race points before and after, from the published classifications.
MOVED = {
    "lewis-hamilton": (18, 0),
    "lando-norris": (15, 18),
    "carlos-sainz-jr": (12, 15),
    "sergio-perez": (10, 12),
    "charles-leclerc": (8, 0),
    "george-russell": (6, 10),
    "pierre-gasly": (4, 8),
    "lance-stroll": (2, 6),
    "yuki-tsunoda": (1 + 1, 4 + 1),
    "alexander-albon": (0, 2),
    "logan-sargeant": (0, 1),
}


def provisional(final: Path, folder: Path) -> Path:
    """The race as it was classified at the flag: the two cars back in their places, by the times that f1db keeps."""
    directory = folder / "seasons" / "2023" / "races" / "18-united-states"
    shutil.copytree(final, directory)
    for names in ("drivers", "constructors"):
        shutil.copytree(final.parents[3] / names, folder / names)
    path = directory / "race-results.yml"
    rows: list[dict[str, Any]] = yaml.load(path.read_text(), yaml.CBaseLoader)
    disqualified = [row for row in rows if row["position"] == "DSQ"]
    timed = [row for row in rows if row["position"].isdigit() and row["time"]]
    lapped = [row for row in rows if row["position"].isdigit() and not row["time"]]
    out = [row for row in rows if not row["position"].isdigit() and row["position"] != "DSQ"]
    finished = [*sorted([*timed, *disqualified], key=lambda row: row["time"]), *lapped]
    for place, row in enumerate(finished, start=1):
        row["position"] = str(place)
        row["reasonRetired"] = ""
    path.write_text(yaml.safe_dump([*finished, *out], sort_keys=False))
    return directory


def race_points(totals: dict[str, Fraction], sprint: dict[str, Fraction], driver: str) -> int:
    return int(totals.get(driver, Fraction(0)) - sprint.get(driver, Fraction(0)))


def test_the_correction_moves_exactly_the_right_points(austin: Path, tmp_path: Path) -> None:
    rules = registry.load("f1-league")
    first = f1db.read(provisional(austin, tmp_path), FLAG)
    final = f1db.read(austin, RULING)
    log = list(first.events)
    correction = observe(log, final.events)

    assert {event.version for event in correction} == {2}
    assert all(event.id.startswith("result:race:") for event in correction)

    before = scorecard(rules, log)
    after = rescore(before, correction)
    sprint = total([line for line in after.lines if line.rule.startswith("sprint")])
    everyone = {driver for driver in after.totals if after.profiles[driver].text("role") == "driver"}
    for driver in everyone:
        expected = MOVED.get(driver)
        points = (race_points(before.totals, sprint, driver), race_points(after.totals, sprint, driver))
        if expected is None:
            assert points[0] == points[1], driver
        else:
            assert points == expected, driver
    assert race_points(after.totals, sprint, "max-verstappen") == 25

    assert after.lines == score(rules, [*log, *correction])
    assert after.lines == score(rules, final.events)
    teams = {event.attributes["constructor"] for event in correction}
    assert after.touched == {event.attributes["driver"] for event in correction} | teams
    assert "max-verstappen" not in after.touched


def test_any_past_state_can_be_scored_again(austin: Path, tmp_path: Path) -> None:
    rules = registry.load("f1-league")
    first = f1db.read(provisional(austin, tmp_path), FLAG)
    log = [*first.events, *observe(first.events, f1db.read(austin, RULING).events)]

    at_night = state_at(log, RULING - timedelta(minutes=1))
    assert score(rules, at_night.values()) == score(rules, first.events)
    assert score(rules, state_at(log, RULING).values()) == score(rules, log)
    assert state_at(log, FLAG - timedelta(seconds=1)) == {}


def test_hamilton_and_norris_in_the_league(austin: Path) -> None:
    """The points that the final classification and the sprint (Verstappen, Hamilton, Leclerc, Norris, …) give."""
    totals = scorecard(registry.load("f1-league"), f1db.read(austin, RULING).events).totals
    assert totals["lewis-hamilton"] == 7
    assert totals["lando-norris"] == 18 + 5
    assert totals["yuki-tsunoda"] == 4 + 1
    assert totals["max-verstappen"] == 25 + 8
