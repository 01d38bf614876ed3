"""Accounts: register, log in, me."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from redis.asyncio.cluster import RedisCluster

from services.auth.limiter import BY_ADDRESS, CLIENTS_BY_ADDRESS, REGISTRATIONS, Limit, Limiter
from services.auth.passwords import QUEUE
from services.common.logs import JsonFormatter
from tests.services.auth.fixtures import Auth, Person
from tests.services.support import CATALOG, Clock

pytestmark = pytest.mark.postgres


async def test_a_person_registers_logs_in_and_is_known(auth: Auth) -> None:
    person = await auth.person("Player.One@Example.COM")
    answer = await auth.client.get("/auth/me", headers=person.bearer)
    assert answer.status_code == 200
    assert answer.json()["email"] == "player.one@example.com"


async def test_one_address_has_one_account_however_it_is_written(auth: Auth) -> None:
    await auth.person("player@example.com")
    again = {"email": " PLAYER@example.com", "password": "another password"}
    assert (await auth.client.post("/auth/register", json=again)).status_code == 202
    assert (await auth.client.post("/auth/login", json=again)).status_code == 401, "the account stays as it was"


async def test_registering_does_not_say_who_has_an_account(auth: Auth) -> None:
    await auth.person("player@example.com")
    known, unknown = [
        await auth.client.post("/auth/register", json={"email": email, "password": "another password"})
        for email in ("player@example.com", "nobody@example.com")
    ]
    assert known.status_code == unknown.status_code == 202
    assert known.json() == {"email": "player@example.com"}
    assert unknown.json() == {"email": "nobody@example.com"}
    assert set(known.headers) == set(unknown.headers)


async def test_a_registration_whose_answer_was_lost_is_repeated(auth: Auth) -> None:
    body = {"email": "player@example.com", "password": "correct horse battery"}
    first, second = [await auth.client.post("/auth/register", json=body) for _ in range(2)]
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert (await auth.finish("player@example.com", await auth.secret("player@example.com"))).status_code == 200


async def test_parallel_registrations_of_one_address_make_one_account(auth: Auth) -> None:
    body = {"email": "player@example.com", "password": "correct horse battery"}
    answers = await asyncio.gather(*(auth.client.post("/auth/register", json=body) for _ in range(6)))
    assert Counter(answer.status_code for answer in answers) == {202: 6}
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    assert await app.fetchval("SELECT count(*) FROM users") == 1
    await app.close()


@pytest.mark.parametrize(
    "body",
    [
        {"email": "no address", "password": "correct horse battery"},
        {"email": "a@b", "password": "correct horse battery"},
        {"email": "a@" + "b" * 300 + ".com", "password": "correct horse battery"},
        {"email": "player@example.com", "password": "tooshort"},
        {"email": "player@example.com", "password": "correct horse battery", "admin": True},
        {"email": "player@example.com"},
    ],
)
async def test_what_is_wrong_is_named_and_not_repeated(auth: Auth, body: dict[str, object]) -> None:
    answer = await auth.client.post("/auth/register", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["violations"]
    assert "tooshort" not in answer.text
    assert "correct horse" not in answer.text


async def test_a_wrong_password_and_an_unknown_address_look_the_same(auth: Auth) -> None:
    await auth.person("player@example.com")
    answers = [
        await auth.client.post("/auth/login", json={"email": email, "password": "wrong password"})
        for email in ("player@example.com", "nobody@example.com")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({(answer.json()["code"], answer.json()["detail"]) for answer in answers}) == 1


async def test_the_database_holds_neither_addresses_nor_tokens_nor_passwords(auth: Auth) -> None:
    person = await auth.person("player@example.com")
    again = await auth.client.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    owner = await auth.cloud.connect(auth.database, role="owner", service="auth")
    tables = ("users", "sessions", "refresh_tokens", "signing_keys")
    stored = "".join([str(dict(row)) for table in tables for row in await owner.fetch(f"SELECT * FROM {table}")])
    await owner.close()
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in stored
    for private in (
        "player@example.com",
        person.password,
        person.tokens["refresh_token"],
        again.json()["refresh_token"],
    ):
        assert private not in stored


async def test_a_hash_with_older_parameters_is_made_anew_at_log_in(auth: Auth) -> None:
    person = await auth.person()
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    old = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(person.password)
    await app.execute("UPDATE users SET password_hash = $1", old)
    body = {"email": person.email, "password": person.password}
    assert (await auth.client.post("/auth/login", json=body)).status_code == 200
    assert (await app.fetchval("SELECT password_hash FROM users")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await app.close()
    assert (await auth.client.post("/auth/login", json=body)).status_code == 200


async def test_tokens_are_not_to_be_cached(auth: Auth) -> None:
    person = await auth.person()
    answer = await auth.client.post("/auth/login", json={"email": person.email, "password": person.password})
    assert answer.headers["cache-control"] == "no-store"


async def test_log_ins_of_one_account_are_limited(auth: Auth, clock: Clock) -> None:
    person = await auth.person()
    clock.time = clock.time.replace(minute=0, second=1)  # well inside a window
    wrong = {"email": person.email, "password": "wrong password"}
    for _ in range(10):
        assert (await auth.client.post("/auth/login", json=wrong)).status_code == 401
    right = {"email": person.email.upper(), "password": person.password}
    answer = await auth.client.post("/auth/login", json=right)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert answer.headers["retry-after"] == "900"
    assert (await auth.person()).tokens  # others are not held up
    clock.move(minutes=15)
    assert (await auth.client.post("/auth/login", json=right)).status_code == 200


async def test_parallel_guesses_are_counted_one_by_one(auth: Auth, clock: Clock) -> None:
    person = await auth.person()
    clock.time = clock.time.replace(minute=0, second=1)
    wrong = {"email": person.email, "password": "wrong password"}
    answers = await asyncio.gather(*(auth.client.post("/auth/login", json=wrong) for _ in range(25)))
    assert Counter(answer.status_code for answer in answers) == {401: 10, 429: 15}


async def test_players_behind_one_address_do_not_use_up_each_others_attempts(
    auth: Auth, clock: Clock, cheap_passwords: None
) -> None:
    """A carrier's address: log-ins that succeed count for nothing, guesses do."""
    clock.time = clock.time.replace(minute=0, second=1)
    person = await auth.person()
    right = {"email": person.email, "password": person.password}
    ask = auth.cloud.cache.command  # auth itself may not look for keys

    async def counted() -> int:
        return sum(int(ask("ZCARD", key)) for key in ask("KEYS", "auth:attempts:{address:*"))

    assert await counted() == 0
    for _ in range(5):
        assert (await auth.client.post("/auth/login", json=right)).status_code == 200
    assert await counted() == 0
    await auth.client.post("/auth/login", json={**right, "password": "wrong password"})
    assert await counted() == 1


