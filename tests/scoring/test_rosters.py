"""Rosters: validation against a brute-force checker, multipliers and chips."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.engine.compiled import Line
from scoring.engine.document import Office, Rules
from scoring.engine.errors import RosterError
from scoring.engine.registry import load as load_anew
from scoring.engine.rosters import Pick, Roster, RosterScorer, apply_multipliers, validate
from scoring.engine.scoring import scorecard
from scoring.sources import open_match
from tests.scoring.builders import CRICKET, NOON, RACES

load = cache(load_anew)

ROLES = {
    "cricket-t20-a": ["wicketkeeper", "batter", "all_rounder", "bowler"],
    "cricket-t20-b": ["wicketkeeper", "batter", "all_rounder", "bowler"],
    "f1-fantasy-2026": ["driver", "constructor"],
    "f1-league": ["driver"],
    "fpl": ["goalkeeper", "defender", "midfielder", "forward"],
}


def acceptable(rules_id: str, roster: Roster) -> bool:
    """The published team rules, in one plain question after another."""
    picks = roster.picks
    if len({pick.player for pick in picks}) != len(picks):
        return False
    count = {role: sum(pick.role == role for pick in picks) for role in ROLES[rules_id]}
    if sum(count.values()) != len(picks) or any(pick.price is None for pick in picks):
        return False
    players = {pick.player for pick in picks}
    teams = [pick.team for pick in picks]
    offices = dict(roster.offices)
    if len(set(offices.values())) != len(offices) or not set(offices.values()) <= players - set(roster.bench):
        return False
    if len(roster.chips) > 1:
        return False
    chip = roster.chips[0] if roster.chips else None
    if chip != "limitless" and sum(pick.price or 0 for pick in picks) > 100:
        return False
    if rules_id.startswith("cricket"):
        if None in teams or len(picks) != 11 or chip or roster.bench or set(offices) != {"captain", "vice_captain"}:
            return False
        most = 7 if rules_id == "cricket-t20-a" else 10
        if len(set(teams)) < 2 or any(teams.count(team) > most for team in teams):
            return False
        if rules_id == "cricket-t20-b":
            return all(1 <= number <= 8 for number in count.values())
        bounds = {"wicketkeeper": (1, 4), "batter": (3, 6), "all_rounder": (1, 4), "bowler": (3, 6)}
        return all(low <= count[role] <= high for role, (low, high) in bounds.items())
    if rules_id == "f1-league":
        if None in teams or len(picks) != 5 or chip or roster.bench or set(offices) != {"captain"}:
            return False
        return all(teams.count(team) <= 2 for team in teams)
    if rules_id == "f1-fantasy-2026":
        if (
            chip not in (None, "extra-boost", "autopilot", "no-negative", "limitless", "wildcard", "final-fix")
            or roster.bench
        ):
            return False
        allowed = {"captain", "extra_boost"} if chip == "extra-boost" else {"captain"}
        if not set(offices) <= allowed or ("captain" not in offices and chip != "autopilot"):
            return False
        if chip == "extra-boost" and "extra_boost" not in offices:
            return False
        drivers = {pick.player for pick in picks if pick.role == "driver"}
        return count == {"driver": 5, "constructor": 2} and set(offices.values()) <= drivers
    if chip not in (None, "triple-captain", "bench-boost", "free-hit", "wildcard") or set(offices) != {
        "captain",
        "vice_captain",
    }:
        return False
    if None in teams or any(teams.count(team) > 3 for team in teams) or not set(roster.bench) <= players:
        return False
    if count != {"goalkeeper": 2, "defender": 5, "midfielder": 5, "forward": 3} or len(picks) != 15:
        return False
    starters = [pick.role for pick in picks if pick.player not in roster.bench]
    return (
        len(starters) == 11
        and starters.count("goalkeeper") == 1
        and starters.count("defender") >= 3
        and starters.count("forward") >= 1
    )


#: A roster for each game that its rules accept, to be spoilt by the tests.
SHAPES: dict[str, list[str]] = {
    "cricket-t20-a": ["wicketkeeper"] + ["batter"] * 4 + ["all_rounder"] * 2 + ["bowler"] * 4,
    "cricket-t20-b": ["wicketkeeper"] * 2 + ["batter"] * 2 + ["all_rounder"] + ["bowler"] * 6,
    "f1-fantasy-2026": ["driver"] * 5 + ["constructor"] * 2,
    "f1-league": ["driver"] * 5,
    "fpl": ["goalkeeper"] * 2 + ["defender"] * 5 + ["midfielder"] * 5 + ["forward"] * 3,
}


def good(rules_id: str) -> Roster:
    shape = SHAPES[rules_id]
    size = len(shape)
    # Seven at most of one team of cricket, three of football, two of a racing league.
    teams = [f"t{place % 2}" if rules_id.startswith("cricket") else f"t{place % 5}" for place in range(size)]
    price = Fraction(100 // size)
    picks = tuple(Pick(f"p{n}", role, team, price) for n, (role, team) in enumerate(zip(shape, teams, strict=True)))
    offices = {"captain": "p1"} if rules_id.startswith("f1") else {"captain": "p3", "vice_captain": "p4"}
    bench = ("p1", "p6", "p11", "p14") if rules_id == "fpl" else ()
    return Roster(picks, offices, bench)


@pytest.mark.parametrize("rules_id", ROLES)
def test_a_good_roster_has_no_problem(rules_id: str) -> None:
    assert acceptable(rules_id, good(rules_id))
    assert validate(load(rules_id), good(rules_id)) == []


@st.composite
def rosters(draw: st.DrawFn) -> tuple[str, Roster]:
    """A good roster with up to four things changed, most of them for the worse."""
    rules_id = draw(st.sampled_from(list(ROLES)))
    roster = good(rules_id)
    picks, offices, bench, chips = list(roster.picks), dict(roster.offices), list(roster.bench), list(roster.chips)
    chip_ids = [chip.id for chip in load(rules_id).chips] + ["jackpot"]
    for change in draw(
        st.lists(
            st.sampled_from(["role", "team", "price", "player", "drop", "add", "office", "bench", "chip"]), max_size=4
        )
    ):
        place = draw(st.integers(0, max(0, len(picks) - 1)))
        if change in ("role", "team", "price", "player") and picks:
            old = picks[place]
            value: dict[str, Any] = {"player": old.player, "role": old.role, "team": old.team, "price": old.price}
            value[change] = {
                "role": draw(st.sampled_from([*ROLES[rules_id], "coach", None])),
                "team": draw(st.sampled_from(["t0", "t1", "t2", "t3", None])),
                "price": draw(
                    st.sampled_from(
                        [
                            Fraction(0),
                            Fraction(19, 2),
                            Fraction(100 // len(picks) + 1),
                            Fraction(100 // len(picks) + 2),
                            Fraction(33, 2),
                            Fraction(30),
                            None,
                        ]
                    )
                ),
                "player": f"p{draw(st.integers(0, 16))}",
            }[change]
            picks[place] = Pick(**value)
        elif change == "drop" and picks:
            picks.pop(place)
        elif change == "add":
            picks.append(Pick("p99", draw(st.sampled_from(ROLES[rules_id])), "t9", Fraction(0)))
        elif change == "office":
            office = draw(st.sampled_from(["captain", "vice_captain", "extra_boost", "mascot"]))
            holder = draw(st.sampled_from([None, "p0", "p1", "p2", "p3", "p4", "p6", "p77"]))
            offices.pop(office, None)
            if holder is not None:
                offices[office] = holder
        elif change == "bench":
            bench = draw(st.lists(st.sampled_from([f"p{n}" for n in range(16)]), max_size=5, unique=True))
        elif change == "chip":
            chips = draw(st.lists(st.sampled_from(chip_ids), max_size=2))
    return rules_id, Roster(tuple(picks), offices, tuple(bench), tuple(chips))


@given(rosters())
def test_validate_accepts_exactly_what_the_brute_force_checker_accepts(given_roster: tuple[str, Roster]) -> None:
    rules_id, roster = given_roster
    problems = validate(load(rules_id), roster)
    assert (not problems) == acceptable(rules_id, roster), problems
    assert all(problem.rule.startswith(("roster.", "chips")) and problem.message for problem in problems)


def test_all_problems_are_told_at_once_each_with_its_rule() -> None:
    picks = (
        *(Pick(f"p{n}", "batter", "t", Fraction(20)) for n in range(9)),
        Pick("p0", "coach", None, None),
        Pick("p9", None, "t", Fraction(0)),
        Pick("p10", "batter", "t", Fraction(0)),
    )
    roster = Roster(picks, {"captain": "p1", "vice_captain": "p1", "mascot": "p2"}, ("p3",), ("jackpot", "joker"))
    assert [(problem.rule, problem.message) for problem in validate(load("cricket-t20-a"), roster)] == [
        ("roster.size", "12 players; a roster has 11"),
        ("roster.duplicate", "p0 is picked 2 times"),
        ("roster.roles", "role coach (1); roles are wicketkeeper, batter, all_rounder, bowler"),
        ("roster.roles", "role not known of 1 of the players"),
        ("roster.roles.wicketkeeper", "0 of role wicketkeeper; at least 1"),
        ("roster.roles.batter", "10 of role batter; at most 6"),
        ("roster.roles.all_rounder", "0 of role all_rounder; at least 1"),
        ("roster.roles.bowler", "0 of role bowler; at least 3"),
        ("roster.teams", "team not known: p0"),
        ("roster.teams.at_most", "11 players of t; at most 7"),
        ("roster.teams.different", "players of 1 teams; at least 2"),
        ("roster.budget", "price not known: p0"),
        ("roster.budget", "costs 180 credits; the budget is 100"),
        ("chips", "'jackpot' is no chip of cricket-t20-a (there are: none)"),
        ("chips", "'joker' is no chip of cricket-t20-a (there are: none)"),
        ("chips", "2 chips at once; at most 1"),
        ("roster.offices", "'mascot' is no office of cricket-t20-a (there are: captain, vice_captain)"),
        ("roster.offices", "p1 is captain and vice_captain; they must be different players"),
        ("roster.lineup", "cricket-t20-a has no bench"),
    ]


def line(player: str, points: int) -> Line:
    return Line(player, "goal", Fraction(points), ("e",))


def contributions(rules: Rules, roster: Roster, **points: int) -> dict[str, Fraction]:
    score = apply_multipliers(rules, roster, [line(player, value) for player, value in points.items()])
    assert score.total == sum(one.contribution for one in score.lines)
    return {one.player: one.contribution for one in score.lines if one.contribution}


def test_captain_doubles_and_vice_captain_gets_half_more() -> None:
    given_points = contributions(load("cricket-t20-a"), good("cricket-t20-a"), p0=7, p3=11, p4=5)
    assert given_points == {"p0": 7, "p3": 22, "p4": Fraction(15, 2)}


def test_the_league_captain_scores_one_and_a_half_times() -> None:
    assert contributions(load("f1-league"), good("f1-league"), p0=18, p1=25) == {
        "p0": 18,
        "p1": Fraction(75, 2),
    }


def test_lines_of_one_player_are_summed_and_players_outside_the_roster_ignored() -> None:
    rules, roster = load("f1-league"), good("f1-league")
    score = apply_multipliers(rules, roster, [line("p0", 3), line("p0", 4), line("stranger", 50)])
    assert score.total == 7
    assert [(one.player, one.factor, one.because) for one in score.lines][:2] == [
        ("p0", 1, ""),
        ("p1", Fraction(3, 2), "Captain"),
    ]


def fpl(*chips: str) -> Roster:
    roster = good("fpl")
    return Roster(roster.picks, roster.offices, roster.bench, chips)


def test_the_vice_captain_steps_in_only_for_a_captain_who_did_not_play() -> None:
    rules = load("fpl")
    assert contributions(rules, fpl(), p3=6, p4=5) == {"p3": 12, "p4": 5}
    assert contributions(rules, fpl(), p4=5) == {"p4": 10}


def test_football_chips() -> None:
    rules = load("fpl")
    assert contributions(rules, fpl(), p0=2, p1=9, p3=6) == {"p0": 2, "p3": 12}
    assert contributions(rules, fpl("bench-boost"), p0=2, p1=9, p3=6) == {"p0": 2, "p1": 9, "p3": 12}
    assert contributions(rules, fpl("triple-captain"), p3=6, p4=5) == {"p3": 18, "p4": 5}
    assert contributions(rules, fpl("free-hit"), p3=6) == {"p3": 12}


def f1(chip: str, **offices: str) -> Roster:
    roster = good("f1-fantasy-2026")
    return Roster(roster.picks, offices or roster.offices, (), (chip,))


def test_f1_chips() -> None:
    rules = load("f1-fantasy-2026")
    assert contributions(rules, f1("extra-boost", captain="p1", extra_boost="p2"), p1=10, p2=20) == {"p1": 20, "p2": 60}
    assert contributions(rules, f1("no-negative"), p0=-20, p1=-5, p2=3) == {"p2": 3}
    assert contributions(rules, f1("wildcard"), p0=-20, p1=-5) == {"p0": -20, "p1": -10}
    # Autopilot gives the boost to the best driver, not to a constructor (p5), and to the first of equals.
    assert contributions(rules, f1("autopilot"), p1=10, p2=30, p3=30, p5=99) == {"p1": 10, "p2": 60, "p3": 30, "p5": 99}
    assert validate(rules, f1("autopilot", mascot="p1")) != []


def test_an_unknown_chip_cannot_be_scored() -> None:
    with pytest.raises(RosterError, match=r"chip 'jackpot': fpl@1\.3\.0 has no such chip"):
        apply_multipliers(load("fpl"), fpl("jackpot"), [])


def changed(rules_id: str, **changes: Any) -> Roster:
    roster = good(rules_id)
    given = {"picks": roster.picks, "offices": roster.offices, "bench": roster.bench, "chips": roster.chips, **changes}
    return Roster(**given)


def with_pick(rules_id: str, place: int, **changes: Any) -> Roster:
    picks = list(good(rules_id).picks)
    old = picks[place]
    picks[place] = Pick(**{"player": old.player, "role": old.role, "team": old.team, "price": old.price, **changes})
    return changed(rules_id, picks=tuple(picks))


RACER = "f1-fantasy-2026"


def test_a_roster_line_says_why_it_counts_as_it_does() -> None:
    lines = [line(f"p{number}", 0) for number in range(15) if number not in (1, 3)] + [line("p1", 9), line("p3", 2)]
    score = apply_multipliers(load("fpl"), fpl("triple-captain"), lines)
    because = {one.player: (one.factor, one.because) for one in score.lines}
    assert because["p1"] == (0, "bench")
    assert because["p3"] == (3, "Triple Captain")
    assert because["p0"] == (1, "")


def test_of_two_multipliers_on_one_player_the_greater_holds() -> None:
    roster = changed(RACER, offices={"captain": "p1", "extra_boost": "p1"}, chips=("extra-boost",))
    assert contributions(load(RACER), roster, p1=10) == {"p1": 30}
    cricket = changed("cricket-t20-a", offices={"captain": "p1", "vice_captain": "p1"})
    assert contributions(load("cricket-t20-a"), cricket, p1=10) == {"p1": 20}


def test_autopilot_gives_the_boost_to_the_least_bad_driver() -> None:
    # p3 and p4 have no line, so nought points, which is more than the others have.
    assert contributions(load(RACER), f1("autopilot"), p0=-5, p1=-1, p2=-3) == {"p0": -5, "p1": -1, "p2": -3}
    assert contributions(load(RACER), f1("autopilot"), p4=1) == {"p4": 2}


def test_an_unknown_chip_names_those_there_are() -> None:
    with pytest.raises(RosterError, match=r"it has: triple-captain, bench-boost, free-hit, wildcard\)$"):
        apply_multipliers(load("fpl"), fpl("jackpot"), [])
    with pytest.raises(RosterError, match=r"cricket-t20-a@1\.1\.0 has no such chip \(it has: none\)$"):
        apply_multipliers(load("cricket-t20-a"), changed("cricket-t20-a", chips=("x",)), [])


def test_a_budget_without_a_unit_is_told_without_one() -> None:
    rules = load("f1-league")
    bare = replace(rules, roster=replace(rules.roster, unit=""))
    dear = with_pick("f1-league", 0, price=Fraction(30))
    assert [problem.message for problem in validate(bare, dear)] == ["costs 110; the budget is 100"]
    free = replace(rules, roster=replace(rules.roster, budget=None, team_at_most=None))
    assert validate(free, with_pick("f1-league", 0, price=None, team=None)) == []
    different = replace(rules, roster=replace(rules.roster, team_at_most=None, teams_different=6))
    assert [problem.message for problem in validate(different, good("f1-league"))] == ["players of 5 teams; at least 6"]


def test_offices_that_several_roles_may_hold_and_rules_without_any() -> None:
    rules = load("fpl")
    office = Office(required=True, roles=("midfielder", "forward"))
    strict = replace(rules, roster=replace(rules.roster, offices={"captain": office}))
    told = [problem.message for problem in validate(strict, changed("fpl", offices={"captain": "p3"}))]
    assert told == ["captain p3 is no midfielder or forward"]
    bare = replace(rules, roster=replace(rules.roster, offices={}))
    told = [problem.message for problem in validate(bare, changed("fpl", offices={"captain": "p3"}))]
    assert told == ["'captain' is no office of fpl (there are: none)"]


def test_one_office_that_is_empty_hides_no_problem_of_the_next() -> None:
    told = [problem.message for problem in validate(load("fpl"), changed("fpl", offices={"vice_captain": "p99"}))]
    assert told == ["nobody is captain", "vice_captain p99 is not in the roster"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rules_id", "match"), [("cricket-t20-b", CRICKET[0]), ("fpl", None), ("f1-fantasy-2026", RACES[-1])]
)
@given(st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_the_quick_total_is_the_rosters(rules_id: str, match: Path | None, source: random.Random) -> None:
    rules = load_anew(rules_id)
    lines = lines_of(rules_id, match) if match else points_lines(source)
    players = [*sorted({line.player for line in lines}), "absent", "away"]
    chosen = source.sample(players, min(len(players), 11))
    offices = {office: source.choice(chosen) for office in rules.roster.offices}
    scorer = RosterScorer(rules, lines)
    whole = scorer.score(Roster(tuple(Pick(player) for player in chosen), offices))
    if not rules.roster.substitutes:
        assert scorer.plain_total(chosen, offices) == whole.total
    assert scorer.plain_total(chosen, {}) == sum(line.points for line in lines if line.player in chosen)


@cache
def lines_of(rules_id: str, match: Path) -> tuple[Line, ...]:
    return scorecard(load_anew(rules_id), open_match(match, NOON).events).lines


def points_lines(source: random.Random) -> list[Line]:
    return [Line(f"p{n}", "appearance", Fraction(source.randrange(9), 3), ()) for n in range(12)]
