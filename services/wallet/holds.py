"""Holds: money of a player that is kept for something, until it is captured, voided or has expired."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from services.common.errors import Code, ServiceError
from services.common.postgres import Reads
from services.common.tokens import Caller
from services.wallet import ledger, movements, repository
from services.wallet.accounts_repository import AccountIndex
from services.wallet.errors import WalletCode
from services.wallet.internal_schemas import CaptureRequest, HoldRequest, HoldView, MovementView
from services.wallet.kinds import KINDS, Role
from services.wallet.ledger import SHARDS, Poster, Statements, Status, digest, house
from services.wallet.refusals import done

#: Holds that one run of the job ends.
EXPIRED_AT_ONCE = 500

log = logging.getLogger(__name__)


async def create(
    reads: Reads, accounts: AccountIndex, post: Poster, caller: Caller, asked: HoldRequest
) -> tuple[HoldView, bool]:
    """Hold money; whether that was done before. Raises ServiceError (refusals.POSTING, limit_exceeded, forbidden)."""
    kind = asked.kind.value
    movements.allowed(caller, kind, asked.amount)
    takes = KINDS[kind].takes
    found = await accounts.have(reads, [(asked.player, take.role.value) for take in takes])
    item = ledger.hold(
        id=asked.id,
        kind=kind,
        by=caller.subject,
        hash=digest(caller.subject, asked),
        player=asked.player,
        sources=movements.sources(takes, asked.amount, found),
        amount=asked.amount,
        at_most=asked.at_most,
        expires_at=asked.expires_at,
        reference=asked.reference,
    )
    outcome = await post(item)
    done(outcome)
    return await read(reads, asked.id), outcome.status is Status.REPLAYED


async def capture(
    reads: Reads, accounts: AccountIndex, post: Poster, caller: Caller, hold_id: UUID, asked: CaptureRequest
) -> tuple[MovementView, bool]:
    """Move a part of a hold, or the rest of it, to where it was held for.

    Raises ServiceError (hold_unknown, hold_ended, hold_expired, hold_exceeded, id_reused, reference_taken, forbidden).
    """
    held = await read(reads, hold_id)
    kind = KINDS[held.kind]
    # Of a capture that is repeated nothing remains; its id is looked at before its amount.
    amount = asked.amount or held.remaining or held.amount
    movements.allowed(caller, held.kind, amount)
    name = f"psp:{asked.provider}" if kind.gives is Role.PROVIDER else kind.gives.value
    item = ledger.move(
        id=asked.id,
        kind=held.kind,
        by=caller.subject,
        hash=digest(f"{caller.subject} {hold_id}", asked),
        destinations=[(house(name, asked.id.int % SHARDS), amount)],
        hold=hold_id,
        final=asked.final or None,
        reference=asked.reference,
        note=asked.note or None,
    )
    return await movements.view(reads, accounts, item, done(await post(item)))


async def void(reads: Reads, post: Poster, caller: Caller, hold_id: UUID) -> tuple[HoldView, bool]:
    """Release what is left of a hold; whether it was voided before.

    Raises ServiceError (hold_unknown, hold_ended, forbidden).
    """
    held = await read(reads, hold_id)
    movements.allowed(caller, held.kind, 0)
    item = ledger.release(hold=hold_id, kind=held.kind, by=caller.subject, state="voided")
    outcome = await post(item)
    ended = await read(reads, hold_id)
    again = outcome.status is Status.HOLD_ENDED and ended.state == "voided"
    if not again:
        done(outcome)
    return ended, again


async def read(reads: Reads, hold_id: UUID) -> HoldView:
    """A hold. Raises ServiceError (hold_unknown)."""
    found = await repository.hold(reads, hold_id)
    if found is None:
        raise ServiceError(WalletCode.HOLD_UNKNOWN, f"No hold has the id {hold_id}.")
    return HoldView.model_validate(found)


def readable(caller: Caller, held: HoldView) -> HoldView:
    """`held`, for whoever may make such holds. Raises ServiceError (forbidden)."""
    if KINDS[held.kind].scope not in caller.scopes:
        raise ServiceError(Code.FORBIDDEN, f"The scope {KINDS[held.kind].scope!r} is needed.")
    return held


async def expire(statements: Statements, due: list[tuple[UUID, str]], now: datetime) -> int:
    """Release holds whose time is over; returns how many. One that has ended meanwhile is left as it is."""
    items = [ledger.release(hold=hold_id, kind=kind, by="wallet", state="expired") for hold_id, kind in due]
    outcomes = await ledger.post(statements, items, now) if items else []
    ended = sum(outcome.status.done for outcome in outcomes)
    if ended:
        log.info("holds expired", extra={"holds": ended})
    return ended
