"""PostgreSQL through asyncpg: how every connection is made, and the transaction of a request whose cost matters.

A statement that SQLAlchemy builds costs this process several times what it costs PostgreSQL. Where a request is made
thousands of times in a minute (idempotency, outbox, a service's own hot endpoints) statements are therefore plain SQL in a
repository, prepared once per connection. `services.common.database` is for everything else. Both have the same bounds.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import re
import socket
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Self

import asyncpg
from fastapi import Depends, Request

from services.common import transports
from services.common.admission import committing
from services.common.errors import ServiceError
from services.common.settings import DatabaseSettings
from services.common.telemetry import spans, sql

log = logging.getLogger(__name__)

#: Statements are short, and PostgreSQL compiles those whose plan it takes for dear. The look at players' limits took a second
#: of a posting where players had 30,000 entries each, although none had a limit: what would be summed for one is in the plan.
PLANNING = {"jit": "off"}

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
CLOSE_SECONDS = 1.0
CONNECTION_LIFE_SECONDS = 900.0
LIFE_SPREAD = 0.2

#: What a connection raises that was lost while nobody used it.
LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server's last words came while nothing was asked
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    ConnectionError,
)

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
        server_settings={"application_name": application, **PLANNING, **(LIMITS if limits else {})},
        **more,
    )
    _watch(connection)
    return connection


def _watch(connection: Any) -> None:
    """Have the kernel look whether the peer is still there, idle or waiting; asyncpg has no setting for that."""
    transports.read_little(connection._transport)
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


class Pool:
    """At most `size` connections: the one that was used last is given out, and every TURN-th time the one that rested longest.

    asyncpg's own pool asks the server to reset a connection after each use and wraps it: two thirds of what a short read costs.
    Here nothing needs to be reset, since every transaction is ended by its owner, and none sets anything for longer.

    The one that was used last has its data in the processor's caches: in turn they would cost PostgreSQL a quarter more. But
    none may stay cold: the first transfer on a connection prepares its statements, and its backend reads the catalogue, which
    takes 40 ms instead of 5, and a burst would pay that on several at once.
    """

    TURN = 16

    def __init__(self, make: Callable[[], Awaitable[Any]], size: int) -> None:
        self._make, self.size = make, size
        self._given = 0
        self._places = asyncio.Semaphore(size)
        self._idle: deque[Any] = deque()
        self._ends: dict[Any, float] = {}  # each connection's last moment

    async def acquire(self) -> Any:
        """A connection; it goes back by `release`. Raises TimeoutError, and what making one raises."""
        if self._places.locked():
            async with asyncio.timeout(ACQUIRE_SECONDS):
                await self._places.acquire()
        else:
            await self._places.acquire()
        while self._idle:
            self._given += 1
            connection = self._idle.popleft() if self._given % self.TURN == 0 else self._idle.pop()
            if not connection.is_closed():
                return connection
            del self._ends[connection]
        try:
            connection = await self._make()
        except BaseException:
            self._places.release()
            raise
        # Not all at the same time: they were made at the same time.
        life = CONNECTION_LIFE_SECONDS * random.uniform(1 - LIFE_SPREAD, 1 + LIFE_SPREAD)  # noqa: S311 - no secret
        self._ends[connection] = time.monotonic() + life
        return connection

    def release(self, connection: Any) -> None:
        """Give a connection back. One that is old goes, so that all have left a server within a while; so does a dirty one."""
        old = time.monotonic() > self._ends[connection]
        if not connection.is_closed() and (old or connection.is_in_transaction()):
            connection.terminate()
        if connection.is_closed():
            del self._ends[connection]
        else:
            self._idle.append(connection)
        self._places.release()

    async def fill(self) -> None:
        """Make all connections now, rather than while requests wait. What fails is tried again when it is needed."""
        made = await asyncio.gather(*(self.acquire() for _ in range(self.size)), return_exceptions=True)
        for each in made:
            if isinstance(each, BaseException):
                log.warning("no connection at the start", extra={"reason": type(each).__name__})
            else:
                self.release(each)

    async def close(self) -> None:
        """Say goodbye to the server, unless it does not even answer that."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                for connection in list(self._ends):
                    await connection.close()
        except Exception:
            for connection in self._ends:
                connection.terminate()


@asynccontextmanager
async def open_pool(settings: DatabaseSettings, application: str, size: int) -> AsyncIterator[Pool]:
    """A pool for `application`, full from the start, closed at the end."""
    pool = Pool(partial(connect, settings, application), size)
    try:
        await pool.fill()
        yield pool
    finally:
        await pool.close()


