"""What payments takes and gives over HTTP."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.common.money import CURRENCY, MAX_AMOUNT, Paise, PositivePaise
from services.payments.jurisdiction import Activity


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


Jurisdiction = Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$", examples=["XX"])]
ProviderId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


class DepositRequest(_Request):
    """Money to be paid in; `jurisdiction` is where the player lives."""

    amount: PositivePaise
    jurisdiction: Jurisdiction


class RetryRequest(_Request):
    """Another try to pay the same deposit, at another provider."""


class VerifyRequest(_Request):
    """What the provider's checkout gave the player's client. Cashfree's gives no payment and no signature."""

    order: ProviderId
    payment: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,100}$")] = ""
    signature: Annotated[str, Field(max_length=200)] = ""


class DepositView(BaseModel):
    """A deposit. `checkout` is what the client opens the provider's checkout with; empty where nothing can be paid."""

    id: UUID
    amount: Paise
    currency: Literal["INR"] = CURRENCY
    state: Literal["pending", "ended", "paid", "credited"]
    provider: str
    checkout: dict[str, str]
    created_at: datetime


class Deposits(BaseModel):
    """The newest first."""

    deposits: list[DepositView]


class Acknowledged(BaseModel):
    """A webhook is kept; what it means is worked out later."""

    received: Literal[True] = True


class InstrumentRequest(_Request):
    """An account of the player's own: a UPI address, or an account number with its IFSC."""

    kind: Literal["vpa", "bank"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z .'-]{1,98}$", description="As the bank has it")]
    account: Annotated[str, Field(max_length=80, description="UPI address or account number")]
    ifsc: Annotated[str, Field(pattern=r"^([A-Z]{4}0[A-Z0-9]{6})?$")] = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:

        if self.kind == "vpa" and not re.fullmatch(r"[A-Za-z0-9._-]{2,60}@[A-Za-z]{2,20}", self.account):
            raise ValueError("account: a UPI address such as name@bank is accepted")
        if self.kind == "bank" and not (re.fullmatch(r"[A-Za-z0-9]{6,35}", self.account) and self.ifsc):
            raise ValueError("account: 6 to 35 letters and digits are accepted, with an ifsc")
        return self


class InstrumentView(BaseModel):
    """An account of a player's, without what it is."""

    id: UUID
    kind: Literal["vpa", "bank"]
    shown: str
    verified: bool


class Instruments(BaseModel):
    """The oldest first."""

    instruments: list[InstrumentView]


class PayoutRequest(_Request):
    """Money to be paid out to an account of the player's own."""

    amount: PositivePaise
    instrument: UUID
    jurisdiction: Jurisdiction


PayoutWord = Literal[
    "requested", "declined", "waiting", "rejected", "ready", "unknown", "pending", "failed", "processed", "reversed"
]


class PayoutView(BaseModel):
    """A payout; `utr` is the bank's reference, once there is one."""

    id: UUID
    amount: Paise
    currency: Literal["INR"] = CURRENCY
    state: PayoutWord
    utr: str
    created_at: datetime


class Payouts(BaseModel):
    """The newest first."""

    payouts: list[PayoutView]


class StaffPayout(PayoutView):
    """A payout as staff see it."""

    player: UUID
    provider: str
    wallet: str
    reason: str
    decided_by: str | None


class StaffPayouts(BaseModel):
    """Those that wait, the oldest first."""

    payouts: list[StaffPayout]


class GateRequest(_Request):
    """May a player do this? Asked by whoever moves money for a player; an allowed contest entry counts for the day."""

    player: UUID
    activity: Activity
    jurisdiction: Jurisdiction
    amount: Annotated[Paise, Field(strict=True, ge=0, le=MAX_AMOUNT)]


class GateView(BaseModel):
    """What the rules say, and which version of them."""

    allowed: bool
    reason: str
    version: str


class EntryRequest(_Request):
    """A player pays into the pot of a contest."""

    player: UUID
    contest: UUID
    jurisdiction: Jurisdiction
    amount: PositivePaise


class EntryView(BaseModel):
    """An entry that was paid: its movement's id in the wallet, and the version of the rules that allowed it."""

    id: UUID
    version: str


class RefundRequest(_Request):
    """Give back a part of what a deposit brought, to where it came from."""

    amount: PositivePaise
    reason: Annotated[str, Field(min_length=3, max_length=200)]


class RefundView(BaseModel):
    """A refund."""

    id: UUID
    amount: Paise
    state: Literal["requested", "ready", "unknown", "pending", "failed", "processed", "declined"]
    reason: str


class PaymentView(BaseModel):
    """Money that a provider took."""

    provider: str
    id: str
    amount: Paise
    role: Literal["credit", "surplus"]
    frozen: bool
    fee: Paise | None
    refunds: list[RefundView]


class AttemptView(BaseModel):
    """An order at a provider."""

    number: int
    provider: str
    state: Literal["new", "unknown", "open", "refused", "failed", "expired", "paid"]
    order: str
    reason: str


class StaffDeposit(BaseModel):
    """A deposit with all that belongs to it."""

    id: UUID
    player: UUID
    amount: Paise
    state: str
    attempts: list[AttemptView]
    payments: list[PaymentView]


class ReportView(BaseModel):
    """A day's reconciliation."""

    provider: str
    day: date
    lines: int
    fees: Paise
    taxes: Paise
    booked: bool
    discrepancies: list[dict[str, Any]]


class DecisionView(GateView):
    """What the gate said once."""

    activity: str
    jurisdiction: str
    amount: Paise
    created_at: datetime


class Decisions(BaseModel):
    """The newest first."""

    decisions: list[DecisionView]


class StrangeWebhook(BaseModel):
    """A webhook that nobody knows what to make of."""

    id: UUID
    provider: str
    kind: str
    received_at: datetime


class StrangeWebhooks(BaseModel):
    """The newest first."""

    webhooks: list[StrangeWebhook]
