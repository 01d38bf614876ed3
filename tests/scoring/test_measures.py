"""Measures over a handful of events, by kind and scope."""

from __future__ import annotations

from copy import deepcopy
from fractions import Fraction
from typing import Any

import pytest

from scoring.engine import registry
from scoring.engine.compiled import Line
from scoring.engine.parsing import parse_rules, parse_vocabulary
from scoring.engine.scoring import score, scorecard
from tests.scoring.builders import event


def cricket(*rules: dict[str, Any], **more: Any) -> Any:
    document = {
        "id": "test", "version": "1.0.0", "title": "Test", "sport": "cricket", "sources": {"x": "y"}, "roster": {"size": 11},
        "rules": [{"id": f"rule-{n}", "title": "Rule", "category": "All", **rule} for n, rule in enumerate(rules)], **more,
    }  # fmt: skip
    return parse_rules(document, registry.vocabulary("cricket", "test"), "test")


def delivery(id_: str, innings: int | None = 1, over: int = 0, **more: Any) -> Any:
    told = {
        "innings": innings, "over": over, "super_over": False, "batter": "b", "bowler": "w", "non_striker": "n", "runs": 0,
        "boundary": 0, "faced": 1, "legal": 1, "charged": 0, "total": 0, "over_length": 6,
    }  # fmt: skip
    return event(f"delivery:{id_}", "delivery", **{**told, **more})


BATTER = event("lineup:b", "lineup", player="b", name="B", team="T", appearance="announced")
BOWLER = event("lineup:w", "lineup", player="w", name="W", team="U", appearance="announced")
EACH_RUN = {"each": {"measure": "runs", "points": "0.5"}}


def test_a_line_names_points_group_measures_and_only_the_events_that_count() -> None:
    log = [BATTER, delivery("2", runs=4), delivery("1"), delivery("3", runs=1), delivery("4", innings=2, runs=3)]
    assert score(cricket(EACH_RUN), log) == (
        Line("b", "rule-0", 4, ("delivery:2", "delivery:3", "delivery:4"), (), (("runs", 8),)),  # type: ignore[arg-type]
    )
    per_innings = score(cricket({**EACH_RUN, "scope": "innings"}), log)
    assert [(line.group, float(line.points), line.events) for line in per_innings] == [
        ((1,), 2.5, ("delivery:2", "delivery:3")),
        ((2,), 1.5, ("delivery:4",)),
    ]


def test_lines_come_by_player_then_rule_then_group() -> None:
    rules = cricket({**EACH_RUN, "scope": "innings"}, {"each": {"measure": "balls_bowled", "points": "1"}})
    log = [
        BOWLER,
        BATTER,
        *(delivery(str(n), innings=n, runs=1) for n in range(1, 12)),
        delivery("x", batter="w", runs=1),
    ]
    lines = score(rules, log)
    assert [(line.player, line.rule) for line in lines] == [*[("b", "rule-0")] * 11, ("w", "rule-0"), ("w", "rule-1")]
    assert [line.group for line in lines if line.player == "b"] == [(n,) for n in range(1, 12)]


def test_what_does_not_count_is_looked_at_by_no_measure() -> None:
    rules = cricket(
        EACH_RUN, {"each": {"measure": "balls_faced", "points": "1"}}, counts={"delivery": {"super_over": False}}
    )
    assert score(rules, [BATTER, delivery("1", runs=6, super_over=True)]) == ()


def test_units_are_counted_in_full() -> None:
    rule = {"each": {"measure": "balls_faced", "points": "1", "every": 3}}
    for balls, expected in ((2, 0), (3, 1), (5, 1), (6, 2)):
        log = [BATTER, *(delivery(str(n)) for n in range(balls))]
        assert scorecard(cricket(rule), log).totals["b"] == expected


def test_a_table_gives_points_for_listed_values_only() -> None:
    rule = {"table": {"measure": "runs", "points": {"0": "7", "4": "1.5"}}}
    for runs, expected in ((0, 7), (4, 1.5), (5, 0)):
        assert float(scorecard(cricket(rule), [BATTER, delivery("1", runs=runs)]).totals["b"]) == expected
    assert scorecard(cricket(rule), [BATTER]).totals == {"b": 0}  # no ball faced: nothing measured, no line


def test_the_first_case_that_holds_gives_the_points() -> None:
    rule = {
        "cases": [
            {"when": {"runs": {"at_least": 4}}, "points": "3"},
            {"when": {"runs": {"at_least": 2}}, "points": "1"},
        ]
    }
    for runs, expected in ((1, 0), (2, 1), (3, 1), (4, 3), (6, 3)):
        assert scorecard(cricket(rule), [BATTER, delivery("1", runs=runs)]).totals["b"] == expected


