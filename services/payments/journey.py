"""Payments' part of the smoke journey: money comes in by a webhook and goes out to a player's own account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.common.journey import FIRST, SECOND, SUPPORT, Journey, SecondFactor, Step, Unexpected

#: How long providers, webhooks and worker may take together, in seconds.
SECONDS = 45

AMOUNT, WITHDRAWN = 75_000, 30_000  # paise


@dataclass
class SmokeDeposit:
    """The journey's deposit, as it was answered."""

    answer: dict[str, Any]


def deposit(journey: Journey) -> str:
    """A player orders a deposit and pays at the provider's checkout; one with a limit of his own is held to it."""
    limit = {"measure": "deposit", "days": 1, "amount": AMOUNT - 1}
    journey.ask("PUT", "/wallet/limits", 200, who=SECOND, json=limit)
    body = {"amount": AMOUNT, "jurisdiction": "XX"}
    journey.ask("POST", "/payments/deposits", 403, who=SECOND, key="limited", json=body)
    answer = order(journey, AMOUNT, "deposit")
    journey.keep(SmokeDeposit(answer))
    pay(journey, answer)
    return f"{AMOUNT} paise by {answer['provider']}; {SECOND}'s own limit refuses as much"


def webhook(journey: Journey) -> str:
    """The provider's webhook alone has the wallet credited: the player's client says nothing."""
    held = wait_for_credit(journey, journey.kept(SmokeDeposit).answer["id"])
    return f"credited: {FIRST} holds {held} paise"


def verify(journey: Journey) -> str:
    """A client that says so itself is believed no more than it proves, and is credited once."""
    answer = order(journey, AMOUNT, "verified")
    path, paid = f"/payments/deposits/{answer['id']}/verification", pay(journey, answer)
    if paid["signature"]:
        forged = paid | {"signature": "0" * len(paid["signature"])}
        journey.ask("POST", path, 401, who=FIRST, json=forged)
    for _ in range(3):
        journey.ask("POST", path, 200, who=FIRST, json=paid)
    return f"a forged signature 401, three good ones: {FIRST} holds {wait_for_credit(journey, answer['id'])} paise"


def withdraw(journey: Journey) -> str:
    """To an account that support has confirmed as the player's own."""
    body = {"kind": "vpa", "name": "Asha Rao", "account": f"asha.{journey.run}@okbank"}
    journey.kept(SecondFactor).show(FIRST)
    instrument = journey.ask("POST", "/payments/instruments", 201, who=FIRST, json=body)["id"]
    wanted = {"amount": WITHDRAWN, "instrument": instrument, "jurisdiction": "XX"}
    journey.ask("POST", "/payments/payouts", 409, who=FIRST, key="early", json=wanted)
    confirm = f"/payments/staff/instruments/{instrument}/confirmation"
    journey.ask("POST", confirm, 403, who=FIRST)
    journey.kept(SecondFactor).show(SUPPORT)
    journey.ask("POST", confirm, 200, who=SUPPORT)
    before = balance(journey)
    payout = journey.ask("POST", "/payments/payouts", 201, who=FIRST, key="payout", json=wanted)["id"]

    def look() -> str | None:
        found = journey.ask("GET", f"/payments/payouts/{payout}", 200, who=FIRST)
        if found["state"] in ("declined", "failed", "rejected"):
            raise Unexpected(f"the payout is {found['state']}")
        return str(found["utr"]) if found["state"] == "processed" else None

    utr = journey.until(SECONDS, "the payout (does the worker run?)", look)
    what = f"{FIRST} with {before - WITHDRAWN} paise"  # the wallet is told a moment later
    journey.until(SECONDS, what, lambda: balance(journey) == before - WITHDRAWN or None)
    return f"{WITHDRAWN} paise, the bank's reference {utr}"


def refuse_elsewhere(journey: Journey) -> str:
    """No real country is on by default; internal paths stay inside; nobody signs for a provider."""
    body = {"amount": AMOUNT, "jurisdiction": "IN"}
    code = journey.ask("POST", "/payments/deposits", 403, who=FIRST, key="elsewhere", json=body)["code"]
    journey.ask("POST", "/payments/internal/gate", 404, who=SUPPORT, json={})
    journey.ask("GET", "/payments/staff/payouts/waiting", 403, who=FIRST)
    journey.ask("POST", "/payments/webhooks/razorpay", 401, json={"event": "payment.captured"})
    return f"IN {code}, internal paths 404, a webhook without signature 401"


def order(journey: Journey, amount: int, key: str) -> Any:
    """A deposit that can be paid, as it is answered."""
    body = {"amount": amount, "jurisdiction": "XX"}
    answer = journey.ask("POST", "/payments/deposits", 201, who=FIRST, key=key, json=body)
    if not answer["checkout"]:
        raise Unexpected(f"the deposit is {answer['state']} and has no checkout")
    return answer


def pay(journey: Journey, answer: dict[str, Any]) -> Any:
    """What the player does at his bank; what the checkout gives his client."""
    path = f"/_partners/{answer['provider']}/orders/{answer['checkout']['order_id']}/payment"
    paid = journey.partners.post(path)
    if paid.status_code != 200:
        raise Unexpected(f"{path} gave {paid.status_code}: {paid.text[:200]}")
    return paid.json()


def wait_for_credit(journey: Journey, deposit_id: str) -> int:
    """What the player has once the deposit is credited."""

    def look() -> bool | None:
        found = journey.ask("GET", f"/payments/deposits/{deposit_id}", 200, who=FIRST)
        return True if found["state"] == "credited" else None

    journey.until(SECONDS, "the credit (does the worker run?)", look)
    return balance(journey)


def balance(journey: Journey) -> int:
    """What the player has."""
    return int(journey.ask("GET", "/wallet/balance", 200, who=FIRST)["balance"])


STEPS = (
    Step("deposit", deposit),
    Step("webhook", webhook),
    Step("verify", verify),
    Step("withdraw", withdraw),
    Step("refuse what is not allowed", refuse_elsewhere),
)
