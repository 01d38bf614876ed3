"""Auth's seeds: two players to log in as, and a crowd that comes by the provider; the same at every run."""

from __future__ import annotations

import itertools
import threading
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from services.auth.journey import BIRTH_DATE, add_authenticator_app, authorise_roles, finish_registration, step_up
from services.common.crowd import Crowd
from services.common.journey import FIRST, SECOND, SUPPORT, Journey, SecondFactor, Step, Unexpected

_GIVEN = "aarav aditi ananya arjun asha dev diya farah gita harish imran ishaan kavya kiran lakshmi manoj meena neha om rahul"
_FAMILY = (
    "bose chopra das fernandes gupta iyer jain kapoor khan menon nair patel rao reddy shah sharma singh thomas verma"
)

#: How often somebody begins to log in by the provider, where its answer comes too late.
_TRIES = 3


def players(journey: Journey) -> str:
    """Make them where they are not there, and leave a token for each."""
    for player in (FIRST, SECOND):
        _come(journey, player, {"birth_date": BIRTH_DATE})
    codes: list[str] = []

    def show(who: str) -> None:
        if who != SUPPORT:
            _show_a_second_factor(journey, who)
            return
        codes[:] = codes or _employ(journey)
        step_up(journey, who, codes.pop())

    journey.keep(SecondFactor(show))
    return f"{FIRST}@example.com and {SECOND}@example.com, password {journey.password!r}"


def crowd(journey: Journey) -> str:
    """Players who log in by the provider, so that no password is made for each."""
    crowd, person = journey.kept(Crowd), threading.Lock()

    def come(name: str) -> None:
        drawn = crowd.draw("person", name)
        given, family = drawn.choice(_GIVEN.split()), drawn.choice(_FAMILY.split())
        who = {"subject": name, "email": f"{given}.{family}.{name}@example.com"}
        for _ in range(_TRIES - 1):
            with suppress(Unexpected):  # a code is good once: whoever was not answered in time begins again
                log_in(name, who)
                return
        log_in(name, who)

    def log_in(name: str, who: dict[str, str]) -> None:
        begun = journey.ask("POST", "/auth/providers/begin", 200)
        with person:  # the stand-in logs in whoever was named last
            journey.partners.put("/_partners/oidc/person", json=who).raise_for_status()
            back = journey.partners.get(begun["url"], follow_redirects=False)
        query = {key: values[0] for key, values in parse_qs(urlsplit(back.headers.get("location", "")).query).items()}
        body = {"flow": begun["flow"], "code": query.get("code", ""), "state": query.get("state", "")}
        journey.tokens[name] = journey.ask("POST", "/auth/providers/finish", 200, json=body)["access_token"]

    crowd.each("players", crowd.names, come)
    return f"{crowd.size} players who log in by the provider"


def _come(journey: Journey, player: str, more: dict[str, str]) -> None:
    """Log in, or register first."""
    given = {"email": f"{player}@example.com", "password": journey.password}
    answer = journey.ask("POST", "/auth/login", 200, 401, json=given)
    if "access_token" in answer:
        journey.tokens[player] = answer["access_token"]
    else:
        journey.ask("POST", "/auth/register", 202, json=given | more)
        finish_registration(journey, player, given)


def _employ(journey: Journey) -> list[str]:
    """Somebody of support, by an operator's client, from inside; the recovery codes.

    Staff keep their second factor. One whom an earlier run employed is out of reach, as that app is: the next one is employed.
    """
    for number in itertools.count(1):
        given = {"email": f"{SUPPORT}-{number}@example.com", "password": journey.password}
        answer = journey.ask("POST", "/auth/login", 200, 202, 401, json=given)
        if "factors" in answer:
            continue
        if "access_token" not in answer:
            journey.ask("POST", "/auth/register", 202, json=given)
            finish_registration(journey, SUPPORT, given)
        break
    authorise_roles(journey)
    body = {"email": given["email"], "roles": ["support"], "reason": "the seeds need one"}
    journey.ask("POST", "/auth/internal/roles", 204, who="auth-roles", inside="auth", json=body)
    journey.tokens[SUPPORT] = journey.ask("POST", "/auth/login", 200, json=given)["access_token"]
    return add_authenticator_app(journey, SUPPORT)


def _show_a_second_factor(journey: Journey, who: str) -> None:
    """With an app that is there for a moment only: a password alone logs the player in at the next run, too."""
    codes = add_authenticator_app(journey, who)
    try:
        step_up(journey, who, codes[0])
    finally:
        journey.ask("DELETE", "/auth/factors/totp", 204, who=who)


STEPS = (Step("players", players), Step("a crowd", crowd))
