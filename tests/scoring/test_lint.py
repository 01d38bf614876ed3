"""Lint: each thing that it finds, in a small document that has just that."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from scoring.engine import registry
from scoring.engine.linting import Finding, lint
from scoring.engine.parsing import parse_rules, parse_vocabulary


def findings(rules: list[dict[str, Any]] | None = None, **more: Any) -> list[Finding]:
    document = {
        "id": "test",
        "version": "1.0.0",
        "title": "Test",
        "sport": "cricket",
        "sources": {"x": "y"},
        "rules": [{"id": "run", "title": "Run", "category": "Batting", "each": {"measure": "runs", "points": "1"}}],
        "roster": {"size": 11},
        **more,
    }
    if rules is not None:
        document["rules"] = [
            {"id": f"rule-{n}", "title": "Rule", "category": "All", **rule} for n, rule in enumerate(rules)
        ]
    return lint(parse_rules(document, registry.vocabulary("cricket", "test"), "test"))


def told(*rules: dict[str, Any], **more: Any) -> list[tuple[str, str, bool]]:
    return [(one.code, one.message, one.error) for one in findings(list(rules) or None, **more)]


def bands(*steps: dict[str, str]) -> dict[str, Any]:
    return {
        "bands": {
            "of": {"measure": "runs", "times": 100, "per": "balls_faced"},
            "steps": [{"points": "1", **step} for step in steps],
        }
    }


def milestones(*steps: tuple[int, str]) -> dict[str, Any]:
    return {"milestones": {"measure": "runs", "steps": [{"at": at, "points": points} for at, points in steps]}}


def cases(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"cases": [{"when": condition, "points": str(n + 1)} for n, condition in enumerate(conditions)]}


def test_a_sound_document_has_no_findings() -> None:
    assert told() == []
    sound = bands({"below": "5"}, {"at_least": "5", "at_most": "7"}, {"above": "7"})
    assert (
        told(sound, milestones((25, "4"), (50, "8")), cases({"runs": {"at_least": 2}}, {"runs": {"at_least": 1}})) == []
    )


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([{"below": "5"}, {"above": "5"}], [("gap", "no band holds 5")]),
        ([{"below": "5"}, {"at_least": "6"}], [("gap", "no band holds 5 to below 6")]),
        ([{"at_most": "5"}, {"at_least": "6"}], [("gap", "no band holds above 5 to below 6")]),
        ([{"at_least": "1"}], [("gap", "no band holds 0 to below 1")]),
        ([{"above": "0"}], [("gap", "no band holds 0")]),
        ([{"below": "5"}], [("gap", "no band holds 5 or more")]),
        ([{"at_most": "5"}], [("gap", "no band holds above 5")]),
        ([{"at_most": "5"}, {"at_least": "5"}], [("overlap", "two bands hold 5")]),
        ([{"below": "7"}, {"at_least": "5"}], [("overlap", "two bands hold 5 to below 7")]),
        ([{}, {"at_least": "5", "below": "6"}], [("overlap", "two bands hold 5 to below 6")]),
        ([{}, {"at_least": "5"}], [("overlap", "two bands hold 5 or more")]),
        ([{"below": "5"}, {"at_least": "5", "below": "5"}, {"at_least": "5"}],
         [("empty-band", "no value is in the band at least 5 and below 5")]),
        ([{"at_least": "6", "at_most": "5"}, {}], [("empty-band", "no value is in the band at least 6 and at most 5")]),
        ([{"above": "5", "at_most": "5"}, {}], [("empty-band", "no value is in the band above 5 and at most 5")]),
        ([{"below": "9"}, {"at_least": "5", "below": "6"}, {"at_least": "9"}], [("overlap", "two bands hold 5 to below 6")]),
        ([{}, {"below": "0"}], []),
        ([], [("gap", "no band holds 0 or more")]),
        ([{"at_least": "5"}, {"below": "5"}], []),
        ([{"below": "0.5"}, {"at_least": "0.5"}], []),
    ],
)  # fmt: skip
def test_gaps_and_overlaps_in_bands(steps: list[dict[str, str]], expected: list[tuple[str, str]]) -> None:
    # A document has at least one band; one that is empty stands for none.
    given = steps or [{"at_least": "1", "below": "1"}]
    found = [(code, message) for code, message, error in told(bands(*given)) if error]
    assert (found if steps else found[1:]) == expected


def test_a_band_below_0_is_unreachable() -> None:
    found = told(bands({"below": "0"}, {"at_least": "0"}))
    assert found == [("unreachable", "the band below 0 lies below 0, which no rate does", False)]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(25, "4"), (25, "8")], ("unreachable", "two steps at 25; only one can count", True)),
        ([(50, "8"), (25, "4")], ("order", "the step at 25 stands after the one at 50; list them upwards", False)),
        ([(25, "4"), (50, "4")], ("shadowed", "the step at 50 gives the same points as the one at 25", False)),
    ],
)
def test_milestones(steps: list[tuple[int, str]], expected: tuple[str, str, bool]) -> None:
    assert told(milestones(*steps)) == [expected]


@pytest.mark.parametrize(
    ("conditions", "reachable"),
    [
        (({"runs": {"at_least": 1}}, {"runs": {"at_least": 2}}), False),
        (({"runs": {"at_least": 2}}, {"runs": {"at_least": 1}}), True),
        (({"runs": 0}, {"runs": 0, "dismissals": 1}), False),
        (({"runs": 0, "dismissals": 1}, {"runs": 0}), True),
        (({}, {"runs": 0}), False),
        (({"runs": {"above": 1}}, {"runs": {"at_least": 1}}), True),
        (({"runs": {"at_least": 1, "at_most": 9}}, {"runs": [3, 9]}), False),
        (({"runs": {"at_least": 1, "at_most": 9}}, {"runs": [3, 10]}), True),
        (({"runs": {"not": [0]}}, {"runs": {"not": [0, 1]}}), False),
        (({"runs": {"not": [0, 1]}}, {"runs": {"not": [0]}}), True),
        (({"runs": {"not": [0]}}, {"runs": 3}), False),
    ],
)
def test_a_case_that_an_earlier_one_always_takes_is_unreachable(
    conditions: tuple[dict[str, Any], ...], reachable: bool
) -> None:
    expected = [] if reachable else [("unreachable", "whatever meets it meets case 0 first", True)]
    assert told(cases(*conditions)) == expected


def test_the_rule_s_own_condition_counts_for_its_cases() -> None:
    rule = {**cases({"runs": {"at_least": 1}}, {"dismissals": 1}), "when": {"runs": {"at_least": 5}}}
    assert told(rule) == [("unreachable", "whatever meets it meets case 0 first", True)]


def test_conditions_that_nothing_meets_or_of_the_wrong_type() -> None:
    assert told(cases({"runs": {"at_least": 5, "below": 5}})) == [
        ("impossible", "no runs meets at least 5 and below 5", True)
    ]
    assert told(cases({"runs": "many"})) == [("wrong-type", "runs is a whole number, not 'many'", True)]
    assert told(cases({"runs": True})) == [("wrong-type", "runs is a whole number, not True", True)]
    assert told(made_for={"format": {"at_least": 3}}) == [
        ("wrong-type", "format is string; only integers have bounds", True)
    ]
    assert told(made_for={"balls_per_over": "six"}) == [
        ("wrong-type", "balls_per_over is compared with 'six'; it is of type integer", True)
    ]
    assert told(made_for={"balls_per_over": {"not": [None]}}) == []
    assert (
        told(made_for={"balls_per_over": {"above": 5, "below": 6}}) == []
    )  # bounds are of exact numbers, not only whole ones


def test_unknown_names() -> None:
    unknown = told(
        {"each": {"measure": "goals", "points": "1"}},
        {"each": {"measure": "runs", "points": "1"}, "scope": "session"},
        {"each": {"measure": "appearances", "points": "1"}, "scope": "innings"},
        {"each": {"measure": "runs", "points": "1"}, "during": {"weather": "fine"}},
        {"each": {"measure": "runs", "points": "1"}, "eligible": {"shoe": 9}},
        counts={"goal": {}, "delivery": {"colour": "red"}},
    )
    assert [code for code, _, _ in unknown] == [
        "unknown-event", "unknown-attribute", "unknown-measure", "unknown-scope", "scope-mismatch", "unknown-attribute",
        "unknown-attribute",
    ]  # fmt: skip
    assert all(error for _, _, error in unknown)
    assert "appearances cannot be taken per innings: it has no innings" in [message for _, message, _ in unknown]


def test_rules_without_effect_and_twice() -> None:
    assert told({"each": {"measure": "runs", "points": "0"}}) == [
        ("no-effect", "gives 0 points whatever happens", False)
    ]
    assert told(bands({"points": "0"})) == [("no-effect", "gives 0 points whatever happens", False)]
    twice = {"each": {"measure": "runs", "points": "1"}}
    assert told(twice, twice) == [("duplicate-rule", "gives the same points for the same thing as rule-0", False)]
    assert told({**twice, "id": "run"}, {"id": "run", "each": {"measure": "fours", "points": "1"}}) == [
        ("duplicate-id", "2 of the rules have this id", True)
    ]


def test_multipliers_and_chips_need_their_offices() -> None:
    found = told(
        multipliers=[{"id": "m", "title": "M", "office": "captain", "factor": "2", "unless_played": "boss"}],
        chips=[
            {"id": "a", "title": "A", "effect": {"factor": {"multiplier": "n", "factor": "3"}}},
            {"id": "b", "title": "B", "effect": {"office": {"office": "mascot", "factor": "3"}}},
            {"id": "c", "title": "C", "effect": {"best": "star"}},
            {"id": "d", "title": "D", "effect": {"bench": True}},
            {"id": "d", "title": "D", "effect": {"floor": "0"}},
        ],
    )
    assert [(code, message) for code, message, error in found if error] == [
        ("duplicate-id", "2 of the chips have this id"),
        ("unknown-office", "the roster has no office 'captain'"),
        ("unknown-office", "the roster has no office 'boss'"),
        ("unknown-multiplier", "there is no multiplier 'n'"),
        ("unknown-office", "the roster has no office 'mascot'"),
        ("unknown-office", "the roster has no office 'star'"),
    ]
    assert [(code, message) for code, message, error in found if not error] == [
        ("no-effect", "the roster has no bench")
    ]


def test_roster_rules_that_nobody_can_keep() -> None:
    def problems(**roster: Any) -> list[tuple[str, str]]:
        return [(code, message) for code, message, error in told(roster=roster) if error]

    assert problems(size=11, roles={"coach": {"at_least": 1}}) == [
        ("unknown-role", "roles are wicketkeeper, batter, all_rounder, bowler")
    ]
    assert problems(size=11, roles={"bowler": {"at_least": 12}}) == [
        ("impossible", "roles allow 12 to 11 players, the roster has 11")
    ]
    assert problems(size=11, roles={"bowler": {"at_most": 10}}) == [
        ("impossible", "roles allow 0 to 10 players, the roster has 11")
    ]
    assert problems(size=11, roles={"bowler": {"at_most": 11}}) == []
    assert problems(size=11, roles={"bowler": {"at_least": 11}}) == []
    assert ("impossible", "at least 3, at most 2") in problems(size=2, roles={"bowler": {"at_least": 3, "at_most": 2}})
    assert problems(size=11, lineup={"size": 12}) == [("impossible", "12 start of 11")]
    assert problems(size=11, lineup={"size": 11}) == []
    assert problems(size=11, lineup={"size": 5, "roles": {"bowler": {"at_least": 6}}}) == [
        ("impossible", "roles ask for 6 players, the line-up has 5")
    ]
    assert problems(size=11, lineup={"size": 5, "roles": {"bowler": {"at_most": 1}}}) == []
    assert problems(size=11, offices={"captain": {"required": True, "roles": ["coach"]}}) == [
        ("unknown-role", "roles are wicketkeeper, batter, all_rounder, bowler")
    ]


def test_errors_come_first_and_name_their_path() -> None:
    found = findings([{"each": {"measure": "runs", "points": "0"}}, {"each": {"measure": "goals", "points": "1"}}])
    assert [str(one) for one in found] == [
        "rules.rule-1: there is no measure 'goals' [unknown-measure]",
        "rules.rule-0: gives 0 points whatever happens [no-effect]",
    ]


def vocabulary_findings(**changes: Any) -> list[tuple[str, str]]:
    document = deepcopy(dict(registry.vocabulary("football", "test").document))
    for section, change in changes.items():
        document[section] = {**document[section], **change} if isinstance(change, dict) else change
    words = parse_vocabulary(document, "test")
    rules = {
        "id": "test", "version": "1.0.0", "title": "Test", "sport": "football", "sources": {"x": "y"}, "roster": {"size": 1},
        "rules": [{"id": "goal", "title": "Goal", "category": "All", "each": {"measure": "goals", "points": "1"}}],
    }  # fmt: skip
    return [(one.code, one.message) for one in lint(parse_rules(rules, words, "test"))]


def test_vocabularies_are_checked_too() -> None:
    def measure(**more: Any) -> dict[str, Any]:
        return {"m": {"title": "m", "event": "goal", "player": ["scorer"], "count": True, **more}}

    assert vocabulary_findings() == []
    assert vocabulary_findings(measures=measure(event="try")) == [("unknown-event", "there is no event kind 'try'")]
    assert vocabulary_findings(measures=measure(player=["keeper"])) == [
        ("unknown-attribute", "goal has no attribute 'keeper'")
    ]
    assert vocabulary_findings(measures=measure(player=["minute"])) == [
        ("wrong-type", "minute is integer; here it must be player")
    ]
    assert vocabulary_findings(measures=measure(where={"colour": "red"}))[0][0] == "unknown-attribute"
    summed = measure(sum="own")
    del summed["m"]["count"]
    assert vocabulary_findings(measures=summed) == [("wrong-type", "own is boolean; here it must be integer")]
    grouped = measure(
        count_groups={
            "by": ["half"],
            "having": [{"sum": "minute", "equals": 1}, {"sum": "minute", "at_least_greatest": "own"}],
        }
    )
    del grouped["m"]["count"]
    assert vocabulary_findings(measures=grouped) == [
        ("wrong-type", "own is boolean; here it must be integer"), ("unknown-attribute", "goal has no attribute 'half'"),
    ]  # fmt: skip
    assert vocabulary_findings(context="tournament") == [("unknown-event", "there is no event kind 'tournament'")]
    assert vocabulary_findings(profile=[{"event": "lineup", "player": "player", "attributes": ["shoe"]}]) == [
        ("unknown-attribute", "lineup has no attribute 'shoe'")
    ]
