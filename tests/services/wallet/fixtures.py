"""A running wallet for the tests of every service, and players with accounts in it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from services.auth.clients import Client
from services.common.database import Sessions, create_engine, create_sessions
from services.common.postgres import open_pool
from services.wallet.accounts_repository import AccountIndex
from services.wallet.app import create_app
from tests.services.auth.fixtures import Auth
from tests.services.support import Clock, Cloud, running

T = TypeVar("T")


@dataclass
class Wallet:
    """A running wallet, with the auth that it asks for keys."""

    app: FastAPI
    client: httpx.AsyncClient
    database: str
    auth: Auth
    creditor: dict[str, str]
    auditor: dict[str, str]

    async def player(self, paise: int = 0) -> Player:
        """Somebody with an account that holds `paise`."""
        person = await self.auth.player()
        answer = await self.client.post("/wallet/account", headers=person.bearer)
        assert answer.status_code == 201, answer.text
        player = Player(self, person.bearer, answer.json()["id"])
        if paise:
            assert (await self.credit(player.account, paise)).status_code == 201
        return player

    async def machine(self, name: str, scopes: set[str], limits: dict[str, int] | None = None) -> dict[str, str]:
        """The Authorization header of a client that some other service might have."""
        secret = uuid4().hex
        hashes = (hashlib.sha256(secret.encode()).digest(),)
        self.auth.app.state.services.clients.clients[name] = Client(frozenset(scopes), limits or {}, hashes)
        form = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
        answer = await self.auth.client.post("/auth/token", data=form)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def credit(self, account: str, amount: int, key: str | None = None, reference: str = "") -> httpx.Response:
        body = {"account": account, "amount": amount, "reference": reference or uuid4().hex}
        headers = self.creditor | {"Idempotency-Key": key or uuid4().hex}
        return await self.client.post("/wallet/internal/credits", json=body, headers=headers)


@dataclass
class Player:
    """A player with an account."""

    wallet: Wallet
    bearer: dict[str, str]
    account: str

    async def transfer(self, to: str, amount: Any, key: str | None = None) -> httpx.Response:
        headers = self.bearer | {"Idempotency-Key": key or uuid4().hex}
        body = {"to_account": to, "amount": amount}
        return await self.wallet.client.post("/wallet/transfers", json=body, headers=headers)

    async def balance(self) -> int:
        answer = await self.wallet.client.get("/wallet/balance", headers=self.bearer)
        assert answer.status_code == 200, answer.text
        amount: int = answer.json()["balance"]
        return amount

    async def entries(self) -> list[dict[str, Any]]:
        answer = await self.wallet.client.get("/wallet/entries", headers=self.bearer)
        found: list[dict[str, Any]] = answer.json()["entries"]
        return found


async def wallet_of(app: FastAPI, client: httpx.AsyncClient, database: str, auth: Auth) -> Wallet:
    """A running wallet, with the tokens of an operators' client and of an auditor."""
    creditor, auditor = await auth.bearer("wallet-credit"), await auth.colleague("auditor")
    return Wallet(app, client, database, auth, creditor, auditor.bearer)


@pytest.fixture
async def wallet(cloud: Cloud, clock: Clock, cheap_passwords: None, auth: Auth) -> AsyncIterator[Wallet]:
    """Wallet, running, with no accounts; it fetches auth's keys over HTTP."""
    app = create_app(clock, httpx.ASGITransport(auth.app))
    async with cloud.fresh("wallet") as database, running(app, cloud.environment("wallet", database)) as client:
        yield await wallet_of(app, client, database, auth)


class World:
    """A database of the wallet, and a loop to work on it from plain functions."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sessions: Sessions, pool: Any) -> None:
        self.loop, self.sessions, self.pool, self.clock = loop, sessions, pool, Clock()
        self.known = AccountIndex()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)


@pytest.fixture(scope="module")
def world(cloud: Cloud) -> Iterator[World]:
    """For property tests: one loop and one database for all examples of a module."""
    loop = asyncio.new_event_loop()
    stack = AsyncExitStack()
    database = loop.run_until_complete(stack.enter_async_context(cloud.fresh("wallet")))
    engine = create_engine(cloud.settings("wallet", database), "test")
    stack.push_async_callback(engine.dispose)
    pool = loop.run_until_complete(stack.enter_async_context(open_pool(cloud.settings("wallet", database), "test", 8)))
    yield World(loop, create_sessions(engine), pool)
    loop.run_until_complete(stack.aclose())
    loop.close()
