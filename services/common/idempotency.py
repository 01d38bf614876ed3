"""Idempotency keys: a request that is sent twice has one effect and one answer.

The key is stored with a hash of the request and, in the same transaction as the effect, with the answer. A duplicate that
comes while the first is under way waits at the unique index until the first has committed (and is then answered with
the first's answer) or has failed (and then does the work). A refused request leaves nothing behind, so it may be sent again.

A request that calls a provider cannot be one transaction: see `services.common.outside_request`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy import Index, PrimaryKeyConstraint, delete, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.common.callers import Bearer
from services.common.errors import MEDIA_TYPE, Code, ServiceError
from services.common.middleware import header
from services.common.postgres import InTransaction, Transaction
from services.common.shared import SharedBase

#: How long a key is remembered; a client that retries later than this must look first.
KEPT = timedelta(days=30)

REPLAYED_HEADER = "Idempotency-Replayed"

#: Asked directly and not as a dependency of its own: the endpoint has one that says who is let in.
_ANYBODY = Bearer()

_KEY = re.compile(r"[\x20-\x7e]{8,128}")

REFUSALS = (Code.IDEMPOTENCY_KEY_MISSING, Code.IDEMPOTENCY_KEY_INVALID, Code.IDEMPOTENCY_KEY_REUSED)


class IdempotencyKey(SharedBase):
    """One key of one caller, with the request it came with and the answer it got.

    While a request is pending, i.e. a provider is being called for it, there is no status yet: `owner` is who calls, until
    `deadline` by the database's clock, with `reference` as the provider's idempotency key, and `body` is what is asked of it.
    """

    __tablename__ = "idempotency_keys"

    caller: Mapped[str] = mapped_column()
    key: Mapped[str] = mapped_column()
    request_hash: Mapped[bytes] = mapped_column()
    status: Mapped[int | None] = mapped_column()
    body: Mapped[str | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(index=True)
    reference: Mapped[UUID | None] = mapped_column()
    owner: Mapped[UUID | None] = mapped_column()
    deadline: Mapped[datetime | None] = mapped_column()

    __table_args__ = (
        PrimaryKeyConstraint("caller", "key"),
        Index("ix_idempotency_keys_pending", "deadline", postgresql_where=text("deadline IS NOT NULL")),
    )


_TAKE = """
    INSERT INTO idempotency_keys (caller, key, request_hash, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING RETURNING true
"""
FIND = "SELECT request_hash, status, body FROM idempotency_keys WHERE caller = $1 AND key = $2"
_ANSWER = "UPDATE idempotency_keys SET status = $3, body = $4 WHERE caller = $1 AND key = $2"


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode  # made once: json.dumps makes one each time


def canonical(asked: BaseModel, fields: set[str] | None = None) -> str:
    """The values of a body (of `fields` alone), one text however they were spelt.

    What is left out and what is given as its default are one; so a field that a later release adds changes nothing.
    """
    return _encode(asked.model_dump(mode="json", exclude_defaults=True, include=fields))


class Keyed:
    """A request's key, and the hash of what it asks, for a service that stores them with the effect itself."""

    def __init__(self, caller: str, key: str, target: str) -> None:
        self.caller, self.key, self.target = caller, key, target

    def hash(self, asked: BaseModel) -> bytes:
        """A hash of what is asked: method, path, query and the values of the body, however they were spelt."""
        digest = hashlib.sha256()
        for part in (self.target.encode(), canonical(asked).encode()):
            digest.update(len(part).to_bytes(8))
            digest.update(part)
        return digest.digest()


class Idempotency(Keyed):
    """The idempotency of one request that is one transaction."""

    def __init__(self, transaction: Transaction, caller: str, key: str, target: str, now: datetime) -> None:
        super().__init__(caller, key, target)
        self._transaction, self._now = transaction, now

    async def once(self, status: int, asked: BaseModel, make: Callable[[], Awaitable[BaseModel]]) -> Response:
        """Answer `status` with what `make` returns in this transaction, or with the stored answer of the same request.

        `asked` is the request's body. Raises ServiceError (idempotency_key_reused) if the key came with another one before.
        """
        digest = self.hash(asked)
        if not await self._transaction.fetchrow(_TAKE, self.caller, self.key, digest, self._now):
            return replay(await self._transaction.fetchrow(FIND, self.caller, self.key), digest)
        body = (await make()).model_dump_json()
        self._transaction.at_end(_ANSWER, self.caller, self.key, status, body)
        return Response(body, status, media_type="application/json")


def replay(found: Sequence[Any], digest: bytes) -> Response:
    """The answer of a row of FIND. Raises ServiceError (idempotency_key_reused, idempotency_key_in_use)."""
    request_hash, status, body = found
    if request_hash != digest:
        raise ServiceError(
            Code.IDEMPOTENCY_KEY_REUSED, "This Idempotency-Key came with another request before; use a new one."
        )
    if status is None:
        raise in_use()
    return Response(body, status, {REPLAYED_HEADER: "true"}, media_type(status))


def media_type(status: int) -> str:
    """What a stored answer is: a refusal is stored, too, where a step to the outside ended in one."""
    return MEDIA_TYPE if status >= 400 else "application/json"


def in_use(seconds: int = 1) -> ServiceError:
    """The refusal of a request whose twin is under way at a provider."""
    return ServiceError(
        Code.IDEMPOTENCY_KEY_IN_USE,
        "The same request is under way; send it again later to get its answer.",
        headers={"Retry-After": str(max(1, seconds))},
    )


#: The header as it is documented. It is read by hand, below: the framework's own way takes longer than hashing the request.
PARAMETER = {
    "name": "idempotency-key",
    "in": "header",
    "required": True,
    "description": "8 to 128 printable ASCII characters, new for each intended effect",
    "schema": {
        "type": "string",
        "minLength": 8,
        "maxLength": 128,
        "pattern": r"^[\x20-\x7e]+$",
        "title": "Idempotency-Key",
    },
}


async def key_of_request(request: Request) -> Keyed:
    """The dependency: what the header says, and who calls."""
    idempotency_key = header(request.scope, b"idempotency-key").decode("latin-1")
    if not idempotency_key:
        raise ServiceError(Code.IDEMPOTENCY_KEY_MISSING, "Send a new random value for each intended effect.")
    if not _KEY.fullmatch(idempotency_key):
        raise ServiceError(Code.IDEMPOTENCY_KEY_INVALID, "8 to 128 printable ASCII characters are accepted.")
    caller = await _ANYBODY.caller(request)
    target = f"{request.method} {request.scope['path']}?{request.scope['query_string'].decode('ascii')}"
    return Keyed(caller.subject, idempotency_key, target)


WithKey = Annotated[Keyed, Depends(key_of_request)]


async def of_request(request: Request, keyed: WithKey, transaction: InTransaction) -> Idempotency:
    """The dependency: the key, with the transaction that it is stored in."""
    return Idempotency(transaction, keyed.caller, keyed.key, keyed.target, request.app.state.clock.now())


Idempotent = Annotated[Idempotency, Depends(of_request, scope="function")]


_FORGET_BATCH = 5000


async def forget(session: AsyncSession, now: datetime) -> int:
    """Delete a batch of keys that are older than KEPT; returns how many. A pending one stays: nobody knows its end yet."""
    old = (
        select(IdempotencyKey.caller, IdempotencyKey.key)
        .where(IdempotencyKey.created_at < now - KEPT, IdempotencyKey.deadline.is_(None))
        .order_by(IdempotencyKey.created_at)
        .limit(_FORGET_BATCH)
        .with_for_update(skip_locked=True)
    )
    statement = delete(IdempotencyKey).where(tuple_(IdempotencyKey.caller, IdempotencyKey.key).in_(old))
    return (await session.execute(statement)).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult
