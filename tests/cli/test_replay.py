"""`matchday replay`: a match grows over by over, or session by session, to all of it."""

from __future__ import annotations

from cli.replay import moments
from scoring.sources import open_match
from tests.scoring.builders import CRICKET, NOON, RACES


def test_a_match_grows_over_by_over() -> None:
    match = open_match(CRICKET[-1], NOON)
    labels, sizes, ends = zip(*((label, len(events), last) for label, events, last in moments(match)), strict=True)
    assert labels[:2] == ("before the start", "innings 1, over 1")
    assert sizes[-1] == len(match.events) and list(sizes) == sorted(set(sizes))
    assert ends == (*[False] * (len(ends) - 1), True)


def test_a_weekend_grows_session_by_session() -> None:
    sprint = next(race for race in RACES if "18-united-states" in str(race))
    labels = [label for label, _, _ in moments(open_match(sprint, NOON))]
    assert labels == ["before the start", "qualifying", "sprint qualifying", "sprint", "race"]
