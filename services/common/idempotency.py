"""Idempotency keys: a request that is sent twice has one effect and one answer.

The key is stored with a hash of the request and, in the same transaction as the effect, with the answer. A duplicate that
comes while the first is under way waits at the unique index until the first has committed (and is then answered with
the first's answer) or has failed (and then does the work). A refused request leaves nothing behind, so it may be sent again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy import PrimaryKeyConstraint, delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.common.callers import AnyCaller
from services.common.database import Session
from services.common.errors import Code, ServiceError
from services.common.shared import SharedBase

#: How long a key is remembered; a client that retries later than this must look first.
KEPT = timedelta(days=30)

REPLAYED_HEADER = "Idempotency-Replayed"

_KEY = re.compile(r"[\x20-\x7e]{8,128}")

REFUSALS = (Code.IDEMPOTENCY_KEY_MISSING, Code.IDEMPOTENCY_KEY_INVALID, Code.IDEMPOTENCY_KEY_REUSED)


class IdempotencyKey(SharedBase):
    """One key of one caller, with the request it came with and the answer it got."""

    __tablename__ = "idempotency_keys"

    caller: Mapped[str] = mapped_column()
    key: Mapped[str] = mapped_column()
    request_hash: Mapped[bytes] = mapped_column()
    status: Mapped[int | None] = mapped_column()
    body: Mapped[str | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(index=True)

    __table_args__ = (PrimaryKeyConstraint("caller", "key"),)


class Idempotency:
    """The idempotency of one request."""

    def __init__(self, session: AsyncSession, caller: str, key: str, request_hash: bytes, now: datetime) -> None:
        self._session, self._caller, self._key, self._hash, self._now = session, caller, key, request_hash, now

    async def once(self, status: int, make: Callable[[], Awaitable[BaseModel]]) -> Response:
        """Answer `status` with what `make` returns, or with the stored answer of the same request.

        Raises ServiceError (idempotency_key_reused) if the key came with another request before.
        """
        mine = IdempotencyKey.caller == self._caller, IdempotencyKey.key == self._key
        taken = await self._session.scalar(
            insert(IdempotencyKey)
            .values(caller=self._caller, key=self._key, request_hash=self._hash, created_at=self._now)
            .on_conflict_do_nothing()
            .returning(IdempotencyKey.key)
        )
        if taken is None:
            found = (await self._session.execute(select(IdempotencyKey).where(*mine))).scalar_one()
            if found.request_hash != self._hash:
                raise ServiceError(
                    Code.IDEMPOTENCY_KEY_REUSED, "This Idempotency-Key came with another request before; use a new one."
                )
            # Status and body are set in the transaction that inserted the row, so a row that can be seen has them.
            assert found.status is not None
            return Response(found.body, found.status, {REPLAYED_HEADER: "true"}, "application/json")
        body = (await make()).model_dump_json()
        await self._session.execute(update(IdempotencyKey).where(*mine).values(status=status, body=body))
        return Response(body, status, media_type="application/json")


async def _idempotency(
    request: Request,
    session: Session,
    caller: AnyCaller,
    idempotency_key: Annotated[
        str | None, Header(description="8 to 128 printable ASCII characters, new for each intended effect")
    ] = None,
) -> Idempotency:
    if not idempotency_key:
        raise ServiceError(Code.IDEMPOTENCY_KEY_MISSING, "Send a new random value for each intended effect.")
    if not _KEY.fullmatch(idempotency_key):
        raise ServiceError(Code.IDEMPOTENCY_KEY_INVALID, "8 to 128 printable ASCII characters are accepted.")
    return Idempotency(
        session,
        caller.subject,
        idempotency_key,
        request_hash(request, await request.body()),
        request.app.state.clock.now(),
    )


Idempotent = Annotated[Idempotency, Depends(_idempotency, scope="function")]


def request_hash(request: Request, body: bytes) -> bytes:
    """A hash of what is asked: method, path, query and body; two spellings of one JSON value are one body."""
    try:
        value: Any = json.loads(body)
        body = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    except ValueError:
        pass  # not JSON: the bytes themselves
    parts = (request.method, request.url.path, request.url.query)
    digest = hashlib.sha256()
    for part in (*(part.encode() for part in parts), body):
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()


_FORGET_BATCH = 5000


async def forget(session: AsyncSession, now: datetime) -> int:
    """Delete a batch of keys that are older than KEPT; returns how many."""
    old = (
        select(IdempotencyKey.caller, IdempotencyKey.key)
        .where(IdempotencyKey.created_at < now - KEPT)
        .order_by(IdempotencyKey.created_at)
        .limit(_FORGET_BATCH)
        .with_for_update(skip_locked=True)
    )
    statement = delete(IdempotencyKey).where(tuple_(IdempotencyKey.caller, IdempotencyKey.key).in_(old))
    return (await session.execute(statement)).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult
