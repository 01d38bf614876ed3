"""What the tests of the services share: real servers, an environment as a container has it, running applications, a clock."""

from __future__ import annotations

import functools
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import asyncpg
import httpx
from asgi_lifespan import LifespanManager
from fastapi import FastAPI

from localcloud.dataplane.stores.postgres import PostgresServer
from localcloud.dataplane.stores.valkey import ValkeyServer
from model.catalog import load_catalog
from model.clients import registry
from model.egress import EGRESS
from services.common.postgres import Pool
from services.common.settings import AppDatabaseSettings, DatabaseSettings, load
from tests.services.administrator import Administrator

ROOT = Path(__file__).parents[2]
MASTER = "master"

#: What the load balancer puts on a request that it forwards.
OUTSIDE = {
    "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678",
    "X-Forwarded-For": "198.51.100.7",
    "X-Forwarded-Port": "443",
    "X-Forwarded-Proto": "https",
}

#: What the proxies of Service Connect may put on a request from one service to another, tracing included.
INSIDE = {
    "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678",
    "X-Envoy-Attempt-Count": "1",
    "X-Envoy-Expected-Rq-Timeout-Ms": "15000",
    "X-Forwarded-Proto": "http",
    "X-Request-Id": "7d3b1f6e-7f3c-4a52-9f0f-0f3d9d3f7c11",
}
DATA_KEY = "arn:aws:kms:ap-south-1:123456789012:key/11111111-2222-3333-4444-555555555555"
CATALOG = load_catalog(ROOT / "services", "laptop")
SERVICES = tuple(CATALOG.services)


@dataclass
class Clock:
    """A clock that stands still until it is moved. It begins at the present second, as stored tokens outlive no test."""

    time: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def now(self) -> datetime:
        return self.time

    def move(self, **by: float) -> None:
        self.time += timedelta(**by)


def _generated() -> list[str]:
    """The variables of every secret that the stack generates for the services."""
    return [name for service in CATALOG.services.values() for name in CATALOG.generated_for(service)]


