"""Wallet's part of the smoke journey: money comes in, moves, and does not move twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.common.journey import FIRST, SECOND, Journey, Step, Unexpected

#: How long the worker may take to act on a message, in seconds.
WORKER_SECONDS = 30

FUNDS, GIFT = 50_000, 12_500  # paise


@dataclass
class Accounts:
    """The players' accounts, by who they are."""

    ids: dict[str, str]


@dataclass
class Gift:
    """The transfer from one player to the other, as it was answered."""

    answer: dict[str, Any]


def open_accounts(journey: Journey) -> str:
    """One for each player."""
    accounts = {who: journey.ask("POST", "/wallet/account", 201, who=who)["id"] for who in (FIRST, SECOND)}
    journey.keep(Accounts(accounts))
    return "both hold 0"


def fund(journey: Journey) -> str:
    """An operator's client credits the first player, from inside."""
    credited = ask_for_credit(journey, journey.kept(Accounts).ids[FIRST], FUNDS, f"smoke-{journey.run}", 201)
    if credited["balance"] != FUNDS:
        raise Unexpected(f"{FIRST} holds {credited['balance']} instead of {FUNDS} paise")
    return f"{FIRST} holds {FUNDS} paise"


def transfer(journey: Journey) -> str:
    """Money moves once."""
    journey.keep(Gift(_give(journey, GIFT, 201)))
    _holds(journey, FUNDS - GIFT, GIFT)
    return f"{GIFT} paise from {FIRST} to {SECOND}"


def replay(journey: Journey) -> str:
    """The same key moves nothing more."""
    again, before = _give(journey, GIFT, 201), journey.kept(Gift).answer
    if again != before:
        raise Unexpected(f"the same key gave {again} after {before}")
    _holds(journey, FUNDS - GIFT, GIFT)
    return "same key, same answer, no second movement"


def refuse_another_body(journey: Journey) -> str:
    """The same key with another request."""
    return str(_give(journey, GIFT + 1, 422)["code"])


def refuse_overdraft(journey: Journey) -> str:
    """More than there is."""
    code = _give(journey, FUNDS, 409, key="too-much")["code"]
    _holds(journey, FUNDS - GIFT, GIFT)
    return str(code)


def see_the_workers_effect(journey: Journey) -> str:
    """The receiver is notified by the worker."""
    transaction = journey.kept(Gift).answer["transaction"]

    def look() -> str | None:
        answer = journey.ask("GET", "/wallet/notifications", 200, who=SECOND)
        found = (note["message"] for note in answer["notifications"] if note["transaction"] == transaction)
        return next(found, None)

    message = journey.until(WORKER_SECONDS, f"{SECOND}'s notification (does the worker run?)", look)
    return f"{SECOND} was notified: {message}"


def inside_stays_inside(journey: Journey) -> str:
    """The platform's URL answers no internal path, however it is spelt, and a client's token opens nothing there."""
    for path in ("/wallet/internal/limits/x", "/wallet/%69nternal/limits/x"):
        journey.ask("GET", path, 404, who="wallet-credit")
    journey.ask("POST", "/auth/token", 404, data={"grant_type": "client_credentials"})
    journey.ask("GET", "/wallet/balance", 403, who="wallet-credit")
    return "internal paths 404, a client's token 403"


def ask_for_credit(journey: Journey, account: str, amount: int, reference: str, *accepted: int) -> Any:
    """Credit an account as the operators' client, from inside; leaves its token."""
    authorise_credits(journey)
    return credit(journey, account, amount, reference, *accepted)


def authorise_credits(journey: Journey) -> None:
    """Leave a token of the operators' client that credits."""
    form = {
        "grant_type": "client_credentials",
        "client_id": "wallet-credit",
        "client_secret": journey.secret("auth", "CLIENT_SECRET_WALLET_CREDIT"),
    }
    answer = journey.ask("POST", "/auth/token", 200, inside="auth", data=form)
    journey.tokens["wallet-credit"] = answer["access_token"]


def credit(journey: Journey, account: str, amount: int, reference: str, *accepted: int) -> Any:
    """Credit an account by that client's token, once for a reference."""
    body = {"account": account, "amount": amount, "reference": reference}
    return journey.ask(
        "POST", "/wallet/internal/credits", *accepted, who="wallet-credit", key=reference, inside="wallet", json=body
    )


def _give(journey: Journey, amount: int, status: int, key: str = "gift") -> Any:
    body = {"to_account": journey.kept(Accounts).ids[SECOND], "amount": amount, "note": "for the match"}
    return journey.ask("POST", "/wallet/transfers", status, who=FIRST, key=key, json=body)


def _holds(journey: Journey, first: int, second: int) -> None:
    for who, amount in ((FIRST, first), (SECOND, second)):
        balance = journey.ask("GET", "/wallet/balance", 200, who=who)["balance"]
        if balance != amount:
            raise Unexpected(f"{who} holds {balance} instead of {amount} paise")


STEPS = (
    Step("open accounts", open_accounts),
    Step("fund through the internal API", fund),
    Step("transfer", transfer),
    Step("replay the same idempotency key", replay),
    Step("refuse another body for that key", refuse_another_body),
    Step("refuse an overdraft", refuse_overdraft),
    Step("inside stays inside", inside_stays_inside),
    Step("see the worker's effect", see_the_workers_effect),
)