@pytest.mark.parametrize(
    ("limit", "path"),
    [(BY_ADDRESS, "/auth/login"), (REGISTRATIONS, "/auth/register"), (CLIENTS_BY_ADDRESS, "/auth/token")],
)
def test_no_limit_by_address_is_tighter_than_the_firewalls(limit: Limit, path: str) -> None:
    firewall = CATALOG.services["auth"].rate_limits[path]
    assert limit.attempts / limit.seconds >= firewall / 300


async def test_a_log_in_forgives_earlier_mistakes(auth: Auth, clock: Clock) -> None:
    person = await auth.person()
    clock.time = clock.time.replace(minute=0, second=1)
    for _ in range(3):
        for _ in range(9):
            await auth.client.post("/auth/login", json={"email": person.email, "password": "wrong password"})
        answer = await auth.client.post("/auth/login", json={"email": person.email, "password": person.password})
        assert answer.status_code == 200


async def test_without_the_cache_nobody_logs_in_but_sessions_go_on(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await auth.person()
    limiter: Limiter = auth.app.state.services.limiter
    dead = RedisCluster(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    monkeypatch.setattr(limiter, "_cache", dead)
    answer = await auth.client.post("/auth/login", json={"email": person.email, "password": person.password})
    assert (answer.status_code, answer.json()["code"]) == (503, "limiter_unavailable")
    refreshed = await auth.client.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    assert refreshed.status_code == 200


async def test_more_log_ins_than_can_be_hashed_in_time_are_refused(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    person = await auth.person()
    monkeypatch.setattr(auth.app.state.services.passwords, "_waiting", QUEUE)
    answer = await auth.client.post("/auth/login", json={"email": person.email, "password": person.password})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")


async def test_no_personal_data_or_secret_is_logged(auth: Auth, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    person = await auth.person("player@example.com")
    await auth.client.get("/auth/me", headers=person.bearer)
    await auth.client.post("/auth/login", json={"email": person.email, "password": "wrong password"})
    formatter = JsonFormatter("auth", "web", "test")
    # The database driver's own debug output is off in every environment; the rest is what a container prints.
    shown = "\n".join(
        formatter.format(each) for each in caplog.records if not each.name.startswith(("asyncio", "httpx"))
    )
    assert "logged in" in shown
    for private in ("player@example.com", person.password, "wrong password", *map(str, person.tokens.values())):
        if private not in ("Bearer", "900", "player"):
            assert private not in shown


async def test_who_tests_begin_with_is_who_registers_and_logs_in(auth: Auth, cheap_passwords: None) -> None:
    """What `player` makes without the endpoints differs in nothing that is looked at from what they make."""
    own = {"id", "email", "created_at", "sub", "sid", "jti"}
    app = await auth.cloud.connect(auth.database, role="app", service="auth")

    async def told(person: Person) -> list[object]:
        profile = (await auth.client.get("/auth/me", headers=person.bearer)).json()
        rows = [
            await app.fetch(query, UUID(person.claims[claim]))
            for query, claim in (
                ("SELECT * FROM users WHERE id = $1", "sub"),
                ("SELECT * FROM sessions WHERE id = $1", "sid"),
                ("SELECT * FROM refresh_tokens WHERE session_id = $1", "sid"),
            )
        ]
        filled = [[{key for key, value in row.items() if value is not None} for row in found] for found in rows]
        happened = await app.fetch("SELECT kind FROM security_events WHERE user_id = $1 ORDER BY id", person.id)
        without = [{key: value for key, value in each.items() if key not in own} for each in (profile, person.claims)]
        return [without, set(person.tokens), filled, [row["kind"] for row in happened]]

    assert await told(await auth.player()) == await told(await auth.person(birth_date="1990-01-31"))
    player = await auth.player()
    assert (await auth.log_in(player)).id == player.id
    await app.close()
