"""What a stand-in keeps: orders, payments, refunds, payouts, and the webhooks that it owes; time and chance are given to it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

#: Paise of a hundred that a provider keeps of a payment, and of that the tax of a hundred.
FEE_PERCENT, TAX_PERCENT = 2, 18


class Fault(StrEnum):
    """What may happen to a call. Faults `after` happen when the call has had its effect."""

    NONE = "none"
    REFUSED = "refused"  #: no effect; the connection is reset
    SILENT_BEFORE = "silent_before"
    SILENT_AFTER = "silent_after"
    ERROR_BEFORE = "error_before"  #: 502
    ERROR_AFTER = "error_after"
    RESET_AFTER = "reset_after"
    HALF_AFTER = "half_after"
    HTML_AFTER = "html_after"  #: 200 with a page instead of JSON
    SLOW_AFTER = "slow_after"
    LIMITED = "limited"  #: 429, no effect

    @property
    def has_effect(self) -> bool:
        """Whether the provider does what it was asked for."""
        return self is Fault.NONE or self.value.endswith("_after")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What goes wrong and how often; everything is drawn from `seed`.

    - faults: share of calls that end so. down: every call ends in this fault.
    - duplicate, reorder, lost: shares of webhooks that come twice, after later ones, never.
    - late: share of payments that are said to have failed before they succeed.
    - decline, reverse: shares of refunds and payouts that fail, and of payouts that come back after they were paid.
    """

    seed: int = 1
    faults: Mapping[Fault, float] = field(default_factory=dict)
    duplicate: float = 0.0
    reorder: float = 0.0
    lost: float = 0.0
    late: float = 0.0
    decline: float = 0.0
    reverse: float = 0.0
    down: Fault | None = None


@dataclass
class Thing:
    """An order, payment, refund or payout. `idempotency`: the body that it was made for."""

    id: str
    status: str
    amount: int
    reference: str
    made_at: float
    of: str = ""
    fee: int = 0
    tax: int = 0
    settled: bool = False
    fails: bool = False
    comes_back: bool = False
    idempotency: bytes = b""


@dataclass(frozen=True)
class Owed:
    """A webhook that is to be delivered: what it says, and how often it was tried."""

    kind: str
    body: bytes
    event: str
    due: float
    tries: int = 0


class World:
    """What one provider knows. `now` is Unix time in seconds.

    `run`: another one draws other ids. What the platform keeps outlives this process, and a provider gives no id twice.
    """

    def __init__(self, name: str, scenario: Scenario, now: Callable[[], float], run: str = "") -> None:
        self.name, self.now = name, now
        self._ids = random.Random(f"{run} {name}")  # noqa: S311 - names, no secrets
        self.orders: dict[str, Thing] = {}
        self.payments: dict[str, Thing] = {}
        self.refunds: dict[str, Thing] = {}
        self.payouts: dict[str, Thing] = {}
        self.disputes: dict[str, Thing] = {}
        self.owed: list[Owed] = []
        self.calls = 0
        self.is_down = False
        self.follow(scenario)

    def follow(self, scenario: Scenario) -> None:
        """Go on under another scenario."""
        self.scenario, self.chance = scenario, random.Random(f"{scenario.seed} {self.name}")  # noqa: S311 - a seed, no secret

    def happens(self, share: float) -> bool:
        """Whether something that happens so often happens now."""
        return self.chance.random() < share

    def fault(self) -> Fault:
        """What happens to the next call."""
        self.calls += 1
        if self.scenario.down is not None:
            return self.scenario.down
        point = self.chance.random()
        for fault, share in self.scenario.faults.items():
            point -= share
            if point < 0:
                return fault
        return Fault.NONE

    def new_id(self, prefix: str = "") -> str:
        """An id like the provider's own."""
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        return prefix + "".join(self._ids.choices(letters, k=14))

    def number(self) -> str:
        """An id of digits."""
        return str(self._ids.randrange(10**9, 10**10))

    def pay(self, order: Thing, payment_id: str, amount: int | None = None) -> Thing:
        """A player pays an order."""
        paid = order.amount if amount is None else amount
        fee = paid * FEE_PERCENT // 100
        tax = fee * TAX_PERCENT // 100
        made = Thing(payment_id, "captured", paid, order.reference, self.now(), order.id, fee + tax, tax)
        self.payments[made.id] = made
        order.status = "paid"
        return made

    def refunded(self, payment: str) -> int:
        """What of a payment went back, or is on its way."""
        return sum(each.amount for each in self.refunds.values() if each.of == payment and each.status != "failed")

    def draw_refund(self, refund_id: str, payment: Thing, amount: int, key: str, body: bytes) -> Thing:
        """A refund that was taken on; whether it will fail is drawn now."""
        made = Thing(refund_id, "pending", amount, key, self.now(), payment.id, idempotency=body)
        made.fails = self.happens(self.scenario.decline)
        self.refunds[key] = made
        return made

    def draw_payout(self, payout_id: str, amount: int, key: str, body: bytes) -> Thing:
        """A payout that was taken on; its end is drawn now."""
        made = Thing(payout_id, "processing", amount, key, self.now(), idempotency=body)
        made.fails = self.happens(self.scenario.decline)
        made.comes_back = not made.fails and self.happens(self.scenario.reverse)
        self.payouts[key] = made
        return made

    def owe(self, kind: str, body: bytes) -> None:
        """Have a webhook delivered, as the scenario has it: perhaps twice, late, or never."""
        if self.happens(self.scenario.lost):
            return
        event = self.new_id("evt_")
        delay = self.chance.uniform(0.5, 3.0) if self.happens(self.scenario.reorder) else 0.0
        self.owed.append(Owed(kind, body, event, self.now() + delay))
        if self.happens(self.scenario.duplicate):
            self.owed.append(Owed(kind, body, event, self.now() + delay))

    def settle(self, day: date) -> list[tuple[str, Thing]]:
        """What is in the settlement report of a day (UTC): captured payments, and refunds that went out, of that day."""
        lines = [("payment", each) for each in self.payments.values() if each.status == "captured"]
        lines += [("refund", each) for each in self.refunds.values() if each.status == "processed"]
        return [(kind, each) for kind, each in lines if datetime.fromtimestamp(each.made_at, UTC).date() == day]

    def facts(self) -> dict[str, Any]:
        """How much of everything there is, for whoever looks."""
        things = {"orders": self.orders, "payments": self.payments, "refunds": self.refunds, "payouts": self.payouts}
        return {name: len(each) for name, each in things.items()} | {"owed": len(self.owed), "calls": self.calls}
