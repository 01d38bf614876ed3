"""Auth's part of the smoke journey: two players register and log in."""

from __future__ import annotations

import base64
import json

from services.common.journey import FIRST, SECOND, Journey, Step


def register(journey: Journey) -> str:
    """Make the two players' accounts."""
    for player in (FIRST, SECOND):
        journey.ask("POST", "/auth/register", 202, json=_credentials(journey, player))
    return f"two players, {FIRST}-{journey.run} and {SECOND}-{journey.run}"


def log_in(journey: Journey) -> str:
    """Leave a token for each player."""
    for player in (FIRST, SECOND):
        pair = journey.ask("POST", "/auth/login", 200, json=_credentials(journey, player))
        journey.tokens[player] = pair["access_token"]
    me = journey.ask("GET", "/auth/me", 200, who=FIRST)
    return f"{FIRST} is {me['id']}"


def refuse_forged_tokens(journey: Journey) -> str:
    """A changed payload, no signature, and nonsense."""
    head, claims, signature = journey.tokens[FIRST].split(".")
    payload = json.loads(base64.urlsafe_b64decode(claims + "=="))
    payload["sub"] = journey.tokens[SECOND].split(".")[1][:36]
    forged = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    for token in (f"{head}.{forged}.{signature}", f"{none}.{claims}.", "nonsense"):
        journey.tokens["forged"] = token
        journey.ask("GET", "/auth/me", 401, who="forged")
    return "a changed payload, alg none and nonsense: all 401"


def _credentials(journey: Journey, player: str) -> dict[str, str]:
    return {"email": f"{player}-{journey.run}@example.com", "password": journey.password}


STEPS = (
    Step("register", register),
    Step("log in", log_in),
    Step("refuse forged tokens", refuse_forged_tokens),
)
