"""A second, deliberately naive scorer: straight from the providers' files, with the published tables, in plain loops.

It shares nothing with the engine: no events, no rules documents, no exact arithmetic. Its lines are (player, rule, place,
points), place being the innings where a rule counts per innings.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.scoring.published import CRICKET, QUALIFYING, RACE, SPRINT, banded, highest

Lines = set[tuple[str, str, object, float]]


def cricket(path: Path, rules: str, bowlers: frozenset[str] = frozenset()) -> Lines:
    """Lines of a Cricsheet file; `bowlers` are the ids of pure bowlers."""
    return cricket_document(json.loads(path.read_text()), rules, bowlers)


def cricket_document(document: dict[str, Any], rules: str, bowlers: frozenset[str] = frozenset()) -> Lines:
    points = CRICKET[rules]
    info = document["info"]
    ids = info["registry"]["people"]
    listed = {ids[name] for names in info["players"].values() for name in names}
    # tally[player][innings or 0][what]
    tally: dict[str, dict[int, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for player in listed:
        tally[player][0]["line-up"] += 1
    for number, innings in enumerate(document["innings"], start=1):
        if innings.get("super_over"):
            continue
        for over in innings.get("overs", []):
            conceded: dict[str, int] = defaultdict(int)
            legal: dict[str, int] = defaultdict(int)
            for ball in over["deliveries"]:
                extras = ball.get("extras", {})
                batter = tally[ids[ball["batter"]]][number]
                bowler = tally[ids[ball["bowler"]]][number]
                runs = ball["runs"]["batter"]
                charged = runs + extras.get("wides", 0) + extras.get("noballs", 0)
                batter["runs"] += runs
                if "wides" not in extras:
                    batter["faced"] += 1
                if runs == 4 and not ball["runs"].get("non_boundary"):
                    batter["fours"] += 1
                if runs == 6 and not ball["runs"].get("non_boundary"):
                    batter["sixes"] += 1
                bowler["conceded"] += charged
                conceded[ball["bowler"]] += charged
                if "wides" not in extras and "noballs" not in extras:
                    bowler["balls"] += 1
                    legal[ball["bowler"]] += 1
                    if charged == 0:
                        bowler["dots"] += 1
                for incoming in ball.get("replacements", {}).get("match", []):
                    if ids[incoming["in"]] not in listed:
                        listed.add(ids[incoming["in"]])
                        tally[ids[incoming["in"]]][0]["line-up"] += 1
                for wicket in ball.get("wickets", []):
                    kind = wicket["kind"]
                    if kind not in ("retired hurt", "retired not out"):
                        tally[ids[wicket["player_out"]]][number]["out"] += 1
                    if kind in ("bowled", "caught", "caught and bowled", "lbw", "stumped", "hit wicket"):
                        bowler["wickets"] += 1
                    if kind in ("bowled", "lbw"):
                        bowler["lbw or bowled"] += 1
                    if kind == "caught and bowled":
                        bowler["catch"] += 1
                    fielders = [f for f in wicket.get("fielders", []) if "name" in f]
                    what = {"caught": "catch", "stumped": "stumping"}.get(kind)
                    if kind == "run out":
                        what = "direct" if len(fielders) == 1 else "assist"
                        fielders = fielders[-2:]
                    for fielder in fielders:
                        if what and not fielder.get("substitute"):
                            tally[ids[fielder["name"]]][number][what] += 1
            length = innings.get("miscounted_overs", {}).get(str(over["over"]), {}).get("balls", info["balls_per_over"])
            for name, balls in legal.items():
                if balls >= length and conceded[name] == 0:
                    tally[ids[name]][number]["maidens"] += 1
    lines: Lines = set()
    for player in listed:
        places = tally[player]
        whole: dict[str, int] = defaultdict(int)
        for part in places.values():
            for what, count in part.items():
                whole[what] += count

        def add(rule: str, value: float, place: object = ()) -> None:
            if value:
                lines.add((player, rule, place, value))  # noqa: B023

        add("line-up", whole["line-up"] * points["line-up"])
        for rule, what, key in (
            ("run", "runs", "run"), ("four", "fours", "four"), ("six", "sixes", "six"),
            ("wicket", "wickets", "wicket"),
            ("bowled-or-lbw", "lbw or bowled", "lbw or bowled"), ("maiden", "maidens", "maiden"),
            ("catch", "catch", "catch"), ("stumping", "stumping", "stumping"),
            ("run-out-direct", "direct", "direct"), ("run-out-assist", "assist", "assist"),
        ):  # fmt: skip
            add(rule, whole[what] * points[key])
        if points["dots"]:
            every, each = points["dots"]
            add("dot-ball", whole["dots"] // every * each)
        if whole["catch"] >= 3:
            add("three-catches", points["three catches"])
        split = {(n,): part for n, part in places.items() if n} if points["per innings"] else {(): whole}
        for place, part in split.items():
            add("batting-milestone", highest(points["milestones"], part["runs"]), place)
            add("wicket-haul", highest(points["hauls"], part["wickets"]), place)
            if part["out"] and part["runs"] == 0 and player not in bowlers:
                add("duck", points["duck"], place)
        if points["economy"] and whole["balls"] >= points["economy"][0] * 6:
            add("economy-rate", banded(points["economy"][1], whole["conceded"] / (whole["balls"] / 6)))
        if points["strike rate"] and whole["faced"] >= points["strike rate"][0] and player not in bowlers:
            add("strike-rate", banded(points["strike rate"][1], 100 * whole["runs"] / whole["faced"]))
    return lines


@cache
def table(directory: Path, name: str) -> list[dict[str, Any]]:
    """An f1db table; every scalar a string, the empty ones "" """
    path = directory / f"{name}.yml"
    return yaml.load(path.read_text(), yaml.CBaseLoader) if path.exists() else []


def f1_league(directory: Path) -> Lines:
    """Championship points of the seasons 2023 to 2025 (full distance)."""
    season = int(table(directory, "race")["date"][:4])  # type: ignore[call-overload]
    lines: Lines = set()
    top_ten = set()
    for row in table(directory, "race-results"):
        if row["position"].isdigit():
            if int(row["position"]) <= 10:
                top_ten.add(row["driverId"])
            if RACE.get(int(row["position"])):
                lines.add((row["driverId"], "race-2023", (), RACE[int(row["position"])]))
    for row in table(directory, "sprint-race-results"):
        if row["position"].isdigit() and SPRINT.get(int(row["position"])):
            lines.add((row["driverId"], "sprint-2022", (), SPRINT[int(row["position"])]))
    for row in table(directory, "fastest-laps"):
        if row["position"] == "1" and row["driverId"] in top_ten and season <= 2024:
            lines.add((row["driverId"], "fastest-lap-2019", (), 1))
    return lines


def f1_fantasy(directory: Path, place_lost: int = -1) -> Lines:
    """F1 Fantasy 2026 points that f1db's facts allow (no overtakes, no stationary pit-stop times)."""
    lines: Lines = set()
    sums: dict[tuple[str, str], float] = defaultdict(float)

    def both(row: dict[str, Any], rule: str, value: float, *, per_car: bool) -> None:
        for player in (row["driverId"], row["constructorId"]):
            if per_car and value:
                lines.add((player, rule, (row["driverId"],), value))
            elif value:
                sums[player, rule] += value

    cars: dict[str, list[int]] = defaultdict(list)
    grid_size = max(len(table(directory, "qualifying-results")), len(table(directory, "race-results")))
    for row in table(directory, "qualifying-results"):
        place = int(row["position"]) if row["position"].isdigit() else 99
        times = [row.get(part) for part in ("q1", "q2", "q3")]
        if any(times):
            both(row, "qualifying-position", QUALIFYING.get(place, 0), per_car=True)
        if not any(times) or row["position"] == "DSQ":
            both(row, "qualifying-no-time", -5, per_car=True)
        reached = 1
        if row.get("q2") or place <= (16 if grid_size == 22 else 15):
            reached = 2
        if row.get("q3") or place <= 10:
            reached = 3
        cars[row["constructorId"]].append(reached)
    for team, parts in cars.items():
        in_q3, in_q2 = sum(part == 3 for part in parts), sum(part >= 2 for part in parts)
        bonus = 10 if in_q3 == 2 else 5 if in_q3 == 1 else 3 if in_q2 == 2 else 1 if in_q2 == 1 else -1
        lines.add((team, "qualifying-teamwork", (), bonus))
    for session, places, missed in (("race", RACE, -20), ("sprint", SPRINT, -10)):
        grid = table(directory, "starting-grid-positions" if session == "race" else "sprint-starting-grid-positions")
        slots = {row["driverId"]: int(row["position"]) for row in grid if row["position"].isdigit()}
        for place, row in enumerate([row for row in grid if row["position"] == "PL"], start=len(slots) + 1):
            slots[row["driverId"]] = place
        for row in table(directory, "race-results" if session == "race" else "sprint-race-results"):
            if row["position"].isdigit():
                both(row, f"{session}-position", places.get(int(row["position"]), 0), per_car=True)
                gained = slots.get(row["driverId"], int(row["position"])) - int(row["position"])
                both(row, f"{session}-places-gained", max(0, gained), per_car=False)
                both(row, f"{session}-places-lost", place_lost * max(0, -gained), per_car=False)
            elif row["position"] == "DNS":
                both(row, f"{session}-not-started", missed, per_car=False)
            else:
                both(row, f"{session}-not-finished", missed, per_car=False)
    for row in table(directory, "fastest-laps"):
        if row["position"] == "1":
            both(row, "race-fastest-lap", 10, per_car=False)
    for row in table(directory, "driver-of-the-day-results"):
        if row["position"] == "1":
            sums[row["driverId"], "driver-of-the-day"] += 10
    return lines | {(player, rule, (), value) for (player, rule), value in sums.items()}
