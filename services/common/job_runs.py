"""When each scheduled job last succeeded and failed, by the database's clock: whoever runs it writes, the scheduler watches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.common import database

_ERROR_LENGTH = 500


class JobRun(database.Base):
    """One scheduled job. Its metadata is its own: a service has jobs of the clock whether it has messages or not."""

    metadata = database.metadata()

    __tablename__ = "job_runs"

    task: Mapped[str] = mapped_column(primary_key=True)
    known_since: Mapped[datetime] = mapped_column(server_default=text("now()"))
    succeeded_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    error: Mapped[str | None]


_KNOW = text("INSERT INTO job_runs (task) VALUES (:task) ON CONFLICT DO NOTHING")
_SUCCEEDED = text("""
    INSERT INTO job_runs (task, succeeded_at) VALUES (:task, now())
    ON CONFLICT (task) DO UPDATE SET succeeded_at = now()
""")
_FAILED = text("""
    INSERT INTO job_runs (task, failed_at, error) VALUES (:task, now(), :error)
    ON CONFLICT (task) DO UPDATE SET failed_at = now(), error = excluded.error
""")
_SUCCESSES = text("SELECT task, succeeded_at FROM job_runs WHERE succeeded_at IS NOT NULL")
_SINCE = text("""
    SELECT task, extract(epoch FROM now() - coalesce(succeeded_at, known_since))::float8 AS seconds FROM job_runs
""")


async def know(session: AsyncSession, tasks: Iterable[str]) -> None:
    """From now on each of `tasks` is expected to succeed."""
    for task in tasks:
        await session.execute(_KNOW, {"task": task})


async def succeeded(session: AsyncSession, task: str) -> None:
    """Note a success, once the job's effect is there."""
    await session.execute(_SUCCEEDED, {"task": task})


async def failed(session: AsyncSession, task: str, error: str) -> None:
    """Note a failure."""
    await session.execute(_FAILED, {"task": task, "error": error[:_ERROR_LENGTH]})


async def last_successes(session: AsyncSession) -> dict[str, datetime]:
    """When each job last succeeded; without those that never did."""
    return {row.task: row.succeeded_at for row in await session.execute(_SUCCESSES)}


async def seconds_since_success(session: AsyncSession) -> dict[str, float]:
    """For each job how long ago it last succeeded, or, if it never did, since when it is known."""
    return {row.task: row.seconds for row in await session.execute(_SINCE)}
