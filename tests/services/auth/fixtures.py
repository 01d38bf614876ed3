"""A running auth for the tests of every service, and people who are logged in to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.auth import passwords
from services.auth.app import create_app
from tests.services.support import CATALOG, Clock, Cloud, running


@dataclass
class Person:
    """Somebody with an account, logged in."""

    email: str
    password: str
    tokens: dict[str, Any]

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}


@dataclass
class Auth:
    """A running auth."""

    app: FastAPI
    client: httpx.AsyncClient
    database: str
    cloud: Cloud

    async def person(self, email: str | None = None) -> Person:
        """Register and log in."""
        email, password = email or f"{uuid4().hex}@example.com", "correct horse battery"
        body = {"email": email, "password": password}
        assert (await self.client.post("/auth/register", json=body)).status_code == 202
        answer = await self.client.post("/auth/login", json=body)
        assert answer.status_code == 200, answer.text
        return Person(email, password, answer.json())

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
