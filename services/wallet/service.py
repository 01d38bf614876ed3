"""Wallet's rules: accounts, movements of money in double entry, statements. Nothing here commits."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import metrics
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.idempotency import Keyed
from services.common.ids import uuid7
from services.common.postgres import Reads
from services.common.tokens import Caller
from services.wallet import ledger, repository
from services.wallet.accounts_repository import AccountIndex
from services.wallet.amounts import rupees
from services.wallet.errors import WalletCode
from services.wallet.kinds import KINDS
from services.wallet.ledger import NO_CAP, Poster, Verdict
from services.wallet.models import HOUSE_ACCOUNT, Account, Balance
from services.wallet.refusals import done
from services.wallet.schemas import (
    AccountView,
    BalanceView,
    CreditRequest,
    EntryView,
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


async def open_account(session: AsyncSession, clock: Clock, player: UUID) -> tuple[AccountView, bool]:
    """The player's account, and whether it is new."""
    new = await repository.open_account(session, player, clock.now())
    account, balance = await _account(session, player)
    view = AccountView(id=account.id, balance=balance.amount, created_at=account.created_at)
    return view, new


async def balance_of(reads: Reads, player: UUID, at: datetime | None = None) -> BalanceView:
    """What the player has in the deposit account, or had at a moment. Raises ServiceError (account_missing)."""
    account = _there(await repository.players_account(reads, player))
    amount = account.amount if at is None else await repository.balance_at(reads, account.id, at)
    return BalanceView(account=account.id, balance=amount)


async def transfer(
    reads: Reads, accounts: AccountIndex, post: Poster, player: UUID, wanted: TransferRequest, keyed: Keyed | None = None
) -> Verdict:  # fmt: skip
    """Move money from the player's account to another.

    Raises ServiceError (account_missing, account_unknown, same_account, insufficient_funds, account_frozen,
    idempotency_key_reused).
    """
    source = _there(*await accounts.find(reads, [(player, "deposit")]))
    if wanted.to_account == source:
        raise ServiceError(WalletCode.SAME_ACCOUNT, "Name another account than your own.")
    legs = source, wanted.to_account
    outcome = await _post(reads, accounts, post, "transfer", str(player), wanted, keyed, *legs, view=source)
    return done(outcome)


async def credit(
    reads: Reads, accounts: AccountIndex, post: Poster, caller: Caller, wanted: CreditRequest, keyed: Keyed | None = None
) -> Verdict:  # fmt: skip
    """Move money from the house to an account. Raises ServiceError (limit_exceeded, account_unknown, reference_taken)."""
    limit = caller.limits.get(CREDIT)
    if limit is not None and wanted.amount > limit:
        raise ServiceError(WalletCode.LIMIT_EXCEEDED, f"At most {limit} paise a credit are this client's.")
    legs = HOUSE_ACCOUNT, wanted.account
    outcome = await _post(reads, accounts, post, "credit", caller.subject, wanted, keyed, *legs, view=wanted.account)
    return done(outcome)


async def _post(
    reads: Reads, accounts: AccountIndex, post: Poster, kind: str, by: str,
    wanted: TransferRequest | CreditRequest, keyed: Keyed | None, source: UUID, destination: UUID, *, view: UUID,
) -> Verdict:  # fmt: skip
    """One leg to one leg, between accounts that take part in such movements."""
    if (await accounts.buckets(reads, [destination])).get(destination) != "deposit":
        raise ServiceError(WalletCode.ACCOUNT_UNKNOWN, f"No player has the account {destination}.")
    item = ledger.move(
        id=uuid7(),
        kind=kind,
        by=by,
        hash=keyed.hash(wanted) if keyed else b"",
        sources=[(source, NO_CAP)],
        destinations=[(destination, wanted.amount)],
        key=keyed.key if keyed else None,
        reference=wanted.reference if isinstance(wanted, CreditRequest) else None,
        note=wanted.note or None,
        view=view,
    )
    outcome = await post(item)
    log.info("moved", extra={"transaction": str(item.id), "kind": kind})
    return outcome


async def statement(session: AsyncSession, player: UUID, before: int | None, limit: int) -> Statement:
    """The player's entries, newest first. Raises ServiceError (account_missing)."""
    account, _ = await _account(session, player)
    rows = await repository.entries_before(session, account.id, before, limit)
    entries = [
        EntryView(
            sequence=entry.sequence,
            transaction=transaction.id,
            kind=transaction.kind,
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
        full=report.full,
        discrepancies=report.discrepancies,
    )


async def notify(session: AsyncSession, clock: Clock, transactions: Sequence[UUID]) -> None:
    """Tell the players of transactions, each once."""
    notices = []
    given: list[int] = []
    for entry in await repository.players_entries(session, transactions):
        verb = KINDS[entry.kind].verb[entry.amount < 0]
        message = f"{verb} {rupees(abs(entry.amount))}. Your balance was then {rupees(entry.balance_after)}."
        notices.append((entry.account, entry.transaction, message))
        given += [entry.amount] if entry.amount > 0 else []
    if notices:
        await repository.notify(session, notices, clock.now())
        metrics.emit_committed(session, Credits=(len(given), "Count"), CreditedPaise=(sum(given), "Count"))


async def _account(session: AsyncSession, player: UUID) -> tuple[Account, Balance]:
    return _there(await repository.account_of(session, player))


def _there(found: Found | None) -> Found:
    if found is None:
        raise ServiceError(WalletCode.ACCOUNT_MISSING, "Open an account first: POST /wallet/account.")
    return found
