"""Wallet's queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.ids import uuid7
from services.common.money import Paise
from services.wallet.models import Account, Balance, Entry, Notification, ReconciliationReport, Transaction


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


async def lock_balances(session: AsyncSession, accounts: Sequence[UUID]) -> dict[UUID, Balance]:
    """The balances of `accounts`, locked until the transaction ends, in one order for everyone: so nobody waits in a ring.

    An account that does not exist is left out.
    """
    rows = await session.scalars(
        select(Balance)
        .where(Balance.account_id.in_(accounts))
        .order_by(Balance.account_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {row.account_id: row for row in rows}


async def add_transaction(session: AsyncSession, transaction: Transaction) -> bool:
    """Add a transaction; False if its reference was used."""
    values = {column.key: getattr(transaction, column.key) for column in Transaction.__table__.columns}
    statement = insert(Transaction).values(**values).on_conflict_do_nothing(index_elements=["reference"])
    return await session.scalar(statement.returning(Transaction.id)) is not None


async def add_entries(session: AsyncSession, entries: Sequence[Mapping[str, Any]]) -> None:
    """Add entries: for each, its columns by name."""
    await session.execute(insert(Entry), list(entries))


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
    """What an account's player was told, newest first."""
    found = await session.scalars(
        select(Notification).where(Notification.account_id == account_id).order_by(Notification.id.desc()).limit(limit)
    )
    return found.all()


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


async def set_balance(session: AsyncSession, account_id: UUID, amount: Paise, entries: int) -> None:
    """Store what a locked balance has become; objects that were read before keep what they were."""
    await session.execute(
        update(Balance)
        .where(Balance.account_id == account_id)
        .values(amount=amount, entries=entries)
        .execution_options(synchronize_session=False)
    )
