"""Migrations: each in a transaction of its own, none that makes others wait for long, indexes made while the service works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from services.common import migrate as migrate_module
from services.common.migrate import migrate
from services.common.settings import DatabaseSettings
from tests.services.support import Cloud

pytestmark = pytest.mark.postgres

ONE = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = "test_1", "{head}"
def upgrade():
    assert op.get_bind().execute(sa.text("SHOW lock_timeout")).scalar() == "5s"
    op.execute("ALTER TABLE notifications ADD seen_at timestamptz")
"""
INDEX = """
from services.common.indexes import create_concurrently
revision, down_revision = "test_2", "test_1"
def upgrade():
    create_concurrently("ix_notifications_seen_at", "notifications", ["seen_at"], where="seen_at IS NULL")
"""
AFTER = """
from alembic import op
import sqlalchemy as sa
revision, down_revision = "test_3", "test_2"
def upgrade():
    assert op.get_bind().execute(sa.text("SHOW lock_timeout")).scalar() == "5s"
    op.execute("ALTER TABLE notifications ADD {column} text")
"""
WRITE = "INSERT INTO notifications VALUES (gen_random_uuid(), $1, $2, 'hello', now())"

Stage = tuple[str, DatabaseSettings, Callable[[str, str], None]]


@pytest.fixture
async def stage(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A wallet, its owner's settings, and how to add a migration to it: file name and text."""
    real = migrate_module.config

    def config(service: str, connection: Connection) -> Config:
        made = real(service, connection)
        places = made.get_main_option("version_locations")
        made.set_main_option("version_locations", f"{places}\n{tmp_path}")
        return made

    monkeypatch.setattr(migrate_module, "config", config)
    (head,) = ScriptDirectory.from_config(real("wallet", None)).get_heads()  # type: ignore[arg-type] # nothing is connected

    def add(name: str, content: str) -> None:
        (tmp_path / name).write_text(content.replace("{head}", head))

    async with cloud.fresh("wallet") as database:
        yield database, cloud.settings("wallet", database, "owner"), add


async def app(cloud: Cloud, database: str) -> Any:
    return await cloud.connect(database, role="app", service="wallet")


async def movement(cloud: Cloud, database: str) -> tuple[Any, Any]:
    """An account and a transaction that a notification may name."""
    owner = await cloud.connect(database, role="owner", service="wallet")
    account = await owner.fetchval(
        "INSERT INTO accounts VALUES (gen_random_uuid(), gen_random_uuid(), now()) RETURNING id"
    )
    transaction = await owner.fetchval(
        "INSERT INTO transactions VALUES (gen_random_uuid(), 'credit', 'r', '', 't', now()) RETURNING id"
    )
    await owner.close()
    return account, transaction


async def valid(connection: Any) -> bool | None:
    query = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_notifications_seen_at')"
    found: bool | None = await connection.fetchval(query)
    return found


async def until(connection: Any, condition: str) -> None:
    for _ in range(600):
        if await connection.fetchval(condition):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(condition)


async def test_an_index_is_made_while_the_service_writes(cloud: Cloud, stage: Stage) -> None:
    """It waits for a transaction that was there before it; nobody waits for it; tasks that start meanwhile wait their turn."""
    database, settings, add = stage
    add("one.py", ONE)
    await migrate("wallet", settings)
    add("two.py", INDEX)
    add("three.py", AFTER.replace("{column}", "later"))
    account, transaction = await movement(cloud, database)
    slow, quick = await app(cloud, database), await app(cloud, database)
    began = slow.transaction(isolation="repeatable_read")
    await began.start()
    await slow.execute(
        "INSERT INTO idempotency_keys (caller, key, request_hash, created_at) VALUES ('c', 'k', 'h', now())"
    )
    await slow.execute("SELECT count(*) FROM notifications")
    tasks = [asyncio.create_task(migrate("wallet", settings)) for _ in range(3)]
    await until(quick, "SELECT to_regclass('ix_notifications_seen_at') IS NOT NULL")
    await asyncio.wait_for(
        quick.execute(WRITE, account, transaction), 60
    )  # else it would wait for a commit that comes later
    assert await valid(quick) is False
    assert not any(task.done() for task in tasks)
    await began.commit()
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    assert await valid(quick) is True
    await quick.execute("SELECT later FROM notifications")
    await slow.close()
    await quick.close()


async def test_an_index_that_was_interrupted_is_made_anew(cloud: Cloud, stage: Stage) -> None:
    database, settings, add = stage
    add("one.py", ONE)
    await migrate("wallet", settings)
    add("two.py", INDEX)
    slow, master = await app(cloud, database), await cloud.connect(database)
    began = slow.transaction(isolation="repeatable_read")
    await began.start()
    await slow.execute("SELECT count(*) FROM notifications")
    task = asyncio.create_task(migrate("wallet", settings))
    await until(master, "SELECT to_regclass('ix_notifications_seen_at') IS NOT NULL")
    await master.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND datname = $1",
        database,
    )
    with pytest.raises(SQLAlchemyError):  # what `main` catches
        await task
    assert await valid(master) is False
    await began.commit()
    await migrate("wallet", settings)
    assert await valid(master) is True
    await slow.close()
    await master.close()


async def test_a_migration_that_fails_leaves_what_the_one_before_made(cloud: Cloud, stage: Stage) -> None:
    database, settings, add = stage
    add("one.py", ONE)
    add("two.py", INDEX)
    add("three.py", AFTER.replace("{column}", "message"))  # it exists
    with pytest.raises(DBAPIError):
        await migrate("wallet", settings)
    owner = await cloud.connect(database, role="owner", service="wallet")
    assert await owner.fetchval("SELECT version_num FROM alembic_version") == "test_2"
    assert await valid(owner) is True
    add("three.py", AFTER.replace("{column}", "later"))
    await migrate("wallet", settings)
    assert await owner.fetchval("SELECT version_num FROM alembic_version") == "test_3"
    await owner.close()
