"""Calls to the outside from a request: reserve, call, settle. No transaction is open and no key locked while a provider thinks.

1. *Reserve*, in a transaction: the caller's idempotency key becomes pending, with an owner (this request) and a deadline, and
   the service notes what it is about to do (a payment becomes `sending`).
2. *Call*, in none. The provider's idempotency key is the reservation's `reference`, the same at every try.
3. *Settle*, in a transaction that also stores the answer: what the provider said takes effect, once.

A call that ends with anything but an answer or `Refused` is UNKNOWN, and so is one whose process died: it may have happened.
The caller is told `outcome_unknown`; the key stays pending. Who sends the same request again gets 409 `idempotency_key_in_use`
until the deadline, then takes the reservation over and calls again with the same reference and `repeated` set. `resume` does
that for those that nobody asks for any more. Deadlines are the database's time: tasks whose clocks differ agree on them.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeVar
from uuid import UUID, uuid4

from fastapi.responses import Response
from pydantic import BaseModel

from services.common import logs
from services.common.admission import RETRY_AFTER
from services.common.errors import Code, Problem, ServiceError
from services.common.idempotency import FIND, Idempotency, in_use, media_type, replay
from services.common.outside import Refused, Try
from services.common.postgres import Pool, Transaction

Asked = TypeVar("Asked", bound=BaseModel, contravariant=True)
Wanted = TypeVar("Wanted", bound=BaseModel)
Answer = TypeVar("Answer")

#: Between the end of a call's time-out and the deadline: for the settling of what came in the last moment.
SETTLE = timedelta(seconds=5)

log = logging.getLogger(__name__)


class OutsideStep(Protocol[Asked, Wanted, Answer]):
    """A request's call to a provider; each method does one step."""

    #: What is asked of the provider, to be stored while the call is pending.
    wanted: type[Wanted]

    #: How long `call` may take; it is cancelled then, and UNKNOWN.
    timeout: timedelta

    async def reserve(self, transaction: Transaction, asked: Asked, reference: UUID) -> Wanted:
        """Check and note what is about to be done. Raises ServiceError, and then nothing was done."""
        ...

    async def call(self, wanted: Try[Wanted]) -> Answer:
        """Ask. Raises Refused for a final no; whatever else it raises is UNKNOWN."""
        ...

    async def settle(
        self, transaction: Transaction, wanted: Wanted, reference: UUID, outcome: Answer | Refused
    ) -> tuple[int, BaseModel]:
        """Give the outcome its effect; status and body (of a refusal a Problem) to answer with, now and to each repetition."""
        ...


@dataclass(frozen=True, slots=True)
class _Reservation:
    """A pending key that is ours until its deadline."""

    caller: str
    key: str
    owner: UUID
    reference: UUID
    repeated: bool


_RESERVE = """
    INSERT INTO idempotency_keys (caller, key, request_hash, created_at, reference, owner, deadline)
    VALUES ($1, $2, $3, now(), $4, $5, now() + $6::interval) ON CONFLICT DO NOTHING RETURNING true
"""
_STORE = "UPDATE idempotency_keys SET body = $3 WHERE caller = $1 AND key = $2"
_PENDING = """
    SELECT request_hash, deadline, extract(epoch FROM deadline - now())::int AS seconds
    FROM idempotency_keys WHERE caller = $1 AND key = $2
"""
_TAKE_OVER = """
    UPDATE idempotency_keys SET owner = $3, deadline = now() + $4::interval
    WHERE caller = $1 AND key = $2 AND deadline <= now() RETURNING reference, body
"""
_GIVE_UP = "UPDATE idempotency_keys SET deadline = now() WHERE caller = $1 AND key = $2 AND owner = $3"
_SETTLE = """
    UPDATE idempotency_keys SET owner = NULL, deadline = NULL
    WHERE caller = $1 AND key = $2 AND owner = $3 RETURNING true
"""
_ANSWER = "UPDATE idempotency_keys SET status = $3, body = $4 WHERE caller = $1 AND key = $2"
_EXPIRED = """
    SELECT caller, key FROM idempotency_keys WHERE deadline <= now() - $1::interval ORDER BY deadline LIMIT $2
"""


