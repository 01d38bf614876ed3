"""Contacts are verified by codes, passwords changed and reset, accounts closed; nothing says who is registered."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from localcloud.partners.messages import MessagesStandIn
from localcloud.partners.wire import serve
from services.auth.audit import Happened
from services.auth.flows import CODE_ATTEMPTS
from services.auth.settings import CLOSING_TIME
from services.auth.tasks import jobs
from services.common.tokens import PLAY, PLAYER, VERIFIED
from tests.services.auth.fixtures import PASSWORD, Auth, Person
from tests.services.support import OUTSIDE, Clock, environ

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("cheap_passwords")]


async def verify(auth: Auth, person: Person, code: str, kind: str = "email") -> httpx.Response:
    body = {"kind": kind, "code": code}
    return await auth.client.post("/auth/contacts/verify", json=body, headers=person.bearer)


async def finish_reset(auth: Auth, token: str, password: str = "another horse battery") -> httpx.Response:
    return await auth.client.post("/auth/resets/finish", json={"token": token, "password": password})


async def test_nobody_logs_in_before_the_code_came_back_so_nobody_learns_who_is_new(auth: Auth) -> None:
    known = await auth.person()
    new, attackers = f"{uuid4().hex}@example.com", "a guess of somebody's"
    told: list[list[tuple[int, str]]] = []
    for email in (known.email, new):
        await auth.registered(email, password=attackers)
        body = {"email": email, "password": attackers}
        log_in = await auth.client.post("/auth/login", json=body)
        finishes = [
            await auth.finish(email, "000000", attackers),
            await auth.finish(email, "000000", "another password"),
        ]
        told.append([(each.status_code, each.json()["detail"]) for each in (log_in, *finishes)])
    assert told[0] == told[1]
    assert [status for status, _ in told[0]] == [401, 422, 422]
    assert await auth.log_in(known), "whose account it is logs in as before"


async def test_who_enters_the_code_with_the_password_has_the_account(auth: Auth) -> None:
    email = await auth.registered(birth_date="1990-05-17")
    code = await auth.secret(email)
    assert (await auth.finish(email, code, "somebody else's")).json()["code"] == "code_refused"
    together = await asyncio.gather(*(auth.finish(email, code) for _ in range(3)))
    assert Counter(answer.status_code for answer in together) == {200: 1, 422: 2}
    (done,) = [answer for answer in together if answer.status_code == 200]
    assert Person(email, "", done.json()).scopes == {PLAYER, VERIFIED, PLAY}
    assert (await auth.client.post("/auth/login", json={"email": email, "password": PASSWORD})).status_code == 200


async def test_who_registers_somebody_elses_address_first_gets_nothing_by_it(auth: Auth) -> None:
    email = await auth.registered(password="an early bird's")
    stale = await auth.secret(email)
    await auth.registered(email)  # whose address it is
    fresh = await auth.secret(email)
    assert (await auth.finish(email, stale, "an early bird's")).status_code == 422
    assert (await auth.finish(email, fresh, "an early bird's")).status_code == 422
    assert (await auth.finish(email, fresh)).status_code == 200


async def test_a_code_is_good_once_for_a_while_and_for_a_few_tries(auth: Auth, clock: Clock) -> None:
    person, phone = await auth.person(), "+919876543210"

    async def send() -> str:
        answer = await auth.client.post("/auth/contacts", json={"phone": phone}, headers=person.bearer)
        assert answer.status_code == 202, answer.text
        return await auth.secret(phone)

    code = await send()
    wrong = f"{(int(code) + 1) % 10**6:06}"
    answers = await asyncio.gather(*(verify(auth, person, wrong, "phone") for _ in range(CODE_ATTEMPTS + 3)))
    assert {answer.json()["code"] for answer in answers} == {"code_refused"}
    assert (await verify(auth, person, code, "phone")).status_code == 422, "it was tried too often"
    late = await send()
    clock.move(minutes=10)
    assert (await verify(auth, person, late, "phone")).status_code == 422
    person = await auth.log_in(person)
    code = await send()
    together = await asyncio.gather(*(verify(auth, person, code, "phone") for _ in range(4)))
    assert Counter(answer.status_code for answer in together) == {200: 1, 422: 3}


async def test_a_phone_is_written_in_many_ways_and_is_one(auth: Auth) -> None:
    body = {"phone": "+91 98765-43210", "password": "correct horse battery"}
    answer = await auth.client.post("/auth/register", json=body)
    assert answer.json() == {"phone": "+919876543210"}
    finish = body | {"phone": "+91(98765)43210", "code": await auth.secret("+919876543210")}
    person = Person("", "", (await auth.client.post("/auth/register/finish", json=finish)).json())
    profile = (await auth.client.get("/auth/me", headers=person.bearer)).json()
    assert (profile["phone"], profile["phone_verified"], profile["email"]) == ("+919876543210", True, None)


@pytest.mark.parametrize("phone", ["9876543210", "+0123456789", "+91 98", "+9198765432101234", "+91 98765 4321x"])
async def test_what_is_no_phone_number_is_refused(auth: Auth, phone: str) -> None:
    answer = await auth.client.post("/auth/register", json={"phone": phone, "password": "correct horse battery"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_an_address_changes_when_the_new_one_is_verified(auth: Auth, clock: Clock) -> None:
    person = await auth.verified()
    other = await auth.person("taken@example.com")
    clock.move(minutes=11)
    asked = await auth.client.post("/auth/contacts", json={"email": "new@example.com"}, headers=person.bearer)
    assert asked.json()["code"] == "step_up_needed", "long after the password was given"
    await auth.step_up(person, password=person.password)
    for email in ("new@example.com", other.email):
        asked = await auth.client.post("/auth/contacts", json={"email": email}, headers=person.bearer)
        assert asked.status_code == 202, "whoever's it is"
        outcome = await verify(auth, person, await auth.secret(email))
        assert outcome.status_code == (200 if email == "new@example.com" else 422)
    profile = (await auth.client.get("/auth/me", headers=person.bearer)).json()
    assert (profile["email"], profile["email_verified"]) == ("new@example.com", True)
    assert (await auth.log_in(other)).id == other.id


async def test_registering_again_tells_the_owner_and_nobody_else(auth: Auth) -> None:
    person = await auth.person()
    body = {"email": person.email, "password": "another password"}
    unknown = {"email": "somebody@example.com", "password": "another password"}
    assert [(await auth.client.post("/auth/register", json=each)).status_code for each in (body, unknown)] == [202, 202]
    assert (await auth.letters(person.email))[-1]["subject"] == "Somebody registered with your address"
    assert len(await auth.letters(unknown["email"])) == 1
    assert Happened.REGISTRATION_REPEATED in await auth.events(person)


@pytest.mark.parametrize(
    "password",
    ["password123456", "1234567890", "qwertyuiop", "abababababab", "abcdefghijkl", "matchday-2026", "player.one99"],
)
async def test_common_passwords_are_refused(auth: Auth, password: str) -> None:
    body = {"email": "player.one@example.com", "password": password}
    answer = await auth.client.post("/auth/register", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "password_common")
    assert password not in answer.text


async def test_a_reset_sets_a_password_once_and_ends_every_session(auth: Auth, clock: Clock) -> None:
    person = await auth.person()
    for email in (person.email, "nobody@example.com"):
        answer = await auth.client.post("/auth/resets", json={"email": email})
        assert (answer.status_code, answer.json()) == (202, {"email": email})
    assert await auth.letters("nobody@example.com") == []
    token = await auth.secret(person.email)
    await auth.client.post("/auth/resets", json={"email": person.email})
    second = await auth.secret(person.email)
    together = await asyncio.gather(*(finish_reset(auth, token) for _ in range(5)))
    assert Counter(answer.status_code for answer in together) == {204: 1, 422: 4}
    assert (await finish_reset(auth, second)).json()["code"] == "flow_refused", "none that was sent before is good now"
    refused = await auth.client.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    assert refused.status_code == 401
    await auth.app.state.ended.read()
    assert (await auth.client.get("/auth/me", headers=person.bearer)).status_code == 401
    assert await auth.log_in(Person(person.email, "another horse battery", {}))
    clock.move(hours=1)
    await auth.client.post("/auth/resets", json={"email": person.email})
    late = await auth.secret(person.email)
    clock.move(minutes=30)
    assert (await finish_reset(auth, late)).status_code == 422


async def test_a_mailbox_is_not_filled(auth: Auth) -> None:
    person = await auth.person()
    answers = [await auth.client.post("/auth/resets", json={"email": person.email}) for _ in range(8)]
    assert {answer.status_code for answer in answers} == {202}, "and nobody is told"
    assert len(await auth.letters(person.email)) == 5


async def test_a_changed_password_ends_every_session(auth: Auth) -> None:
    person = await auth.person()
    other = await auth.log_in(person)
    body: dict[str, Any] = {"old": "wrong password", "new": "another horse battery"}
    refused = await auth.client.post("/auth/password", json=body, headers=person.bearer)
    assert (refused.status_code, refused.json()["code"]) == (401, "credentials_wrong")
    body["old"] = person.password
    changed = await auth.client.post("/auth/password", json=body, headers=person.bearer)
    assert changed.status_code == 200, changed.text
    for ended in (person, other):
        answer = await auth.client.post("/auth/refresh", json={"refresh_token": ended.tokens["refresh_token"]})
        assert answer.status_code == 401
    new = Person(person.email, body["new"], changed.json())
    assert (await auth.client.get("/auth/me", headers=new.bearer)).status_code == 200
    assert new.claims["sid"] != person.claims["sid"], "a session that somebody else has fixed is of no use"
    assert (await auth.letters(person.email))[-1]["subject"] == "Your password was changed"
    assert await auth.log_in(new)


async def test_an_account_is_closed_and_erased_in_time(auth: Auth, clock: Clock) -> None:
    person = await auth.verified()
    assert (await auth.client.post("/auth/me/closing", headers=person.bearer)).status_code == 204
    person = await auth.log_in(person)
    assert (await auth.client.delete("/auth/me/closing", headers=person.bearer)).status_code == 204
    assert (await auth.client.delete("/auth/me/closing", headers=person.bearer)).json()["code"] == "state_refused"
    assert (await auth.client.post("/auth/me/closing", headers=person.bearer)).status_code == 204
    clock.time += CLOSING_TIME
    assert await jobs.run_scheduled(auth.app.state.sessions, clock, "auth.close_accounts")
    body = {"email": person.email, "password": person.password}
    assert (await auth.client.post("/auth/login", json=body)).status_code == 401
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    row = await app.fetchrow("SELECT * FROM users")
    assert await app.fetchval("SELECT count(*) FROM events WHERE name = 'auth.account-closed'") == 1
    await app.close()
    assert (row["id"], row["state"]) == (person.id, "closed")
    assert {row[name] for name in ("email_digest", "email_sealed", "password_hash", "birth_date")} == {None}
    assert (await auth.person(person.email)).id != person.id, "the address is free again"


async def test_letters_are_sealed_while_they_wait_and_go_through_the_gateway_once(
    auth: Auth, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:

    person = await auth.person()
    app = await auth.cloud.connect(auth.database, role="app", service="auth")
    rows = await app.fetch("SELECT id, payload FROM outbox")
    await app.close()
    assert person.email not in str([row["payload"] for row in rows])
    code = await auth.secret(person.email)
    gateway = MessagesStandIn(auth.cloud.secrets.__getitem__)
    server = await serve("127.0.0.1", 0, gateway.handle)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    variables = auth.cloud.environment("auth", auth.database, process="worker", MESSAGES_URL=url)
    with environ(variables | {"MESSAGES_KEY": "a-placeholder"}):
        await jobs.handle(auth.app.state.sessions, clock, "auth.send_letter", [row["id"] for row in rows])
    assert not gateway.shown(person.email), "a key that the gateway does not know"
    with environ(variables):
        gateway.fail = 1  # the answer to the first one is lost after it was taken
        for _ in range(3):
            await jobs.handle(auth.app.state.sessions, clock, "auth.send_letter", [row["id"] for row in rows])
    server.close()
    shown = gateway.shown(person.email)
    assert [(each["to"], each["channel"]) for each in shown] == [(person.email, "email")], "the letter was not lost"
    assert code in shown[0]["subject"]


async def test_players_are_written_to_once_for_an_occasion_and_their_addresses_stay_here(auth: Auth) -> None:
    one, other = [await auth.person() for _ in range(2)]
    unverified = await auth.person()
    async with auth.app.state.sessions() as session, session.begin():
        await session.execute(
            sa.text("UPDATE users SET email_verified_at = NULL WHERE id = :id"), {"id": unverified.id}
        )
    writer = await auth.bearer("scoring-letters")
    accounts = [str(each) for each in (one.id, other.id, unverified.id, uuid4())]
    body = {
        "kind": "points_corrected", "key": str(uuid4()), "about": "A v B\nhttp://evil.example/win now", "accounts": accounts,
    }  # fmt: skip
    asked = [auth.client.post("/auth/internal/letters", json=body, headers=writer) for _ in range(4)]
    assert [answer.json() for answer in await asyncio.gather(*asked)] == [{"taken": 2}] * 4

    async def written(email: str) -> list[str]:
        found = [each for each in await auth.letters(email) if each["subject"] == "Your points were corrected"]
        return [each["text"] for each in found]

    for person in (one, other):
        (text,) = await written(person.email)
        assert "A v B http evil example win now" in text and "evil.example" not in text
    assert await written(unverified.email) == []
    later = body | {"key": str(uuid4()), "accounts": accounts[:1]}
    assert (await auth.client.post("/auth/internal/letters", json=later, headers=writer)).json() == {"taken": 1}
    assert len(await written(one.email)) == 2, "another occasion"
    for bearer in (one.bearer, await auth.bearer("scoring-feed")):
        assert (await auth.client.post("/auth/internal/letters", json=later, headers=bearer)).status_code == 403
    outside = await auth.client.post("/auth/internal/letters", json=later, headers=writer | OUTSIDE)
    assert outside.status_code == 404
    wrongs: tuple[dict[str, Any], ...] = (
        {"kind": "win"},
        {"accounts": []},
        {"about": ""},
        {"accounts": [str(uuid4())] * 201},
    )
    for wrong in wrongs:
        answer = await auth.client.post("/auth/internal/letters", json=later | wrong, headers=writer)
        assert answer.status_code == 422
