"""Wallet's queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    DateTime,
    Text,
    Uuid,
    bindparam,
    case,
    delete,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.ids import uuid7
from services.common.money import Paise
from services.common.postgres import Reads
from services.common.postgres import Transaction as Statements
from services.wallet.models import Account, Balance, Entry, Notification, ReconciliationReport, Transaction


@dataclass(frozen=True, slots=True)
class PlayersAccount:
    """A player's account."""

    id: UUID
    amount: Paise


@dataclass(frozen=True, slots=True)
class Locked:
    """A balance that nobody else can change now; `entries` is the sequence number of its newest entry."""

    bounded: bool
    amount: Paise
    entries: int


@dataclass(frozen=True, slots=True)
class NewEntry:
    """One account's part of a transaction that is being made."""

    account_id: UUID
    sequence: int
    amount: Paise
    balance_after: Paise


async def open_account(session: AsyncSession, player_id: UUID, now: datetime) -> bool:
    """Make a player's account with nothing in it; False if there is one."""
    account_id = await session.scalar(
        insert(Account)
        .values(id=uuid7(), player_id=player_id, created_at=now)
        .on_conflict_do_nothing(index_elements=["player_id"])
        .returning(Account.id)
    )
    if account_id is None:
        return False
    await session.execute(insert(Balance).values(account_id=account_id, bounded=True, amount=0, entries=0))
    return True


async def account_of(session: AsyncSession, player_id: UUID) -> tuple[Account, Balance] | None:
    """A player's account and its balance."""
    row = (
        await session.execute(
            select(Account, Balance)
            .join(Balance, Balance.account_id == Account.id)
            .where(Account.player_id == player_id)
        )
    ).one_or_none()
    return (row[0], row[1]) if row else None


_PLAYERS_ACCOUNT = """
    SELECT a.id, b.amount FROM accounts a JOIN balances b ON b.account_id = a.id WHERE a.player_id = $1
"""


async def players_account(reads: Reads | Statements, player_id: UUID) -> PlayersAccount | None:
    """The id of a player's account and what it holds."""
    row = await reads.fetchrow(_PLAYERS_ACCOUNT, player_id)
    return PlayersAccount(*row) if row else None


_LOCK = """
    SELECT account_id, bounded, amount, entries FROM balances WHERE account_id = ANY($1::uuid[])
    ORDER BY account_id FOR UPDATE
"""


async def lock_balances(transaction: Statements, accounts: Sequence[UUID]) -> dict[UUID, Locked]:
    """The balances of `accounts`, locked until the transaction ends, in one order for everyone: so nobody waits in a ring.

    An account that does not exist is left out.
    """
    rows = await transaction.fetch(_LOCK, accounts)
    return {account_id: Locked(*values) for account_id, *values in rows}


#: One statement, so one round trip while the balances are locked. A reference that was used adds no transaction, and then
#: nothing else either. The moment is never before that of an account's newest entry: tasks' clocks differ a little.
_ENTER = """
    WITH moment AS (
        SELECT greatest($6::timestamptz, max(newest.created_at)) AS at
        FROM balances JOIN entries newest
            ON newest.account_id = balances.account_id AND newest.sequence = balances.entries
        WHERE balances.account_id = ANY($7::uuid[])
    ), made AS (
        INSERT INTO transactions (id, kind, reference, note, created_by, created_at)
        SELECT $1::uuid, $2::text, $3::text, $4::text, $5::text, at FROM moment
        ON CONFLICT (reference) DO NOTHING RETURNING id, created_at
    ), legs AS (
        SELECT * FROM made, unnest($7::uuid[], $8::bigint[], $9::bigint[], $10::bigint[])
            AS leg (account_id, sequence, amount, balance_after)
    ), entered AS (
        INSERT INTO entries (account_id, sequence, transaction_id, amount, balance_after, created_at)
        SELECT account_id, sequence, id, amount, balance_after, created_at FROM legs
    ), stored AS (
        UPDATE balances SET amount = legs.balance_after, entries = legs.sequence
        FROM legs WHERE balances.account_id = legs.account_id
    )
    SELECT created_at FROM made
"""


