"""Wallet's seeds: accounts with money and a movement to look at, the same at every run."""

from __future__ import annotations

from services.common.crowd import Crowd
from services.common.journey import FIRST, SECOND, Journey, Step
from services.wallet.journey import ask_for_credit, authorise_credits, credit

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


def crowd(journey: Journey) -> str:
    """An account for each of the crowd, with ₹10 to ₹5,000 in it, credited once."""
    crowd = journey.kept(Crowd)
    authorise_credits(journey)
    total: list[int] = []

    def fund(name: str) -> None:
        account = journey.ask("POST", "/wallet/account", 200, 201, who=name)["id"]
        amount = crowd.draw("funds", name).randrange(10, 5_001) * 100
        credit(journey, account, amount, f"seed-{name}", 201, 409)
        total.append(amount)

    crowd.each("wallets", crowd.names, fund)
    return f"{sum(total)} paise in {len(total)} accounts"


STEPS = (Step("accounts with money", accounts), Step("the crowd's accounts", crowd))
