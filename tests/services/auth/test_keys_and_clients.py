"""Signing keys are published before they sign and after; clients get tokens of their own."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import jwt
import pytest

from services.auth import keys
from services.auth.app import create_app
from services.common.sealing import UnsealError
from tests.services.auth.fixtures import Auth
from tests.services.support import Clock, Cloud, environ, running

pytestmark = pytest.mark.postgres


async def published(auth: Auth) -> list[str]:
    answer = await auth.client.get("/auth/.well-known/jwks.json")
    return [key["kid"] for key in answer.json()["keys"]]


async def rotate(auth: Auth, clock: Clock) -> bool:
    sealer = keys.sealer_of(auth.cloud.secrets["SIGNING_KEK"])
    async with auth.app.state.sessions() as session, session.begin():
        return await keys.rotate(session, sealer, clock.now())


def kid_of(tokens: dict[str, Any]) -> str:
    kid: str = jwt.get_unverified_header(tokens["access_token"])["kid"]
    return kid


async def test_the_published_keys_hold_nothing_private(auth: Auth) -> None:
    answer = await auth.client.get("/auth/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=300"
    for key in answer.json()["keys"]:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
        assert len(base64.urlsafe_b64decode(key["x"] + "=")) == 32


async def test_a_rotation_moves_each_key_on(auth: Auth, clock: Clock) -> None:
    person = await auth.person()
    assert not await rotate(auth, clock)
    current, following = kid_of(person.tokens), set(await published(auth))
    (following_kid,) = following - {current}
    clock.move(days=7)
    assert await rotate(auth, clock)
    clock.move(seconds=61)  # web processes look again every minute
    refreshed = (await auth.client.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})).json()
    assert kid_of(refreshed) == following_kid
    assert set(await published(auth)) > {current, following_kid}
    clock.move(minutes=46)
    assert not await rotate(auth, clock)
    clock.move(seconds=61)
    assert current not in await published(auth)
    assert len(await published(auth)) == 2


async def test_a_token_outlives_the_rotation_of_its_key(auth: Auth, clock: Clock) -> None:
    clock.move(days=7)
    person = await auth.person()
    await rotate(auth, clock)
    clock.move(minutes=14)
    await rotate(auth, clock)
    assert (await auth.client.get("/auth/me", headers=person.bearer)).status_code == 200


async def test_parallel_rotations_rotate_once(auth: Auth, clock: Clock) -> None:
    clock.move(days=7)
    assert sorted(await asyncio.gather(*(rotate(auth, clock) for _ in range(4)))) == [False, False, False, True]


async def test_the_scheduled_job_rotates(auth: Auth, clock: Clock, cloud: Cloud) -> None:
    from services.auth.tasks import jobs

    before = set(await published(auth))
    clock.move(days=7, seconds=61)
    with environ(cloud.environment("auth", auth.database)):
        await jobs.run_scheduled(auth.app.state.sessions, clock, "auth.rotate_keys")
    clock.move(seconds=61)
    assert set(await published(auth)) > before


async def test_private_keys_open_only_with_the_secret(auth: Auth) -> None:
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    row = await app.fetchrow("SELECT kid, private_sealed FROM signing_keys LIMIT 1")
    await app.close()
    assert keys.sealer_of(auth.cloud.secrets["SIGNING_KEK"]).open(row["private_sealed"], row["kid"])
    with pytest.raises(UnsealError):
        keys.sealer_of("another secret of the same length, more or less").open(row["private_sealed"], row["kid"])


async def test_a_replaced_secret_makes_new_keys_and_ends_no_token(auth: Auth, clock: Clock, cloud: Cloud) -> None:
    person = await auth.person()
    app = create_app(clock)
    variables = cloud.environment("auth", auth.database, SIGNING_KEK="a new secret, as long as the old one was before")
    async with running(app, variables) as client:
        assert (await client.get("/auth/me", headers=person.bearer)).status_code == 200
        fresh = (await client.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})).json()
        assert kid_of(fresh) != kid_of(person.tokens)
    # The task with the old secret serves on until it is replaced.
    clock.move(seconds=61)
    again = await auth.client.post("/auth/refresh", json={"refresh_token": fresh["refresh_token"]})
    assert again.status_code == 200


def form(auth: Auth, **changes: str) -> dict[str, str]:
    secret = auth.cloud.secrets["OPERATIONS_CLIENT_SECRET"]
    return {"grant_type": "client_credentials", "client_id": "operations", "client_secret": secret} | changes


async def test_a_client_gets_the_scopes_that_it_may_have(auth: Auth) -> None:
    answer = await auth.client.post("/auth/token", data=form(auth))
    assert answer.json()["scope"] == "wallet:audit wallet:credit"
    narrow = await auth.client.post("/auth/token", data=form(auth, scope="wallet:credit"))
    assert narrow.json()["scope"] == "wallet:credit"
    claims = jwt.decode(narrow.json()["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["scope"], claims["client_id"]) == ("operations", "wallet:credit", "operations")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, "client_refused"),
        ({"client_id": "somebody"}, 401, "client_refused"),
        ({"grant_type": "password"}, 400, "grant_unsupported"),
        ({"scope": "wallet:credit player"}, 400, "scope_refused"),
        ({"extra": "field"}, 422, "invalid"),
    ],
)
async def test_a_client_is_refused(auth: Auth, changes: dict[str, str], status: int, code: str) -> None:
    answer = await auth.client.post("/auth/token", data=form(auth, **changes))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert auth.cloud.secrets["OPERATIONS_CLIENT_SECRET"] not in answer.text


async def test_a_client_is_no_player(auth: Auth) -> None:
    answer = await auth.client.get("/auth/me", headers=await auth.operations())
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
