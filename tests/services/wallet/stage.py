"""A PostgreSQL of its own with a wallet in it, for long runs, crashes and benchmarks; its data stay in their directory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from localcloud.dataplane.stores.postgres import PostgresServer
from services.common.bootstrap import Passwords, bootstrap
from services.common.migrate import migrate
from services.common.settings import AppDatabaseSettings, DatabaseSettings
from tests.ports import free_port

MASTER, PASSWORD = "master", "of-a-server-on-loopback"


def settings_of(server: PostgresServer, role: str) -> DatabaseSettings:
    """How to log in to the wallet of `server`."""
    kind = AppDatabaseSettings if role == "app" else DatabaseSettings
    return kind(
        host=server.host, port=server.port, name="wallet", user=MASTER if role == "master" else f"wallet_{role}",
        password=SecretStr(PASSWORD), tls="disable",
    )  # fmt: skip


def prepare(server: PostgresServer) -> None:
    """Make the wallet's database, or bring it up to date."""
    server.set_master(MASTER, PASSWORD)
    given = Passwords.model_validate({"owner_password": PASSWORD, "app_password": PASSWORD})
    asyncio.run(bootstrap("wallet", settings_of(server, "master"), given))
    asyncio.run(migrate("wallet", settings_of(server, "owner")))


@contextmanager
def server_in(directory: Path, settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """A server whose data are in `directory`, with a wallet."""
    directory.mkdir(parents=True, exist_ok=True)
    with PostgresServer(directory / "postgres", "127.0.0.1", free_port(), settings=dict(settings or {})) as server:
        prepare(server)
        yield server


@contextmanager
def stage(directory: Path) -> Iterator[DatabaseSettings]:
    """Where the service's role logs in."""
    with server_in(directory) as server:
        yield settings_of(server, "app")