class Transaction:
    """One transaction: it takes a connection at its first statement, and its owner ends it.

    What is cut off (a server that does not answer, a request that is cancelled) takes its connection with it: only then is it
    sure that nothing of it is still under way, and nobody waits for a silent server a second time.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._connection: Any = None
        self._kept: list[tuple[str, tuple[Any, ...]]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Commit, or roll back what an exception ends."""
        try:
            if kind is None:
                await self.finish()
                await self.commit()
        finally:
            await self.roll_back()

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

    def at_end(self, statement: str, *values: Any) -> None:
        """Do one INSERT, UPDATE or DELETE just before COMMIT, in one round trip with the others of this kind.

        They see nothing of each other: for each another table, or other rows.
        """
        self._kept.append((statement, values))

    async def finish(self) -> None:
        """Do what was kept for the end."""
        if self._kept:
            kept, self._kept = self._kept, []
            await self.execute(together(tuple(statement for statement, _ in kept)), *(v for _, vs in kept for v in vs))

    async def commit(self) -> None:
        """End it: everything has happened. After an error from here nobody knows, except that PostgreSQL itself refused."""
        assert not self._kept, "`finish` comes first"
        if self.begun:
            # After a statement that failed PostgreSQL takes COMMIT for a ROLLBACK, and says so only here.
            if await self._run("execute", "COMMIT") != "COMMIT":
                raise RuntimeError("a statement of the transaction had failed: PostgreSQL rolled it back")
            self._release()

    async def roll_back(self) -> None:
        """End it: nothing has happened."""
        self._kept = []
        if self.begun:
            try:
                if not self._connection.is_closed():
                    await self._run("execute", "ROLLBACK")
            except (TimeoutError, *LOST):
                self._connection.terminate()  # which the server takes for a ROLLBACK
            finally:
                self._release()

    async def _run(self, method: str, statement: str, *values: Any) -> Any:
        if self._connection is None:
            await self._begin()
        began = spans.moment()
        try:
            return await getattr(self._connection, method)(statement, *values)
        except (TimeoutError, OSError, asyncio.CancelledError):
            self._connection.terminate()
            raise
        finally:
            if began:
                sql.note(statement, began, sys.exception())

    async def _begin(self) -> None:
        """Take a connection. One that turns out to be lost (a failover) is replaced: nothing was asked of it yet."""
        for attempt in range(self._pool.size + 1):
            self._connection = await self._pool.acquire()
            try:
                await self._run("execute", "BEGIN")
                break
            except LOST:
                self._connection.terminate()
                self._release()
                if attempt == self._pool.size:
                    raise

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        self._pool.release(connection)


_PLACE = re.compile(r"\$(\d+)")


@functools.lru_cache(maxsize=256)
def together(statements: tuple[str, ...]) -> str:
    """One statement that does all of `statements`, which change something; its values are theirs, one after the other.

    >>> together(("UPDATE a SET x = $1", "DELETE FROM b WHERE y = $1 OR z = $2"))
    'WITH c0 AS (UPDATE a SET x = $1) DELETE FROM b WHERE y = $2 OR z = $3'
    """
    parts, used = [], 0
    for statement in statements:
        parts.append(_PLACE.sub(lambda found, before=used: f"${int(found[1]) + before}", statement))  # type: ignore[misc] # mypy cannot infer a lambda's default
        used += max((int(number) for number in _PLACE.findall(statement)), default=0)
    *first, last = parts
    head = ", ".join(f"c{number} AS ({part})" for number, part in enumerate(first))
    return f"WITH {head} {last}" if head else last


async def transaction(request: Request) -> AsyncIterator[Transaction]:
    """The request's transaction: committed once, when the endpoint has returned and before the answer; else rolled back."""
    made = Transaction(request.app.state.pool)
    try:
        yield made
        await made.finish()
        if made.begun:
            committing(request.scope, True)
            await made.commit()
            committing(request.scope, False)
    except ServiceError as refusal:
        if refusal.keeps_changes:
            await made.finish()
            await made.commit()
        raise
    finally:
        await made.roll_back()


#: `scope="function"` ends the transaction before the answer is sent: an answer before the commit would be a lie.
InTransaction = Annotated[Transaction, Depends(transaction, scope="function")]


class Reads:
    """Reads outside of any transaction: each statement is one round trip, and sees what is committed when it begins."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        """All rows."""
        found: list[Any] = await self._run("fetch", statement, *values)
        return found

    async def fetchrow(self, statement: str, *values: Any) -> Any:
        """The first row; None if there is none."""
        return await self._run("fetchrow", statement, *values)

    async def _run(self, method: str, statement: str, *values: Any) -> Any:
        """A connection that turns out to be lost is replaced: a read may be asked again, after all that rested by a new one."""
        for _ in range(self._pool.size + 1):
            connection = await self._pool.acquire()
            began = spans.moment()
            try:
                return await getattr(connection, method)(statement, *values)
            except LOST:
                connection.terminate()
            except (TimeoutError, asyncio.CancelledError):
                connection.terminate()
                raise
            finally:
                if began:
                    sql.note(statement, began, sys.exception())
                self._pool.release(connection)
        raise ConnectionError("every connection was lost")


async def _reads(request: Request) -> Reads:
    return Reads(request.app.state.pool)


Reading = Annotated[Reads, Depends(_reads)]
