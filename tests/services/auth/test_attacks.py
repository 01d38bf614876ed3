"""Races and attacks: a refresh token presented by a hundred, a thousand guesses, times that tell, sessions of others."""

from __future__ import annotations

import asyncio
import base64
import json
import statistics
import time
from collections import Counter
from contextvars import ContextVar

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import repository
from services.auth.audit import Happened
from services.auth.limiter import BY_ACCOUNT, BY_FACTOR, Limit, Limiter
from services.auth.models import User
from services.common.errors import Code, ServiceError
from services.common.tokens import ALGORITHM, AUDIENCE, issuer
from tests.services.auth.fixtures import PASSWORD, Auth, Person
from tests.services.support import OUTSIDE, Clock

pytestmark = pytest.mark.postgres


async def race(auth: Auth, clock: Clock, repetitions: int, presenters: int = 100) -> None:
    """So often: all present the newest token at once, and one of them goes on from there."""
    person = await auth.person()
    token: str = person.tokens["refresh_token"]
    for _ in range(repetitions):
        body = {"refresh_token": token}
        answers = await asyncio.gather(*(auth.client.post("/auth/refresh", json=body) for _ in range(presenters)))
        # Of one token 60 presentations a minute are answered; who is over that has lost nothing, and asks again. Nor has who
        # was too much for a busy machine (503).
        assert {answer.status_code for answer in answers} <= {200, 429, 503}
        successors = {answer.json()["refresh_token"] for answer in answers if answer.status_code == 200}
        assert len(successors) == 1
        token = successors.pop()
        clock.move(minutes=2)
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    assert await app.fetchval("SELECT count(*) FROM refresh_tokens") == 1 + repetitions
    assert await app.fetchval("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL") == 0
    await app.close()


async def test_a_hundred_refreshes_have_one_successor(auth: Auth, clock: Clock, cheap_passwords: None) -> None:
    await race(auth, clock, 10)


@pytest.mark.nightly
async def test_a_hundred_refreshes_have_one_successor_long(auth: Auth, clock: Clock, cheap_passwords: None) -> None:
    await race(auth, clock, 200)


async def test_a_stolen_token_ends_the_session_and_is_noted(auth: Auth, clock: Clock, cheap_passwords: None) -> None:
    person = await auth.person()
    stolen = {"refresh_token": person.tokens["refresh_token"]}
    owner = (await auth.client.post("/auth/refresh", json=stolen)).json()
    clock.move(seconds=31)
    assert (await auth.client.post("/auth/refresh", json=stolen)).status_code == 401
    again = await auth.client.post("/auth/refresh", json={"refresh_token": owner["refresh_token"]})
    assert again.status_code == 401, "neither goes on"
    assert Happened.TOKEN_REUSED in await auth.events(person)
    await auth.app.state.ended.read()
    bearer = {"Authorization": f"Bearer {owner['access_token']}"}
    assert (await auth.client.get("/auth/me", headers=bearer)).status_code == 401
    listed = await auth.client.get("/auth/internal/ended-sessions")
    assert listed.json()["sessions"] == [person.claims["sid"]]
    assert (await auth.client.get("/auth/internal/ended-sessions", headers=OUTSIDE)).status_code == 404
    clock.move(minutes=15)
    await auth.app.state.ended.read()
    assert (await auth.client.get("/auth/internal/ended-sessions")).json()["sessions"] == [], "its tokens have expired"


async def test_sessions_are_listed_and_ended_one_by_one_or_all(auth: Auth, cheap_passwords: None) -> None:
    person = await auth.person()
    other, stranger = await auth.log_in(person), await auth.person()
    listed = (await auth.client.get("/auth/sessions", headers=person.bearer)).json()["sessions"]
    assert [(each["id"], each["current"]) for each in listed] == [
        (other.claims["sid"], False),
        (person.claims["sid"], True),
    ]
    assert {each["network"] for each in listed} == {"192.0.2.0/24"}
    theirs = await auth.client.delete(f"/auth/sessions/{person.claims['sid']}", headers=stranger.bearer)
    assert theirs.status_code == 404
    assert (await auth.client.delete(f"/auth/sessions/{other.claims['sid']}", headers=person.bearer)).status_code == 204
    ended = await auth.client.post("/auth/refresh", json={"refresh_token": other.tokens["refresh_token"]})
    assert ended.status_code == 401
    assert (await auth.client.delete("/auth/sessions", headers=person.bearer)).status_code == 204
    refused = await auth.client.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    assert refused.status_code == 401
    going_on = await auth.client.post("/auth/refresh", json={"refresh_token": stranger.tokens["refresh_token"]})
    assert going_on.status_code == 200