async def enter(transaction: Statements, made: Transaction, entries: Sequence[NewEntry]) -> datetime | None:
    """Add a transaction with its entries, and store what the locked balances have become; None if its reference was used.

    Returns the moment it was entered at: `made`'s, or that of an account's newest entry if that is later.
    """
    head = (made.id, made.kind, made.reference, made.note, made.created_by, made.created_at)
    columns = zip(*((each.account_id, each.sequence, each.amount, each.balance_after) for each in entries), strict=True)
    row = await transaction.fetchrow(_ENTER, *head, *columns)
    return row["created_at"] if row else None


async def entries_before(
    session: AsyncSession, account_id: UUID, before: int | None, limit: int
) -> Sequence[tuple[Entry, Transaction]]:
    """An account's entries, newest first, that are older than the sequence number `before`."""
    conditions: list[ColumnElement[bool]] = [Entry.account_id == account_id]
    if before is not None:
        conditions.append(Entry.sequence < before)
    rows = await session.execute(
        select(Entry, Transaction)
        .join(Transaction, Transaction.id == Entry.transaction_id)
        .where(*conditions)
        .order_by(Entry.sequence.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


_ENTRIES_OF = text("""
    SELECT account_id, transaction_id, amount, balance_after FROM entries WHERE transaction_id = ANY(:ids)
""").bindparams(bindparam("ids", type_=ARRAY(Uuid())))


async def entries_of(session: AsyncSession, transactions: Sequence[UUID]) -> list[tuple[UUID, UUID, int, int]]:
    """Account, transaction, amount and balance after it, of every entry of `transactions`."""
    rows = await session.execute(_ENTRIES_OF, {"ids": list(transactions)})
    return [(row.account_id, row.transaction_id, row.amount, row.balance_after) for row in rows]


_NOTIFY = text("""
    INSERT INTO notifications (id, account_id, transaction_id, message, created_at)
    SELECT *, :now FROM unnest(:ids, :accounts, :transactions, :messages)
    ON CONFLICT (account_id, transaction_id) DO NOTHING
""").bindparams(
    bindparam("now", type_=DateTime(timezone=True)),
    *(bindparam(name, type_=ARRAY(Uuid())) for name in ("ids", "accounts", "transactions")),
    bindparam("messages", type_=ARRAY(Text())),
)


async def notify(session: AsyncSession, notices: Sequence[tuple[UUID, UUID, str]], now: datetime) -> None:
    """Tell the players of accounts something of transactions: (account, transaction, message), once for each pair."""
    accounts, transactions, messages = (list(column) for column in zip(*notices, strict=True))
    values = {"accounts": accounts, "transactions": transactions, "messages": messages}
    await session.execute(_NOTIFY, values | {"ids": [uuid7() for _ in notices], "now": now})


async def notifications(session: AsyncSession, account_id: UUID, limit: int) -> Sequence[Notification]:
    """An account's notifications, newest first."""
    found = await session.scalars(
        select(Notification).where(Notification.account_id == account_id).order_by(Notification.id.desc()).limit(limit)
    )
    return found.all()


_FORGET_BATCH = 5000


async def forget_notifications(session: AsyncSession, before: datetime) -> int:
    """Delete a batch of notifications that are older than that moment; returns how many."""
    old = select(Notification.id).where(Notification.created_at < before).limit(_FORGET_BATCH)
    statement = delete(Notification).where(Notification.id.in_(old))
    return (await session.execute(statement)).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult


async def one_snapshot(session: AsyncSession) -> bool:
    """Make this transaction see one state of the ledger throughout; False if another such transaction is under way."""
    await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    await session.execute(text("SET LOCAL statement_timeout = '60s'"))
    locked = await session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": 0x7265636F6E})  # "recon"
    return bool(locked)


async def totals(session: AsyncSession) -> tuple[int, int, int]:
    """How many accounts and entries there are, and the sum of all entries."""
    accounts = await session.scalar(select(func.count()).select_from(Balance))
    row = (await session.execute(select(func.count(), func.coalesce(func.sum(Entry.amount), 0)))).one()
    return int(accounts or 0), int(row[0]), int(row[1])


async def wrong_balances(session: AsyncSession, limit: int) -> list[dict[str, Any]]:
    """Accounts whose balance is not the sum of their entries, or whose entries are not numbered 1, 2, 3 …"""
    derived = (
        select(
            Entry.account_id,
            func.sum(Entry.amount).label("amount"),
            func.count().label("entries"),
            func.max(Entry.sequence).label("newest"),
        )
        .group_by(Entry.account_id)
        .subquery()
    )
    amount, entries = func.coalesce(derived.c.amount, 0), func.coalesce(derived.c.entries, 0)
    rows = await session.execute(
        select(Balance.account_id, Balance.amount, amount, Balance.entries, entries)
        .outerjoin(derived, derived.c.account_id == Balance.account_id)
        .where((Balance.amount != amount) | (Balance.entries != entries) | (derived.c.newest != Balance.entries))
        .order_by(Balance.account_id)
        .limit(limit)
    )
    return [
        {
            "kind": "balance",
            "account": str(account),
            "balance": balance,
            "sum_of_entries": int(summed),
            "entries": counted,
            "entries_found": int(found),
        }
        for account, balance, summed, counted, found in rows
    ]


async def entries_without_balance(session: AsyncSession, limit: int) -> list[dict[str, Any]]:
    """Accounts that have entries and no balance that could hold their sum."""
    rows = await session.execute(
        select(Entry.account_id, func.sum(Entry.amount), func.count())
        .where(~select(Balance.account_id).where(Balance.account_id == Entry.account_id).exists())
        .group_by(Entry.account_id)
        .order_by(Entry.account_id)
        .limit(limit)
    )
    return [
        {"kind": "no_balance", "account": str(account), "sum_of_entries": int(summed), "entries_found": count}
        for account, summed, count in rows
    ]


async def broken_chains(session: AsyncSession, limit: int) -> list[dict[str, Any]]:
    """Entries whose running balance does not follow from the entry before."""
    previous = func.lag(Entry.balance_after, 1, 0).over(partition_by=Entry.account_id, order_by=Entry.sequence)
    chain = select(
        Entry.account_id,
        Entry.sequence,
        case((previous + Entry.amount == Entry.balance_after, 1), else_=0).label("good"),
    ).subquery()
    rows = await session.execute(
        select(chain.c.account_id, chain.c.sequence)
        .where(chain.c.good == 0)
        .order_by(chain.c.account_id, chain.c.sequence)
        .limit(limit)
    )
    return [{"kind": "running_balance", "account": str(account), "sequence": sequence} for account, sequence in rows]


async def unbalanced_transactions(session: AsyncSession, limit: int) -> list[dict[str, Any]]:
    """Transactions whose entries do not sum to zero, or that have none."""
    total = func.coalesce(func.sum(Entry.amount), 0)
    rows = await session.execute(
        select(Transaction.id, total, func.count(Entry.account_id))
        .outerjoin(Entry, Entry.transaction_id == Transaction.id)
        .group_by(Transaction.id)
        .having((total != 0) | (func.count(Entry.account_id) < 2))
        .order_by(Transaction.id)
        .limit(limit)
    )
    return [
        {"kind": "transaction", "transaction": str(transaction), "sum": int(summed), "entries": count}
        for transaction, summed, count in rows
    ]


async def add_report(session: AsyncSession, report: ReconciliationReport) -> None:
    """Store a report of the reconciliation."""
    session.add(report)
    await session.flush()


async def newest_report(session: AsyncSession) -> ReconciliationReport | None:
    """The newest report of the reconciliation."""
    newest = select(ReconciliationReport).order_by(ReconciliationReport.created_at.desc()).limit(1)
    return (await session.scalars(newest)).one_or_none()


async def forget_reports(session: AsyncSession, before: datetime) -> None:
    """Delete reports without discrepancies that are older than `before`; those with some are kept."""
    await session.execute(
        delete(ReconciliationReport).where(
            ReconciliationReport.created_at < before, func.jsonb_array_length(ReconciliationReport.discrepancies) == 0
        )
    )
