"""What wallet takes and gives of freezes, adjustments, limits and comparisons with providers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from services.common.money import MAX_AMOUNT, Paise, PositivePaise
from services.wallet.internal_schemas import Id, Provider
from services.wallet.schemas import Note, Reference, Request

Reason = Annotated[Note, Field(min_length=5)]
Signed = Annotated[Paise, Field(strict=True, ge=-MAX_AMOUNT, le=MAX_AMOUNT, description="Paise; negative: taken")]


class FreezeRequest(Request):
    """Nothing is taken from this player's money from now on."""

    id: Id
    player: UUID
    reason: Reason


class LiftRequest(Request):
    """Why a freeze ends."""

    reason: Reason


class FreezeView(Request):
    """A freeze, and whether the player's money is frozen now."""

    id: UUID
    frozen: bool


class AdjustmentRequest(Request):
    """A correction of what a player has in a bucket, against suspense."""

    id: Id
    player: UUID
    bucket: Literal["deposit", "winnings", "bonus"]
    amount: Signed
    reason: Reason

    @model_validator(mode="after")
    def _moves_something(self) -> Self:
        if self.amount == 0:
            raise ValueError("amount is not 0")
        return self


class DecisionRequest(Request):
    """What is decided of an adjustment."""

    approved: bool


class AdjustmentView(Request):
    """An adjustment; `approved` is null until somebody has decided."""

    id: UUID
    approved: bool | None


class LimitRequest(Request):
    """A limit of the caller's own: paise deposited or lost, or minutes played, in so many days; null: none."""

    measure: Literal["deposit", "loss", "time"]
    days: Literal[1, 7, 30]
    amount: Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT)] | None


class ExclusionRequest(Request):
    """For how many days the caller will not play; it cannot be taken back."""

    days: Annotated[int, Field(strict=True, ge=1, le=1825)]


class LimitView(Request):
    """A limit. `used`: of one in force; of time, the minutes in which the player's client told that they play."""

    measure: str
    days: int
    amount: int | None
    used: int | None = None
    until: datetime | None = None
    effective_at: datetime | None = None


class LimitsView(Request):
    """Limits in force, and those that come after their time to cool off."""

    excluded_until: datetime | None
    limits: list[LimitView]
    waiting: list[LimitView]


class DepositCheckRequest(Request):
    """What a player would pay in now; `pending`: what is under way at providers besides, and not in the wallet yet."""

    player: UUID
    amount: PositivePaise
    pending: Annotated[Paise, Field(strict=True, ge=0, le=MAX_AMOUNT)] = Paise(0)


class DepositCheckView(Request):
    """Whether it may be taken, or why not. `left`: of the player's tightest limit, `pending` taken off; null: no limit."""

    allowed: bool
    reason: Literal["limit_reached", "player_excluded"] | None
    left: Paise | None


class ProviderRecord(Request):
    """A provider's record; `amount` negative where it paid out."""

    reference: Reference
    amount: Signed


class ReconcileRequest(Request):
    """All records of a provider in a time; they are compared by reference."""

    provider: Provider
    since: AwareDatetime
    until: AwareDatetime
    records: Annotated[list[ProviderRecord], Field(max_length=5000)]


class ReconcileView(Request):
    """How many agree, and what does not: `missing_here`, `missing_there`, `amount_differs`."""

    id: UUID
    matched: int
    findings: list[dict[str, Any]]
