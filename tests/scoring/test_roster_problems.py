"""Each way to spoil a roster, and exactly the problems that it has then."""

from __future__ import annotations

from fractions import Fraction

import pytest

from scoring.engine.rosters import Pick, Roster, validate
from tests.scoring.test_rosters import RACER, acceptable, changed, good, load, with_pick

CASES: list[tuple[str, Roster, list[tuple[str, str]]]] = [
    (
        "fpl",
        with_pick("fpl", 0, role=None),
        [
            ("roster.roles", "role not known of 1 of the players"),
            ("roster.roles.goalkeeper", "1 of role goalkeeper; at least 2"),
            ("roster.lineup.roles.goalkeeper", "0 of role goalkeeper; at least 1"),
        ],
    ),
    ("f1-league", with_pick("f1-league", 0, team=None), [("roster.teams", "team not known: p0")]),
    (
        "f1-league",
        changed(
            "f1-league",
            picks=tuple(Pick(f"p{n}", "driver", t, Fraction(20)) for n, t in enumerate(["a", "a", "a", None, None])),
        ),
        [
            ("roster.teams", "team not known: p3, p4"),
            ("roster.teams.at_most", "3 players of a; at most 2"),
        ],
    ),
    (RACER, with_pick(RACER, 6, team=None), []),
    (RACER, with_pick(RACER, 0, price=None), [("roster.budget", "price not known: p0")]),
    (
        RACER,
        changed(RACER, picks=tuple(Pick(p.player, p.role) for p in good(RACER).picks)),
        [
            ("roster.budget", "price not known: p0, p1, p2, p3, p4, p5, p6"),
        ],
    ),
    (RACER, with_pick(RACER, 0, price=Fraction(16)), []),
    (
        RACER,
        with_pick(RACER, 0, price=Fraction(33, 2)),
        [("roster.budget", "costs 100.5 million dollars; the budget is 100")],
    ),
    (
        RACER,
        changed(
            RACER,
            chips=("limitless",),
            picks=tuple(Pick(p.player, p.role, None, Fraction(90)) for p in good(RACER).picks),
        ),
        [],
    ),
    (
        RACER,
        changed(
            RACER,
            chips=("no-negative",),
            picks=tuple(Pick(p.player, p.role, None, Fraction(90)) for p in good(RACER).picks),
        ),
        [
            ("roster.budget", "costs 630 million dollars; the budget is 100"),
        ],
    ),
    (RACER, changed(RACER, chips=("wildcard",)), []),
    (RACER, changed(RACER, chips=("wildcard", "limitless")), [("chips", "2 chips at once; at most 1")]),
    (
        RACER,
        changed(RACER, chips=("joker",)),
        [
            (
                "chips",
                "'joker' is no chip of f1-fantasy-2026 "
                "(there are: autopilot, extra-boost, final-fix, limitless, no-negative, wildcard)",
            ),
        ],
    ),
    (
        RACER,
        changed(RACER, chips=("extra-boost",)),
        [("roster.offices.extra_boost", "extra_boost needs a holder with the chip extra-boost")],
    ),
    (
        RACER,
        changed(RACER, offices={"captain": "p1", "extra_boost": "p2"}),
        [
            ("roster.offices.extra_boost", "extra_boost is only filled with the chip extra-boost"),
        ],
    ),
    (RACER, changed(RACER, offices={"captain": "p1", "extra_boost": "p2"}, chips=("extra-boost",)), []),
    (
        RACER,
        changed(RACER, offices={"captain": "p1", "extra_boost": "p6"}, chips=("extra-boost",)),
        [
            ("roster.offices.extra_boost", "extra_boost p6 is no driver"),
        ],
    ),
    (RACER, changed(RACER, offices={}), [("roster.offices.captain", "nobody is captain")]),
    (RACER, changed(RACER, offices={}, chips=("autopilot",)), []),
    (RACER, changed(RACER, offices={}, chips=("wildcard",)), [("roster.offices.captain", "nobody is captain")]),
    (RACER, changed(RACER, offices={"captain": "p5"}), [("roster.offices.captain", "captain p5 is no driver")]),
    (RACER, changed(RACER, offices={"captain": "p9"}), [("roster.offices.captain", "captain p9 is not in the roster")]),
    (
        RACER,
        changed(RACER, offices={"captain": "p0", "mascot": "p1"}),
        [
            ("roster.offices", "'mascot' is no office of f1-fantasy-2026 (there are: captain, extra_boost)"),
        ],
    ),
    (RACER, changed(RACER, bench=("p6",)), [("roster.lineup", "f1-fantasy-2026 has no bench")]),
    (
        "fpl",
        changed("fpl", offices={"captain": "p1", "vice_captain": "p4"}),
        [("roster.offices.captain", "captain p1 is on the bench")],
    ),
    (
        "fpl",
        changed("fpl", offices={"captain": "p4", "vice_captain": "p4"}),
        [
            ("roster.offices", "p4 is captain and vice_captain; they must be different players"),
        ],
    ),
    ("fpl", changed("fpl", bench=("p1", "p6", "p11")), [("roster.lineup.size", "12 players start; a line-up has 11")]),
    (
        "fpl",
        changed("fpl", bench=("p1", "p6", "p11", "p14", "p77", "p66")),
        [
            ("roster.lineup", "p66 on the bench is not in the roster"),
            ("roster.lineup", "p77 on the bench is not in the roster"),
        ],
    ),
    (
        "fpl",
        changed("fpl", bench=("p10", "p6", "p11", "p14")),
        [("roster.lineup.roles.goalkeeper", "2 of role goalkeeper; at most 1")],
    ),
    (
        "fpl",
        changed("fpl", bench=("p0", "p12", "p13", "p14")),
        [("roster.lineup.roles.forward", "0 of role forward; at least 1")],
    ),
    (
        "fpl",
        changed("fpl", bench=("p0", "p2", "p5", "p6"), offices={"captain": "p3", "vice_captain": "p4"}),
        [
            ("roster.lineup.roles.defender", "2 of role defender; at least 3"),
        ],
    ),
]


@pytest.mark.parametrize(("rules_id", "roster", "problems"), CASES)
def test_each_problem_names_its_rule_and_its_reason(
    rules_id: str, roster: Roster, problems: list[tuple[str, str]]
) -> None:
    assert [(problem.rule, problem.message) for problem in validate(load(rules_id), roster)] == problems
    assert acceptable(rules_id, roster) == (not problems)
