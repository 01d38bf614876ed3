"""The migrations on data: the table of prizes goes where nothing waits in it, and comes back empty for the release before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from asyncpg import InsufficientPrivilegeError
from sqlalchemy.exc import DBAPIError

from services.common import migrate
from services.common.database import create_engine
from tests.services.support import Cloud

pytestmark = pytest.mark.postgres

BEFORE, AFTER = "0003", "0004"
_ORDER = "INSERT INTO prizes (contest_id, line, player_id, amount, state) VALUES ($1, $2, $3, $4, $5)"
_THERE = "SELECT to_regclass('prizes') IS NOT NULL"


@pytest.fixture
async def database(cloud: Cloud) -> AsyncIterator[str]:
    async with cloud.fresh("payments") as name:
        yield name


async def moved(cloud: Cloud, database: str, to: str, run: Callable[..., None] = command.upgrade) -> None:
    engine = create_engine(cloud.settings("payments", database, "owner"), "test", limits=False)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(lambda sync: run(migrate.config("payments", sync), to))
            await connection.commit()
    finally:
        await engine.dispose()


async def test_prizes_go_only_where_none_waits_to_be_paid(cloud: Cloud, database: str) -> None:
    await moved(cloud, database, BEFORE, command.downgrade)
    app: Any = await cloud.connect(database, role="app", service="payments")
    owner: Any = await cloud.connect(database, role="owner", service="payments")
    contest = uuid4()
    for line, amount, state in (("1", 500, "paid"), ("2", 300, "ordered"), ("3", 200, "ordered"), ("4", 9, "declined")):
        await app.execute(_ORDER, contest, line, uuid4(), amount, state)
    with pytest.raises(DBAPIError, match="2 prizes of 500 paise in all are ordered and not paid"):
        await moved(cloud, database, AFTER)
    assert await owner.fetchval(_THERE) and await owner.fetchval("SELECT count(*) FROM prizes") == 4, "nothing is lost"
    assert await owner.fetchval("SELECT version_num FROM alembic_version") == BEFORE
    await app.execute("UPDATE prizes SET state = 'paid' WHERE state = 'ordered'")
    await moved(cloud, database, AFTER)
    assert not await owner.fetchval(_THERE)
    # The release before finds what it knew: a table that it adds to, and whose amounts it cannot change.
    await moved(cloud, database, BEFORE, command.downgrade)
    await app.execute(_ORDER, contest, "1", uuid4(), 500, "ordered")
    await app.execute("UPDATE prizes SET state = 'paid', reason = ''")
    with pytest.raises(InsufficientPrivilegeError):
        await app.execute("UPDATE prizes SET amount = 1")
    await moved(cloud, database, AFTER)
    await app.close()
    await owner.close()
