"""The ledger's tables: accounts, their balances, transactions, entries; and what is made of them: notifications, reports."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.common import database
from services.common.job_runs import JobRun
from services.common.money import Paise
from services.common.outbox import OutboxMessage

#: The account that money comes from and goes to outside of the platform. Made by the first migration; unbounded.
HOUSE_ACCOUNT = UUID("00000000-0000-7000-8000-000000000001")


class Base(database.Base):
    """Base of wallet's models."""

    __abstract__ = True
    metadata = database.metadata()


class TransactionKind(StrEnum):
    """What moved the money."""

    CREDIT = "credit"
    TRANSFER = "transfer"


class Account(Base):
    """Whose money it is: a player's, or the house's (no player)."""

    __tablename__ = "accounts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID | None]
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("player_id"),)


class Balance(Base):
    """What an account holds: the one row that a movement locks. The app role may change amount and entries, nothing else.

    `entries` counts the account's entries: the sequence number of the newest.
    """

    __tablename__ = "balances"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    bounded: Mapped[bool]
    amount: Mapped[Paise]
    entries: Mapped[int]

    __table_args__ = (
        CheckConstraint("amount >= 0 OR NOT bounded", name="no_overdraft"),
        CheckConstraint(f"bounded OR account_id = '{HOUSE_ACCOUNT}'", name="bounded"),
    )


class Transaction(Base):
    """Money that moved at one moment for one reason. Immutable."""

    __tablename__ = "transactions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    reference: Mapped[str | None]
    note: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("kind IN ('credit', 'transfer')", name="kind"),
        CheckConstraint("(kind = 'credit') = (reference IS NOT NULL)", name="reference"),
        UniqueConstraint("reference"),
    )


class Entry(Base):
    """One account's part of a transaction, with the balance after it. Immutable; the entries of a transaction sum to 0."""

    __tablename__ = "entries"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    transaction_id: Mapped[UUID] = mapped_column(ForeignKey("transactions.id"), index=True)
    amount: Mapped[Paise]
    balance_after: Mapped[Paise]
    created_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("amount <> 0", name="amount"), CheckConstraint("sequence > 0", name="sequence"))


class Notification(Base):
    """A notification of a movement: written by the worker, once for each account and transaction."""

    __tablename__ = "notifications"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"))
    transaction_id: Mapped[UUID] = mapped_column(ForeignKey("transactions.id"))
    message: Mapped[str]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("account_id", "transaction_id"),
        Index("ix_notifications_account_id_id", "account_id", "id"),
        Index("ix_notifications_created_at", "created_at"),
    )


class ReconciliationReport(Base):
    """What the reconciliation found at one moment."""

    __tablename__ = "reconciliation_reports"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    accounts: Mapped[int]
    entries: Mapped[int]
    discrepancies: Mapped[list[dict[str, Any]]]

    __table_args__ = (Index("ix_reconciliation_reports_created_at", "created_at"),)


METADATA = (Base.metadata, OutboxMessage.metadata, JobRun.metadata)
