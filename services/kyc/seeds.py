"""Kyc's seeds: a player whose PAN waits for a person, the same at every run."""

from __future__ import annotations

from services.common.journey import FIRST, Journey, SecondFactor, Step


def waiting_pan(journey: Journey) -> str:
    """The first player's; nothing is asked for again once it is handed in."""
    if journey.ask("GET", "/kyc/case", 200, who=FIRST)["items"]:
        return f"a PAN of {FIRST}'s was handed in before"
    journey.kept(SecondFactor).show(FIRST)
    consent = {"version": "2026-11", "given": True}
    journey.ask("PUT", "/kyc/consents/identity", 200, who=FIRST, json=consent)
    body = {"pan": "ABCPS1234K", "name": "Asha Sharma", "date_of_birth": "1993-06-30"}
    journey.ask("PUT", "/kyc/pan", 200, who=FIRST, json=body)
    return f"a PAN of {FIRST}'s waits for a person"


STEPS = (Step("a PAN that waits", waiting_pan),)