def test_a_condition_on_measures_holds_per_group() -> None:
    rule = {**EACH_RUN, "scope": "innings", "when": {"balls_faced": {"at_least": 2}}}
    log = [BATTER, delivery("1", runs=1), delivery("2", runs=1), delivery("3", innings=2, runs=6)]
    assert [(line.group, line.measured, line.events) for line in score(cricket(rule), log)] == [
        ((1,), (("runs", 2), ("balls_faced", 2)), ("delivery:1", "delivery:2"))
    ]


def test_who_took_no_part_has_no_lines_and_who_did_has_a_total() -> None:
    card = scorecard(cricket(EACH_RUN), [BOWLER, delivery("1", runs=4)])
    assert (card.lines, card.totals) == ((), {"w": 0})


def test_eligibility_asks_the_profile_and_an_unknown_role_is_not_denied() -> None:
    rules = cricket(
        {**EACH_RUN, "eligible": {"role": {"not": ["bowler"]}}}, {**EACH_RUN, "eligible": {"role": "bowler"}}
    )
    ball = delivery("1", runs=4)
    role = event("role:b", "role", player="b", role="bowler")
    assert [line.rule for line in score(rules, [BATTER, ball])] == ["rule-0"]
    assert [line.rule for line in score(rules, [BATTER, ball, role])] == ["rule-1"]


def test_profiles_gather_what_several_events_tell() -> None:
    log = [
        BATTER,
        event("role:b", "role", player="b", role="batter"),
        event("role:w", "role", player="w", role="bowler"),
    ]
    card = scorecard(cricket(EACH_RUN), log)
    assert card.profiles["b"].attributes == {"name": "B", "team": "T", "appearance": "announced", "role": "batter"}
    assert (card.profiles["b"].text("role"), card.profiles["b"].text("height")) == ("batter", "")
    assert "w" not in card.profiles  # a role alone is no part in the match
    nameless = scorecard(cricket(EACH_RUN), [event("lineup:b", "lineup", player="b", name=None, team="T")])
    assert nameless.profiles["b"].text("name") == ""


def test_rules_apply_during_the_matches_they_are_for() -> None:
    rules = cricket({**EACH_RUN, "during": {"format": "T20"}})
    ball = delivery("1", runs=4)
    assert score(rules, [BATTER, ball]) == ()
    assert score(rules, [BATTER, ball, event("match", "match", format="ODI")]) == ()
    card = scorecard(rules, [BATTER, ball, event("match", "match", format="T20")])
    assert len(card.lines) == 1 and card.context == {"format": "T20"}


def race(*stops: tuple[str, int | None], rule: str = "pit-stop") -> dict[str, float]:
    log = [
        event(f"entry:{team}", "entry", player=team, name=team, team=team, role="constructor") for team in ("a", "b")
    ]
    log += [
        event(f"pit_stop:{n}", "pit_stop", driver=f"d{n}", constructor=team, stationary_ms=time, fastest_of_race=n == 0)
        for n, (team, time) in enumerate(stops)
    ]
    lines = score(registry.load("f1-fantasy-2026"), log)
    return {f"{line.player} {','.join(line.events)}": float(line.points) for line in lines if line.rule == rule}


def test_the_least_of_a_measure_and_the_events_that_have_it() -> None:
    assert race(("a", 2400), ("a", 1900), ("a", 1900), ("b", 2600)) == {
        "a pit_stop:1,pit_stop:2": 20,
        "b pit_stop:3": 2,
    }
    assert race(("a", 1790), rule="record-pit-stop") == {"a pit_stop:0": 15}
    assert race(("a", 1800), rule="record-pit-stop") == {}
    assert race(("a", 5000), ("b", 2500), rule="fastest-pit-stop") == {"a pit_stop:0": 5}


def test_the_least_of_unknown_values_is_unknown_not_nought() -> None:
    assert race(("a", None), ("b", None)) == {}
    assert race(("a", None), ("a", 2100)) == {"a pit_stop:1": 10}


