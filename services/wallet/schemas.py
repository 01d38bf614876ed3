"""What wallet takes and gives over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.common.money import CURRENCY, Paise, PositivePaise
from services.wallet.notes import clean


class Request(BaseModel):
    """Base of what is asked: nothing is taken that is not known."""

    model_config = ConfigDict(extra="forbid")


Note = Annotated[
    str,
    Field(max_length=140, description="Plain text; markup and invisible characters do not arrive"),
    AfterValidator(clean),
]
Reference = Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,64}$", examples=["deposit-2026-000017"])]


class TransferRequest(Request):
    """Money from the caller's account to another."""

    to_account: UUID
    amount: PositivePaise
    note: Note = ""


class CreditRequest(Request):
    """Money from the house to an account; `reference` names the deposit that it stands for and is accepted once."""

    account: UUID
    amount: PositivePaise
    reference: Reference
    note: Note = ""


class AccountView(BaseModel):
    """An account and what it holds."""

    id: UUID
    balance: Paise
    currency: Literal["INR"] = CURRENCY
    created_at: datetime


class BalanceView(BaseModel):
    """What an account holds now."""

    account: UUID
    balance: Paise
    currency: Literal["INR"] = CURRENCY


class Movement(BaseModel):
    """A transaction, as the account that asked sees it."""

    transaction: UUID
    kind: Literal["credit", "transfer"]
    account: UUID
    amount: Paise = Field(description="What it changed the account by")
    balance: Paise = Field(description="The account's balance right after it")
    created_at: datetime


class EntryView(BaseModel):
    """One line of an account's statement."""

    sequence: int
    transaction: UUID
    kind: str = Field(examples=["credit", "transfer", "deposit", "prize"])
    amount: Paise
    balance_after: Paise
    note: str
    created_at: datetime


class Statement(BaseModel):
    """An account's newest entries first."""

    entries: list[EntryView]
    next_before: int | None = Field(description="Give this as `before` to get older entries; null at the end")


class NotificationView(BaseModel):
    """A message to a player about a movement of money."""

    id: UUID
    transaction: UUID
    message: str
    created_at: datetime


class Notifications(BaseModel):
    """The newest first."""

    notifications: list[NotificationView]


class Reconciliation(BaseModel):
    """The newest report of the reconciliation; `full`: of all entries, else of those since the report before."""

    id: UUID
    created_at: datetime
    balanced: bool
    accounts: int
    entries: int
    full: bool
    discrepancies: list[dict[str, Any]]
