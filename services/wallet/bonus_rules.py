"""What becomes of a bonus, pure: the rules are data, amounts whole paise, nothing here knows a database.

A bonus is play money. Stakes that count release it: what is left of it becomes winnings. Else it ends by its day, or by a
withdrawal before that, where its rule says so: what is left goes back to where it came from. Which comes first is decided by
the moments of what was entered, not by when somebody looks. A player's bonuses are played through one after the other, the
oldest first; so the bucket is spent, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

State = Literal["released", "expired", "forfeited"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BonusRule:
    """Stakes of `times` the amount release a bonus within `days`; `forfeits`: a withdrawal before that ends it.

    A bonus keeps the terms that it was given with: a change of this table is of what is given from then on.
    """

    times: int
    days: int
    forfeits: bool


RULES = {
    "welcome": BonusRule(times=10, days=30, forfeits=True),
    "deposit_match": BonusRule(times=5, days=30, forfeits=True),
    "loyalty": BonusRule(times=1, days=90, forfeits=False),
}

#: Kinds of movement that count as stakes, and that count as withdrawals; one that was undone counts as neither.
STAKES = ("contest_entry",)
WITHDRAWALS = ("payout", "refund")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bonus:
    """An open bonus and its terms: `required` paise of stakes after `since` (when the one before it had ended), in time."""

    id: UUID
    amount: int
    required: int
    given: datetime
    since: datetime
    expires_at: datetime
    forfeits: bool


@dataclass(frozen=True, slots=True)
class Played:
    """A stake or a withdrawal, of so much, at its moment."""

    at: datetime
    amount: int
    withdrawal: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a bonus stands: `wagered` of what it requires, `left` of its amount; `state` and `at`: how and when it ended."""

    bonus: Bonus
    wagered: int
    left: int
    state: State | None = None
    at: datetime | None = None


def standings(bonuses: Sequence[Bonus], played: Sequence[Played], balance: int, now: datetime) -> list[Standing]:
    """Where each of a player's open bonuses stands, the oldest first, with `balance` in the bucket.

    `since` of a bonus is when it was given, or when the one before it ended, whichever is later. `played` in order of time.
    """
    found: list[Standing] = []
    later = sum(bonus.amount for bonus in bonuses)
    free: datetime | None = datetime.min.replace(
        tzinfo=now.tzinfo
    )  # since when none before is open; None: one still is
    for bonus in bonuses:
        later -= bonus.amount
        left = max(0, min(bonus.amount, balance - later))
        begun = None if free is None else max(bonus.since, free)
        wagered, state, at = _end(bonus, played, begun, now)
        found.append(Standing(bonus, wagered, left, state, at))
        if state:
            balance -= left
            free = None if free is None or at is None else max(free, at)
        else:
            free = None
    return found


def _end(
    bonus: Bonus, played: Sequence[Played], begun: datetime | None, now: datetime
) -> tuple[int, State | None, datetime | None]:
    wagered = 0
    for each in played:
        if each.at >= bonus.expires_at:
            break
        if each.withdrawal:
            if bonus.forfeits and each.at > bonus.given:
                return wagered, "forfeited", each.at
        elif begun is not None and each.at > begun:
            wagered += each.amount
            if wagered >= bonus.required:
                return wagered, "released", each.at
    if bonus.expires_at <= now:
        return wagered, "expired", bonus.expires_at
    return wagered, None, None


def terms(rule: str, amount: int, now: datetime) -> tuple[int, datetime, bool]:
    """What a bonus of `amount` under a rule requires, until when, and whether a withdrawal ends it.

    >>> terms("loyalty", 500, datetime(2026, 1, 1))
    (500, datetime.datetime(2026, 4, 1, 0, 0), False)
    """
    found = RULES[rule]
    return amount * found.times, now + timedelta(days=found.days), found.forfeits
