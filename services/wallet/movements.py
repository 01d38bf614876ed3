"""Movements that other services ask for: from what is asked and the kind's data to items of the ledger, one or a thousand."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from uuid import UUID

import asyncpg

from services.common.clock import Clock
from services.common.errors import Code, ServiceError
from services.common.postgres import Reads
from services.common.tokens import Caller
from services.wallet import ledger, repository, tax
from services.wallet.accounts_repository import AccountIndex
from services.wallet.errors import WalletCode
from services.wallet.internal_schemas import (
    BatchRequest,
    BatchView,
    EntryMadeView,
    MovementRequest,
    MovementView,
    ResultView,
    ReversalRequest,
)
from services.wallet.kinds import KINDS, Kind, Role, Take, share
from services.wallet.ledger import NO_CAP, SHARDS, Item, Poster, Status, Verdict, digest, house
from services.wallet.refusals import done

#: How often a batch that met another's ids is posted again: each time another batch has committed.
_COLLISIONS = 10

Key = tuple[UUID, str]

log = logging.getLogger(__name__)


async def make(
    reads: Reads, accounts: AccountIndex, clock: Clock, post: Poster, caller: Caller, asked: MovementRequest
) -> tuple[MovementView, bool]:
    """Make a movement; whether it was made before. Raises ServiceError (refusals.POSTING, limit_exceeded, forbidden)."""
    allowed(caller, asked.kind.value, asked.amount)
    found = iter(await accounts.have(reads, _needed(asked)))
    day = clock.now().astimezone(tax.IST).date()
    item = _item(asked, found, caller.subject, asked.id.int % SHARDS, digest(caller.subject, asked), day)
    return await view(reads, accounts, item, done(await post(item)))


async def make_many(
    reads: Reads, accounts: AccountIndex, clock: Clock, caller: Caller, asked: BatchRequest
) -> BatchView:  # fmt: skip
    """Make up to 1,000 movements in one statement. Raises ServiceError (limit_exceeded, forbidden) for the whole."""
    for each in asked.movements:
        allowed(caller, each.kind.value, each.amount)
    found = iter(await accounts.have(reads, [key for each in asked.movements for key in _needed(each)]))
    day = clock.now().astimezone(tax.IST).date()
    shard, items = asked.movements[0].id.int % SHARDS, []
    for each, chain in zip(asked.movements, _chains(asked), strict=True):
        asked_hash = digest(caller.subject, each, of=MovementRequest)
        items.append(_item(each, found, caller.subject, shard, asked_hash, day, chain))
    outcomes = await _post(reads, items, clock, dry=asked.dry_run)
    good = sum(outcome.status.done for outcome in outcomes)
    return BatchView(
        done=good,
        refused=len(items) - good,
        dry_run=asked.dry_run,
        results=[
            ResultView(id=item.id, status=outcome.status, created_at=outcome.at if outcome.status.done else None)
            for item, outcome in zip(items, outcomes, strict=True)
        ],
    )


def _chains(asked: BatchRequest) -> Iterator[int | None]:
    """For each movement the number that it has in common with those it is linked to, if it is."""
    chain, linked = 0, False
    for each in asked.movements:
        if asked.mode == "all":
            yield 0
        elif linked or each.linked:
            chain += not linked
            yield chain
        else:
            yield None
        linked = each.linked


async def _post(reads: Reads, items: Sequence[Item], clock: Clock, *, dry: bool) -> list[Verdict]:
    """Post a batch; where another process posts one of its ids or references at the same time, once more when that is done.

    PostgreSQL refuses the later of the two when the first has committed, and nothing of it has happened: the next look finds
    the first's. Raises what the database raises.
    """
    for _ in range(_COLLISIONS):
        try:
            return await ledger.post(reads, items, clock.now(), dry=dry, entries=False)
        except (asyncpg.UniqueViolationError, asyncpg.DeadlockDetectedError):
            log.info("a batch met another with the same id or reference", extra={"items": len(items)})
    return await ledger.post(reads, items, clock.now(), dry=dry, entries=False)


async def reverse(
    reads: Reads, accounts: AccountIndex, post: Poster, caller: Caller, asked: ReversalRequest
) -> tuple[MovementView, bool]:
    """Undo a movement, once. What its receivers have no more is entered as receivable, and collected later.

    Raises ServiceError (transaction_unknown, not_reversible, reversed_before, id_reused).
    """
    legs = await repository.legs_of(reads, asked.transaction)
    if not legs:
        raise ServiceError(WalletCode.TRANSACTION_UNKNOWN, f"No movement has the id {asked.transaction}.")
    if not KINDS[legs[0].kind].reversible:
        raise ServiceError(WalletCode.NOT_REVERSIBLE, f"A {legs[0].kind} is not undone; make another movement instead.")
    item = ledger.move(
        id=asked.id,
        kind="reversal",
        by=caller.subject,
        hash=digest(caller.subject, asked),
        sources=[
            *((leg.account, leg.amount) for leg in legs if leg.amount > 0),
            (house("receivable", asked.id.int % SHARDS), NO_CAP),
        ],
        destinations=[(leg.account, -leg.amount) for leg in legs if leg.amount < 0],
        reverses=asked.transaction,
        note=asked.note,
    )
    return await view(reads, accounts, item, done(await post(item)))


def allowed(caller: Caller, kind: str, amount: int) -> None:
    """Refuse a caller whose token is not for this kind, or not for so much at once."""
    scope = KINDS[kind].scope
    if scope not in caller.scopes:
        raise ServiceError(Code.FORBIDDEN, f"The scope {scope!r} is needed.")
    limits = [limit for limit in (caller.limits.get(scope), KINDS[kind].most) if limit is not None]
    if limits and amount > min(limits):
        raise ServiceError(WalletCode.LIMIT_EXCEEDED, f"At most {min(limits)} paise a {kind} are this client's.")


async def view(reads: Reads, accounts: AccountIndex, item: Item, outcome: Verdict) -> tuple[MovementView, bool]:
    """How a movement is answered."""
    buckets = await accounts.buckets(reads, [entry.account for entry in outcome.entries])
    replayed = outcome.status is Status.REPLAYED
    made = MovementView(
        id=item.id,
        kind=item.kind,
        replayed=replayed,
        created_at=outcome.at,
        entries=[
            EntryMadeView(
                account=entry.account, bucket=buckets[entry.account], amount=entry.amount, balance_after=entry.balance_after
            )
            for entry in outcome.entries
        ],
    )  # fmt: skip
    return made, replayed


def sources(takes: Sequence[Take], amount: int, accounts: Iterable[UUID]) -> list[tuple[UUID, int]]:
    """The accounts that `takes` draws `amount` on, in its order, each with its cap."""
    drawn = []
    for take, account in zip(takes, accounts, strict=True):
        if take.percent == 100:
            drawn.append((account, NO_CAP))
        elif cap := share(amount, take.percent):
            drawn.append((account, cap))
    return drawn


@dataclass(frozen=True, slots=True)
class _Part:
    """Whose account a role of a kind is: that of the `owner` that is asked for (player or pot), or the house's."""

    role: Role
    owner: Literal["player", "pot"] | None
    name: str  # of the bucket, or of the house's account; a provider's is completed


