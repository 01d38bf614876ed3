"""Auth's seeds: two players to log in as, the same at every run."""

from __future__ import annotations

from services.common.journey import FIRST, SECOND, Journey, Step


def players(journey: Journey) -> str:
    """Make them where they are not there, and leave a token for each."""
    for player in (FIRST, SECOND):
        credentials = {"email": f"{player}@example.com", "password": journey.password}
        journey.ask("POST", "/auth/register", 202, json=credentials)
        journey.tokens[player] = journey.ask("POST", "/auth/login", 200, json=credentials)["access_token"]
    return f"{FIRST}@example.com and {SECOND}@example.com, password {journey.password!r}"


STEPS = (Step("players", players),)
