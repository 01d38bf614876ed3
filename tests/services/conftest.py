"""Real PostgreSQL and Valkey for the tests of the services; each test has databases of its own, copied from a migrated one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from localcloud.dataplane.stores.postgres import PostgresServer
from localcloud.dataplane.stores.valkey import ValkeyServer
from services.auth import passwords
from services.auth.app import create_app as create_auth
from services.common.bootstrap import Passwords, bootstrap
from services.common.migrate import migrate
from services.wallet.app import create_app as create_wallet
from tests.services.support import MASTER, SERVICES, Auth, Clock, Cloud, Wallet, environ, free_port, running


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The servers, with the databases of the services made as their init containers make them."""
    directory = tmp_path_factory.mktemp("cloud")
    unsafe = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    with (
        PostgresServer(directory / "postgres", "127.0.0.1", free_port(), settings=unsafe) as postgres,
        ValkeyServer(directory / "broker", "127.0.0.1", free_port(), password="broker-password") as broker,
        ValkeyServer(directory / "cache", "127.0.0.1", free_port(), password="cache-password", cluster=True) as cache,
    ):
        cloud = Cloud(postgres, broker, cache)
        postgres.set_master(MASTER, cloud.secrets["master"])
        for service in SERVICES:
            with environ(cloud.environment(service, service, role="master")):
                given = Passwords()  # type: ignore[call-arg]
            asyncio.run(bootstrap(service, cloud.settings(service, service, "master"), given))
            asyncio.run(migrate(service, cloud.settings(service, service, "owner")))
        yield cloud
    postgres.remove()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def auth(cloud: Cloud, clock: Clock) -> AsyncIterator[Auth]:
    """Auth, running, with nobody registered."""
    cloud.cache.command("FLUSHALL")
    app = create_auth(clock)
    async with cloud.fresh("auth") as database, running(app, cloud.environment("auth", database)) as client:
        yield Auth(app, client, database, cloud)


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that take no time, for tests that are not about them."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "TIME", 1)


@pytest.fixture
async def wallet(cloud: Cloud, clock: Clock, cheap_passwords: None, auth: Auth) -> AsyncIterator[Wallet]:
    """Wallet, running, with no accounts; it fetches auth's keys over HTTP."""
    app = create_wallet(clock, httpx.ASGITransport(auth.app))
    async with cloud.fresh("wallet") as database, running(app, cloud.environment("wallet", database)) as client:
        yield Wallet(app, client, database, auth, await auth.operations())
