"""Several matches together: constructors, results that do not count, gameweeks with two matches, transfers and chips."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

import pytest

from scoring.engine import registry
from scoring.engine.compiled import Line
from scoring.engine.errors import RosterError
from scoring.engine.rosters import Pick, Roster
from scoring.engine.scoring import Scorecard, scorecard
from scoring.engine.seasons import Week, score_weeks, standings
from scoring.sources import open_match
from tests.scoring.builders import NOON, RACES, event


@pytest.mark.slow
@pytest.mark.parametrize("race", RACES, ids=lambda race: f"{race.parents[1].name}-{race.name}")
def test_a_constructor_has_what_its_drivers_have(race: object) -> None:
    """Since 1979, of every car; the drivers' points equal f1db's own (test_f1db)."""
    events = open_match(race, NOON).events  # type: ignore[arg-type] # RACES are paths
    drivers = scorecard(registry.load("f1-league"), events)
    constructors = scorecard(registry.load("f1-constructors"), events)
    expected: dict[str, Fraction] = defaultdict(Fraction)
    for player, points in drivers.totals.items():
        if drivers.profiles[player].text("role") == "driver":
            expected[drivers.profiles[player].text("team")] += points
    found = {
        constructors.profiles[player].text("name"): points
        for player, points in constructors.totals.items()
        if constructors.profiles[player].text("role") == "constructor"
    }
    assert found == expected
    assert all(constructors.profiles[line.player].text("role") == "constructor" for line in constructors.lines)


def race(season: int, round_: int, *places: str, constructors: bool = False) -> Scorecard:
    """A race in which drivers come in this order; each drives for the constructor of its first letter."""
    events = [event("match", "match", season=season, round=round_, laps=50, distance_percent=100)]
    teams = {name: f"team-{name[0]}" for name in places}
    entered = [(name, team, "driver") for name, team in teams.items()]
    entered += [(team, team, "constructor") for team in set(teams.values())]
    events += [
        event(f"entry:{name}", "entry", player=name, name=name, team=team, role=role) for name, team, role in entered
    ]
    for place, name in enumerate(places, start=1):
        result: dict[str, Any] = {
            "driver": name,
            "constructor": teams[name],
            "car": name,
            "status": "classified",
            "shared_by": 1,
        }
        events.append(
            event(f"result:race:{name}", "result", session="race", position=place, points_place=place, **result)
        )
    return scorecard(registry.load("f1-constructors" if constructors else "f1-league"), events)


def season(year: int, *races: str, constructors: bool = False) -> dict[str, tuple[int, int]]:
    """Points that count and points that do not, after races whose finishers are named in order."""
    cards = [race(year, n, *places.split(), constructors=constructors) for n, places in enumerate(races, start=1)]
    return {
        each.player: (int(each.points), int(each.dropped))
        for each in standings(cards[0].rules, cards)
        if each.points or each.dropped
    }


@pytest.mark.slow
def test_1988_counts_the_eleven_best() -> None:
    """Sixteen races: Prost 7 firsts and 7 seconds, 87 of 105; Senna 8 firsts, 3 seconds, a fourth and a sixth, 90 of 94."""
    prost_first = [
        "prost senna",
        "prost senna",
        "prost senna",
        "prost x y z u v",
        "prost x y senna",
        "prost x y z u senna",
    ]
    senna_first = ["senna prost"] * 7
    found = season(1988, *prost_first, "prost x", *senna_first, "senna x", "x y")
    assert found["prost"] == (87, 105 - 87)
    assert found["senna"] == (90, 94 - 90)


@pytest.mark.slow
def test_halves_of_a_season_count_apart() -> None:
    """1979: the best four of the first seven and the best four of the others."""
    found = season(1979, *["a"] * 6, "b", *["a"] * 2, *["b"] * 6)
    assert found == {"a": (9 * 6, 9 * 2), "b": (9 * 5, 9 * 2)}
    assert season(1991, *["a"] * 16) == {"a": (160, 0)}


@pytest.mark.slow
def test_until_1978_the_best_car_counts() -> None:
    assert season(1978, "m1 m2 f1", constructors=True) == {"team-m": (9, 0), "team-f": (4, 0)}
    assert season(1979, "m1 m2 f1", constructors=True) == {"team-m": (9 + 6, 0), "team-f": (4, 0)}
    assert season(1958, *["v1 v2"] * 8, constructors=True) == {"team-v": (8 * 6, 8 * 2)}


FPL = registry.load("fpl")
SQUAD = [f"p{n}" for n in range(15)]


def roster(*changes: tuple[str, str], chip: str = "", captain: str = "p0") -> Roster:
    """SQUAD with players exchanged; the last four are the bench."""
    names = [dict(changes).get(name, name) for name in SQUAD]
    bench = ["goalkeeper", "defender", "midfielder", "forward"]
    roles = ["goalkeeper", *["defender"] * 4, *["midfielder"] * 4, *["forward"] * 2, *bench]
    picks = tuple(Pick(name, role) for name, role in zip(names, roles, strict=True))
    return Roster(picks, {"captain": captain, "vice_captain": "p1"}, tuple(names[11:]), (chip,) if chip else ())


def points(**each: int) -> tuple[Line, ...]:
    return tuple(Line(player, "appearance", Fraction(value), ()) for player, value in each.items())


ALL = points(**dict.fromkeys(SQUAD, 2), q=2, r=2, s=2)


def weeks(*given: Roster) -> list[tuple[int, int, int]]:
    """Transfers, how many of them cost, and how many free ones are left, week by week."""
    scored = score_weeks(FPL, [Week(f"GW{n}", each, ALL) for n, each in enumerate(given, start=1)])
    for score in scored:
        assert score.total == score.score.total - 4 * score.paid == 24 - score.cost
    return [(score.transfers, score.paid, score.free) for score in scored]


def test_two_matches_of_a_week_count_together() -> None:
    """The captain doubles both; the deputy steps in, and the bench, only for who played in neither."""
    first, second = points(p0=2, p1=2, p2=2), points(p0=6, p3=1, p12=5)
    (week,) = score_weeks(FPL, [Week("GW1", roster(), first + second)])
    by_player = {line.player: line.contribution for line in week.score.lines}
    assert by_player["p0"] == 16 and by_player["p1"] == 2 and by_player["p3"] == 1
    assert by_player["p12"] == 5, "a defender came in for one who played in neither match"
    assert week.total == 2 * 8 + 2 + 2 + 1 + 5
    (without,) = score_weeks(FPL, [Week("GW1", roster(captain="p4"), first + second)])
    assert {line.player: line.factor for line in without.score.lines}["p1"] == 2


def test_transfers_are_kept_and_cost() -> None:
    q, qr, qrs = ("p10", "q"), ("p9", "r"), ("p8", "s")
    assert weeks(roster(), roster(q), roster(q, qr)) == [(0, 0, 1), (1, 0, 1), (1, 0, 1)]
    assert weeks(roster(), roster(q, qr, qrs)) == [(0, 0, 1), (3, 2, 1)]
    assert weeks(*[roster()] * 8)[-1] == (0, 0, 5), "five are kept at most"
    assert weeks(roster(), roster(), roster(q, qr, qrs)) == [(0, 0, 1), (0, 0, 2), (3, 1, 1)]


def test_a_wildcard_keeps_its_squad_and_a_free_hit_gives_it_back() -> None:
    q, r, s = ("p10", "q"), ("p9", "r"), ("p8", "s")
    wildcard = roster(q, r, s, chip="wildcard")
    assert weeks(roster(), roster(), wildcard, roster(q, r, s)) == [(0, 0, 1), (0, 0, 2), (3, 0, 2), (0, 0, 3)]
    hit = roster(q, r, s, chip="free-hit")
    assert weeks(roster(), roster(), hit, roster()) == [(0, 0, 1), (0, 0, 2), (3, 0, 2), (0, 0, 3)]
    with pytest.raises(RosterError, match="played 3 times; the season allows 2"):
        weeks(*[hit] * 3)


def test_f1_fantasy_transfers_cost_ten_points_and_a_chip_gives_the_roster_back() -> None:
    """Two a race, one kept; limitless makes any number free, and what was picked with it is gone after the race."""
    rules = registry.load("f1-fantasy-2026")
    squads = {
        "R1": ("abcdefg", ()),
        "R2": ("abcdefg", ()),
        "R3": ("abcdxyz", ()),
        "R4": ("abcduvw", ()),
        "R5": ("hijklmn", ("limitless",)),
        "R6": ("abcduvs", ()),
    }
    weeks = [
        Week(race, Roster(tuple(Pick(name) for name in picks), {}, (), chips), ())
        for race, (picks, chips) in squads.items()
    ]
    scored = score_weeks(rules, weeks)
    assert [(week.transfers, week.cost) for week in scored] == [(0, 0), (0, 0), (3, 0), (3, 10), (7, 0), (1, 0)]
    assert [week.cost for week in score_weeks(registry.load("f1-fantasy-2026", {"free_transfers": "3"}), weeks)] == [
        0
    ] * 6
    twice = [week for week in weeks if week.id == "R5"] * 2
    with pytest.raises(RosterError, match=r"limitless.*played 2 times; the season allows 1"):
        score_weeks(rules, twice)