@pytest.mark.parametrize(
    ("legal", "charged", "length", "maidens"), [(6, 0, 6, 1), (5, 0, 6, 0), (6, 1, 6, 0), (5, 0, 5, 1)]
)
def test_groups_are_counted_when_every_sum_fits(legal: int, charged: int, length: int, maidens: int) -> None:
    rules = cricket({"each": {"measure": "maidens", "points": "1"}, "scope": "innings"})
    over = [delivery(f"1.{n}", over_length=length) for n in range(legal - 1)] + [
        delivery("1.9", charged=charged, over_length=length)
    ]
    other = [
        delivery(f"2.{n}", innings=2, over=over_number)
        for over_number in (3, 4)
        for n in range(over_number * 10, over_number * 10 + 6)
    ]
    lines = {line.group: (line.points, len(line.events)) for line in score(rules, [BOWLER, *over, *other])}
    assert lines.get((1,)) == ((1, legal) if maidens else None)
    assert lines[2,] == (2, 12)


def with_measure(rule: dict[str, Any], **measures: Any) -> Any:
    """Cricket rules over measures of the test's own."""
    document = deepcopy(dict(registry.vocabulary("cricket", "test").document))
    document["measures"] |= {
        name: {"title": name, "event": "delivery", **measure} for name, measure in measures.items()
    }
    given = {
        "id": "test", "version": "1.0.0", "title": "Test", "sport": "cricket", "sources": {"x": "y"}, "roster": {"size": 11},
        "rules": [{"id": "rule", "title": "Rule", "category": "All", **rule}],
    }  # fmt: skip
    return parse_rules(given, parse_vocabulary(document, "test"), "test")


def test_the_greatest_of_a_measure_and_the_events_that_have_it() -> None:
    table = {"table": {"measure": "best", "points": {"4": "9", "2": "1", "0": "5"}}}
    rules = with_measure(table, best={"player": ["batter"], "max": "runs"})
    log = [BATTER, delivery("1", runs=2), delivery("2", runs=4), delivery("3", runs=4)]
    assert [(line.points, line.events) for line in score(rules, log)] == [(9, ("delivery:2", "delivery:3"))]
    unknown = [BATTER, delivery("1", runs=None)]
    assert score(rules, unknown) == ()


@pytest.mark.parametrize(("kind", "unknown"), [("min", True), ("max", True), ("sum", False)])
def test_only_sums_and_counts_of_nothing_are_nought(kind: str, unknown: bool) -> None:
    rule = {"cases": [{"when": {"mine": {"at_most": 5}, "balls_faced": {"at_least": 1}}, "points": "1"}]}
    rules = with_measure(rule, mine={"player": ["batter"], kind: "runs"})
    assert bool(score(rules, [BATTER, delivery("1", runs=None)])) is not unknown
    assert bool(score(rules, [BATTER, delivery("1", runs=3)]))


def test_a_measure_of_several_attributes_counts_each_event_once_in_order() -> None:
    rules = with_measure(
        {"each": {"measure": "there", "points": "1"}}, there={"player": ["batter", "non_striker"], "count": True}
    )
    log = [
        BATTER,
        delivery("2", batter="n", non_striker="b"),
        delivery("1"),
        delivery("3", non_striker="b"),
        delivery("4", batter="x"),
    ]
    assert [(line.points, line.events) for line in score(rules, log)] == [
        (3, ("delivery:1", "delivery:2", "delivery:3"))
    ]


def test_groups_by_an_attribute_that_some_events_lack() -> None:
    log = [BATTER, delivery("1", innings=10, runs=1), delivery("2", runs=1), delivery("3", innings=None, runs=1)]
    assert [line.group for line in score(cricket({**EACH_RUN, "scope": "innings"}), log)] == [(1,), (10,), (None,)]


def test_an_attribute_that_is_unknown_adds_nothing_to_a_group() -> None:
    rules = cricket({"each": {"measure": "maidens", "points": "1"}})
    over = [delivery(f"1.{n}", charged=None if n == 3 else 0) for n in range(6)]
    assert scorecard(rules, [BOWLER, *over]).totals["w"] == 1


def test_events_that_the_vocabulary_does_not_know_are_ignored() -> None:
    log = [BATTER, delivery("1", runs=1), event("drone:1", "drone", batter="b", player="b")]
    assert scorecard(cricket(EACH_RUN), log).totals == {"b": Fraction(1, 2)}


def test_only_the_events_of_a_profile_tell_who_a_player_is() -> None:
    rules = registry.load("fpl")
    log = [
        event("lineup:p", "lineup", player="p", name="P", team="T", role="forward"),
        event("time:p", "playing_time", player="p", minutes=90, conceded=1, name="Q", team="U", role="goalkeeper"),
    ]
    assert scorecard(rules, log).profiles["p"].attributes == {"name": "P", "team": "T", "role": "forward"}
