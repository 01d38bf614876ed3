"""Tax on winnings and on deposits, pure: rates and dates are data, amounts are whole paise, nothing here knows a database.

India: s.194BA taxes net winnings at each withdrawal and at the year's end, by Rule 133: with A withdrawn in the year (this
withdrawal included), B deposited in it, C had at its beginning, D had at its end, E taxed in it so far, they are A-(B+C+E) at a
withdrawal and (A+D)-(B+C+E) at the end, never below zero. Gross amounts are taken for A: what is withheld was withdrawn. GST is
on deposits. A tax adviser has to confirm both before money is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Literal

#: India's clock; it has no summer time.
IST = timezone(timedelta(hours=5, minutes=30))

#: What is won in a month's withdrawals up to this is not taxed then, but when more comes of it, or at the year's end. Paise.
MONTHLY_EXEMPT = 100_00

_WHOLE = 10_000  # basis points


@dataclass(frozen=True, slots=True)
class Rate:
    """From the day `since` on: so many basis points, under this section; `method`: within the amount, or on top of it."""

    since: date
    points: int
    section: str
    method: Literal["inclusive", "exclusive"] = "inclusive"


TDS = (
    Rate(date(2023, 4, 1), 3000, "194BA"),
    Rate(date(2026, 4, 1), 3000, "393(3) Table 2"),  # the Income-tax Act 2025
)
GST = (
    Rate(date(2023, 10, 1), 2800, "CGST Rule 31B"),
    Rate(date(2025, 9, 22), 4000, "56th Council"),  # its first day is to be confirmed
)


def rate_on(rates: Sequence[Rate], day: date) -> Rate | None:
    """The rate that holds on a day; None before the first."""
    return max((rate for rate in rates if rate.since <= day), key=lambda rate: rate.since, default=None)


def portion(amount: int, points: int, of: int = _WHOLE) -> int:
    """`points` of `of` of an amount, half a paisa rounded up.

    >>> portion(2_000_00, 3000), portion(5, 1000)
    (60000, 1)
    """
    return (2 * amount * points + of) // (2 * of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """A player's tax year so far: Rule 133's A, B, C and E, and how much was taxed in this month. Paise."""

    withdrawn: int = 0
    deposited: int = 0
    opening: int = 0
    taxed: int = 0
    taxed_this_month: int = 0


@dataclass(frozen=True, slots=True)
class Deduction:
    """Net winnings of one step, the tax on them, and the section; `deferred`: too little for now."""

    net: int
    tax: int
    section: str
    deferred: bool = False


def at_withdrawal(year: Year, amount: int, day: date) -> Deduction:
    """What a withdrawal of `amount`, not yet in `year`, is taxed."""
    net = max(0, year.withdrawn + amount - (year.deposited + year.opening + year.taxed))
    return _deduction(net, day, deferred=net + year.taxed_this_month <= MONTHLY_EXEMPT)


def at_years_end(year: Year, closing: int, day: date) -> Deduction:
    """What is taxed at the end of the year, of a player who then has `closing`."""
    net = max(0, year.withdrawn + closing - (year.deposited + year.opening + year.taxed))
    return _deduction(net, day, deferred=False)


def annual(year: Year, closing: int) -> int:
    """The year's net winnings (s.115BBJ), which the steps come to if none of them was below zero; may be negative."""
    return year.withdrawn + closing - (year.deposited + year.opening)


def _deduction(net: int, day: date, *, deferred: bool) -> Deduction:
    rate = rate_on(TDS, day)
    if rate is None or net == 0:
        return Deduction(0, 0, rate.section if rate else "")
    if deferred:
        return Deduction(0, 0, rate.section, deferred=True)
    return Deduction(net, portion(net, rate.points), rate.section)


def gst(amount: int, day: date) -> tuple[int, int]:
    """What a deposit of `amount` credits the player with, and the tax on it: within `amount`, or paid on top.

    >>> gst(100_00, date(2024, 1, 1))
    (7812, 2188)
    """
    rate = rate_on(GST, day)
    if rate is None:
        return amount, 0
    if rate.method == "exclusive":
        return amount, portion(amount, rate.points)
    tax = portion(amount, rate.points, _WHOLE + rate.points)
    return amount - tax, tax


def tax_year(moment: datetime) -> int:
    """The year in whose April a moment's tax year began, by India's clock.

    >>> [tax_year(datetime(2026, 3, 31, 18, minute, tzinfo=timezone.utc)) for minute in (29, 30)]
    [2025, 2026]
    """
    day = moment.astimezone(IST)
    return day.year if day.month >= 4 else day.year - 1


def bounds(year: int) -> tuple[datetime, datetime]:
    """The first moment of a tax year, and of the next."""
    return datetime(year, 4, 1, tzinfo=IST), datetime(year + 1, 4, 1, tzinfo=IST)
