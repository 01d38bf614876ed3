"""Sessions: refresh tokens rotate, parallel refreshes go on together, a copied token ends the session."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from services.auth.limiter import BY_REFRESH_TOKEN
from services.auth.settings import ROTATIONS
from services.auth.tasks import jobs
from tests.services.auth.fixtures import Auth
from tests.services.support import Clock

pytestmark = pytest.mark.postgres


async def refresh(auth: Auth, token: str) -> httpx.Response:
    return await auth.client.post("/auth/refresh", json={"refresh_token": token})


async def rotated(auth: Auth, token: str) -> str:
    answer = await refresh(auth, token)
    assert answer.status_code == 200, answer.text
    successor: str = answer.json()["refresh_token"]
    return successor


async def test_a_refresh_gives_new_tokens(auth: Auth) -> None:
    person = await auth.person()
    answer = await refresh(auth, person.tokens["refresh_token"])
    assert answer.json()["refresh_token"] != person.tokens["refresh_token"]
    assert answer.headers["cache-control"] == "no-store"
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await auth.client.get("/auth/me", headers=bearer)).json()["email"] == person.email


async def test_parallel_refreshes_have_one_successor_and_log_nobody_out(auth: Auth, clock: Clock) -> None:
    person = await auth.person()
    token: str = person.tokens["refresh_token"]
    for _ in range(3):  # and on from there
        successors = await asyncio.gather(*(rotated(auth, token) for _ in range(16)))
        assert len(set(successors)) == 1
        token = successors[0]
        clock.move(minutes=10)
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    assert await app.fetchval("SELECT count(*) FROM refresh_tokens") == 1 + 3
    assert await app.fetchval("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL") == 0
    await app.close()


async def test_whoever_is_late_within_the_grace_time_gets_the_newest_token(auth: Auth, clock: Clock) -> None:
    """Its answer was lost, and another tab has gone on twice meanwhile: it must not be left with a token that is used."""
    first: str = (await auth.person()).tokens["refresh_token"]
    second = await rotated(auth, first)
    clock.move(seconds=20)
    third = await rotated(auth, second)
    clock.move(seconds=10)
    assert await rotated(auth, first) == third
    clock.move(hours=1)
    assert await rotated(auth, third)


async def test_a_session_rotates_so_often_and_no_more(auth: Auth, clock: Clock) -> None:
    """And whoever presents the first token in that time costs the same few queries, however long the chain (H4)."""
    first = token = (await auth.person()).tokens["refresh_token"]
    for _ in range(ROTATIONS - 1):
        token = await rotated(auth, token)
    refused = await refresh(auth, token)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.headers["retry-after"] == "60"
    queries: list[str] = []
    engine = auth.app.state.engine.sync_engine

    def count(_: Any, __: Any, statement: str, *___: Any) -> None:
        queries.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    assert await rotated(auth, first) == token
    event.remove(engine, "before_cursor_execute", count)
    assert len(queries) <= 3, queries
    clock.move(seconds=61)
    assert await rotated(auth, token), "the token that was refused is still good"


async def test_parallel_presentations_of_an_old_token_all_get_the_newest(auth: Auth) -> None:
    first = token = (await auth.person()).tokens["refresh_token"]
    for _ in range(ROTATIONS - 1):
        token = await rotated(auth, token)
    answers = await asyncio.gather(*(refresh(auth, first) for _ in range(30)))
    assert {answer.status_code for answer in answers} <= {200, 503}  # 503: more at once than are admitted
    assert {answer.json()["refresh_token"] for answer in answers if answer.status_code == 200} == {token}


async def test_one_tokens_presentations_are_limited_before_the_database_is_asked(auth: Auth, clock: Clock) -> None:
    clock.time = clock.time.replace(second=1)
    for _ in range(BY_REFRESH_TOKEN.attempts):
        assert (await refresh(auth, "unknown")).status_code == 401
    assert (await refresh(auth, "unknown")).status_code == 429
    assert (await refresh(auth, "another")).status_code == 401


async def test_used_tokens_are_forgotten_and_the_session_goes_on(auth: Auth, clock: Clock) -> None:
    token: str = (await auth.person()).tokens["refresh_token"]
    for _ in range(4):
        token = await rotated(auth, token)
        clock.move(days=3)
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    assert await jobs.run_scheduled(auth.app.state.sessions, clock, "auth.forget_tokens")
    assert await app.fetchval("SELECT count(*) FROM refresh_tokens WHERE used_at IS NOT NULL") == 2
    await app.close()
    assert await rotated(auth, token)


async def test_a_token_that_is_used_again_later_ends_the_session(auth: Auth, clock: Clock) -> None:
    first: str = (await auth.person()).tokens["refresh_token"]
    second = await rotated(auth, first)
    clock.move(seconds=31)
    answer = await refresh(auth, first)
    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_refused")
    assert (await refresh(auth, second)).status_code == 401
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    assert await app.fetchval("SELECT revoked_reason FROM sessions") == "reuse"
    await app.close()


async def test_other_sessions_of_the_person_go_on(auth: Auth, clock: Clock) -> None:
    person = await auth.person()
    body = {"email": person.email, "password": person.password}
    other = (await auth.client.post("/auth/login", json=body)).json()["refresh_token"]
    await auth.client.post("/auth/logout", json={"refresh_token": person.tokens["refresh_token"]})
    assert (await refresh(auth, person.tokens["refresh_token"])).status_code == 401
    assert await rotated(auth, other)


async def test_logging_out_ends_the_session_even_with_a_used_token(auth: Auth) -> None:
    first: str = (await auth.person()).tokens["refresh_token"]
    second = await rotated(auth, first)
    assert (await auth.client.post("/auth/logout", json={"refresh_token": first})).status_code == 204
    assert (await refresh(auth, second)).status_code == 401
    assert (await auth.client.post("/auth/logout", json={"refresh_token": "unknown"})).status_code == 204


async def test_a_session_ends_when_it_is_idle(auth: Auth, clock: Clock) -> None:
    token: str = (await auth.person()).tokens["refresh_token"]
    clock.move(days=29)
    token = await rotated(auth, token)
    clock.move(days=30)
    assert (await refresh(auth, token)).status_code == 401


async def test_a_session_ends_after_its_life_however_busy(auth: Auth, clock: Clock) -> None:
    token: str = (await auth.person()).tokens["refresh_token"]
    for _ in range(8):
        clock.move(days=22)
        token = await rotated(auth, token)
    clock.move(days=4)  # 180 in all
    assert (await refresh(auth, token)).status_code == 401


async def test_unknown_tokens_are_refused(auth: Auth) -> None:
    answer = await refresh(auth, "unknown")
    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_refused")


async def test_ended_sessions_are_forgotten_with_their_tokens(auth: Auth, clock: Clock) -> None:
    one, other = await auth.person(), await auth.person()
    await auth.client.post("/auth/logout", json={"refresh_token": one.tokens["refresh_token"]})
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    for days, left in ((29, 2), (2, 1)):
        clock.move(days=days)
        assert await jobs.run_scheduled(auth.app.state.sessions, clock, "auth.forget_sessions")
        assert await app.fetchval("SELECT count(*) FROM refresh_tokens") == left
    assert await app.fetchval("SELECT count(*) FROM users") == 2
    await app.close()
    assert other.tokens
