"""The ledger's one writer: items go into PostgreSQL's `post` (migration 0012) a batch at a time, and their outcomes come out.

An item moves money, holds it or releases what is held. `post` decides them in order, each as if it came alone; those of a
chain happen all or not at all. An item that was posted before, by its id or by its caller's key, is not posted again: its
outcome is the first one's, if it asks the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_json

from services.common.clock import Clock
from services.common.idempotency import canonical
from services.common.ids import uuid7
from services.common.telemetry import carried
from services.wallet.kinds import KINDS

#: A cap that no account reaches.
NO_CAP = 2**63 - 1

#: How many accounts each name of the house has (migration 0007): a batch uses one of each name, another batch another.
SHARDS = 8

HOUSE_NAMES = ("house", "rake", "promotions", "tds_payable", "gst_payable", "suspense", "receivable", "rounding",
               "psp:razorpay", "psp:cashfree")  # fmt: skip
_FIRST_HOUSE = 0x7000 << 64 | 0x8000 << 48


@cache
def house(name: str, shard: int = 0) -> UUID:
    """The house's account of that name.

    >>> house("house")
    UUID('00000000-0000-7000-8000-000000000001')
    """
    return UUID(int=_FIRST_HOUSE | (HOUSE_NAMES.index(name) << 8 | shard) + 1)


class Status(StrEnum):
    """What became of an item."""

    POSTED = "posted"
    REPLAYED = "replayed"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_FROZEN = "account_frozen"
    ID_REUSED = "id_reused"
    KEY_REUSED = "key_reused"
    REFERENCE_TAKEN = "reference_taken"
    REVERSED_BEFORE = "reversed_before"
    HOLD_UNKNOWN = "hold_unknown"
    HOLD_ENDED = "hold_ended"
    HOLD_EXPIRED = "hold_expired"
    HOLD_EXCEEDED = "hold_exceeded"
    LIMIT_REACHED = "limit_reached"
    PLAYER_EXCLUDED = "player_excluded"
    LINKED_FAILED = "linked_failed"

    @property
    def done(self) -> bool:
        """Whether it has happened, now or before."""
        return self in (Status.POSTED, Status.REPLAYED)


_STATUSES = {each.value: each for each in Status}


@dataclass(slots=True, kw_only=True)  # to make a frozen one takes four times as long
class Item:
    """What every item has; nobody changes one. `id` is the caller's; `hash` of what was asked.

    `chain`: neighbours of one number are linked.

    `sources`: accounts in the order in which they are drawn on, each with its cap. `destinations`: accounts and amounts.
    `request`: whose item it is, as `carried.stamp` says: a batch has those of many, and is posted for whoever came first.
    """

    op: str
    id: UUID
    kind: str
    by: str
    hash: bytes = b""
    sources: Sequence[tuple[UUID, int]] = ()
    destinations: Sequence[tuple[UUID, int]] = ()
    more: dict[str, Any] = field(default_factory=dict)
    chain: int | None = None
    request: str = field(default_factory=carried.stamp, compare=False)

    @property
    def accounts(self) -> set[UUID]:
        """The accounts that it names; a capture's hold has more."""
        return {account for account, _ in (*self.sources, *self.destinations)}


def move(
    *,
    id: UUID,  # noqa: A002 - the items' own word
    kind: str,
    by: str,
    hash: bytes,  # noqa: A002 - likewise
    sources: Sequence[tuple[UUID, int]] = (),
    destinations: Sequence[tuple[UUID, int]],
    chain: int | None = None,
    **more: Any,
) -> Item:
    """A movement. `more`: reference, note, reverses, view (the account whose entry is the body), key (the caller's idempotency
    key), player (whose limits count); of a capture `hold` and `final` (the rest of the hold is released).
    """
    if KINDS[kind].thaws:
        more["thaw"] = True
    return Item(
        op="move", id=id, kind=kind, by=by, hash=hash, sources=sources, destinations=destinations, chain=chain,
        more=_given(more),
    )  # fmt: skip


