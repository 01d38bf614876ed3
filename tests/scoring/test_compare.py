"""Explaining rules, and comparing two versions of them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from scoring import report
from scoring.engine import registry
from scoring.engine.compare import Change, diff, impact
from scoring.engine.errors import RulesError
from scoring.engine.explaining import explain
from scoring.engine.scoring import scorecard
from scoring.sources import open_match
from tests.scoring.builders import CRICKET, NOON


def test_a_document_does_not_differ_from_itself() -> None:
    rules = registry.load("cricket-t20-a")
    assert diff(rules, rules) == []
    assert impact(rules, rules, open_match(CRICKET[0], NOON).events) == []


def test_diff_names_each_change_by_its_path() -> None:
    changes = diff(registry.load("cricket-t20-b"), registry.load("cricket-t20-b", {"wicket": "25", "team_limit": 7}))
    assert changes == [
        Change("rules.wicket.each.points", "30", "25"),
        Change("roster.teams.at_most", 10, 7),
        Change("parameters.team_limit.value", 10, 7),
        Change("parameters.wicket.value", "30", "25"),
    ]


def test_diff_matches_rules_by_id_and_shows_what_came_and_went() -> None:
    changes = {change.path: change for change in diff(registry.load("cricket-t20-a"), registry.load("cricket-test"))}
    assert changes["rules.economy-rate"].after is None
    assert changes["rules.wicket-haul.scope"] == Change("rules.wicket-haul.scope", None, "innings")
    assert changes["rules.wicket.each.points"] == Change("rules.wicket.each.points", "25", "20")
    assert "rules.catch" not in str(changes.keys()).replace("rules.three-catches", "")


def test_impact_tells_who_moves_and_why() -> None:
    events = open_match(CRICKET[-3], NOON).events
    before, after = registry.load("cricket-t20-b"), registry.load("cricket-t20-b", {"wicket": "25"})
    moves = impact(before, after, events)
    cards = scorecard(before, events), scorecard(after, events)
    wickets = {line.player: dict(line.measured)["wickets"] for line in cards[0].lines if line.rule == "wicket"}
    moved = {move.player: move for move in moves if move.delta}
    assert {player: move.delta for player, move in moved.items()} == {
        player: Fraction(-5 * taken) for player, taken in wickets.items()
    }
    assert all(move.rules == {"wicket": move.delta} for move in moved.values())
    assert all(
        (move.before, move.after) == (cards[0].totals[move.player], cards[1].totals[move.player]) for move in moves
    )
    assert [abs(move.delta) for move in moves] == sorted((abs(move.delta) for move in moves), reverse=True)
    others = [move for move in moves if not move.delta]
    assert all(move.rank_before != move.rank_after for move in others)
    text = report.moves_as_text(moves)
    assert "wicket -" in text and moves[0].name in text.splitlines()[1]
    assert report.moves_as_text([]) == "nobody moves"


def test_impact_needs_rules_of_one_sport() -> None:
    with pytest.raises(RulesError, match=r"fpl@1\.3\.0: is for football, cricket-t20-a@1\.1\.0 for cricket"):
        impact(registry.load("cricket-t20-a"), registry.load("fpl"), [])


@pytest.mark.parametrize("rules_id", list(registry.published()))
def test_explain_says_every_rule_number_and_source(rules_id: str) -> None:
    rules = registry.load(rules_id)
    text = explain(rules)
    assert text.startswith(f"# {rules.title}\n")
    assert rules.name in text and rules.sha256 in text
    for rule in rules.rules:
        assert rule.title in text
    for multiplier in rules.multipliers:
        assert multiplier.title in text
    for source in rules.sources.values():
        assert source in text
    assert "None" not in text and "Fraction" not in text and "_" not in text.replace("`", "").split("## Where")[0]


def test_explain_in_full(ipl: Path) -> None:
    text = explain(registry.load("cricket-t20-a"))
    for row in [
        "| Run | +1 |",
        "| — 30 runs | +4 |",
        "| Dismissal for a duck (role is not bowler): out without a run | −2 |",
        "| Economy rate (balls bowled 12 or more) |  |",
        "| — below 5 runs per over | +6 |",
        "| — above 7 to below 10 runs per over | 0 |",
        "| — 10 to 11 runs per over | −2 |",
        "| Three catches (3 or more catches) | +4 |",
        "| Captain | × 2 |",
        "- 3 to 6 of role bowler",
        "- at most 7 players of one team",
    ]:
        assert row in text.splitlines(), row
    assert "(for each innings)" in explain(registry.load("cricket-test"))
    assert "| Every three dot balls (each full 3 dot balls) | +1 |" in explain(registry.load("cricket-odi"))
