"""Kinds of movement as data: who may cause one, where money comes from and goes to, in which order buckets are spent.

The database has the same table in short (`movement_kinds`, made by migrations) and refuses entries of accounts that a kind
may not move; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: Buckets of a player's money, in the order of their names in answers.
BUCKETS = ("deposit", "winnings", "bonus")

#: Whoever pays in or out through a provider names it; the house has an account with each.
PROVIDERS = ("razorpay", "cashfree")


class Role(StrEnum):
    """Whose account a leg is of, beside the house's by name."""

    DEPOSIT = "deposit"
    WINNINGS = "winnings"
    BONUS = "bonus"
    POT = "pot"
    OTHER = "other"  # the deposit account of another player
    PROVIDER = "psp"
    HOUSE = "house"
    RAKE = "rake"
    PROMOTIONS = "promotions"
    TDS = "tds_payable"
    SUSPENSE = "suspense"
    RECEIVABLE = "receivable"


@dataclass(frozen=True, slots=True)
class Take:
    """Where a movement takes money, as far as there is any; of the whole at most `percent`."""

    role: Role
    percent: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of movement.

    `takes` in the order in which buckets are spent; `gives`: who gets it; `scope`: what a caller's token must be for;
    `most`: paise in one movement; `held`: it begins with a hold and is made by captures alone; `reference`: it must name what
    it stands for, which is accepted once; `limited`: it counts towards the player's limits of play; `thaws`: it moves frozen
    money too; `direct`: it is asked for by its name, and has no endpoint of its own; `reversible`: it may be undone, as no
    other record follows from it; `verb`: what a player is told of an entry, by its sign.
    """

    scope: str
    takes: tuple[Take, ...]
    gives: Role
    most: int | None = None
    held: bool = False
    reference: bool = False
    limited: bool = False
    thaws: bool = False
    direct: bool = True
    reversible: bool = True
    verb: tuple[str, str] = ("You received", "You sent")


_PLAY = (Take(Role.BONUS, percent=10), Take(Role.DEPOSIT), Take(Role.WINNINGS))
_OUT = (Take(Role.WINNINGS), Take(Role.DEPOSIT))

KINDS = {
    # The first two have endpoints of their own.
    "credit": Kind(scope="wallet:credit", takes=(Take(Role.HOUSE),), gives=Role.DEPOSIT, reference=True, direct=False),
    "transfer": Kind(scope="player", takes=(Take(Role.DEPOSIT),), gives=Role.OTHER, direct=False),
    "deposit": Kind(
        scope="wallet:deposit", takes=(Take(Role.PROVIDER),), gives=Role.DEPOSIT, reference=True,
        verb=("You deposited", "A deposit was taken back:"),
    ),
    "payout": Kind(scope="wallet:payout", takes=_OUT, gives=Role.PROVIDER, held=True, verb=("", "You withdrew")),
    "refund": Kind(
        scope="wallet:refund", takes=(Take(Role.DEPOSIT),), gives=Role.PROVIDER, reference=True,
        verb=("", "A deposit was refunded to you:"),
    ),
    "dispute": Kind(
        scope="wallet:dispute", takes=(Take(Role.DEPOSIT), Take(Role.WINNINGS)), gives=Role.PROVIDER, held=True, thaws=True,
        verb=("", "A disputed deposit was returned to your bank:"),
    ),
    "contest_entry": Kind(
        scope="wallet:play", takes=_PLAY, gives=Role.POT, limited=True, verb=("", "You entered a contest for")
    ),
    "prize": Kind(scope="wallet:play", takes=(Take(Role.POT),), gives=Role.WINNINGS, verb=("You won", "")),
    # What the pot lacks, the house adds from promotions: a contest that nobody paid for, or a pool that was guaranteed.
    "guaranteed_prize": Kind(
        scope="wallet:prize", takes=(Take(Role.POT), Take(Role.PROMOTIONS)), gives=Role.WINNINGS, reference=True,
        verb=("You won", ""),
    ),
    "rake": Kind(scope="wallet:play", takes=(Take(Role.POT),), gives=Role.RAKE),
    "bonus": Kind(
        scope="wallet:promote", takes=(Take(Role.PROMOTIONS),), gives=Role.BONUS, most=1_000_000, reference=True,
        verb=("You received a bonus of", ""),
    ),
    "bonus_release": Kind(
        scope="wallet:promote", takes=(Take(Role.BONUS),), gives=Role.WINNINGS, direct=False,
        verb=("A bonus became winnings:", "A bonus became winnings:"),
    ),
    "bonus_expiry": Kind(
        scope="wallet:promote", takes=(Take(Role.BONUS),), gives=Role.PROMOTIONS, direct=False,
        verb=("", "A bonus expired:"),
    ),
    "tds": Kind(
        scope="wallet:tax", takes=_OUT, gives=Role.TDS, direct=False, thaws=True, verb=("", "Tax was deducted:")
    ),
    "psp_settlement": Kind(scope="wallet:settle", takes=(Take(Role.HOUSE),), gives=Role.PROVIDER, reference=True),
    "tax_payment": Kind(scope="wallet:tax", takes=(Take(Role.TDS),), gives=Role.HOUSE, reference=True),
    "adjustment": Kind(
        scope="wallet:adjust", takes=(), gives=Role.SUSPENSE, direct=False, thaws=True,
        verb=("A correction gave you", "A correction took"),
    ),
    "recovery": Kind(
        scope="wallet:reverse", takes=_OUT, gives=Role.RECEIVABLE, direct=False, reversible=False,
        verb=("", "What you owed was taken:")
    ),
    "write_off": Kind(scope="wallet:adjust", takes=(Take(Role.PROMOTIONS),), gives=Role.RECEIVABLE, direct=False),
    "reversal": Kind(
        scope="wallet:reverse", takes=(), gives=Role.HOUSE, direct=False, thaws=True, reversible=False,
        verb=("A movement was undone: you got back", "A movement was undone: you gave back"),
    ),
}  # fmt: skip


def share(amount: int, percent: int) -> int:
    """`percent` of an amount of paise, rounded down.

    >>> share(999, 10)
    99
    """
    return amount * percent // 100
