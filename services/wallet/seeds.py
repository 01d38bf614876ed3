"""Wallet's seeds: accounts with money and a movement to look at, the same at every run."""

from __future__ import annotations

from services.common.journey import FIRST, SECOND, Journey, Step
from services.wallet.journey import ask_for_credit

FUNDS, GIFT = 100_000, 12_500  # paise


def accounts(journey: Journey) -> str:
    """An account for each player with ₹1,000 in it, credited once."""
    ids = {}
    for player in (FIRST, SECOND):
        ids[player] = journey.ask("POST", "/wallet/account", 200, 201, who=player)["id"]
        ask_for_credit(journey, ids[player], FUNDS, f"seed-{player}", 201, 409)
    body = {"to_account": ids[SECOND], "amount": GIFT, "note": "for the match"}
    journey.ask("POST", "/wallet/transfers", 201, 409, who=FIRST, key="gift", json=body)
    return f"{FUNDS} paise each, of which {FIRST} gave {SECOND} {GIFT}"


STEPS = (Step("accounts with money", accounts),)
