"""Signing keys are published before they sign and after; clients get tokens of their own."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jwt
import pytest

from services.auth import keys
from services.auth.app import create_app
from services.common.sealing import UnsealError
from services.common.settings import SettingsError
from tests.services.auth.fixtures import Auth
from tests.services.support import OUTSIDE, Clock, Cloud, environ, running

pytestmark = pytest.mark.postgres

NEW_KEK = "a-new-secret-as-long-as-the-old-one"


async def published(auth: Auth) -> list[str]:
    answer = await auth.client.get("/auth/.well-known/jwks.json")
    return [key["kid"] for key in answer.json()["keys"]]


async def rotate(auth: Auth, clock: Clock) -> bool:
    sealer = keys.sealer_of([auth.cloud.secrets["SIGNING_KEK"]])
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
    await auth.app.state.ring.refresh()  # web processes look again every few seconds
    refreshed = (await auth.client.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})).json()
    assert kid_of(refreshed) == following_kid
    assert set(await published(auth)) > {current, following_kid}
    clock.move(minutes=46)
    assert not await rotate(auth, clock)
    await auth.app.state.ring.refresh()
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
        assert await jobs.run_scheduled(auth.app.state.sessions, clock, "auth.rotate_keys")
    await auth.app.state.ring.refresh()
    assert set(await published(auth)) > before


async def test_private_keys_open_only_with_the_secret(auth: Auth) -> None:
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    row = await app.fetchrow("SELECT kid, private_sealed FROM signing_keys LIMIT 1")
    await app.close()
    assert keys.sealer_of([auth.cloud.secrets["SIGNING_KEK"]]).open(row["private_sealed"], row["kid"])
    with pytest.raises(UnsealError):
        keys.sealer_of(["another secret of the same length, more or less"]).open(row["private_sealed"], row["kid"])


async def test_a_replaced_secret_makes_new_keys_and_ends_no_token(auth: Auth, clock: Clock, cloud: Cloud) -> None:
    person = await auth.person()
    app = create_app(clock)
    variables = cloud.environment("auth", auth.database, SIGNING_KEK=NEW_KEK)
    async with running(app, variables) as client:
        assert (await client.get("/auth/me", headers=person.bearer)).status_code == 200
        fresh = (await client.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})).json()
        assert kid_of(fresh) != kid_of(person.tokens)
    # The task with the old secret serves on until it is replaced, and knows the new key as soon as it meets it.
    bearer = {"Authorization": f"Bearer {fresh['access_token']}"}
    assert (await auth.client.get("/auth/me", headers=bearer)).status_code == 200
    await auth.app.state.ring.refresh()
    again = await auth.client.post("/auth/refresh", json={"refresh_token": fresh["refresh_token"]})
    assert again.status_code == 200


async def states(auth: Auth) -> dict[str, str]:
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    rows = await app.fetch("SELECT kid, state FROM signing_keys")
    await app.close()
    return {row["kid"]: row["state"] for row in rows}


async def test_a_rotated_secret_changes_no_key_and_nobody_notices(auth: Auth, clock: Clock, cloud: Cloud) -> None:
    """Both values, then the new one alone: the keys are sealed anew, none is retired, no token is refused at any time."""
    person, before, old = await auth.person(), await states(auth), cloud.secrets["SIGNING_KEK"]
    refresh_token = person.tokens["refresh_token"]
    for value in (f"{NEW_KEK} {old}", NEW_KEK):
        variables = cloud.environment("auth", auth.database, SIGNING_KEK=value)
        async with running(create_app(clock), variables) as client:
            for each in (client, auth.client):  # the new task, and the one with the old value beside it
                fresh = (await each.post("/auth/refresh", json={"refresh_token": refresh_token})).json()
                refresh_token = fresh["refresh_token"]
                assert kid_of(fresh) == kid_of(person.tokens)
                bearer = {"Authorization": f"Bearer {fresh['access_token']}"}
                for other in (client, auth.client):
                    assert (await other.get("/auth/me", headers=bearer)).status_code == 200
        assert await states(auth) == before
    sealer = keys.sealer_of([NEW_KEK])
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    for row in await app.fetch("SELECT kid, private_sealed FROM signing_keys"):
        assert sealer.open(row["private_sealed"], row["kid"])
    await app.close()


async def test_a_worker_with_the_old_secret_retires_no_key(
    auth: Auth, clock: Clock, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    variables = cloud.environment("auth", auth.database, SIGNING_KEK=NEW_KEK)
    async with running(create_app(clock), variables):
        before = await states(auth)
        clock.move(days=8)
        assert not await rotate(auth, clock)
        assert await states(auth) == before
    (record,) = [record for record in caplog.records if "cannot be opened here" in record.message]
    assert getattr(record, "runbook", None) == "auth-signing-keys"


async def test_a_key_signs_only_when_it_has_been_published_for_a_while(auth: Auth, clock: Clock) -> None:
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    clock.move(days=8)
    await app.execute("DELETE FROM signing_keys WHERE state = 'next'")
    await app.close()
    async with auth.app.state.sessions() as session, session.begin():
        await keys.ensure(session, keys.sealer_of([auth.cloud.secrets["SIGNING_KEK"]]), clock.now())
    assert not await rotate(auth, clock)
    clock.move(minutes=9)
    assert not await rotate(auth, clock)
    clock.move(minutes=1)
    assert await rotate(auth, clock)


async def test_a_frozen_database_keeps_no_request_from_signing(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are read in the background: what a request needs is there."""

    async def never(*_: object) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr("services.auth.repository.keys", never)
    operations = await asyncio.wait_for(auth.bearer("wallet-credit"), 60)
    assert (await asyncio.wait_for(auth.client.get("/auth/me", headers=operations), 60)).status_code == 403