def refusal(error: ServiceError) -> tuple[int, Problem]:
    """What `settle` returns to have the request answered, now and whenever it is repeated, as if `error` had been raised."""
    return error.status, error.problem(logs.request_id.get())


async def once(
    pool: Pool, idempotency: Idempotency, asked: Asked, step: OutsideStep[Asked, Wanted, Answer]
) -> Response:
    """Do `step` for `asked`, or answer as it was answered before.

    Raises ServiceError: idempotency_key_reused, idempotency_key_in_use, outcome_unknown, and what `reserve` raises. The
    request's own transaction (InTransaction) must not have begun: it would stay open while the provider is called.
    """
    caller, key, digest = idempotency.caller, idempotency.key, idempotency.hash(asked)
    owner, reference = uuid4(), uuid4()
    async with Transaction(pool) as transaction:
        lease = step.timeout + SETTLE
        if await transaction.fetchrow(_RESERVE, caller, key, digest, reference, owner, lease):
            wanted = await step.reserve(transaction, asked, reference)
            await transaction.execute(_STORE, caller, key, wanted.model_dump_json())
            reservation = _Reservation(caller, key, owner, reference, repeated=False)
        else:
            found = await transaction.fetchrow(_PENDING, caller, key)
            if found["deadline"] is None or found["request_hash"] != digest:
                return replay(await transaction.fetchrow(FIND, caller, key), digest)
            taken = await _take_over(transaction, caller, key, step)
            if taken is None:
                raise in_use(found["seconds"])
            reservation, wanted = taken
    return await _call_and_settle(pool, reservation, wanted, step)


async def resume(pool: Pool, step: OutsideStep[Asked, Wanted, Answer], *, idle: timedelta, limit: int = 20) -> int:
    """Carry on what is pending and was given up `idle` ago, at most `limit`; how many were settled. For a scheduled job."""
    async with Transaction(pool) as transaction:
        expired = await transaction.fetch(_EXPIRED, idle, limit)
    settled = 0
    for caller, key in expired:
        async with Transaction(pool) as transaction:
            taken = await _take_over(transaction, caller, key, step)
        if taken is not None:
            try:
                await _call_and_settle(pool, *taken, step)
                settled += 1
            except ServiceError as still:
                log.warning("still pending", extra={"reference": str(taken[0].reference), "code": still.code})
    return settled


async def _take_over(
    transaction: Transaction, caller: str, key: str, step: OutsideStep[Asked, Wanted, Answer]
) -> tuple[_Reservation, Wanted] | None:
    owner = uuid4()
    row = await transaction.fetchrow(_TAKE_OVER, caller, key, owner, step.timeout + SETTLE)
    if row is None:
        return None
    reservation = _Reservation(caller, key, owner, row["reference"], repeated=True)
    return reservation, step.wanted.model_validate_json(row["body"])


async def _call_and_settle(
    pool: Pool, reservation: _Reservation, wanted: Wanted, step: OutsideStep[Asked, Wanted, Answer]
) -> Response:
    outcome: Answer | Refused
    try:
        async with asyncio.timeout(step.timeout.total_seconds()):
            outcome = await step.call(Try(wanted, str(reservation.reference), reservation.repeated))
    except Refused as refused:
        outcome = refused
    except Exception as error:  # whatever it is, the provider may have done it
        log.warning("outcome unknown", extra={"reference": str(reservation.reference), "reason": type(error).__name__})
        async with Transaction(pool) as transaction:
            await transaction.execute(_GIVE_UP, reservation.caller, reservation.key, reservation.owner)
        raise ServiceError(
            Code.OUTCOME_UNKNOWN,
            "The provider did not say whether it was done. Send the same request with the same Idempotency-Key again.",
            headers=RETRY_AFTER,
        ) from None
    async with Transaction(pool) as transaction:
        if not await transaction.fetchrow(_SETTLE, reservation.caller, reservation.key, reservation.owner):
            raise in_use()  # it took too long, and somebody else carries on with it
        status, body = await step.settle(transaction, wanted, reservation.reference, outcome)
        text = body.model_dump_json()
        await transaction.execute(_ANSWER, reservation.caller, reservation.key, status, text)
    return Response(text, status, media_type=media_type(status))
