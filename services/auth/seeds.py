"""Auth's seeds: two players to log in as, of age and with verified addresses, the same at every run."""

from __future__ import annotations

from services.auth.journey import BIRTH_DATE, verify_address
from services.common.journey import FIRST, SECOND, Journey, Step


def players(journey: Journey) -> str:
    """Make them where they are not there, and leave a token for each."""
    for player in (FIRST, SECOND):
        credentials = {"email": f"{player}@example.com", "password": journey.password}
        journey.ask("POST", "/auth/register", 202, json=credentials | {"birth_date": BIRTH_DATE})
        journey.tokens[player] = journey.ask("POST", "/auth/login", 200, json=credentials)["access_token"]
        if not journey.ask("GET", "/auth/me", 200, who=player)["email_verified"]:
            verify_address(journey, player, credentials["email"])
            journey.tokens[player] = journey.ask("POST", "/auth/login", 200, json=credentials)["access_token"]
    return f"{FIRST}@example.com and {SECOND}@example.com, password {journey.password!r}"


STEPS = (Step("players", players),)
