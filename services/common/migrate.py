"""The init container: `python -m services.common.migrate` brings the schema of $SERVICE up to date, as its owner.

The database and its roles are made by a task of their own (`services.common.bootstrap`), which this waits for.
Each outstanding migration runs in a transaction of its own, all under an advisory lock: tasks that start together take turns,
and a migration that fails leaves the schema as the one before it made it. Old and new code run beside each other during a
deployment, so a migration only adds; what the old code needs is dropped one release later. What cannot run in a transaction
(CREATE INDEX CONCURRENTLY) is `services.common.indexes`.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.common import database, logs, postgres
from services.common.settings import DatabaseSettings, ProcessSettings, SettingsError, load

#: Within the service's own database.
LOCK = 0x6D696772617465  # "migrate"

#: How long a task waits for its turn: as long as an index over a large table may take.
_TURN_SECONDS = 1800
_ASK_AGAIN_SECONDS = 0.25

#: How long it waits for a server that starts or fails over, and for its database and its owner's password there.
_MADE_SECONDS = 120

#: What a log-in meets until then.
_NOT_YET = (
    OSError,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
)

_SERVICES = Path(__file__).parent.parent

log = logging.getLogger(__name__)


def metadata_of(service: str) -> Sequence[MetaData]:
    """What the models of `service` say its schema is: `services.<service>.models.METADATA`."""
    found: Sequence[MetaData] = importlib.import_module(f"services.{service.replace('-', '_')}.models").METADATA
    return found


def config(service: str, connection: Connection) -> Config:
    """Alembic's configuration: one environment for all services, versions of each in its own folder."""
    name = service.replace("-", "_")
    made = Config()
    made.set_main_option("script_location", str(_SERVICES / "common" / "migrations"))
    made.set_main_option("version_locations", str(_SERVICES / name / "migrations"))
    made.set_main_option("path_separator", "newline")
    made.attributes.update(connection=connection, metadata=metadata_of(service), app_role=f"{service}_app")
    return made


async def wait_for_database(settings: DatabaseSettings, seconds: float = _MADE_SECONDS) -> None:
    """Until the owner can log in to its database. Raises what the last attempt met."""
    loop = asyncio.get_running_loop()
    last = loop.time() + seconds
    for attempt in itertools.count(1):
        try:
            connection = await postgres.connect(settings, "migrate")
        except _NOT_YET as error:
            if loop.time() >= last:
                raise
            if attempt == 1:
                log.info("database not made yet", extra={"reason": f"{type(error).__name__}: {error}"})
            await asyncio.sleep(min(_ASK_AGAIN_SECONDS * attempt, 2))
        else:
            await connection.close()
            return


async def migrate(service: str, settings: DatabaseSettings) -> None:
    """Upgrade to the newest version."""
    engine = database.create_engine(settings, "migrate", limits=False, connections=2)
    try:
        async with engine.connect() as turn, engine.connect() as connection:
            await turn.execution_options(isolation_level="AUTOCOMMIT")
            await _take_turn(turn)
            await connection.run_sync(lambda sync: command.upgrade(config(service, sync), "head"))
            await connection.commit()
    finally:
        await engine.dispose()  # gives the lock back


async def _take_turn(connection: AsyncConnection) -> None:
    """Wait for the lock by asking again and again: a statement that waits for it would hold a snapshot, and CREATE INDEX
    CONCURRENTLY of the task whose turn it is would wait for that one in turn.
    """
    async with asyncio.timeout(_TURN_SECONDS):
        while not await connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):  # noqa: ASYNC110 - another process has it
            await asyncio.sleep(_ASK_AGAIN_SECONDS)


async def _run(service: str, settings: DatabaseSettings) -> None:
    await wait_for_database(settings)
    await migrate(service, settings)


def main() -> int:
    """Migrate $SERVICE."""
    try:
        process, settings = load(ProcessSettings), load(DatabaseSettings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(service=process.service, process="migrate", environment=process.environment, level=process.log_level)
    try:
        asyncio.run(_run(process.service, settings))
    except (OSError, TimeoutError, SQLAlchemyError, asyncpg.PostgresError) as error:
        reason = f"{type(error).__name__}: {error}"
        log.error("migration failed", extra={"reason": reason, "runbook": "service-tasks"})
        return 1
    log.info("migrated")
    return 0


if __name__ == "__main__":
    sys.exit(main())
