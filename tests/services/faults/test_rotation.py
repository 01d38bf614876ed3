"""The drill: every secret that rotates is rotated under load, on running processes and real servers; no request fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from services.auth.settings import ROTATION_WINDOW, ROTATIONS
from services.common.bootstrap import Passwords, bootstrap
from services.common.broker import access_rules
from tests.ports import free_port
from tests.services.common.processes import Process, process
from tests.services.faults.proxy import Proxy, proxy
from tests.services.support import Cloud

pytestmark = [pytest.mark.postgres, pytest.mark.nightly]

#: Seconds: a session may be refreshed so often, with some room (services/auth/settings.py).
REFRESH_EVERY = 1.5 * ROTATION_WINDOW.total_seconds() / ROTATIONS

CLIENT, CLIENT_SECRET = "wallet-credit", "CLIENT_SECRET_WALLET_CREDIT"


@dataclass
class Fleet:
    """Auth's and wallet's web processes behind balancers, wallet's worker; deployments replace them one after the other."""

    cloud: Cloud
    directory: Path
    stack: AsyncExitStack
    databases: dict[str, str]
    balancers: dict[str, Proxy]
    secrets: dict[str, str]
    generation: int = 0
    running: dict[tuple[str, str], Process] = field(default_factory=dict)
    started: list[Process] = field(default_factory=list)

    async def deploy(self, **changed: str) -> None:
        """New tasks with the secrets as they are now; then the old ones end, and have finished what was under way."""
        self.secrets |= changed
        self.generation += 1
        for service, name in (("auth", "web"), ("wallet", "web"), ("wallet", "worker")):
            await self.bootstrap(service)
            port, directory = free_port(), self.directory / f"{self.generation}-{service}-{name}"
            directory.mkdir()
            variables = self.cloud.process_environment(service, self.databases[service], directory, process=name)
            variables |= {
                key: value for key, value in self.secrets.items() if key in variables or key.startswith("BROKER")
            }
            variables |= {"AUTH_URL": f"http://127.0.0.1:{self.balancers['auth'].port}", "LOG_LEVEL": "WARNING"}
            if name == "web":
                variables["PORT"] = str(port)
            started = self.stack.enter_context(process(name, variables, directory))
            self.started.append(started)
            await started.wait_healthy()
            if name == "web":
                self.balancers[service].target = ("127.0.0.1", port)
            if old := self.running.get((service, name)):
                assert await old.end(40) == 0, old.text()
            self.running[service, name] = started

    async def bootstrap(self, service: str) -> None:
        """What every task does first."""
        given = Passwords(
            owner_password=SecretStr(self.cloud.secrets["owner"]),
            app_password=SecretStr(self.secrets["DATABASE_PASSWORD"]),
        )
        await bootstrap(service, self.cloud.settings(service, self.databases[service], "master"), given)


@asynccontextmanager
async def fleet(cloud: Cloud, directory: Path) -> AsyncIterator[Fleet]:
    cloud.broker.command("FLUSHALL")
    cloud.cache.command("FLUSHALL")
    cloud.broker.command("ACL", "SETUSER", "wallet", "reset", "on", ">first-broker-password", *access_rules("wallet"))
    async with AsyncExitStack() as stack:
        databases = {name: await stack.enter_async_context(cloud.fresh(name)) for name in ("auth", "wallet")}
        balancers = {name: await stack.enter_async_context(proxy("127.0.0.1", 9)) for name in ("auth", "wallet")}
        secrets = {
            "DATABASE_PASSWORD": cloud.secrets["app"],
            "SIGNING_KEK": cloud.secrets["SIGNING_KEK"],
            CLIENT_SECRET: cloud.secrets[CLIENT_SECRET],
            "BROKER_USER": "wallet",
            "BROKER_PASSWORD": "first-broker-password",
        }
        made = Fleet(cloud, directory, stack, databases, balancers, secrets)
        try:
            yield made
        finally:
            made.secrets["DATABASE_PASSWORD"] = cloud.secrets["app"]
            for service in databases:
                await made.bootstrap(service)
            cloud.broker.command("ACL", "DELUSER", "wallet")
            cloud.cache.set_access(cloud.cache.password, cloud.cache.users)