def _parts(kind: Kind) -> tuple[_Part, ...]:
    owners: dict[Role, Literal["player", "pot"]] = {Role.POT: "pot"}
    owners |= dict.fromkeys((Role.DEPOSIT, Role.WINNINGS, Role.BONUS), "player")
    roles = (*(take.role for take in kind.takes), kind.gives)
    return tuple(_Part(role, owners.get(role), role.value) for role in roles)


#: Worked out once, and not for each of a thousand movements: in order of what is taken, what is given last.
_PARTS = {name: _parts(kind) for name, kind in KINDS.items()}


def _needed(asked: MovementRequest) -> list[Key]:
    """The accounts of players and pots that a movement moves, in the order of its kind's parts."""
    return [(getattr(asked, part.owner), part.name) for part in _PARTS[asked.kind.value] if part.owner]


def _item(
    asked: MovementRequest, found: Iterator[UUID], by: str, shard: int, asked_hash: bytes, day: date,
    chain: int | None = None,
) -> Item:  # fmt: skip
    """`found`: what `_needed` asks for, and then what the next movement does."""
    name = asked.kind.value
    kind = KINDS[name]
    *drawn, given = [
        next(found)
        if part.owner
        else house(f"psp:{asked.provider}" if part.role is Role.PROVIDER else part.name, shard)
        for part in _PARTS[name]
    ]
    destinations: list[tuple[UUID, int]] = [(given, asked.amount)]
    if asked.gst:
        credited, levied = tax.gst(asked.amount, day)
        legs = (given, credited), (house("gst_payable", shard), levied)
        destinations = [leg for leg in legs if leg[1]]
    return ledger.move(
        id=asked.id,
        kind=name,
        by=by,
        hash=asked_hash,
        sources=sources(kind.takes, asked.amount, drawn),
        destinations=destinations,
        chain=chain,
        reference=asked.reference,
        note=asked.note or None,
        player=asked.player if kind.limited else None,
    )
