"""Payments' seeds: a deposit that was paid, the same at every run."""

from __future__ import annotations

from services.common.journey import FIRST, Journey, Step, Unexpected
from services.payments.journey import order, pay, wait_for_credit


def deposits(journey: Journey) -> str:
    """One of the first player's."""
    amount = 25_000  # paise
    for key in ("deposit", "deposit-2", "deposit-3"):  # one that no provider took an order for in time has ended
        try:
            answer = order(journey, amount, key)
            break
        except Unexpected:
            if key == "deposit-3":
                raise
    known = journey.ask("GET", f"/payments/deposits/{answer['id']}", 200, who=FIRST)
    if known["state"] == "pending":
        pay(journey, answer)
    return f"{amount} paise deposited: {FIRST} holds {wait_for_credit(journey, answer['id'])}"


STEPS = (Step("deposits", deposits),)
