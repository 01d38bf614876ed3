"""Kyc's seeds: a player whose PAN waits for a person, the same at every run."""

from __future__ import annotations

from services.common.crowd import Crowd
from services.common.journey import FIRST, SUPPORT, Journey, SecondFactor, Step
from services.kyc.journey import SECONDS


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


#: How far each of the crowd's first players comes → what a reviewer says. Only time makes `expired`, two years of it.
_STATES = {"collecting": "", "checking": "", "approved": "approve", "rejected": "reject", "resubmit": "resubmit"}


def cases(journey: Journey) -> str:
    """A case in each state that people bring about, by players of the crowd and a reviewer of support."""
    crowd, made = journey.kept(Crowd), 0
    for name, (wanted, decision) in zip(crowd.names, _STATES.items(), strict=False):
        state = journey.ask("GET", "/kyc/case", 200, who=name)["state"]
        if state == wanted:
            continue
        made += 1
        if state in ("created", "collecting"):
            _hand_in(journey, crowd, name, also_a_pan=wanted != "collecting")
        if decision:
            _decide(journey, name, decision)
    return f"{made} made: {', '.join(_STATES)}; all others are created"


def _hand_in(journey: Journey, crowd: Crowd, name: str, *, also_a_pan: bool) -> None:
    journey.kept(SecondFactor).show(name)
    journey.ask("PUT", "/kyc/consents/identity", 200, who=name, json={"version": "2026-11", "given": True})
    if also_a_pan:
        letters = crowd.draw("pan", name).sample("ABCDEFGHJKLMN", 4)
        number = f"{''.join(letters[:3])}PS{crowd.draw('digits', name).randrange(1, 9999):04}{letters[3]}"
        body = {"pan": number, "name": "Asha Sharma", "date_of_birth": "1993-06-30"}
        journey.ask("PUT", "/kyc/pan", 200, who=name, json=body)


def _decide(journey: Journey, name: str, outcome: str) -> None:
    """What a reviewer does with what `name` has handed in, once the worker has checked it."""

    def look() -> str | None:
        items = journey.ask("GET", "/kyc/case", 200, who=name)["items"]
        return str(items[0]["id"]) if items and items[0]["state"] == "review" else None

    item = journey.until(SECONDS, "the check (does the worker run?)", look)
    journey.kept(SecondFactor).show(SUPPORT)
    (review,) = [
        each["id"] for each in journey.ask("GET", "/kyc/reviews", 200, who=SUPPORT)["reviews"] if each["item"] == item
    ]
    journey.ask("POST", f"/kyc/reviews/{review}/claim", 200, who=SUPPORT)
    decision = {"outcome": outcome, "reasons": ["looked_at"]}
    journey.ask("POST", f"/kyc/reviews/{review}/decision", 200, who=SUPPORT, json=decision)


STEPS = (Step("a PAN that waits", waiting_pan), Step("cases in every state", cases))
