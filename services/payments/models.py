"""The tables of payments: deposits with their attempts, payments and refunds; payouts; webhooks; decisions; reports."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.common import database
from services.common.job_runs import JobRun
from services.common.money import Paise
from services.common.outbox import OutboxMessage

_NOW = text("now()")


class Base(database.Base):
    """Base of payments' models."""

    __abstract__ = True
    metadata = database.metadata()


class Deposit(Base):
    """What a player wants to pay in. Its id is the wallet's reference, by which it is credited once."""

    __tablename__ = "deposits"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID]
    amount: Mapped[Paise]
    jurisdiction: Mapped[str]
    state: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    credited_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        Index("ix_deposits_player_id_created_at", "player_id", "created_at"),
        Index("ix_deposits_paid", "created_at", postgresql_where=text("state = 'paid'")),
    )


class Looked:
    """What the janitor asks a provider about again: when next, and how often it has asked."""

    next_look_at: Mapped[datetime | None]
    looks: Mapped[int] = mapped_column(server_default=text("0"))


class Attempt(Looked, Base):
    """One order at one provider, for a deposit. Its id is our reference there."""

    __tablename__ = "attempts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    deposit_id: Mapped[UUID] = mapped_column(ForeignKey("deposits.id", name="fk_attempts_deposit_id"))
    number: Mapped[int]
    provider: Mapped[str]
    state: Mapped[str]
    provider_order: Mapped[str] = mapped_column(server_default="")
    checkout: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    reason: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    expires_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("deposit_id", "number"),
        Index(
            "uq_attempts_provider_provider_order",
            "provider",
            "provider_order",
            unique=True,
            postgresql_where=text("provider_order <> ''"),
        ),
        Index("ix_attempts_next_look_at", "next_look_at", postgresql_where=text("next_look_at IS NOT NULL")),
    )


class PaymentRow(Base):
    """Money that a provider has taken. One payment of a deposit is its `credit`; any other goes back.

    `fee` includes `tax`. `frozen`: a dispute is open. `settlement`: by which the provider paid it to our bank.
    """

    __tablename__ = "payments"

    provider: Mapped[str]
    id: Mapped[str]
    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("attempts.id", name="fk_payments_attempt_id"))
    deposit_id: Mapped[UUID] = mapped_column(ForeignKey("deposits.id", name="fk_payments_deposit_id"))
    amount: Mapped[Paise]
    role: Mapped[str]
    fee: Mapped[Paise | None]
    tax: Mapped[Paise | None]
    frozen: Mapped[bool] = mapped_column(server_default=text("false"))
    settlement: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)

    __table_args__ = (
        PrimaryKeyConstraint("provider", "id"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("role IN ('credit', 'surplus')", name="role"),
        Index("uq_payments_credit", "deposit_id", unique=True, postgresql_where=text("role = 'credit'")),
        Index("ix_payments_deposit_id", "deposit_id"),
        Index("ix_payments_created_at", "created_at"),
    )


class Refund(Looked, Base):
    """A part of a payment that goes back; its id is the provider's idempotency key. `held`: the wallet put it aside."""

    __tablename__ = "refunds"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    provider: Mapped[str]
    payment: Mapped[str]
    amount: Mapped[Paise]
    state: Mapped[str]
    held: Mapped[bool]
    provider_refund: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str]
    requested_by: Mapped[str]
    settlement: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["provider", "payment"], ["payments.provider", "payments.id"], name="fk_refunds_payment"),
        CheckConstraint("amount > 0", name="amount"),
        Index("ix_refunds_payment", "provider", "payment"),
        Index("ix_refunds_next_look_at", "next_look_at", postgresql_where=text("next_look_at IS NOT NULL")),
    )


class Instrument(Base):
    """A player's own account or UPI address. What it is, is sealed; `shown` is what people may see of it."""

    __tablename__ = "instruments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID]
    kind: Mapped[str]
    shown: Mapped[str]
    sealed: Mapped[bytes]
    digest: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    verified_at: Mapped[datetime | None]
    verified_by: Mapped[str | None]

    __table_args__ = (
        UniqueConstraint("player_id", "digest"),
        CheckConstraint("kind IN ('vpa', 'bank')", name="kind"),
    )


