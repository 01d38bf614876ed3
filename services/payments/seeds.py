"""Payments' seeds: a deposit that was paid, the same at every run."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from services.common.journey import FIRST, Journey, Step, Unexpected
from services.payments.journey import order, pay, wait_for_credit


def deposits(journey: Journey) -> str:
    """One of the first player's."""
    amount = 25_000  # paise
    answer = _ordered(journey, amount, "deposit")
    known = journey.ask("GET", f"/payments/deposits/{answer['id']}", 200, who=FIRST)
    if known["state"] == "pending":
        pay(journey, answer)
    return f"{amount} paise deposited: {FIRST} holds {wait_for_credit(journey, answer['id'])}"


def dispute(journey: Journey) -> str:
    """A deposit of the first player's that the payer's bank questions: its amount is held."""
    answer = _ordered(journey, 10_000, "disputed")
    if journey.ask("GET", f"/payments/deposits/{answer['id']}", 200, who=FIRST)["state"] != "pending":
        return "questioned before"
    paid = pay(journey, answer)
    wait_for_credit(journey, answer["id"])
    if answer["provider"] != "razorpay":
        return "paid at a provider whose stand-in has no disputes"
    path = f"/_partners/razorpay/payments/{paid['payment']}/dispute"
    journey.partners.post(path, json={"status": "open"}).raise_for_status()
    return f"the payer's bank questions {paid['payment']}"


def _ordered(journey: Journey, amount: int, key: str) -> Any:
    """A deposit that can be paid: one that no provider took an order for in time has ended, and another is tried."""
    for again in ("", "-2"):
        with suppress(Unexpected):
            return order(journey, amount, key + again)
    return order(journey, amount, f"{key}-3")


STEPS = (Step("deposits", deposits), Step("a dispute", dispute))
