"""A wallet whose ways to PostgreSQL and to auth, and an auth whose way to the cache, go through proxies that fail on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from services.auth.app import create_app as create_auth
from services.common import admission, cache, postgres
from services.common.tokens import RemoteKeys
from services.wallet.app import create_app
from tests.services.auth.fixtures import Auth
from tests.services.common.serving import serving
from tests.services.faults.proxy import Proxy, proxy
from tests.services.support import Clock, Cloud, running
from tests.services.wallet.fixtures import Wallet, wallet_of

#: Time-outs for tests: the same mechanisms, without the waiting.
COMMAND_SECONDS = 1.0


@dataclass
class Faulty:
    """A wallet with two players, `one` with 100 paise and `other` with none, and what stands before its dependencies."""

    wallet: Wallet
    postgres: Proxy
    issuer: Proxy


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "REQUEST_SECONDS", 60.0)  # a bound of the whole, which hides that a part has none
    monkeypatch.setattr(postgres, "COMMAND_SECONDS", COMMAND_SECONDS)
    monkeypatch.setattr(postgres, "CONNECT_SECONDS", COMMAND_SECONDS)
    monkeypatch.setattr(cache, "COMMAND_SECONDS", 1.5 * COMMAND_SECONDS)
    monkeypatch.setattr(RemoteKeys, "FETCH_SECONDS", COMMAND_SECONDS)
    monkeypatch.setattr(RemoteKeys, "WAIT_SECONDS", COMMAND_SECONDS)


@pytest.fixture
async def faulty(
    cloud: Cloud, clock: Clock, cheap_passwords: None, auth: Auth, impatient: None
) -> AsyncIterator[Faulty]:
    async with (
        serving(auth.app) as (host, port),
        proxy(cloud.postgres.host, cloud.postgres.port) as database_proxy,
        proxy(host, port) as issuer,
        cloud.fresh("wallet") as database,
    ):
        variables = cloud.environment(
            "wallet",
            database,
            DATABASE_HOST=database_proxy.host,
            DATABASE_PORT=str(database_proxy.port),
            AUTH_URL=f"http://{issuer.host}:{issuer.port}",
        )
        app = create_app(clock)
        async with running(app, variables, full=True) as client:
            yield Faulty(await wallet_of(app, client, database, auth), database_proxy, issuer)


@dataclass
class FaultyCache:
    """An auth whose cache is behind a proxy."""

    auth: Auth
    cache: Proxy


@pytest.fixture
async def faulty_cache(
    cloud: Cloud, clock: Clock, cheap_passwords: None, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FaultyCache]:
    cloud.cache.command("FLUSHALL")
    async with proxy(cloud.cache.host, cloud.cache.port) as before, cloud.fresh("auth") as database:

        class Remapped(cache.Cache):
            """A cluster tells its clients its nodes' own addresses; here all of them are the proxy's."""

            def __init__(self, **keywords: Any) -> None:
                super().__init__(**keywords, address_remap=lambda _: (before.host, before.port))

        monkeypatch.setattr(cache, "Cache", Remapped)
        variables = cloud.environment("auth", database, CACHE_HOST=before.host, CACHE_PORT=str(before.port))
        app = create_auth(clock)
        async with running(app, variables) as client:
            yield FaultyCache(Auth(app, client, database, cloud), before)
