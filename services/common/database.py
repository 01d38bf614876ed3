"""PostgreSQL through SQLAlchemy and asyncpg: engine, declarative base, and the request's one transaction."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID
from weakref import WeakKeyDictionary

from fastapi import Depends, Request
from sqlalchemy import BigInteger, DateTime, LargeBinary, MetaData, Text, Uuid, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from services.common import postgres
from services.common.admission import committing
from services.common.errors import ServiceError
from services.common.money import Paise
from services.common.settings import DatabaseSettings
from services.common.telemetry import sql

Sessions = async_sessionmaker[AsyncSession]

#: A connection that has rested less is taken for alive, unless it is closed.
TRUSTED_SECONDS = 1.0

#: Every constraint has a name that can be told from the table, so that migrations and error handling can name it.
NAMES = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class Base(DeclarativeBase):
    """The base of a service's models. A service's own subclass holds its metadata, so two services never mix."""

    __abstract__ = True
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        UUID: Uuid(),
        datetime: DateTime(timezone=True),
        str: Text(),
        bytes: LargeBinary(),
        int: BigInteger(),
        Paise: BigInteger(),
        dict[str, Any]: JSONB(),
        list[dict[str, Any]]: JSONB(),
    }


def metadata() -> MetaData:
    """Metadata with the naming convention."""
    return MetaData(naming_convention=NAMES)


def create_engine(
    settings: DatabaseSettings,
    application: str,
    *,
    limits: bool = True,
    seconds: float | None = None,
    connections: int | None = None,
) -> AsyncEngine:
    """An engine with at most `connections` (default: the settings'); `limits` and `seconds` as `postgres.connect` has them."""
    most = settings.connections if connections is None else connections
    kept = max(1, most // 2)

    async def connect() -> Any:
        return await postgres.connect(settings, application, limits=limits, seconds=seconds)

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=kept,
        max_overflow=most - kept,
        pool_timeout=2,
        pool_recycle=900,
        pool_pre_ping=True,  # after a failover the first request would otherwise fail
        hide_parameters=True,  # an error's message must not carry what a person typed
    )
    event.listen(engine.sync_engine, "handle_error", _give_up_silent)
    _trust_rested(engine)
    sql.watch(engine)
    return engine


def _trust_rested(engine: AsyncEngine) -> None:
    """Ask a connection whether it is alive only after a rest: SQLAlchemy takes three round trips for that, at each request.

    What the server has closed is known without asking; what has frozen meanwhile, the request's first statement finds out.
    """
    dialect = engine.sync_engine.dialect
    ask = dialect.do_ping
    since: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def rests(connection: Any, _: object) -> None:
        if connection is not None:
            since[connection.driver_connection] = time.monotonic()

    def alive(connection: Any) -> bool:
        driver = connection.driver_connection
        if driver.is_closed():
            return False
        return time.monotonic() - since.get(driver, 0.0) < TRUSTED_SECONDS or ask(connection)

    event.listen(engine.sync_engine, "checkin", rests)
    setattr(dialect, "do_ping", alive)  # noqa: B010 - of this one engine


def _give_up_silent(context: ExceptionContext) -> None:
    """A connection whose server did not answer in time is dropped at once: to roll back would be to wait again."""
    if isinstance(context.original_exception, TimeoutError) and context.connection is not None:
        driver: Any = context.connection.connection.driver_connection
        driver.terminate()
        context.is_disconnect = True


def create_sessions(engine: AsyncEngine) -> Sessions:
    """The factory of sessions on `engine`."""
    return async_sessionmaker(engine, expire_on_commit=False)


async def transaction(request: Request) -> AsyncIterator[AsyncSession]:
    """The request's transaction: committed once, when the endpoint has returned and before the answer leaves; else rolled back.

    It takes a connection at its first query and keeps it to the end. A request that asks for a second one meanwhile can
    wait for others that wait likewise, so what needs a connection of its own comes before that query.
    """
    sessions: Sessions = request.app.state.sessions
    async with sessions() as session:
        try:
            yield session
        except ServiceError as refusal:
            if refusal.keeps_changes:
                await session.commit()
            raise
        committing(request.scope, True)
        await session.commit()
        committing(request.scope, False)


#: `scope="function"` ends the transaction before the answer is sent: an answer before the commit would be a lie.
Session = Annotated[AsyncSession, Depends(transaction, scope="function")]