class Payout(Looked, Base):
    """Money on its way to a player's own account; its id is the provider's idempotency key and the wallet's reference.

    `wallet`: what the wallet has done for it: nothing, `held`, `captured`, `released`, `returned`.
    """

    __tablename__ = "payouts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID]
    instrument_id: Mapped[UUID] = mapped_column(ForeignKey("instruments.id", name="fk_payouts_instrument_id"))
    amount: Mapped[Paise]
    jurisdiction: Mapped[str]
    state: Mapped[str]
    wallet: Mapped[str] = mapped_column(server_default="")
    provider: Mapped[str] = mapped_column(server_default="")
    provider_payout: Mapped[str] = mapped_column(server_default="")
    utr: Mapped[str] = mapped_column(server_default="")
    reason: Mapped[str] = mapped_column(server_default="")
    decided_by: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)

    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        Index("ix_payouts_player_id_created_at", "player_id", "created_at"),
        Index("ix_payouts_waiting", "created_at", postgresql_where=text("state = 'waiting'")),
        Index("ix_payouts_next_look_at", "next_look_at", postgresql_where=text("next_look_at IS NOT NULL")),
    )


class Webhook(Base):
    """An event as a provider sent it; `state` is waiting, done, or strange where nobody knows what it says."""

    __tablename__ = "webhooks"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    provider: Mapped[str]
    key: Mapped[str]
    body: Mapped[str]
    kind: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str] = mapped_column(server_default="waiting")
    received_at: Mapped[datetime] = mapped_column(server_default=_NOW)

    __table_args__ = (
        UniqueConstraint("provider", "key"),
        Index("ix_webhooks_received_at", "received_at"),
        Index("ix_webhooks_strange", "received_at", postgresql_where=text("state = 'strange'")),
    )


class Dispute(Base):
    """A payment that the payer's bank questions; while it is open the payment is frozen.

    `stage`: how far it has gone (providers.port.STAGES). `wallet`: what it has done for it; `released_in`: the last stage at
    whose end it released the amount.
    """

    __tablename__ = "disputes"

    provider: Mapped[str]
    id: Mapped[str]
    payment: Mapped[str]
    amount: Mapped[Paise]
    status: Mapped[str]
    wallet: Mapped[str] = mapped_column(server_default=text("''"))
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    stage: Mapped[int] = mapped_column(server_default=text("0"))
    released_in: Mapped[int | None]

    __table_args__ = (PrimaryKeyConstraint("provider", "id"),)


class Decision(Base):
    """What the gate said: whom, what, under which version of which rules, and why not."""

    __tablename__ = "decisions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID]
    activity: Mapped[str]
    jurisdiction: Mapped[str]
    amount: Mapped[Paise]
    allowed: Mapped[bool]
    reason: Mapped[str]
    version: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)

    __table_args__ = (Index("ix_decisions_player_id_created_at", "player_id", "created_at"),)


class Downtime(Base):
    """Whether a provider said, when it was last asked, that payments fail there."""

    __tablename__ = "downtimes"

    provider: Mapped[str] = mapped_column(primary_key=True)
    down: Mapped[bool]
    asked_at: Mapped[datetime]


class Settled(Base):
    """A line of a provider's settlement report."""

    __tablename__ = "settled"

    provider: Mapped[str]
    kind: Mapped[str]
    id: Mapped[str]
    day: Mapped[date] = mapped_column(Date())
    amount: Mapped[Paise]
    fee: Mapped[Paise]
    tax: Mapped[Paise]
    settlement: Mapped[str]

    __table_args__ = (PrimaryKeyConstraint("provider", "kind", "id"), Index("ix_settled_day", "provider", "day"))


class Report(Base):
    """A reconciliation of a day: provider's report, our records, the wallet's. `booked`: its fees are in the ledger."""

    __tablename__ = "reports"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    provider: Mapped[str]
    day: Mapped[date] = mapped_column(Date())
    lines: Mapped[int]
    fees: Mapped[Paise]
    taxes: Mapped[Paise]
    discrepancies: Mapped[list[dict[str, Any]]]
    booked: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)

    __table_args__ = (UniqueConstraint("provider", "day"),)


METADATA = (Base.metadata, OutboxMessage.metadata, JobRun.metadata)
