"""Checks of a Cricsheet match against itself: overs, wickets, and the margin of the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scoring.sources.findings import Findings
from scoring.sources.reading import Node


class Score(Protocol):
    """An innings as far as the checks care."""

    node: Node
    team: str
    super_over: bool
    runs: int
    wickets: int


def check_over(over: Node, legal: int, length: int, findings: Findings, *, last: bool) -> None:
    """An over has its legal balls; only the last one of an innings may be cut short.

    Umpires miscount by a ball now and then and every ball that was bowled counts (Law 17.5), so that is noted. More than
    that is a broken file.
    """
    if legal == length or (legal < length and last):
        return
    reason = f"{legal} legal balls in an over of {length}" + ("" if legal > length else " that is not the last")
    if abs(legal - length) == 1:
        findings.note(over, f"{reason}: scored as bowled")
    else:
        findings.contradicts(over, reason)


def check_wickets(delivery: Node, wickets: int, findings: Findings) -> None:
    """A side has ten wickets to lose."""
    if wickets > 10:
        findings.contradicts(delivery, "an eleventh wicket")


def check_margin(outcome: Node, teams: Sequence[str], scores: Sequence[Score], findings: Findings) -> None:
    """The stated winner, tie or margin follows from the innings (where no rain rule or award decided)."""
    played = [score for score in scores if not score.super_over]
    if "method" in outcome or not played:
        return
    totals = {team: sum(score.runs for score in played if score.team == team) for team in teams}
    if outcome.find("result", "").value == "tie" and totals[teams[0]] != totals[teams[1]]:
        findings.contradicts(
            outcome.get("result"), f"a tie, but the innings make {totals[teams[0]]} and {totals[teams[1]]}"
        )
    if "winner" not in outcome:
        return
    winner = outcome.get("winner").text()
    if winner not in totals:
        findings.contradicts(outcome.get("winner"), f"{winner!r} does not play")
        return
    margin = outcome.find("by", {})
    if "runs" in margin:
        other = next(team for team in teams if team != winner)
        made = totals[winner] - totals[other]
        if margin.get("runs").whole() != made:
            findings.contradicts(
                margin.get("runs"), f"won by {margin.get('runs').value} runs, but the innings make it {made}"
            )
    if "wickets" in margin:
        left = 10 - played[-1].wickets
        if played[-1].team != winner or margin.get("wickets").whole() != left:
            findings.contradicts(
                margin.get("wickets"),
                f"{winner} by {margin.get('wickets').value} wickets, but the last innings is of {played[-1].team}"
                f" with {left} wickets left",
            )
