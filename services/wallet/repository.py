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


async def open_account(session: AsyncSession, player_id: UUID, now: datetime) -> bool:
    """Make a player's account with nothing in it; False if there is one."""
    account_id = await session.scalar(
        insert(Account)
        .values(id=uuid7(), player_id=player_id, created_at=now)
        .on_conflict_do_nothing()
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


@dataclass(frozen=True, slots=True)
class Leg:
    """One account's part of a movement that was made, and the movement's kind."""

    kind: str
    account: UUID
    amount: int


_LEGS = """
    SELECT t.kind, e.account_id, e.amount FROM transactions t JOIN entries e ON e.transaction_id = t.id
    WHERE t.id = $1 ORDER BY e.account_id
"""


async def legs_of(reads: Reads, transaction: UUID) -> list[Leg]:
    """The legs of a movement; none if there is no such."""
    return [Leg(*row) for row in await reads.fetch(_LEGS, transaction)]


_HOLD = """
    SELECT h.id, h.kind, h.player_id AS player, coalesce(e.state, 'open') AS state, h.amount,
        h.amount - p.remaining - coalesce(e.released, 0) AS captured, coalesce(e.released, 0) AS released, p.remaining,
        h.reference, h.expires_at, h.created_at
    FROM holds h LEFT JOIN hold_ends e ON e.hold_id = h.id
    CROSS JOIN LATERAL (SELECT sum(remaining)::bigint AS remaining FROM hold_parts WHERE hold_id = h.id) p
    WHERE h.id = $1
"""


async def hold(reads: Reads, hold_id: UUID) -> dict[str, Any] | None:
    """A hold and what became of it."""
    row = await reads.fetchrow(_HOLD, hold_id)
    return dict(row) if row else None


_DUE_HOLDS = text("""
    SELECT h.id, h.kind FROM holds h LEFT JOIN hold_ends e ON e.hold_id = h.id
    WHERE h.expires_at <= :now AND e.hold_id IS NULL ORDER BY h.expires_at LIMIT :count
""").bindparams(bindparam("now", type_=DateTime(timezone=True)))


async def due_holds(session: AsyncSession, now: datetime, count: int) -> list[tuple[UUID, str]]:
    """Open holds whose time is over, the oldest first: id and kind."""
    return [(row.id, row.kind) for row in await session.execute(_DUE_HOLDS, {"now": now, "count": count})]


_BALANCES = """
    SELECT a.owner_id AS player,
        coalesce(sum(b.amount) FILTER (WHERE a.bucket = 'deposit'), 0)::bigint AS deposit,
        coalesce(sum(b.amount) FILTER (WHERE a.bucket = 'winnings'), 0)::bigint AS winnings,
        coalesce(sum(b.amount) FILTER (WHERE a.bucket = 'bonus'), 0)::bigint AS bonus,
        sum(b.held)::bigint AS held, sum(b.amount - b.held)::bigint AS available, bool_or(b.frozen) AS frozen,
        coalesce((
            SELECT sum(r.amount - r.recovered) FROM receivables r JOIN accounts o ON o.id = r.account_id
                WHERE o.owner_id = a.owner_id
        ), 0)::bigint AS owed
    FROM accounts a JOIN balances b ON b.account_id = a.id
    WHERE a.owner_id = ANY($1::uuid[]) AND a.bucket <> 'pot' GROUP BY a.owner_id
"""


async def balances_of(reads: Reads, players: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """What players have, in one statement; without those who have no account."""
    return {row["player"]: dict(row) for row in await reads.fetch(_BALANCES, list(players))}


class InSession:
    """The statements of a repository in plain SQL, in the transaction of an AsyncSession."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def fetchrow(self, statement: str, *values: Any) -> Any:
        """The first row."""
        connection = await self._session.connection()
        return (await connection.exec_driver_sql(statement, values)).mappings().first()


async def balance_at(reads: Reads, account: UUID, moment: datetime) -> Paise:
    """What an account had at a moment."""
    return Paise((await reads.fetchrow("SELECT balance_at($1, $2) AS amount", account, moment))["amount"])


_BETWEEN = """
    SELECT e.created_at, a.bucket, t.kind, e.amount, e.balance_after, a.currency, t.id, t.note
    FROM accounts a JOIN entries e ON e.account_id = a.id JOIN transactions t ON t.id = e.transaction_id
    WHERE a.owner_id = $1 AND a.bucket <> 'pot' AND e.created_at >= $2 AND e.created_at < $3
    ORDER BY e.created_at, a.bucket, e.sequence LIMIT $4
"""


async def entries_between(reads: Reads, owner: UUID, since: datetime, until: datetime, most: int) -> list[Any]:
    """A player's entries of a time over all buckets, oldest first: moment, bucket, kind, amount, balance after, …, note."""
    return await reads.fetch(_BETWEEN, owner, since, until, most)


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


@dataclass(frozen=True, slots=True)
class PlayersEntry:
    """One entry of a player's account."""

    account: UUID
    transaction: UUID
    kind: str
    amount: int
    balance_after: int


_PLAYERS_ENTRIES = text("""
    SELECT e.account_id, e.transaction_id, t.kind, e.amount, e.balance_after
    FROM entries e JOIN transactions t ON t.id = e.transaction_id JOIN accounts a ON a.id = e.account_id
    WHERE e.transaction_id = ANY(:ids) AND NOT a.house AND a.bucket <> 'pot'
""").bindparams(bindparam("ids", type_=ARRAY(Uuid())))


async def players_entries(session: AsyncSession, transactions: Sequence[UUID]) -> list[PlayersEntry]:
    """Every entry of `transactions` in an account of a player."""
    return [PlayersEntry(*row) for row in await session.execute(_PLAYERS_ENTRIES, {"ids": list(transactions)})]


_NOTIFY = text("""
    INSERT INTO notifications (id, account_id, transaction_id, message, created_at)
    SELECT *, :now FROM unnest(:ids, :accounts, :transactions, :messages)
    ON CONFLICT DO NOTHING
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


async def totals(session: AsyncSession) -> tuple[int, int]:
    """How many accounts and entries there are; without the house's accounts that have none."""
    used = ~Balance.house | (Balance.entries > 0)
    accounts = await session.scalar(select(func.count()).select_from(Balance).where(used))
    entries = await session.scalar(select(func.count()).select_from(Entry))
    return int(accounts or 0), int(entries or 0)


async def add_report(session: AsyncSession, report: ReconciliationReport) -> None:
    """Store a report of the reconciliation."""
    session.add(report)
    await session.flush()


async def newest_report(session: AsyncSession, *, full: bool = False) -> ReconciliationReport | None:
    """The newest report of the reconciliation, or the newest that looked at all entries."""
    newest = select(ReconciliationReport).order_by(ReconciliationReport.created_at.desc()).limit(1)
    if full:
        newest = newest.where(ReconciliationReport.full)
    return (await session.scalars(newest)).one_or_none()


async def forget_reports(session: AsyncSession, before: datetime) -> None:
    """Delete reports without discrepancies that are older than `before`; those with some are kept."""
    await session.execute(
        delete(ReconciliationReport).where(
            ReconciliationReport.created_at < before, func.jsonb_array_length(ReconciliationReport.discrepancies) == 0
        )
    )
