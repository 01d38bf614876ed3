"""What wallet takes and gives of tax."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from services.common.money import MAX_AMOUNT, Paise
from services.wallet.internal_schemas import Id
from services.wallet.schemas import Request


class WithholdRequest(Request):
    """Tax on a withdrawal of a gross amount, or (amount 0) at the end of the year that has ended."""

    id: Id
    player: UUID
    occasion: Literal["withdrawal", "year_end"] = "withdrawal"
    amount: Annotated[Paise, Field(strict=True, ge=0, le=MAX_AMOUNT)] = Paise(0)

    @model_validator(mode="after")
    def _amount_is_a_withdrawals(self) -> Self:
        if (self.amount > 0) != (self.occasion == "withdrawal"):
            raise ValueError("amount is of a withdrawal, and of nothing else")
        return self


class DeductionView(Request):
    """Net winnings and the tax on them; `id` is the movement's, if any tax was due."""

    id: UUID
    year: int = Field(description="In whose April the tax year began")
    occasion: str
    amount: Paise
    net: Paise
    tax: Paise
    section: str
    reversed: bool = False


class CertificateView(Request):
    """Rule 133's figures of a year: A, B, C, D, E, and each deduction; paise."""

    player: UUID
    year: int
    withdrawn: Paise
    deposited: Paise
    opening: Paise
    closing: Paise
    taxed: Paise
    deductions: list[DeductionView]
