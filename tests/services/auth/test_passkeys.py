"""Passkeys, with an authenticator in software: right ones, and everything that a hostile one may try."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.services.auth.authenticator import PRESENT, SoftwareAuthenticator
from tests.services.auth.fixtures import Auth, Person
from tests.services.support import Clock

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("cheap_passwords")]


async def options(auth: Auth, path: str, person: Person | None = None) -> tuple[str, dict[str, Any]]:
    answer = await auth.client.post(path, headers=person.bearer if person else {})
    assert answer.status_code == 200, answer.text
    return answer.json()["flow"], answer.json()["options"]


async def add(auth: Auth, person: Person, device: SoftwareAuthenticator) -> httpx.Response:
    flow, asked = await options(auth, "/auth/factors/passkeys/options", person)
    body = {"flow": flow, "credential": device.make(asked), "name": "my phone"}
    return await auth.client.post("/auth/factors/passkeys", json=body, headers=person.bearer)


async def log_in(auth: Auth, device: SoftwareAuthenticator) -> httpx.Response:
    flow, asked = await options(auth, "/auth/login/passkey/options")
    return await auth.client.post("/auth/login/passkey", json={"flow": flow, "credential": device.sign(asked)})


@pytest.fixture
async def owner(auth: Auth) -> tuple[Person, SoftwareAuthenticator]:
    person, device = await auth.verified(), SoftwareAuthenticator()
    answer = await add(auth, person, device)
    assert answer.status_code == 204, answer.text
    return person, device


async def test_a_passkey_is_two_factors_in_one(auth: Auth, owner: tuple[Person, SoftwareAuthenticator]) -> None:
    person, device = owner
    answer = await log_in(auth, device)
    tokens = Person(person.email, "", answer.json())
    assert (tokens.id, tokens.claims["acr"], tokens.claims["amr"]) == (person.id, "aal2", ["hwk", "mfa", "user"])
    shown = (await auth.client.get("/auth/factors", headers=tokens.bearer)).json()["passkeys"]
    assert [each["name"] for each in shown] == ["my phone"]
    gone = await auth.client.delete(f"/auth/factors/passkeys/{shown[0]['id']}", headers=tokens.bearer)
    assert gone.status_code == 204
    assert (await log_in(auth, device)).json()["code"] == "factor_refused"


async def test_a_step_up_by_passkey(auth: Auth, owner: tuple[Person, SoftwareAuthenticator], clock: Clock) -> None:
    person, device = owner
    clock.move(minutes=6)
    stranger = SoftwareAuthenticator()
    for used, status in ((stranger, 401), (device, 200)):
        flow, asked = await options(auth, "/auth/step-up/passkey/options", person)
        answer = await auth.step_up(person, flow=flow, credential=used.sign(asked))
        assert answer.status_code == status
    assert person.claims["acr"] == "aal2"


async def test_a_challenge_is_signed_once(auth: Auth, owner: tuple[Person, SoftwareAuthenticator]) -> None:
    _, device = owner
    flow, asked = await options(auth, "/auth/login/passkey/options")
    body = {"flow": flow, "credential": device.sign(asked)}
    answers = await asyncio.gather(*(auth.client.post("/auth/login/passkey", json=body) for _ in range(4)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 422: 3}
    other, _ = await options(auth, "/auth/login/passkey/options")
    replayed = await auth.client.post("/auth/login/passkey", json=body | {"flow": other})
    assert replayed.json()["code"] == "factor_refused", "an answer to another challenge"


async def test_a_challenge_expires(auth: Auth, owner: tuple[Person, SoftwareAuthenticator], clock: Clock) -> None:
    _, device = owner
    flow, asked = await options(auth, "/auth/login/passkey/options")
    clock.move(minutes=5)
    body = {"flow": flow, "credential": device.sign(asked)}
    assert (await auth.client.post("/auth/login/passkey", json=body)).json()["code"] == "flow_refused"


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://localhost.evil.example"},
        {"origin": "http://localhost:8081"},
        {"rp_id": "evil.example"},
        {"flags": PRESENT},
    ],
    ids=str,
)
async def test_another_origin_or_nobody_verified_is_refused(
    auth: Auth, owner: tuple[Person, SoftwareAuthenticator], changes: dict[str, Any]
) -> None:
    _, device = owner
    hostile = SoftwareAuthenticator(key=device.key, id=device.id, **changes)
    assert (await log_in(auth, hostile)).json()["code"] == "factor_refused"
    assert (await add(auth, await auth.verified(), SoftwareAuthenticator(**changes))).json()["code"] == "factor_refused"
    assert (await log_in(auth, device)).status_code == 200


async def test_a_counter_that_goes_back_is_a_copy(auth: Auth, owner: tuple[Person, SoftwareAuthenticator]) -> None:
    _, device = owner
    copy = SoftwareAuthenticator(key=device.key, id=device.id, counter=device.counter)
    assert (await log_in(auth, device)).status_code == 200
    assert (await log_in(auth, device)).status_code == 200
    assert (await log_in(auth, copy)).json()["code"] == "factor_refused"


async def test_a_synced_passkey_counts_nothing(auth: Auth) -> None:
    person, device = await auth.verified(), SoftwareAuthenticator(counts=False)
    assert (await add(auth, person, device)).status_code == 204
    for _ in range(2):
        assert (await log_in(auth, device)).status_code == 200


async def test_a_passkey_of_somebody_else_is_not_taken_over(
    auth: Auth, owner: tuple[Person, SoftwareAuthenticator]
) -> None:
    _, device = owner
    thief = await auth.verified()
    same = SoftwareAuthenticator(id=device.id)
    assert (await add(auth, thief, same)).json()["code"] == "factor_exists"
    flow, asked = await options(auth, "/auth/factors/passkeys/options", await auth.verified())
    body = {"flow": flow, "credential": SoftwareAuthenticator().make(asked), "name": "x"}
    answer = await auth.client.post("/auth/factors/passkeys", json=body, headers=thief.bearer)
    assert answer.json()["code"] == "flow_refused", "begun by somebody else"


@pytest.mark.parametrize(
    "credential", [{}, {"rawId": 5}, {"rawId": "é"}, {"id": "a", "rawId": "a", "response": []}], ids=str
)
async def test_rubbish_is_refused(
    auth: Auth, owner: tuple[Person, SoftwareAuthenticator], credential: dict[str, Any]
) -> None:
    flow, _ = await options(auth, "/auth/login/passkey/options")
    answer = await auth.client.post("/auth/login/passkey", json={"flow": flow, "credential": credential})
    assert answer.json()["code"] == "factor_refused"