def hold(
    *,
    id: UUID,  # noqa: A002 - the items' own word
    kind: str,
    by: str,
    hash: bytes,  # noqa: A002 - likewise
    player: UUID,
    sources: Sequence[tuple[UUID, int]],
    amount: int,
    at_most: bool = False,
    expires_at: datetime | None = None,
    reference: str | None = None,
) -> Item:
    """A hold of `amount`, drawn on `sources`; `at_most`: of less, if there is no more."""
    more = {
        "owner": player, "amount": amount, "most": at_most or None, "expires_at": expires_at, "reference": reference,
        "thaw": KINDS[kind].thaws or None,
    }  # fmt: skip
    return Item(op="hold", id=id, kind=kind, by=by, hash=hash, sources=sources, more=_given(more))


def release(*, hold: UUID, kind: str, by: str, state: str) -> Item:
    """The end of a hold: what is left of it is held no more. `state`: voided or expired."""
    return Item(op="release", id=uuid7(), kind=kind, by=by, more={"hold": hold, "state": state})


def _given(more: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in more.items() if value is not None}


class EntryMade(NamedTuple):
    """One account's part of a movement."""

    account: UUID
    amount: int
    balance_after: int


class Verdict(NamedTuple):
    """What became of an item. `body`: the answer, of an item with a view."""

    status: Status
    at: datetime
    body: str | None
    entries: list[EntryMade]


class Statements(Protocol):
    """A transaction, or a connection that commits each statement."""

    async def fetchrow(self, statement: str, *values: Any) -> Any:
        """The first row."""
        ...


#: Posts one item; raises what the database raises.
Poster = Callable[[Item], Awaitable[Verdict]]


def direct(statements: Statements, clock: Clock) -> Poster:
    """Posts each item by itself."""

    async def post_one(item: Item) -> Verdict:
        (outcome,) = await post(statements, [item], clock.now())
        return outcome

    return post_one


_POST = "SELECT {} FROM post($1::jsonb, $2, $3, $4, $5, $6, $7, $8)"
_WITH_ENTRIES = _POST.format("*")
_WITHOUT_ENTRIES = _POST.format("statuses, moments, bodies")


async def post(
    statements: Statements, items: Sequence[Item], now: datetime, *, dry: bool = False, patience: int | None = None,
    entries: bool = True,
) -> list[Verdict]:  # fmt: skip
    """Post a batch in one round trip. No two items have one id, key or hold.

    `dry`: only say what would become of it. `patience`: how long it waits for a lock, in milliseconds (else as long as the
    connection's other statements). `entries`: whether verdicts have them. Raises what the database raises.
    """
    plain, numbers, accounts, amounts = [], [], [], []
    for number, item in enumerate(items, 1):
        asked = {
            "op": item.op, "id": item.id, "kind": item.kind, "by": item.by, "hash": item.hash.hex(), "request": item.request,
            **item.more,
        }  # fmt: skip
        if item.chain is not None:
            asked["chain"] = item.chain
        plain.append(asked)
        for account, cap in item.sources:
            numbers.append(number)
            accounts.append(account)
            amounts.append(-cap)
        for account, amount in item.destinations:
            numbers.append(number)
            accounts.append(account)
            amounts.append(amount)
    row = await statements.fetchrow(
        _WITH_ENTRIES if entries else _WITHOUT_ENTRIES, to_json(plain).decode(), numbers, accounts, amounts, now,
        dry, uuid7(), patience,
    )  # fmt: skip
    outcomes = [
        Verdict(_STATUSES[status], at, body, [])
        for status, at, body in zip(row["statuses"], row["moments"], row["bodies"], strict=True)
    ]
    if entries and row["entry_item"]:
        for number, account, amount, after in zip(
            row["entry_item"], row["entry_account"], row["entry_amount"], row["entry_after"], strict=True
        ):
            outcomes[number - 1].entries.append(EntryMade(account, amount, after))
    return outcomes


def digest(by: str, asked: BaseModel, of: type[BaseModel] | None = None) -> bytes:
    """A hash of what a caller asks, however it was spelt.

    `of`: a model that `asked` has more fields than; the hash is that of its fields alone.
    """
    kind = of or type(asked)
    body = canonical(asked, _fields(of) if of else None)
    return hashlib.sha256(f"{len(by)} {by} {kind.__name__} {body}".encode()).digest()


@cache
def _fields(model: type[BaseModel]) -> set[str]:
    return set(model.model_fields)
