"""Auth's part of the smoke journey: two players register, verify their addresses, log in; one has a second factor."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from services.auth import totp
from services.common.journey import FINANCE, FIRST, SECOND, SUPPORT, Journey, SecondFactor, Step, Unexpected

#: How long the worker and the gateway may take with a letter, in seconds.
LETTER_SECONDS = 45

BIRTH_DATE = "1990-01-31"


@dataclass
class UnusedCodes:
    """Who has an authenticator app → recovery codes that were not used yet."""

    of: dict[str, Iterator[str]]


def register(journey: Journey) -> str:
    """Make the two players' accounts."""
    for player in (FIRST, SECOND):
        body = credentials(journey, player) | {"birth_date": BIRTH_DATE}
        journey.ask("POST", "/auth/register", 202, json=body)
    return f"two players, {FIRST}-{journey.run} and {SECOND}-{journey.run}"


def verify(journey: Journey) -> str:
    """Each enters the code that came by mail; before that, nobody logs in."""
    for player in (FIRST, SECOND):
        given = credentials(journey, player)
        journey.ask("POST", "/auth/login", 401, json=given)
        finish_registration(journey, player, given)
    return "the codes that were sent verify both addresses"


def log_in(journey: Journey) -> str:
    """Leave a token for each player."""
    for player in (FIRST, SECOND):
        log_in_as(journey, player)
    me = journey.ask("GET", "/auth/me", 200, who=FIRST)
    return f"{FIRST} is {me['id']}"


def show_a_second_factor(journey: Journey) -> str:
    """An authenticator app for the first player; its recovery codes step up, once each."""
    codes = {FIRST: iter(add_authenticator_app(journey, FIRST))}

    def show(who: str) -> None:
        step_up(journey, who, next(codes[who]))

    show(FIRST)
    journey.keep(SecondFactor(show))
    journey.keep(UnusedCodes(codes))
    again = journey.ask("POST", "/auth/login", 202, json=credentials(journey, FIRST))
    return f"a password alone leads to {' or '.join(again['factors'])}"


def employ(journey: Journey) -> str:
    """Two people become members of staff: by an operator's client, from inside; permissions come with a second factor."""
    authorise_roles(journey)
    for who, role in ((SUPPORT, "support"), (FINANCE, "finance")):
        given = credentials(journey, who)
        journey.ask("POST", "/auth/register", 202, json=given)
        finish_registration(journey, who, given)
        body = {"email": given["email"], "roles": [role], "reason": "the walk needs one"}
        journey.ask("POST", "/auth/internal/roles", 204, who="auth-roles", inside="auth", json=body)
        log_in_as(journey, who)
        journey.kept(UnusedCodes).of[who] = iter(add_authenticator_app(journey, who))
    player = journey.ask("GET", "/auth/me", 200, who=FIRST)["id"]
    journey.ask("GET", f"/auth/staff/accounts/{player}", 403, who=SUPPORT)
    journey.kept(SecondFactor).show(SUPPORT)
    shown = journey.ask("GET", f"/auth/staff/accounts/{player}", 200, who=SUPPORT)["email"]
    journey.ask("POST", f"/auth/staff/accounts/{player}/freeze", 403, who=SUPPORT, json={"reason": "not hers to do"})
    return f"{SUPPORT} of support sees {shown} and freezes nobody; {FINANCE} of finance"


def log_in_by_the_provider(journey: Journey) -> str:
    """Somebody who has an account at the provider comes back from there logged in."""
    person = {"subject": journey.run, "email": f"guest-{journey.run}@example.com"}
    journey.partners.put("/_partners/oidc/person", json=person).raise_for_status()
    begun = journey.ask("POST", "/auth/providers/begin", 200)
    back = httpx.get(begun["url"], trust_env=False, timeout=10)  # the person's browser, outside of the platform
    query = {name: values[0] for name, values in parse_qs(urlsplit(back.headers.get("location", "")).query).items()}
    body = {"flow": begun["flow"], "code": query.get("code", ""), "state": query.get("state", "")}
    journey.tokens["guest"] = journey.ask("POST", "/auth/providers/finish", 200, json=body)["access_token"]
    verified = journey.ask("GET", "/auth/me", 200, who="guest")["email_verified"]
    if not verified:
        raise Unexpected("the provider's word on the address was not taken")
    return f"{person['email']}, whose address the provider has verified"


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


def authorise_roles(journey: Journey) -> None:
    """Leave a token of the operators' client that gives roles."""
    form = {
        "grant_type": "client_credentials",
        "client_id": "auth-roles",
        "client_secret": journey.secret("auth", "CLIENT_SECRET_AUTH_ROLES"),
    }
    journey.tokens["auth-roles"] = journey.ask("POST", "/auth/token", 200, inside="auth", data=form)["access_token"]


def log_in_as(journey: Journey, player: str) -> None:
    """Leave a token of a player who has one factor."""
    answer = journey.ask("POST", "/auth/login", 200, json=credentials(journey, player))
    journey.tokens[player] = answer["access_token"]


def add_authenticator_app(journey: Journey, who: str) -> list[str]:
    """Give somebody who has just logged in an app: the recovery codes that came with it."""
    secret = base64.b32decode(journey.ask("POST", "/auth/factors/totp", 200, who=who)["secret"])
    code = totp.code_at(secret, totp.step_of(datetime.now(UTC)))
    codes: list[str] = journey.ask("POST", "/auth/factors/totp/confirm", 200, who=who, json={"code": code})["codes"]
    return codes


def step_up(journey: Journey, who: str, recovery_code: str) -> None:
    """Leave a token that has just shown two factors."""
    answer = journey.ask("POST", "/auth/step-up", 200, who=who, json={"recovery_code": recovery_code})
    journey.tokens[who] = answer["access_token"]


def finish_registration(journey: Journey, player: str, given: dict[str, str]) -> None:
    """Enter the newest code that was sent to the address of `given`; leaves the player's token."""
    path = f"/_partners/messages/{quote(given['email'])}"

    def look() -> str | None:
        shown = journey.partners.get(path).raise_for_status().json()
        found = [re.search(r"^Your code: (\d{6})$", letter["subject"]) for letter in shown]
        return next((each[1] for each in reversed(found) if each), None)

    code = journey.until(LETTER_SECONDS, f"the letter to {player} (does the worker run?)", look)
    answer = journey.ask("POST", "/auth/register/finish", 200, json=given | {"code": code})
    journey.tokens[player] = answer["access_token"]


def credentials(journey: Journey, player: str) -> dict[str, str]:
    """What a player of this walk logs in with."""
    return {"email": f"{player}-{journey.run}@example.com", "password": journey.password}


STEPS = (
    Step("register", register),
    Step("verify addresses by the letters", verify),
    Step("log in", log_in),
    Step("show a second factor", show_a_second_factor),
    Step("employ two members of staff", employ),
    Step("log in by the provider", log_in_by_the_provider),
    Step("refuse forged tokens", refuse_forged_tokens),
)
