"""The ledger's tables: accounts, their balances, transactions, entries; and what is made of them: notifications, reports."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.common.events.log import EventRow
from services.common.job_runs import JobRun
from services.common.money import Paise
from services.common.outbox import OutboxMessage
from services.wallet import control_models
from services.wallet.base import Base

#: The account that money comes from and goes to outside of the platform. Made by the first migration; unbounded.
HOUSE_ACCOUNT = UUID("00000000-0000-7000-8000-000000000001")


class MovementKind(Base):
    """Which classes of accounts a kind takes from and gives to (`services.wallet.kinds` has the rest). Made by migrations."""

    __tablename__ = "movement_kinds"

    kind: Mapped[str] = mapped_column(primary_key=True)
    takes: Mapped[list[str]] = mapped_column(ARRAY(Text()))
    gives: Mapped[list[str]] = mapped_column(ARRAY(Text()))


class Account(Base):
    """Whose money it is: a player's or a pot's (`owner_id`), in one bucket; or the house's, by `name` and shard.

    `bucket` of the house's is what its name begins with: its class. `player_id` is the owner of a deposit account once more.
    """

    __tablename__ = "accounts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    owner_id: Mapped[UUID | None]
    bucket: Mapped[str] = mapped_column(server_default="deposit")
    currency: Mapped[str] = mapped_column(server_default="INR")
    house: Mapped[bool] = mapped_column(server_default=text("false"))
    name: Mapped[str | None]
    shard: Mapped[int] = mapped_column(server_default=text("0"))

    __table_args__ = (
        UniqueConstraint("player_id"),
        UniqueConstraint("owner_id", "bucket", "currency"),
        UniqueConstraint("name", "shard", "currency"),
        UniqueConstraint("id", "house"),
        CheckConstraint("house = (name IS NOT NULL) AND house = (owner_id IS NULL)", name="owner"),
        CheckConstraint("house OR bucket IN ('deposit', 'winnings', 'bonus', 'pot')", name="bucket"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    )


class Balance(Base):
    """What an account has: the one row that a movement locks.

    `held` is the part of `amount` that open holds keep; nothing is taken while it is `frozen`; `entries` counts the account's
    entries: the sequence number of the newest, which is of `newest_at`.
    """

    __tablename__ = "balances"

    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    bounded: Mapped[bool]
    amount: Mapped[Paise]
    entries: Mapped[int]
    held: Mapped[Paise] = mapped_column(server_default=text("0"))
    house: Mapped[bool] = mapped_column(server_default=text("false"))
    frozen: Mapped[bool] = mapped_column(server_default=text("false"))
    newest_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("amount >= held OR NOT bounded", name="no_overdraft"),
        CheckConstraint("held >= 0 AND (held = 0 OR bounded)", name="held"),
        CheckConstraint("bounded OR house", name="bounded"),
        ForeignKeyConstraint(
            ["account_id", "house"], ["accounts.id", "accounts.house"], name="fk_balances_account_id_house"
        ),
    )


class Transaction(Base):
    """Money that moved at one moment for one reason. Immutable. `reverses`: what it undid; `hold_id`: what it captured.

    That its kind is one of MovementKind is checked by a trigger of the statement (migration 0011).
    """

    __tablename__ = "transactions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    reference: Mapped[str | None]
    note: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    request_hash: Mapped[bytes | None]
    reverses: Mapped[UUID | None] = mapped_column(ForeignKey("transactions.id", name="fk_transactions_reverses"))
    hold_id: Mapped[UUID | None] = mapped_column(ForeignKey("holds.id", name="fk_transactions_hold_id"))

    __table_args__ = (
        CheckConstraint("kind <> 'credit' OR reference IS NOT NULL", name="reference"),
        CheckConstraint("(kind = 'reversal') = (reverses IS NOT NULL)", name="reverses"),
        *(
            Index(
                f"uq_transactions_{column}_given", column, unique=True, postgresql_where=text(f"{column} IS NOT NULL")
            )
            for column in ("reference", "reverses")
        ),
        Index(
            "ix_transactions_guaranteed_prizes", "created_at", "id", postgresql_where=text("kind = 'guaranteed_prize'")
        ),
        Index("ix_transactions_hold_id", "hold_id", postgresql_where=text("hold_id IS NOT NULL")),
    )


class Entry(Base):
    """One account's part of a transaction, with the balance after it. Immutable; the entries of a transaction sum to 0.

    That account and transaction are there is checked by a trigger of the statement (migration 0011).
    """

    __tablename__ = "entries"

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    transaction_id: Mapped[UUID] = mapped_column(index=True)
    amount: Mapped[Paise]
    balance_after: Mapped[Paise]
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("amount <> 0", name="amount"),
        CheckConstraint("sequence > 0", name="sequence"),
        Index("ix_entries_created_at", "created_at", postgresql_using="brin"),
    )


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
    """What the reconciliation found at one moment, in so many accounts and entries; `full`: in all that there are."""

    __tablename__ = "reconciliation_reports"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    accounts: Mapped[int]
    entries: Mapped[int]
    discrepancies: Mapped[list[dict[str, Any]]]
    full: Mapped[bool] = mapped_column(server_default=text("true"))

    __table_args__ = (Index("ix_reconciliation_reports_created_at", "created_at"),)


class Unbalanced(Base):
    """Transactions whose entries do not sum to zero yet: they are looked at when they commit, and gone then."""

    __tablename__ = "unbalanced"

    transaction_id: Mapped[UUID] = mapped_column(primary_key=True)


class Hold(Base):
    """Money of a player that is kept for something. Immutable: its parts and its end tell what became of it."""

    __tablename__ = "holds"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(ForeignKey("movement_kinds.kind", name="fk_holds_kind"))
    player_id: Mapped[UUID] = mapped_column(index=True)
    amount: Mapped[Paise]
    reference: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    request_hash: Mapped[bytes]
    created_by: Mapped[str]
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        UniqueConstraint("reference"),
        Index("ix_holds_expires_at", "expires_at", postgresql_where=text("expires_at IS NOT NULL")),
    )


class HoldPart(Base):
    """What a hold keeps of one account, and how much of that is left."""

    __tablename__ = "hold_parts"

    hold_id: Mapped[UUID] = mapped_column(ForeignKey("holds.id", name="fk_hold_parts_hold_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey("accounts.id", name="fk_hold_parts_account_id"))
    amount: Mapped[Paise]
    remaining: Mapped[Paise]

    __table_args__ = (
        CheckConstraint("amount > 0 AND remaining BETWEEN 0 AND amount", name="amount"),
        UniqueConstraint("hold_id", "account_id"),
        Index("ix_hold_parts_open", "account_id", postgresql_where=text("remaining > 0")),
    )


class HoldEnd(Base):
    """A hold's end: one row, so there is one. Immutable."""

    __tablename__ = "hold_ends"

    hold_id: Mapped[UUID] = mapped_column(ForeignKey("holds.id", name="fk_hold_ends_hold_id"), primary_key=True)
    state: Mapped[str]
    released: Mapped[Paise]
    ended_by: Mapped[str]
    ended_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("state IN ('captured', 'voided', 'expired') AND released >= 0", name="state"),)


