"""Auth's seeds: two players to log in as, of age and with verified addresses, the same at every run."""

from __future__ import annotations

from services.auth.journey import BIRTH_DATE, add_authenticator_app, finish_registration, step_up
from services.common.journey import FIRST, SECOND, Journey, SecondFactor, Step


def players(journey: Journey) -> str:
    """Make them where they are not there, and leave a token for each."""
    for player in (FIRST, SECOND):
        given = {"email": f"{player}@example.com", "password": journey.password}
        answer = journey.ask("POST", "/auth/login", 200, 401, json=given)
        if "access_token" in answer:
            journey.tokens[player] = answer["access_token"]
        else:
            journey.ask("POST", "/auth/register", 202, json=given | {"birth_date": BIRTH_DATE})
            finish_registration(journey, player, given)
    journey.keep(SecondFactor(lambda who: _show_a_second_factor(journey, who)))
    return f"{FIRST}@example.com and {SECOND}@example.com, password {journey.password!r}"


def _show_a_second_factor(journey: Journey, who: str) -> None:
    """With an app that is there for a moment only: a password alone logs the player in at the next run, too."""
    codes = add_authenticator_app(journey, who)
    try:
        step_up(journey, who, codes[0])
    finally:
        journey.ask("DELETE", "/auth/factors/totp", 204, who=who)


STEPS = (Step("players", players),)
