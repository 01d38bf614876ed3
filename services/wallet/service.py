"""Wallet's rules: accounts, movements of money in double entry, statements. Nothing here commits."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import outbox
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.ids import uuid7
from services.common.money import Paise
from services.common.postgres import Reads
from services.common.postgres import Transaction as Statements
from services.common.tokens import Caller
from services.wallet import repository
from services.wallet.errors import WalletCode
from services.wallet.models import HOUSE_ACCOUNT, Account, Balance, Transaction, TransactionKind
from services.wallet.schemas import (
    AccountView,
    BalanceView,
    CreditRequest,
    EntryView,
    Movement,
    Notifications,
    NotificationView,
    Reconciliation,
    Statement,
    TransferRequest,
)

#: The scope of who credits accounts.
CREDIT = "wallet:credit"

#: The outbox task that tells the players of a transaction.
NOTIFY = "wallet.notify"

_NOTIFICATIONS_SHOWN = 50

#: What a player was notified of stays in the statement for ever; the notification of it goes.
NOTIFICATIONS_KEPT = timedelta(days=90)

log = logging.getLogger(__name__)

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why money moves, and on whose behalf."""

    kind: TransactionKind
    reference: str | None
    note: str
    created_by: str


async def open_account(session: AsyncSession, clock: Clock, player: UUID) -> tuple[AccountView, bool]:
    """The player's account, and whether it is new."""
    new = await repository.open_account(session, player, clock.now())
    account, balance = await _account(session, player)
    view = AccountView(id=account.id, balance=balance.amount, created_at=account.created_at)
    return view, new


async def balance_of(reads: Reads, player: UUID) -> BalanceView:
    """What the player has. Raises ServiceError (account_missing)."""
    account = _there(await repository.players_account(reads, player))
    return BalanceView(account=account.id, balance=account.amount)


async def transfer(session: Statements, clock: Clock, player: UUID, wanted: TransferRequest) -> Movement:
    """Move money from the player's account to another.

    Raises ServiceError (account_missing, account_unknown, same_account, insufficient_funds).
    """
    account = _there(await repository.players_account(session, player))
    if wanted.to_account == account.id:
        raise ServiceError(WalletCode.SAME_ACCOUNT, "Name another account than your own.")
    if wanted.to_account == HOUSE_ACCOUNT:
        raise ServiceError(WalletCode.ACCOUNT_UNKNOWN, f"No player has the account {wanted.to_account}.")
    legs = {account.id: Paise(-wanted.amount), wanted.to_account: wanted.amount}
    reason = _Reason(TransactionKind.TRANSFER, None, wanted.note, str(player))
    return await _move(session, clock, reason, legs, seen_by=account.id)


async def credit(session: Statements, clock: Clock, caller: Caller, wanted: CreditRequest) -> Movement:
    """Move money from the house to an account. Raises ServiceError (limit_exceeded, account_unknown, reference_taken)."""
    limit = caller.limits.get(CREDIT)
    if limit is not None and wanted.amount > limit:
        raise ServiceError(WalletCode.LIMIT_EXCEEDED, f"At most {limit} paise a credit are this client's.")
    if wanted.account == HOUSE_ACCOUNT:
        raise ServiceError(WalletCode.ACCOUNT_UNKNOWN, f"No player has the account {wanted.account}.")
    legs = {HOUSE_ACCOUNT: Paise(-wanted.amount), wanted.account: wanted.amount}
    reason = _Reason(TransactionKind.CREDIT, wanted.reference, wanted.note, caller.subject)
    return await _move(session, clock, reason, legs, seen_by=wanted.account)


async def statement(session: AsyncSession, player: UUID, before: int | None, limit: int) -> Statement:
    """The player's entries, newest first. Raises ServiceError (account_missing)."""
    account, _ = await _account(session, player)
    rows = await repository.entries_before(session, account.id, before, limit)
    entries = [
        EntryView(
            sequence=entry.sequence,
            transaction=transaction.id,
            kind=TransactionKind(transaction.kind).value,
            amount=entry.amount,
            balance_after=entry.balance_after,
            note=transaction.note,
            created_at=entry.created_at,
        )
        for entry, transaction in rows
    ]
    # Entries are numbered from 1 without gaps, so the last one shown says whether there are older ones.
    oldest = entries[-1].sequence if entries else 1
    return Statement(entries=entries, next_before=oldest if oldest > 1 else None)