class PlayerLimit(Base):
    """A limit that a player set, or (measure `play`) until when they do not play. Immutable; the newest in force counts."""

    __tablename__ = "player_limits"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID] = mapped_column(index=True)
    measure: Mapped[str]
    days: Mapped[int]
    amount: Mapped[int | None]
    effective_at: Mapped[datetime]
    until: Mapped[datetime | None]
    set_by: Mapped[str]
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("measure IN ('deposit', 'loss', 'time', 'play')", name="measure"),
        CheckConstraint("days IN (1, 7, 30)", name="days"),
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("(measure = 'play') = (until IS NOT NULL)", name="until"),
    )


class Receivable(Base):
    """What a reversal could not take back from an account: owed since, and how much of it was recovered."""

    __tablename__ = "receivables"

    transaction_id: Mapped[UUID] = mapped_column(
        ForeignKey("transactions.id", name="fk_receivables_transaction_id"), primary_key=True
    )
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("accounts.id", name="fk_receivables_account_id"), primary_key=True, index=True
    )
    amount: Mapped[Paise]
    recovered: Mapped[Paise] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("amount > 0 AND recovered BETWEEN 0 AND amount", name="amount"),)


class Recovery(Base):
    """A movement that recovered what was owed, taken off the debts once. Immutable."""

    __tablename__ = "recoveries"

    transaction_id: Mapped[UUID] = mapped_column(
        ForeignKey("transactions.id", name="fk_recoveries_transaction_id"), primary_key=True
    )


METADATA = (control_models.Freeze.metadata, OutboxMessage.metadata, JobRun.metadata, EventRow.metadata)
