"""Second factors: an authenticator app whose codes are good once, recovery codes, step-up, and what staff must have."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.auth import totp
from services.auth.audit import Happened
from services.common.permissions import ROLES, StaffRole
from services.common.tokens import STEP_UP_AGE
from tests.services.auth.fixtures import Auth, Authenticator, Person
from tests.services.support import Clock

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("cheap_passwords")]

#: RFC 6238, appendix B (SHA-1, eight digits).
VECTORS = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
}


def test_codes_are_those_of_the_rfc() -> None:
    for seconds, expected in VECTORS.items():
        assert totp.code_at(b"12345678901234567890", seconds // totp.PERIOD, digits=8) == expected


def test_an_app_may_be_one_step_off() -> None:
    secret, now = totp.new_secret(), datetime(2026, 11, 26, 12, tzinfo=UTC)
    for steps in range(-3, 4):
        code = totp.code_at(secret, totp.step_of(now) + steps)
        assert (totp.matching_step(secret, code, now) is not None) == (abs(steps) <= 1)


async def half_way(auth: Auth, person: Person) -> str:
    """Log in with the password; the flow that wants the second factor."""
    body = {"email": person.email, "password": person.password}
    answer = await auth.client.post("/auth/login", json=body)
    assert (answer.status_code, "access_token" in answer.json()) == (202, False), answer.text
    flow: str = answer.json()["flow"]
    return flow


async def finish(auth: Auth, flow: str, **proof: str) -> httpx.Response:
    return await auth.client.post("/auth/login/second-factor", json={"flow": flow, **proof})


async def with_app(auth: Auth) -> tuple[Person, Authenticator]:
    person = await auth.verified()
    app = await auth.with_totp(person)
    app.later()
    return person, app


async def test_a_log_in_wants_the_second_factor(auth: Auth) -> None:
    person, app = await with_app(auth)
    answer = await finish(auth, await half_way(auth, person), totp=app.code())
    tokens = Person(person.email, person.password, answer.json())
    assert (tokens.claims["acr"], tokens.claims["amr"]) == ("aal2", ["mfa", "otp", "pwd"])
    assert tokens.claims["sid"]


async def test_a_code_is_taken_once_however_many_present_it(auth: Auth) -> None:
    person, app = await with_app(auth)
    flows = [await half_way(auth, person) for _ in range(4)]
    answers = await asyncio.gather(*(finish(auth, flow, totp=app.code()) for flow in flows))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 3}
    earlier = await finish(auth, await half_way(auth, person), totp=app.code(-1))
    assert earlier.json()["code"] == "factor_refused", "older than one that was taken"
    app.later()
    assert (await finish(auth, await half_way(auth, person), totp=app.code())).status_code == 200


async def test_a_wrong_factor_uses_the_flow_up_and_is_limited(auth: Auth, clock: Clock) -> None:
    person, app = await with_app(auth)
    flow = await half_way(auth, person)
    wrong = f"{(int(app.code()) + 1) % 10**6:06}"
    assert (await finish(auth, flow, totp=wrong)).json()["code"] == "factor_refused"
    assert (await finish(auth, flow, totp=app.code())).json()["code"] == "flow_refused"
    for _ in range(4):
        assert (await finish(auth, await half_way(auth, person), totp=wrong)).status_code == 401
    limited = await finish(auth, await half_way(auth, person), totp=app.code())
    assert (limited.status_code, int(limited.headers["retry-after"])) == (429, 300)
    clock.move(seconds=300)
    assert (await finish(auth, await half_way(auth, person), totp=app.code())).status_code == 200
    assert Happened.FACTOR_REFUSED in await auth.events(person)


async def test_a_recovery_code_stands_in_once(auth: Auth) -> None:
    person, app = await with_app(auth)
    code = app.recovery_codes[3]
    assert len(set(app.recovery_codes)) == 10
    flows = [await half_way(auth, person) for _ in range(3)]
    answers = await asyncio.gather(*(finish(auth, flow, recovery_code=code.upper()) for flow in flows))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 2}
    tokens = next(answer.json() for answer in answers if answer.status_code == 200)
    shown = Person(person.email, person.password, tokens)
    left = await auth.client.get("/auth/factors", headers=shown.bearer)
    assert left.json()["recovery_codes_left"] == 9
    new = (await auth.client.post("/auth/factors/recovery-codes", headers=shown.bearer)).json()["codes"]
    assert (await finish(auth, await half_way(auth, person), recovery_code=app.recovery_codes[0])).status_code == 401
    assert (await finish(auth, await half_way(auth, person), recovery_code=new[0])).status_code == 200


async def test_sensitive_acts_want_two_factors_a_moment_ago(auth: Auth, clock: Clock) -> None:
    person, app = await with_app(auth)  # its session confirmed the app: two factors, just now
    tokens = (await finish(auth, await half_way(auth, person), totp=app.code())).json()
    person = Person(person.email, person.password, tokens)
    clock.time += STEP_UP_AGE + timedelta(seconds=1)
    refused = await auth.client.delete("/auth/factors/totp", headers=person.bearer)
    assert (refused.status_code, refused.json()["code"]) == (401, "step_up_needed")
    assert 'acr_values="aal2"' in refused.headers["www-authenticate"]
    await auth.step_up(person, password=person.password)
    again = await auth.client.delete("/auth/factors/totp", headers=person.bearer)
    assert again.json()["code"] == "step_up_needed", "a password is one factor, however often it is given"
    assert (await auth.step_up(person, totp=app.code())).status_code == 200
    assert (await auth.client.delete("/auth/factors/totp", headers=person.bearer)).status_code == 204
    assert await auth.log_in(person)
    assert (await auth.letters(person.email))[-1]["subject"] == "Your second factors were changed"


async def test_a_thief_of_a_session_cannot_add_a_factor(auth: Auth, clock: Clock) -> None:
    person = await auth.person()
    clock.move(minutes=11)
    answer = await auth.client.post("/auth/factors/totp", headers=person.bearer)
    assert answer.json()["code"] == "step_up_needed"
    await auth.step_up(person, password=person.password)
    app = await auth.with_totp(person)
    clock.move(minutes=6)
    for path in ("totp", "passkeys/options"):
        assert (await auth.client.post(f"/auth/factors/{path}", headers=person.bearer)).status_code == 401
    assert (await auth.step_up(person, totp=app.code())).status_code == 200
    assert (await auth.client.post("/auth/factors/totp", headers=person.bearer)).json()["code"] == "factor_exists"


async def test_staff_hold_their_permissions_after_two_factors_only(auth: Auth) -> None:
    staff, _ = await auth.staff("support")
    assert staff.scopes == {"staff", *ROLES[StaffRole.SUPPORT]}
    flow = await half_way(auth, staff)
    assert flow, "and log in with two from then on"
    answer = await auth.client.delete("/auth/factors/totp", headers=staff.bearer)
    assert answer.json()["code"] == "state_refused", "who works here keeps one"


async def test_somebody_new_here_has_nothing_before_a_second_factor(auth: Auth) -> None:
    person = await auth.verified()
    headers = await auth.bearer("auth-roles")
    body = {"email": person.email, "roles": ["admin"], "reason": "the first admin"}
    await auth.client.post("/auth/internal/roles", json=body, headers=headers)
    person = await auth.log_in(person)
    assert person.scopes == {"staff"}
    answer = await auth.client.get(f"/auth/staff/accounts/{person.id}", headers=person.bearer)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
