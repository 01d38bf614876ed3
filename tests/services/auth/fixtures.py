"""A running auth for the tests of every service, and people who are logged in to it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from fastapi import FastAPI

from services.auth import audit, letters, passwords, repository, totp
from services.auth.app import create_app
from services.auth.audit import Happened
from services.auth.contacts import Contact, Kind
from services.auth.events import AccountRegistered
from services.auth.models import State, User
from services.auth.visitor import Visitor
from services.common import events
from services.common.ids import uuid7
from services.common.tokens import ONE_FACTOR, TWO_FACTORS
from tests.services.support import CATALOG, Clock, Cloud, environ, running

PASSWORD = "correct horse battery"


@dataclass
class Person:
    """Somebody with an account, logged in."""

    email: str
    password: str
    tokens: dict[str, Any]

    @property
    def claims(self) -> dict[str, Any]:
        """What the access token says."""
        found: dict[str, Any] = jwt.decode(self.tokens["access_token"], options={"verify_signature": False})
        return found

    @property
    def id(self) -> UUID:
        return UUID(self.claims["sub"])

    @property
    def scopes(self) -> set[str]:
        return set(self.claims["scope"].split())

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}


VERIFY_ALL = "UPDATE users SET email_verified_at = now() WHERE email_digest IS NOT NULL AND email_verified_at IS NULL"


@cache
def _stored() -> str:
    """A hash of PASSWORD that takes no time, and is made anew by who logs in where hashes take theirs."""
    return PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)


@dataclass
class Auth:
    """A running auth."""

    app: FastAPI
    client: httpx.AsyncClient
    database: str
    cloud: Cloud

    async def person(self, email: str | None = None, **more: str) -> Person:
        """Register and log in; the address is verified by the database (`verified` is how people do it)."""
        email = await self.registered(email, **more)
        await self.verify_all()
        return await self.log_in(Person(email, PASSWORD, {}))

    async def verify_all(self) -> None:
        """Take every address for verified."""
        async with self.app.state.sessions() as session, session.begin():
            await session.execute(sa.text(VERIFY_ALL))

    async def registered(self, email: str | None = None, **more: str) -> str:
        """Register: the address, to which a code was sent."""
        email = email or f"{uuid4().hex}@example.com"
        answer = await self.client.post("/auth/register", json={"email": email, "password": PASSWORD} | more)
        assert answer.status_code == 202, answer.text
        return email

    async def finish(self, email: str, code: str, password: str = "") -> httpx.Response:
        """Enter a registration's code."""
        body = {"email": email, "password": password or PASSWORD, "code": code}
        return await self.client.post("/auth/register/finish", json=body)

    async def player(self) -> Person:
        """Somebody who may play: of age."""
        return await self.begun(ONE_FACTOR, birth_date=date(1990, 1, 31))

    async def begun(self, acr: str, **more: Any) -> Person:
        """Somebody as registration and a log-in leave them, but for the letter: by what stands behind those endpoints.

        The endpoints themselves take six times as long, and tests of other services need two or three people each.
        """
        services, now, email = self.app.state.services, self.app.state.clock.now(), f"{uuid4().hex}@example.com"
        who, contact, visitor = uuid7(), Contact(Kind.EMAIL, email), Visitor("192.0.2.1", "192.0.2.0/24", "")
        user = User(id=who, password_hash=_stored(), created_at=now, state=State.ACTIVE, **({"roles": []} | more))
        user.email_digest, user.email_sealed = services.contacts.digest(contact), services.contacts.seal(contact, who)
        user.email_verified_at = now
        async with self.app.state.sessions() as session, session.begin():
            assert await repository.add_user(session, user)
            await events.emit(session, AccountRegistered(account=who, registered_at=now))
            await audit.record(session, now, Happened.REGISTERED, who, visitor)
            amr = ["pwd"] if acr == ONE_FACTOR else ["pwd", "otp"]
            tokens = await services.sessions.open(session, who, visitor, amr, acr)
        return Person(email, PASSWORD, tokens.model_dump(mode="json"))

    async def show_two_factors(self, person: Person) -> Person:
        """The same with a token as a step-up gives it (by the database: `with_totp` and `step_up` are how people do it)."""
        async with self.app.state.sessions() as session, session.begin():
            changed = "UPDATE sessions SET acr = 'aal2', authenticated_at = :now WHERE id = :id"
            values = {"now": self.app.state.clock.now(), "id": UUID(person.claims["sid"])}
            await session.execute(sa.text(changed), values)
        return await self._refresh(person)

    async def colleague(self, *roles: str) -> Person:
        """Somebody who works here and has just shown two factors (`staff` is how people come to it)."""
        return await self.begun(TWO_FACTORS, roles=list(roles))

    async def unverified(self, person: Person) -> Person:
        """The same with a token as of an account without a verified contact, which nobody gets by logging in."""
        async with self.app.state.sessions() as session, session.begin():
            taken = "UPDATE users SET email_verified_at = NULL WHERE id = :id"
            await session.execute(sa.text(taken), {"id": person.id})
        return await self._refresh(person)

    async def _refresh(self, person: Person) -> Person:
        body = {"refresh_token": person.tokens["refresh_token"]}
        answer = await self.client.post("/auth/refresh", json=body)
        assert answer.status_code == 200, answer.text
        return Person(person.email, person.password, answer.json())

    async def log_in(self, person: Person) -> Person:
        """Begin one more session of somebody who has one factor."""
        body = {"email": person.email, "password": person.password}
        answer = await self.client.post("/auth/login", json=body)
        assert answer.status_code == 200, answer.text
        return Person(person.email, person.password, answer.json())

    async def verified(self, email: str | None = None, **more: str) -> Person:
        """Register and enter the code that came by mail."""
        email = await self.registered(email, **more)
        answer = await self.finish(email, await self.secret(email))
        assert answer.status_code == 200, answer.text
        return Person(email, PASSWORD, answer.json())

    async def with_totp(self, person: Person) -> Authenticator:
        """Give a person an authenticator app."""
        answer = await self.client.post("/auth/factors/totp", headers=person.bearer)
        assert answer.status_code == 200, answer.text
        app = Authenticator(self, base64.b32decode(answer.json()["secret"]))
        confirmed = await self.client.post(
            "/auth/factors/totp/confirm", json={"code": app.code()}, headers=person.bearer
        )
        assert confirmed.status_code == 200, confirmed.text
        app.recovery_codes = confirmed.json()["codes"]
        return app

    async def step_up(self, person: Person, **proof: Any) -> httpx.Response:
        """Show a proof; the person's access token is the new one if it was good."""
        answer = await self.client.post("/auth/step-up", json=proof, headers=person.bearer)
        if answer.status_code == 200:
            person.tokens = person.tokens | answer.json()
        return answer

    async def staff(self, *roles: str) -> tuple[Person, Authenticator]:
        """Somebody who works here, after two factors."""
        person = await self.verified()
        return person, await self.employ(person, *roles)

    async def employ(self, person: Person, *roles: str) -> Authenticator:
        """A person with a verified contact works here from now on; their token says so."""
        headers = await self.bearer("auth-roles")
        body = {"email": person.email, "roles": roles, "reason": "a test needs one"}
        assert (await self.client.post("/auth/internal/roles", json=body, headers=headers)).status_code == 204
        person.tokens = (await self.log_in(person)).tokens
        app = await self.with_totp(person)
        app.later()
        assert (await self.step_up(person, totp=app.code())).status_code == 200
        return app

    async def letters(self, to: str) -> list[dict[str, str]]:
        """What was written to a contact, the oldest first."""
        with environ(self.cloud.environment("auth", self.database)):
            sealer = letters.sealer()
        app = await self.cloud.connect(self.database, role="app", service="auth")
        rows = await app.fetch("SELECT payload FROM outbox ORDER BY id")
        await app.close()
        sealed = [base64.b64decode(json.loads(row["payload"])["sealed"]) for row in rows]
        found: list[dict[str, str]] = [json.loads(sealer.open(each, letters.TASK)) for each in sealed]
        return [each for each in found if each["to"] == to]

    async def secret(self, to: str) -> str:
        """The code or token in the newest letter to a contact."""
        letter = (await self.letters(to))[-1]
        found = re.search(r": (\S+)", letter["subject"] + "\n" + letter["text"])
        assert found, letter
        return found[1]

    async def events(self, person: Person) -> list[str]:
        """The kinds of a person's security events, the newest first."""
        app = await self.cloud.connect(self.database, role="app", service="auth")
        rows = await app.fetch("SELECT kind FROM security_events WHERE user_id = $1 ORDER BY id DESC", person.id)
        await app.close()
        return [row["kind"] for row in rows]

    async def bearer(self, client: str) -> dict[str, str]:
        """A client's Authorization header."""
        (found,) = [each for each in CATALOG.clients if each.name == client]
        form = {
            "grant_type": "client_credentials",
            "client_id": client,
            "client_secret": self.cloud.secrets[found.variable],
        }
        answer = await self.client.post("/auth/token", data=form)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@dataclass
class Authenticator:
    """A person's authenticator app, by auth's clock."""

    auth: Auth
    secret: bytes
    recovery_codes: list[str] = field(default_factory=list)

    def code(self, steps: int = 0) -> str:
        """What it shows, or showed or will show so many steps from now."""
        return totp.code_at(self.secret, totp.step_of(self.auth.app.state.clock.now()) + steps)

    def later(self) -> None:
        """Wait for the next code: none is taken twice."""
        self.auth.app.state.clock.move(seconds=30)


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that take no time, for tests that are not about them."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "TIME", 1)


@pytest.fixture
async def auth(cloud: Cloud, clock: Clock) -> AsyncIterator[Auth]:
    """Auth, running, with nobody registered."""
    cloud.cache.command("FLUSHALL")
    app = create_app(clock)
    async with cloud.fresh("auth") as database, running(app, cloud.environment("auth", database)) as client:
        yield Auth(app, client, database, cloud)