def form(auth: Auth, **changes: str) -> dict[str, str]:
    secret = auth.cloud.secrets["CLIENT_SECRET_WALLET_CREDIT"]
    return {"grant_type": "client_credentials", "client_id": "wallet-credit", "client_secret": secret} | changes


REGISTRY = {"reports": {"scopes": ["wallet:audit", "wallet:credit"], "limits": {"wallet:credit": 500}}}


@asynccontextmanager
async def registered(auth: Auth, clients: object, **secrets: str) -> AsyncIterator[httpx.AsyncClient]:
    """Another task of auth, deployed with `clients` as its registry."""
    variables = auth.cloud.environment("auth", auth.database, CLIENTS=json.dumps(clients), **secrets)
    async with running(create_app(), variables) as client:
        yield client


async def test_a_client_gets_the_scopes_that_its_manifest_asks_for(auth: Auth) -> None:
    """Auth has no list of clients: one that a new service declares is known by the deployment."""
    secret = "a-secret-that-the-stack-has-made"
    async with registered(auth, REGISTRY, CLIENT_SECRET_REPORTS=secret) as client:
        asked = form(auth, client_id="reports", client_secret=secret)
        both = (await client.post("/auth/token", data=asked)).json()
        narrow = (await client.post("/auth/token", data=asked | {"scope": "wallet:audit"})).json()
        assert (await client.post("/auth/token", data=form(auth))).json()["code"] == "client_refused"
    assert (both["scope"], narrow["scope"]) == ("wallet:audit wallet:credit", "wallet:audit")
    read: Any = {"verify_signature": False}
    assert jwt.decode(both["access_token"], options=read)["limits"] == {"wallet:credit": 500}
    assert "limits" not in jwt.decode(narrow["access_token"], options=read)


@pytest.mark.parametrize(
    ("clients", "secrets", "message"),
    [
        (REGISTRY, {}, "the client 'reports': the secret CLIENT_SECRET_REPORTS holds 0 values"),
        (
            REGISTRY,
            {"CLIENT_SECRET_REPORTS": "short"},
            "the client 'reports': the secret CLIENT_SECRET_REPORTS is shorter than 16",
        ),
        ({"reports": {"scopes": []}}, {}, "the variable CLIENTS: reports.scopes"),
        (["reports"], {}, "the variable CLIENTS: as a whole"),
    ],
)
async def test_a_registry_that_is_wrong_stops_the_start(
    auth: Auth, clients: object, secrets: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        async with registered(auth, clients, **secrets):
            pass


async def test_a_clients_secret_rotates(auth: Auth) -> None:
    """Deployed with the new and the previous one, auth takes both; then the new one alone."""
    new, old = "a new secret of the client".replace(" ", "-"), "the previous secret of it".replace(" ", "-")
    for value, outcomes in ((f"{new} {old}", (200, 200)), (new, (200, 401))):
        async with registered(auth, REGISTRY, CLIENT_SECRET_REPORTS=value) as client:
            for secret, outcome in zip((new, old), outcomes, strict=True):
                answer = await client.post("/auth/token", data=form(auth, client_id="reports", client_secret=secret))
                assert answer.status_code == outcome


async def test_tokens_of_clients_are_given_inside_only(auth: Auth) -> None:
    answer = await auth.client.post("/auth/token", data=form(auth), headers=OUTSIDE)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_client_may_ask_for_one_scope(auth: Auth) -> None:
    narrow = await auth.client.post("/auth/token", data=form(auth, scope="wallet:credit"))
    assert narrow.json()["scope"] == "wallet:credit"
    claims = jwt.decode(narrow.json()["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["scope"], claims["client_id"]) == ("wallet-credit", "wallet:credit", "wallet-credit")


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
    assert auth.cloud.secrets["CLIENT_SECRET_WALLET_CREDIT"] not in answer.text


async def test_a_client_is_no_player(auth: Auth) -> None:
    answer = await auth.client.get("/auth/me", headers=await auth.bearer("wallet-credit"))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
