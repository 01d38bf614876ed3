"""Tables of control: freezes, adjustments, the hash chain, trial balances, comparisons with providers, deducted tax."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.common.money import Paise
from services.wallet.base import Base


class Freeze(Base):
    """A player's money is frozen, until it is lifted. Immutable."""

    __tablename__ = "freezes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID] = mapped_column(index=True)
    reason: Mapped[str]
    placed_by: Mapped[str]
    placed_at: Mapped[datetime]


class FreezeLift(Base):
    """A freeze's end. Immutable."""

    __tablename__ = "freeze_lifts"

    freeze_id: Mapped[UUID] = mapped_column(
        ForeignKey("freezes.id", name="fk_freeze_lifts_freeze_id"), primary_key=True
    )
    reason: Mapped[str]
    lifted_by: Mapped[str]
    lifted_at: Mapped[datetime]


class Adjustment(Base):
    """A correction that somebody proposes. Immutable."""

    __tablename__ = "adjustments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID]
    bucket: Mapped[str]
    amount: Mapped[Paise]
    reason: Mapped[str]
    proposed_by: Mapped[str]
    proposed_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("id", "proposed_by"),)


class AdjustmentDecision(Base):
    """What somebody else decided. Immutable."""

    __tablename__ = "adjustment_decisions"

    adjustment_id: Mapped[UUID] = mapped_column(primary_key=True)
    proposed_by: Mapped[str]
    approved: Mapped[bool]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["adjustment_id", "proposed_by"],
            ["adjustments.id", "adjustments.proposed_by"],
            name="fk_adjustment_decisions_adjustment_id",
        ),
    )


class ChainBlock(Base):
    """A block of the hash chain over what was posted: each hash covers the one before. Immutable."""

    __tablename__ = "chain_blocks"

    number: Mapped[int] = mapped_column(primary_key=True)
    previous: Mapped[bytes]
    hash: Mapped[bytes]
    transactions: Mapped[int]
    position: Mapped[int]
    sealed_at: Mapped[datetime]


class ChainLink(Base):
    """Which block a transaction is in. Immutable."""

    __tablename__ = "chain_links"

    transaction_id: Mapped[UUID] = mapped_column(primary_key=True)
    block: Mapped[int] = mapped_column(
        ForeignKey("chain_blocks.number", name="fk_chain_links_block", deferrable=True, initially="DEFERRED"),
        index=True,
    )


class TrialBalance(Base):
    """What a class of accounts took in and gave until the end of a day, by India's clock. Immutable."""

    __tablename__ = "trial_balances"

    day: Mapped[date] = mapped_column(Date(), primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    debits: Mapped[Paise]
    credits: Mapped[Paise]
    balance: Mapped[Paise]


class TaxDeduction(Base):
    """Tax that was withheld from a player at a withdrawal or a year's end; also that there was none. Immutable."""

    __tablename__ = "deductions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    player_id: Mapped[UUID]
    year: Mapped[int]
    occasion: Mapped[str]
    amount: Mapped[Paise]
    net: Mapped[Paise]
    tax: Mapped[Paise]
    section: Mapped[str]
    created_at: Mapped[datetime]

    __table_args__ = (Index("ix_deductions_player_id_year", "player_id", "year"),)


class PaymentReconciliation(Base):
    """What a comparison with a provider's records found. Immutable."""

    __tablename__ = "payment_reconciliations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    provider: Mapped[str]
    created_at: Mapped[datetime]
    matched: Mapped[int]
    findings: Mapped[list[dict[str, Any]]]


class BonusGiven(Base):
    """A bonus with the terms that it was given under; its id is the movement's. Immutable."""

    __tablename__ = "bonuses"

    id: Mapped[UUID] = mapped_column(ForeignKey("transactions.id", name="fk_bonuses_id"), primary_key=True)
    player_id: Mapped[UUID] = mapped_column(index=True)
    rule: Mapped[str]
    amount: Mapped[Paise]
    required: Mapped[Paise]
    expires_at: Mapped[datetime]
    forfeits: Mapped[bool]
    given_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("amount > 0 AND required >= amount", name="amount"),)


class BonusEnd(Base):
    """How a bonus ended, what was left of it, and the movement that took that. Immutable."""

    __tablename__ = "bonus_ends"

    bonus_id: Mapped[UUID] = mapped_column(ForeignKey("bonuses.id", name="fk_bonus_ends_bonus_id"), primary_key=True)
    state: Mapped[str]
    amount: Mapped[Paise]
    movement: Mapped[UUID | None] = mapped_column(ForeignKey("transactions.id", name="fk_bonus_ends_movement"))
    ended_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("state IN ('released', 'expired', 'forfeited')", name="state"),
        CheckConstraint("amount >= 0 AND (amount > 0) = (movement IS NOT NULL)", name="amount"),
    )


class PlayMinute(Base):
    """A minute in which a player's client told that they play."""

    __tablename__ = "play_minutes"

    player_id: Mapped[UUID] = mapped_column(primary_key=True)
    minute: Mapped[datetime] = mapped_column(primary_key=True, index=True)
