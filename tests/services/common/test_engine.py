"""Connections of SQLAlchemy's pool: asked whether they are alive after a rest, replaced where the server has ended them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection
from sqlalchemy.ext.asyncio import AsyncEngine

from services.common import database
from services.common.database import create_engine, create_sessions
from tests.services.support import Cloud

pytestmark = pytest.mark.postgres


@pytest.fixture
async def engine(cloud: Cloud) -> AsyncIterator[AsyncEngine]:
    async with cloud.fresh("wallet") as name:
        made = create_engine(cloud.settings("wallet", name), "test", connections=2)
        yield made
        await made.dispose()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The connections that were asked whether they are alive."""
    found: list[Any] = []
    ping = AsyncAdapt_asyncpg_connection.ping

    def counted(connection: Any) -> None:
        found.append(connection)
        ping(connection)

    monkeypatch.setattr(AsyncAdapt_asyncpg_connection, "ping", counted)
    return found


async def backend(engine: AsyncEngine) -> int:
    """The process that serves a session."""
    async with create_sessions(engine)() as session, session.begin():
        return int((await session.execute(text("SELECT pg_backend_pid()"))).scalar_one())


async def test_who_has_just_answered_is_not_asked_whether_it_is_alive(
    engine: AsyncEngine, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "TRUSTED_SECONDS", 3600.0)
    assert len({await backend(engine) for _ in range(5)}) == 1
    assert asked == []
    monkeypatch.setattr(database, "TRUSTED_SECONDS", 0.0)
    await backend(engine)
    assert len(asked) == 1, "it has rested"


async def test_what_the_server_has_ended_is_replaced_before_anybody_has_it(
    engine: AsyncEngine, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "TRUSTED_SECONDS", 3600.0)
    async with engine.connect() as one:
        driver: Any = (await one.get_raw_connection()).driver_connection
    ended = asyncio.Event()
    driver.add_termination_listener(lambda _: ended.set())
    process = await backend(engine)
    master: Any = await cloud.connect("postgres", role="master")
    await master.execute("SELECT pg_terminate_backend($1)", process)
    await master.close()
    async with asyncio.timeout(30):
        await ended.wait()
    assert await backend(engine) != process


async def test_no_statement_is_compiled(engine: AsyncEngine) -> None:
    """A plan that looks dear is compiled at each call, for a second: the ledger's, once it had a million entries."""
    async with engine.connect() as one:
        assert (await one.execute(text("SHOW jit"))).scalar_one() == "off"