@dataclass
class Load:
    """People who refresh, look and pay, and an operator who credits, all the time."""

    fleet: Fleet
    client_secret: str
    done: int = 0
    failed: list[str] = field(default_factory=list)

    async def ask(self, http: httpx.AsyncClient, service: str, method: str, path: str, **more: Any) -> httpx.Response:
        answer = await http.request(method, f"http://127.0.0.1:{self.fleet.balancers[service].port}{path}", **more)
        self.done += 1
        if answer.status_code >= 400:
            self.failed.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer

    async def person(self, http: httpx.AsyncClient, number: int) -> None:
        body = {"email": f"{uuid4().hex}@example.com", "password": "correct horse battery"}
        await self.ask(http, "auth", "POST", "/auth/register", json=body)
        owner = await self.fleet.cloud.connect(self.fleet.databases["auth"], role="owner", service="auth")
        await owner.execute("UPDATE users SET email_verified_at = now() WHERE email_verified_at IS NULL")
        await owner.close()
        tokens = (await self.ask(http, "auth", "POST", "/auth/login", json=body)).json()
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        account = (await self.ask(http, "wallet", "POST", "/wallet/account", headers=bearer)).json()["id"]
        refreshed = 0.0
        while True:
            if time.monotonic() - refreshed > REFRESH_EVERY:
                asked = {"refresh_token": tokens["refresh_token"]}
                tokens = (await self.ask(http, "auth", "POST", "/auth/refresh", json=asked)).json()
                bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
                refreshed = time.monotonic()
            await self.ask(http, "auth", "GET", "/auth/me", headers=bearer)
            await self.ask(http, "wallet", "GET", "/wallet/balance", headers=bearer)
            form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": self.client_secret}
            machine = (await self.ask(http, "auth", "POST", "/auth/token", data=form)).json()
            credit = {"account": account, "amount": 1, "reference": uuid4().hex}
            headers = {"Authorization": f"Bearer {machine['access_token']}", "Idempotency-Key": uuid4().hex}
            await self.ask(http, "wallet", "POST", "/wallet/internal/credits", json=credit, headers=headers)
            await asyncio.sleep(0.5)


async def test_every_secret_rotates_under_load(cloud: Cloud, tmp_path: Path) -> None:
    async with fleet(cloud, tmp_path) as at, httpx.AsyncClient(
        timeout=30, limits=httpx.Limits(max_keepalive_connections=0)
    ) as http:  # fmt: skip
        await at.deploy()
        load = Load(at, at.secrets[CLIENT_SECRET])
        people = [asyncio.create_task(load.person(http, number)) for number in range(3)]
        try:
            await asyncio.sleep(2)
            rotating = ("DATABASE_PASSWORD", "SIGNING_KEK", CLIENT_SECRET)
            old = {name: at.secrets[name] for name in rotating}
            new = {name: uuid4().hex for name in rotating}
            cloud.broker.command("ACL", "SETUSER", "wallet", ">second-broker-password")
            cloud.cache.command("ACL", "SETUSER", "auth", ">second-cache-password")
            both = {name: f"{new[name]} {old[name]}" for name in rotating}
            await at.deploy(**both, BROKER_PASSWORD="second-broker-password", CACHE_PASSWORD="second-cache-password")
            load.client_secret = new[CLIENT_SECRET]
            await asyncio.sleep(2)
            cloud.broker.command("ACL", "SETUSER", "wallet", "<first-broker-password")
            cloud.cache.command("ACL", "SETUSER", "auth", f"<{cloud.cache.password}")
            await at.deploy(**new)
            await asyncio.sleep(2)
        finally:
            for person in people:
                person.cancel()
            ended = await asyncio.gather(*people, return_exceptions=True)
        assert load.failed == []
        assert [str(each) for each in ended if not isinstance(each, asyncio.CancelledError)] == []
        assert load.done > 50
        # A cache that refuses a log-in fails no request; the service says so.
        assert not any("cache away" in each.text() for each in at.started)

        # What was rotated away opens nothing any more.
        at_wallet = cloud.settings("wallet", at.databases["wallet"])
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(
                host=at_wallet.host, port=at_wallet.port, user=at_wallet.user, database=at_wallet.name,
                password=old["DATABASE_PASSWORD"], ssl=False,
            )  # fmt: skip
        form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": old[CLIENT_SECRET]}
        refused = await http.post(f"http://127.0.0.1:{at.balancers['auth'].port}/auth/token", data=form)
        assert refused.status_code == 401
        # The worker was replaced twice, and every player was told.
        owner = await cloud.connect(at.databases["wallet"], role="owner", service="wallet")
        for _ in range(100):
            if not await owner.fetchval("SELECT count(*) FROM outbox WHERE done_at IS NULL"):
                break
            await asyncio.sleep(0.3)
        entries = "SELECT count(*) FROM entries WHERE amount > 0"
        assert await owner.fetchval("SELECT count(*) FROM notifications") == await owner.fetchval(entries) > 0
        with suppress(asyncpg.PostgresError):
            await owner.close()
