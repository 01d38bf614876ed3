"""PostgreSQL through asyncpg: how every connection is made, and the transaction of a request whose cost matters.

A statement that SQLAlchemy builds costs this process several times what it costs PostgreSQL. Where a request is made
thousands of times in a minute (idempotency, outbox, a service's own hot endpoints) statements are therefore plain SQL in a
repository, prepared once per connection. `services.common.database` is for everything else. Both have the same bounds.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request

from services.common.admission import committing
from services.common.errors import ServiceError
from services.common.settings import DatabaseSettings

#: Bounds of what one statement may take, kept by the server: a request that waits longer is better refused than kept.
LIMITS = {
    "statement_timeout": "5000",
    "lock_timeout": "4000",
    "idle_in_transaction_session_timeout": "15000",
}

#: The same, kept here for a server that does not answer any more: above the server's own, which leave a connection usable.
COMMAND_SECONDS = 6.0
CONNECT_SECONDS = 3.0
ACQUIRE_SECONDS = 2.0

#: What a connection raises that was lost while nobody used it.
LOST = (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, ConnectionError)

#: A peer that is gone without a word (its machine, or the way there) is noticed within this time.
_DEAD_PEER_SECONDS = 8


async def connect(
    settings: DatabaseSettings, application: str, *, limits: bool = True, seconds: float | None = None, **more: Any
) -> Any:
    """A connection; `limits` bounds how long a statement may take, `seconds` by another client-side time than COMMAND_SECONDS.

    Raises OSError, TimeoutError, asyncpg.PostgresError.
    """
    connection = await asyncpg.connect(
        host=settings.host,
        port=settings.port,
        user=settings.user,
        password=settings.password.get_secret_value(),
        database=settings.name,
        ssl=settings.ssl_context(),
        timeout=CONNECT_SECONDS,
        command_timeout=seconds or (COMMAND_SECONDS if limits else None),
        server_settings={"application_name": application, **(LIMITS if limits else {})},
        **more,
    )
    _watch(connection)
    return connection


def _watch(connection: Any) -> None:
    """Have the kernel look whether the peer is still there, idle or waiting; asyncpg has no setting for that."""
    sock: socket.socket = connection._transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", 5),
        ("TCP_KEEPINTVL", 1),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", _DEAD_PEER_SECONDS * 1000),
    ):
        if hasattr(socket, name):  # Linux has them all, a developer's Mac not
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def create_pool(settings: DatabaseSettings, application: str, size: int) -> Any:
    """A pool of at most `size` connections; the first is made when it is needed."""

    async def make(*_: object, **keywords: Any) -> Any:
        return await connect(settings, application, **keywords)

    async def reset(_: object) -> None:
        """Nothing to reset: every transaction here ends, and none sets anything for longer than itself."""

    return asyncpg.create_pool(
        min_size=0,
        max_size=size,
        max_inactive_connection_lifetime=300,
        connect=make,
        reset=reset,
    )


class Transaction:
    """One transaction: it takes a connection at its first statement, and its owner ends it.

    What is cut off (a server that does not answer, a request that is cancelled) takes its connection with it: only then is it
    sure that nothing of it is still under way, and nobody waits for a silent server a second time.
    """

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._connection: Any = None

    @property
    def begun(self) -> bool:
        """Whether there is anything to commit."""
        return self._connection is not None

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        """All rows."""
        found: list[Any] = await self._run("fetch", statement, *values)
        return found

    async def fetchrow(self, statement: str, *values: Any) -> Any:
        """The first row; None if there is none."""
        return await self._run("fetchrow", statement, *values)

    async def execute(self, statement: str, *values: Any) -> None:
        """No rows."""
        await self._run("execute", statement, *values)

    async def commit(self) -> None:
        """End it: everything has happened. After an error from here nobody knows, except that PostgreSQL itself refused."""
        if self.begun:
            await self._run("execute", "COMMIT")
            await self._release()

    async def roll_back(self) -> None:
        """End it: nothing has happened."""
        if self.begun:
            try:
                if not self._connection.is_closed():
                    await self._run("execute", "ROLLBACK")
            finally:
                await self._release()

    async def _run(self, method: str, statement: str, *values: Any) -> Any:
        if self._connection is None:
            await self._begin()
        try:
            return await getattr(self._connection, method)(statement, *values)
        except (TimeoutError, OSError, asyncio.CancelledError):
            self._connection.terminate()
            raise

    async def _begin(self) -> None:
        """Take a connection. One that turns out to be lost (a failover) is replaced: nothing was asked of it yet."""
        for attempt in range(self._pool.get_max_size() + 1):
            self._connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
            try:
                await self._run("execute", "BEGIN")
                break
            except LOST:
                await self._release()
                if attempt == self._pool.get_max_size():
                    raise

    async def _release(self) -> None:
        connection, self._connection = self._connection, None
        await self._pool.release(connection)


async def transaction(request: Request) -> AsyncIterator[Transaction]:
    """The request's transaction: committed once, when the endpoint has returned and before the answer; else rolled back."""
    made = Transaction(request.app.state.pool)
    try:
        yield made
        if made.begun:
            committing(request.scope, True)
            await made.commit()
            committing(request.scope, False)
    except ServiceError as refusal:
        if refusal.keeps_changes:
            await made.commit()
        raise
    finally:
        await made.roll_back()


#: `scope="function"` ends the transaction before the answer is sent: an answer before the commit would be a lie.
InTransaction = Annotated[Transaction, Depends(transaction, scope="function")]
