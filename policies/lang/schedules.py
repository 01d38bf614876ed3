"""EventBridge's schedule expressions, `rate(…)` and `cron(…)`: how many days can lie between two runs."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\(([^()]+)\)")
_PER_DAY = {"minute": 1440, "hour": 24, "day": 1}
_MONTHS = {
    "JAN": 1,
    "FEB": 2,
    "MAR": 3,
    "APR": 4,
    "MAY": 5,
    "JUN": 6,
    "JUL": 7,
    "AUG": 8,
    "SEP": 9,
    "OCT": 10,
    "NOV": 11,
    "DEC": 12,
}
_WEEKDAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
#: Far enough to see a run that comes every four years.
_HORIZON = 1500


def longest_gap(expression: str, start: date) -> float | None:
    """The longest time between two runs in days, from `start` on; None for no expression or one that does not recur."""
    rate = _RATE.fullmatch(expression.strip())
    if rate:
        return int(rate[1]) / _PER_DAY[rate[2]]
    cron = _CRON.fullmatch(expression.strip())
    fields = cron[1].split() if cron else []
    if len(fields) != 6:
        return None
    _, _, days, months, weekdays, years = fields
    try:
        runs = [
            day for day in (start + timedelta(n) for n in range(_HORIZON)) if _runs(day, days, months, weekdays, years)
        ]
    except ValueError:
        return None
    if len(runs) < 2 or (start + timedelta(_HORIZON) - runs[-1]).days > _HORIZON / 2:
        return None
    return float(max((later - earlier).days for earlier, later in pairwise(runs)))


def _runs(day: date, days: str, months: str, weekdays: str, years: str) -> bool:
    weekday = day.isoweekday() % 7 + 1  # 1 is Sunday
    return (
        _fits(day.year, years, {}, 1970, 2199)
        and _fits(day.month, months, _MONTHS, 1, 12)
        and _day(day, days)
        and _weekday(day, weekday, weekdays)
    )


def _day(day: date, field: str) -> bool:
    if field in ("*", "?"):
        return True
    last = (day + timedelta(1)).month != day.month
    if field in ("L", "LW"):
        return last
    if field.endswith("W"):
        return abs(day.day - int(field[:-1])) <= 2
    return _fits(day.day, field, {}, 1, 31)


def _weekday(day: date, weekday: int, field: str) -> bool:
    if field in ("*", "?"):
        return True
    name, hash_, nth = field.partition("#")
    if hash_:
        return weekday == _number(name, _WEEKDAYS) and (day.day - 1) // 7 + 1 == int(nth)
    if field.endswith("L"):
        return (field == "L" and weekday == 7) or (
            field != "L" and weekday == _number(field[:-1], _WEEKDAYS) and (day + timedelta(7)).month != day.month
        )
    return _fits(weekday, field, _WEEKDAYS, 1, 7)


def _number(text: str, names: dict[str, int]) -> int:
    return names[text.upper()] if text.upper() in names else int(text)


def _fits(value: int, field: str, names: dict[str, int], low: int, high: int) -> bool:
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        else:
            begin, dash, end = span.partition("-")
            first = _number(begin, names)
            last = _number(end, names) if dash else (high if step else first)
        if first <= value <= last and (value - first) % int(step or 1) == 0:
            return True
    return False
