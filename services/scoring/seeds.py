"""Scoring's seeds: a match with a contest and two teams to look at, the same at every run."""

from __future__ import annotations

from services.common.crowd import Crowd
from services.common.journey import FIRST, SECOND, Journey, Step
from services.scoring import example

_MATCH = "seed:1"
_LOCKS_AT = "2100-01-01T00:00:00+00:00"
_SEEN_AT = "2026-01-01T12:00:00+00:00"


def contest(journey: Journey) -> str:
    """A contest whose match has begun. Its slate stays open, so that there is something to try."""
    example.authorise(journey)
    slate, made = example.open_contest(journey, "seed", _MATCH, _LOCKS_AT)
    for who in (FIRST, SECOND):
        example.enter(journey, who, "seed", slate, made)
    example.say(journey, _MATCH, _SEEN_AT, 6)
    return f"contest {made} with two teams"


def crowd(journey: Journey) -> str:
    """A contest of the crowd: a match that goes on, scored so far, and a team of each, whose captain is drawn."""
    crowd = journey.kept(Crowd)
    match = f"seed:crowd-{crowd.seed}"
    slate, made = example.open_contest(journey, f"crowd-{crowd.seed}", match, _LOCKS_AT)

    def enter(name: str) -> None:
        captain, vice = crowd.draw("team", name).sample(example.led_by("a1", "a2")["players"], 2)
        example.enter(journey, name, "crowd", slate, made, example.led_by(captain, vice))

    crowd.each("teams", crowd.names, enter)
    example.say(journey, match, _SEEN_AT, 6)
    return f"contest {made} with {crowd.size} teams"


STEPS = (Step("a contest", contest), Step("the crowd's contest", crowd))
