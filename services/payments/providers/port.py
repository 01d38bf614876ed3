"""What a payment provider is to payments, whichever it is: orders, refunds, payouts, reports, webhooks.

Amounts are paise. Every call raises `Refused` for a final no, `NotDone` where the provider is known to have done nothing (it
was not reached, or it limits the rate), and `Unknown` where it may have done it: nothing is ever guessed from a missing answer
(services/common/outside.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Literal, Protocol

from services.common.money import Paise
from services.payments.states import PayoutState, RefundState

ProviderName = Literal["razorpay", "cashfree"]


class OrderStatus(StrEnum):
    """Whether an order can be paid."""

    OPEN = "open"
    PAID = "paid"
    EXPIRED = "expired"
    ABSENT = "absent"  #: the provider has no such order


class PaymentStatus(StrEnum):
    """What became of a player's try to pay."""

    PENDING = "pending"
    AUTHORISED = "authorised"  #: reserved at the bank, to be captured
    CAPTURED = "captured"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """An order that a provider took, and what the player's client needs to open the provider's checkout."""

    id: str
    checkout: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Payment:
    """A try to pay an order. `fee` is what the provider keeps, `tax` the part of it that is tax; None while unknown."""

    id: str
    status: PaymentStatus
    amount: Paise
    fee: Paise | None = None
    tax: Paise | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderNews:
    """What a provider says of an order when it is asked."""

    id: str
    status: OrderStatus
    payments: Sequence[Payment] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RefundNews:
    """What a provider says of a refund."""

    id: str
    state: RefundState


@dataclass(frozen=True, kw_only=True, slots=True)
class PayoutNews:
    """What a provider says of a payout; `utr` is the bank's reference, where there is one."""

    id: str
    state: PayoutState
    utr: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """Where a payout goes: a UPI address, or an account with its IFSC, and whose it is."""

    kind: Literal["vpa", "bank"]
    name: str = field(repr=False)
    account: str = field(repr=False)
    ifsc: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class SettlementLine:
    """A line of a provider's report of a day: what came in (`payment`) or went out (`refund`), its fee and the tax in that."""

    kind: Literal["payment", "refund", "other"]
    id: str
    amount: Paise
    fee: Paise
    tax: Paise
    settlement: str


class Subject(StrEnum):
    """What a webhook is about."""

    ORDER = "order"
    REFUND = "refund"
    PAYOUT = "payout"
    DISPUTE = "dispute"
    NOTHING = "nothing"  #: an event that changes nothing here
    STRANGE = "strange"  #: an event that nobody knows


class DisputeOutcome(StrEnum):
    """How a dispute stands. Lost: the money goes, or went, back by the bank."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


#: How far a dispute has gone, by both providers' names of it: who wins a chargeback may meet the same dispute again.
STAGES = {"retrieval": 1, "chargeback": 2, "pre_arbitration": 3, "arbitration": 4}


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookEvent:
    """A webhook: what it is about, by the provider's ids and by our reference, as far as it names them.

    `stage`: of a dispute, of STAGES; 0 for what comes before them.
    """

    kind: str
    subject: Subject
    order: str = ""
    payment: str = ""
    reference: str = ""
    dispute: str = ""
    outcome: DisputeOutcome = DisputeOutcome.OPEN
    stage: int = 0
    amount: int = 0


@dataclass(frozen=True, slots=True)
class Signed:
    """A webhook whose signature is good: by what it is told from others, and its body."""

    key: str
    body: bytes


class Provider(Protocol):
    """A payment provider."""

    @property
    def name(self) -> ProviderName:
        """Which it is."""
        ...

    async def create_order(self, reference: str, amount: Paise, player: str, expires: datetime) -> Order:
        """Have an order that can be paid. The same `reference` again gives an order of the same amount."""
        ...

    async def order(self, reference: str, order: str) -> OrderNews:
        """Ask what became of an order; `order` is the provider's id, empty where its answer was lost."""
        ...

    async def capture(self, payment: str, amount: Paise) -> None:
        """Take what is authorised."""
        ...

    async def refund(self, key: str, order: str, payment: str, amount: Paise) -> RefundNews:
        """Give back a part of a payment; the same `key` again is the same refund."""
        ...

    async def refund_news(self, key: str, order: str, payment: str, refund: str) -> RefundNews | None:
        """Ask what became of a refund; None if there is none of that key."""
        ...

    async def pay_out(self, key: str, amount: Paise, to: Destination) -> PayoutNews:
        """Pay; the same `key` again is the same payout."""
        ...

    async def payout_news(self, key: str, payout: str) -> PayoutNews | None:
        """Ask what became of a payout; None if there is none of that key."""
        ...

    async def settlements(self, day: date) -> Sequence[SettlementLine]:
        """The report of a day."""
        ...

    async def is_down(self) -> bool:
        """Whether the provider itself says that payments fail at the moment."""
        ...

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Signed | None:
        """A webhook whose signature, and time where it has one, are good; nothing of it is parsed before."""
        ...

    def verify_callback(self, order: str, payment: str, signature: str) -> bool:
        """Whether what a player's client brings from the checkout is the provider's word. Providers without one say no."""
        ...

    def read(self, document: Any) -> WebhookEvent:
        """What a webhook says. One of a kind that is not known is STRANGE; it raises nothing."""
        ...