async def test_a_log_in_begins_a_session_of_its_own_whatever_it_brings(auth: Auth, cheap_passwords: None) -> None:
    """Session fixation: tokens and cookies of an attacker's do not become the victim's."""
    attacker, victim = await auth.person(), await auth.person()
    body = {"email": victim.email, "password": victim.password}
    headers = attacker.bearer | {"Cookie": f"sid={attacker.claims['sid']}"}
    answer = await auth.client.post("/auth/login", json=body, headers=headers)
    claims = Person("", "", answer.json()).claims
    assert claims["sub"] == str(victim.id)
    assert claims["sid"] not in (attacker.claims["sid"], victim.claims["sid"])
    assert "set-cookie" not in answer.headers


async def test_a_log_in_that_meets_a_change_of_the_password_gets_no_session(
    auth: Auth, monkeypatch: pytest.MonkeyPatch, cheap_passwords: None
) -> None:
    """The old password was right when it was checked: whoever knows it must not stay in for a month by that."""
    person = await auth.verified()
    passwords = auth.app.state.services.passwords
    check = passwords.verify

    async def check_and_lose_time(stored: str | None, password: str) -> bool:
        right = await check(stored, password)
        monkeypatch.setattr(passwords, "verify", check)
        body = {"old": person.password, "new": "another horse battery"}
        changed = await auth.client.post("/auth/password", json=body, headers=person.bearer)
        assert changed.status_code == 200, changed.text
        return bool(right)

    monkeypatch.setattr(passwords, "verify", check_and_lose_time)
    late = await auth.client.post("/auth/login", json={"email": person.email, "password": person.password})
    assert (late.status_code, late.json()["code"]) == (401, "credentials_wrong")
    fresh = {"email": person.email, "password": "another horse battery"}
    assert (await auth.client.post("/auth/login", json=fresh)).status_code == 200


async def test_a_registration_that_meets_the_code_does_not_change_the_password(
    auth: Auth, monkeypatch: pytest.MonkeyPatch, cheap_passwords: None
) -> None:
    """Somebody else registers the address with a password of theirs, just while its owner enters the code."""
    email = await auth.registered()
    code, find = await auth.secret(email), repository.user_by_digest

    async def find_and_lose_time(session: AsyncSession, digest: bytes) -> User | None:
        found = await find(session, digest)
        monkeypatch.setattr(repository, "user_by_digest", find)
        assert (await auth.finish(email, code)).status_code == 200
        return found

    monkeypatch.setattr(repository, "user_by_digest", find_and_lose_time)
    theirs = {"email": email, "password": "a stranger's password"}
    assert (await auth.client.post("/auth/register", json=theirs)).status_code == 202
    assert (await auth.client.post("/auth/login", json=theirs)).status_code == 401
    assert await auth.log_in(Person(email, PASSWORD, {}))


async def test_a_thousand_guesses_at_once_are_ten(auth: Auth, clock: Clock) -> None:
    limiter: Limiter = auth.app.state.services.limiter
    places = asyncio.Semaphore(50)  # more than a process admits

    async def guess(limit: Limit) -> int:
        try:
            async with places:
                await limiter.attempt(limit, "somebody")
        except ServiceError as refusal:
            assert refusal.code is Code.RATE_LIMITED
            return 0
        return 1

    for limit in (BY_ACCOUNT, BY_FACTOR):
        assert sum(await asyncio.gather(*(guess(limit) for _ in range(1000)))) == limit.attempts
    clock.move(seconds=BY_ACCOUNT.seconds - 1)
    assert await guess(BY_ACCOUNT) == 0, "and what was refused is not counted"
    clock.move(seconds=1)
    assert sum(await asyncio.gather(*(guess(BY_ACCOUNT) for _ in range(100)))) == BY_ACCOUNT.attempts


async def test_a_window_slides(auth: Auth, clock: Clock) -> None:
    """Nobody gets two windows' attempts around the moment at which one ends."""
    limiter, limit = auth.app.state.services.limiter, Limit("test", 4, 100)
    for seconds, expected in (
        (0, True),
        (60, True),
        (30, True),
        (5, True),
        (4, False),
        (1, True),
        (1, False),
        (59, True),
    ):
        clock.move(seconds=seconds)
        try:
            await limiter.attempt(limit, "somebody")
            taken = True
        except ServiceError:
            taken = False
        assert taken is expected, seconds


@pytest.mark.nightly
async def test_an_unknown_account_takes_as_long_as_a_wrong_password(auth: Auth, clock: Clock) -> None:
    """Medians of alternating requests, with real hashes; a machine that is busy is busy for both."""
    known = [(await auth.person()).email for _ in range(10)]
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for number in range(60):
        clock.move(minutes=2)
        for is_known in (True, False):
            email = known[number % 10] if is_known else f"nobody-{number}@example.com"
            begun = time.perf_counter()
            await auth.client.post("/auth/login", json={"email": email, "password": "wrong password"})
            seconds[is_known].append(time.perf_counter() - begun)
    medians = [statistics.median(seconds[is_known]) for is_known in (True, False)]
    assert abs(medians[0] - medians[1]) < 0.15 * max(medians), medians


