"""Checks of a Cricsheet match against itself: overs, wickets, and the margin of the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scoring.sources.reading import Node


class Score(Protocol):
    """An innings as far as the checks care."""

    node: Node
    team: str
    super_over: bool
    runs: int
    wickets: int


def check_over(over: Node, legal: int, length: int, *, last: bool) -> None:
    """An over has its legal balls; only the last one of an innings may be cut short."""
    if legal > length:
        over.fail(f"{legal} legal balls in an over of {length}")
    if legal < length and not last:
        over.fail(f"{legal} legal balls in an over of {length} that is not the last")


def check_wickets(delivery: Node, wickets: int) -> None:
    """A side has ten wickets to lose."""
    if wickets > 10:
        delivery.fail("an eleventh wicket")


def check_margin(outcome: Node, teams: Sequence[str], scores: Sequence[Score]) -> None:
    """The stated winner, tie or margin follows from the innings (where no rain rule or award decided)."""
    played = [score for score in scores if not score.super_over]
    if "method" in outcome or not played:
        return
    totals = {team: sum(score.runs for score in played if score.team == team) for team in teams}
    if outcome.find("result", "").value == "tie" and totals[teams[0]] != totals[teams[1]]:
        outcome.get("result").fail(f"a tie, but the innings make {totals[teams[0]]} and {totals[teams[1]]}")
    if "winner" not in outcome:
        return
    winner = outcome.get("winner").text()
    if winner not in totals:
        outcome.get("winner").fail(f"{winner!r} does not play")
    margin = outcome.find("by", {})
    if "runs" in margin:
        other = next(team for team in teams if team != winner)
        made = totals[winner] - totals[other]
        if margin.get("runs").whole() != made:
            margin.get("runs").fail(f"won by {margin.get('runs').value} runs, but the innings make it {made}")
    if "wickets" in margin:
        left = 10 - played[-1].wickets
        if played[-1].team != winner or margin.get("wickets").whole() != left:
            margin.get("wickets").fail(
                f"{winner} by {margin.get('wickets').value} wickets, but the last innings is of {played[-1].team}"
                f" with {left} wickets left"
            )