async def notifications(session: AsyncSession, player: UUID) -> Notifications:
    """The player's newest notifications. Raises ServiceError (account_missing)."""
    account, _ = await _account(session, player)
    rows = await repository.notifications(session, account.id, _NOTIFICATIONS_SHOWN)
    return Notifications(
        notifications=[
            NotificationView(id=row.id, transaction=row.transaction_id, message=row.message, created_at=row.created_at)
            for row in rows
        ]
    )


async def newest_reconciliation(session: AsyncSession) -> Reconciliation:
    """The newest report. Raises ServiceError (not_yet_reconciled)."""
    report = await repository.newest_report(session)
    if report is None:
        raise ServiceError(WalletCode.NOT_YET_RECONCILED, "It runs every minute; ask again.")
    return Reconciliation(
        id=report.id,
        created_at=report.created_at,
        balanced=not report.discrepancies,
        accounts=report.accounts,
        entries=report.entries,
        discrepancies=report.discrepancies,
    )


async def notify(session: AsyncSession, clock: Clock, transactions: Sequence[UUID]) -> None:
    """Tell the players of transactions, each once."""
    notices = []
    for account_id, transaction_id, amount, balance_after in await repository.entries_of(session, transactions):
        if account_id != HOUSE_ACCOUNT:
            verb = "received" if amount > 0 else "sent"
            message = f"You {verb} {rupees(abs(amount))}. Your balance was then {rupees(balance_after)}."
            notices.append((account_id, transaction_id, message))
    if notices:
        await repository.notify(session, notices, clock.now())


def rupees(amount: int) -> str:
    """An amount of paise as people write it here: groups of two digits above the thousands.

    >>> rupees(12345678905), rupees(99900), rupees(5)
    ('₹12,34,56,789.05', '₹999.00', '₹0.05')
    """
    whole, paise = divmod(abs(amount), 100)
    head, tail = str(whole)[:-3], str(whole)[-3:]
    groups = [tail]
    while head:
        head, group = head[:-2], head[-2:]
        groups.insert(0, group)
    return f"{'-' if amount < 0 else ''}₹{','.join(groups)}.{paise:02}"


async def _account(session: AsyncSession, player: UUID) -> tuple[Account, Balance]:
    return _there(await repository.account_of(session, player))


def _there(found: Found | None) -> Found:
    if found is None:
        raise ServiceError(WalletCode.ACCOUNT_MISSING, "Open an account first: POST /wallet/account.")
    return found


async def _move(
    session: Statements, clock: Clock, reason: _Reason, legs: Mapping[UUID, Paise], *, seen_by: UUID
) -> Movement:
    """Enter a transaction with one entry for each of `legs` (account to amount), and notify its players.

    The balances stay locked until the end of the database transaction, so what is checked here still holds when it commits,
    and no moment that is taken here is before that of an account's entry before, whatever the tasks' clocks show.
    """
    assert sum(legs.values()) == 0
    balances = await repository.lock_balances(session, list(legs))
    made = Transaction(id=uuid7(), created_at=clock.now(), **asdict(reason))
    entries = []
    for account_id, amount in legs.items():
        balance = balances.get(account_id)
        if balance is None:
            raise ServiceError(WalletCode.ACCOUNT_UNKNOWN, f"No player has the account {account_id}.")
        after = Paise(balance.amount + amount)
        if balance.bounded and after < 0:
            raise ServiceError(WalletCode.INSUFFICIENT_FUNDS, f"The balance is {rupees(balance.amount)}.")
        entries.append(repository.NewEntry(account_id, balance.entries + 1, amount, after))
    entered_at = await repository.enter(session, made, entries)
    if entered_at is None:
        raise ServiceError(
            WalletCode.REFERENCE_TAKEN, f"A credit with the reference {reason.reference!r} was made before."
        )
    await outbox.enqueue(session, NOTIFY, {"transaction": str(made.id)})
    log.info("moved", extra={"transaction": str(made.id), "kind": reason.kind})
    return Movement(
        transaction=made.id,
        kind=reason.kind.value,
        account=seen_by,
        amount=legs[seen_by],
        balance=Paise(balances[seen_by].amount + legs[seen_by]),
        created_at=entered_at,
    )