async def test_an_unknown_account_costs_the_same_work(
    auth: Auth, monkeypatch: pytest.MonkeyPatch, cheap_passwords: None
) -> None:
    """The same statements, hashes and counted attempts, without a clock."""
    from sqlalchemy import event

    person = await auth.person()
    engine, work = auth.app.state.engine.sync_engine, list[str]()
    passwords = auth.app.state.services.passwords
    plain = passwords._run

    async def counted(call: object) -> object:
        work.append("hash")
        return await plain(call)

    monkeypatch.setattr(passwords, "_run", counted)

    asked = ContextVar("asked", default=False)  # what the service reads in the background is nobody's request

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if asked.get():
            work.append(statement.split(" ", 3)[0] + statement[-20:])

    event.listen(engine, "before_cursor_execute", note)
    done = []
    asked.set(True)
    for path, more in (
        ("/auth/login", {"password": "wrong password"}),
        ("/auth/register", {"password": "another password"}),
    ):
        for email in (person.email, "nobody@example.com"):
            work.clear()
            await auth.client.post(path, json={"email": email, **more})
            done.append(list(work))
    event.remove(engine, "before_cursor_execute", note)
    assert done[0] == done[1]
    assert done[2].count("hash") == done[3].count("hash") == 1


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_forged_tokens_are_refused_by_auth_itself(auth: Auth, clock: Clock, cheap_passwords: None) -> None:
    person = await auth.person()
    head, claims, signature = person.tokens["access_token"].split(".")
    kid = jwt.get_unverified_header(person.tokens["access_token"])["kid"]
    mine, now = ec.generate_private_key(ec.SECP256R1()), int(clock.now().timestamp())
    stated = {"iss": issuer("test"), "aud": AUDIENCE, "sub": str(person.id), "iat": now, "exp": now + 900, "jti": "1"}

    def forged(header: dict[str, object], **changes: object) -> str:
        claimed = {**stated, "scope": "player", **changes}
        return jwt.encode(claimed, mine, algorithm=ALGORITHM, headers={"typ": "at+jwt", "kid": kid, **header})

    jwk = {"kty": "EC", "crv": "P-256", "kid": "mine"}
    tokens = {
        "none": f"{_part({'alg': 'none', 'typ': 'at+jwt', 'kid': kid})}.{claims}.",
        "hmac": f"{_part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': kid})}.{claims}.{signature}",
        "another key": forged({}),
        "kid: a path": forged({"kid": "../../../dev/null"}),
        "kid: SQL": forged({"kid": "' UNION SELECT 'x' --"}),
        "kid: none": forged({"kid": ""}),
        "jku": forged({"kid": "mine", "jku": "https://evil.example/jwks.json"}),
        "jwk": forged({"kid": "mine", "jwk": jwk}),
        "changed": f"{head}.{_part({**stated, 'scope': 'player staff'})}.{signature}",
        "an id_token's type": forged({"typ": "JWT"}),
    }
    for name, token in tokens.items():
        answer = await auth.client.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), name
    clock.move(minutes=15)
    expired = await auth.client.get("/auth/me", headers=person.bearer)
    assert expired.status_code == 401


async def test_nothing_is_granted_to_other_origins(auth: Auth, cheap_passwords: None) -> None:
    person = await auth.person()
    origin = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = await auth.client.options("/auth/login", headers=origin)
    read = await auth.client.get("/auth/me", headers=person.bearer | origin)
    for answer in (preflight, read):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert preflight.status_code == 405
    assert read.headers["x-content-type-options"] == "nosniff"
    assert read.headers["cache-control"] == "no-store"
    assert Counter(read.headers.get_list("referrer-policy")) == {"no-referrer": 1}
    assert read.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert read.headers["strict-transport-security"] == "max-age=63072000"


async def test_a_forwarded_address_is_counted_from_the_right(auth: Auth, cheap_passwords: None) -> None:
    """Who invents addresses in X-Forwarded-For is still one: only what our own proxies append counts."""
    for number in range(3):
        forwarded = {"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.7"}
        body = {"email": f"nobody-{number}@example.com", "password": "wrong password"}
        await auth.client.post("/auth/login", json=body, headers=forwarded)
    ask = auth.cloud.cache.command  # auth itself may not look for keys
    assert ask("KEYS", "auth:attempts:{address:*") == ["auth:attempts:{address:198.51.100.7}"]
    assert int(ask("ZCARD", "auth:attempts:{address:198.51.100.7}")) == 3