@dataclass
class Cloud:
    """PostgreSQL, broker and cache, and the secrets of one environment."""

    postgres: PostgresServer
    broker: ValkeyServer
    cache: ValkeyServer
    secrets: dict[str, str] = field(
        default_factory=lambda: {name: secrets.token_urlsafe(32) for name in ("master", "owner", "app", *_generated())}
    )

    def environment(
        self, service: str, database: str, *, process: str = "web", role: str = "app", **more: str
    ) -> dict[str, str]:
        """The variables of docs/contracts.md."""
        found = {
            "SERVICE": service,
            "PROCESS": process,
            "ENVIRONMENT": "test",
            "DATABASE_HOST": self.postgres.host,
            "DATABASE_PORT": str(self.postgres.port),
            "DATABASE_NAME": database,
            "DATABASE_USER": MASTER if role == "master" else f"{service}_{role}",
            "DATABASE_PASSWORD": self.secrets[role],
            "DATABASE_TLS": "disable",
            "OWNER_PASSWORD": self.secrets["owner"],
            "APP_PASSWORD": self.secrets["app"],
        }
        for name, server in (("BROKER", self.broker), ("CACHE", self.cache)):
            found |= {
                f"{name}_HOST": server.host,
                f"{name}_PORT": str(server.port),
                f"{name}_TLS": "false",
                f"{name}_PASSWORD": server.password or "",
            }
        found["CACHE_USER"] = service
        return found | (self._of_the_manifest(service, process) if service in CATALOG.services else {}) | more

    def _of_the_manifest(self, service: str, process: str) -> dict[str, str]:
        """What the stack gives this process because its manifest says so, and no more than that."""
        manifest = CATALOG.services[service]
        found = {f"{name.upper().replace('-', '_')}_URL": f"http://{name}:8080" for name in manifest.calls}
        # Partners that nobody stands in for refuse the connection.
        found |= {name: "http://127.0.0.1:9" for group in manifest.egress for name in EGRESS[group].endpoints}
        if manifest.data_key:  # no KMS there, either
            found |= {"DATA_KEY": DATA_KEY, "AWS_REGION": "ap-south-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        if manifest.buckets:  # nor S3
            found |= {"AWS_REGION": "ap-south-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
        found |= {f"BUCKET_{name.upper().replace('-', '_')}": f"test-{service}-{name}" for name in manifest.buckets}
        found["PUBLIC_URL"] = "http://localhost:8080"
        if manifest.token_issuer and manifest.processes.get(process) is manifest.web:
            found["CLIENTS"] = registry(CATALOG.clients)
        given = CATALOG.secrets_of(manifest, process) if process in manifest.processes else []
        return found | {name: self.secrets[name] for name in given}

    def process_environment(self, service: str, database: str, directory: Path, **more: str) -> dict[str, str]:
        """The same for a process of its own, with `directory` as its temporary one."""
        inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return inherited | self.environment(service, database, **more) | {"TMPDIR": str(directory)}

    async def connect(self, database: str, *, role: str = "master", service: str = "") -> Any:
        settings = self.settings(service or "master", database, role)
        return await asyncpg.connect(
            host=settings.host,
            port=settings.port,
            user=settings.user,
            password=settings.password.get_secret_value(),
            database=database,
            ssl=False,
        )

    def settings(self, service: str, database: str, role: str = "app") -> DatabaseSettings:
        with environ(self.environment(service, database, role=role)):
            return load(AppDatabaseSettings if role == "app" else DatabaseSettings)

    @asynccontextmanager
    async def fresh(self, service: str) -> AsyncIterator[str]:
        """A database of `service` with its schema and nothing else, for one test."""
        name = f"{service}_{uuid4().hex[:12]}"
        # By files: by the log each page is written twice and every file one by one (6 times as long, measured on 2 busy cores).
        await self.administrator.execute(
            f'CREATE DATABASE "{name}" TEMPLATE "{service}" OWNER "{service}_owner" STRATEGY file_copy'
        )
        try:
            yield name
        finally:
            await self.administrator.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    @functools.cached_property
    def administrator(self) -> Administrator:
        return Administrator(lambda: self.connect("postgres"))

    def close(self) -> None:
        """End what it keeps open itself."""
        if "administrator" in vars(self):
            self.administrator.close()


@contextmanager
def environ(variables: Mapping[str, str]) -> Iterator[None]:
    """os.environ with `variables`, for a while. (`patch.dict` takes out and puts back all of it, 5 ms of each use.)"""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})


@asynccontextmanager
async def running(
    app: FastAPI, variables: Mapping[str, str], *, sheds: bool = False, full: bool = False
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app`, started with `variables` as its environment.

    Unless it `sheds`, races may be of any size; unless it is `full`, it makes the pool's connections when it needs them: most
    tests need one or two, and each costs both sides 10 ms of CPU.
    """
    if not sheds:
        places = app.state.admission
        places._waiting, places._burst, places._seconds = 1000, 1000, 60
        places._judged = float("inf")  # there are always all of them
        places.gathering._most, places.gathering._judged = 100_000, float("inf")
    with environ(variables), nullcontext() if full else patch.object(Pool, "fill", _nothing_made):
        manager = LifespanManager(app, startup_timeout=30, shutdown_timeout=30)
        await manager.__aenter__()
    try:
        async with client_of(app) as client:
            yield client
    finally:
        await manager.__aexit__(None, None, None)


async def _nothing_made(_: Pool) -> None:
    """Instead of Pool.fill."""


def client_of(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=("192.0.2.1", 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers, timeout=30)


def module(name: str) -> list[str]:
    """The command of a container: `python -m services.common.<name>`."""
    return [sys.executable, "-m", f"services.common.{name}"]
