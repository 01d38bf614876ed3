"""When a scheduled action is due: `at(…)`, `rate(…)` and `cron(…)` of Application Auto Scaling; pure.

Source: Application Auto Scaling User Guide, "Schedule recurring scaling actions using cron expressions"; EventBridge Scheduler
User Guide, "Cron-based schedules" (the six fields and their signs).
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: After a stop of the machine no more than this is looked back at, minute by minute.
MOST_BACK = timedelta(days=31)

_MINUTE = timedelta(minutes=1)
_UNITS = {"minute": _MINUTE, "hour": timedelta(hours=1), "day": timedelta(days=1)}
_MONTHS = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), start=1)}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minutes", 0, 59, {}),
    ("hours", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of week", 1, 7, _DAYS),
    ("year", 1970, 2199, {}),
)

_Matches = Callable[[datetime], bool]


class NoSchedule(ValueError):
    """An expression that is not evaluated here, and why."""


@dataclass(frozen=True, slots=True)
class DueTimes:
    """When something is due: `last` gives the last moment after the first and up to the second argument, if there is one."""

    expression: str
    zone: str
    last: Callable[[datetime, datetime], datetime | None] = field(compare=False, repr=False)

    @classmethod
    def read(cls, expression: str, zone: str, created: datetime) -> DueTimes:
        """A schedule as deployed; rates count from `created`. NoSchedule names what is not known."""
        try:
            place = ZoneInfo(zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise NoSchedule(f"the time zone {zone!r} is not known") from error
        kind, _, inner = expression.strip().partition("(")
        if not inner.endswith(")") or kind not in _KINDS:
            raise NoSchedule(f"{expression!r} is none of at(…), rate(…) and cron(…)")
        return cls(expression, zone or "UTC", _KINDS[kind](inner[:-1].strip(), place, created))


def _at(inner: str, zone: tzinfo, _: datetime) -> Callable[[datetime, datetime], datetime | None]:
    try:
        moment = datetime.strptime(inner, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone).astimezone(UTC)
    except ValueError as error:
        raise NoSchedule(f"at({inner}) is no moment of the form yyyy-mm-ddThh:mm:ss") from error
    return lambda after, until: moment if after < moment <= until else None


def _rate(inner: str, _: tzinfo, created: datetime) -> Callable[[datetime, datetime], datetime | None]:
    found = re.fullmatch(r"([1-9]\d{0,6}) (minute|hour|day)s?", inner)
    if not found:
        raise NoSchedule(f"rate({inner}) is not a number of minutes, hours or days")
    step = int(found[1]) * _UNITS[found[2]]

    def last(after: datetime, until: datetime) -> datetime | None:
        moment = created + (until - created) // step * step
        return moment if moment > max(after, created) else None

    return last


def _cron(inner: str, zone: tzinfo, _: datetime) -> Callable[[datetime, datetime], datetime | None]:
    parts = inner.split()
    if len(parts) != len(_FIELDS):
        raise NoSchedule(
            f"cron({inner}) has {len(parts)} fields; accepted: minutes hours day-of-month month day-of-week year"
        )
    minutes, hours, day, month, weekday, year = (_field(part.upper(), index) for index, part in enumerate(parts))

    def due(moment: datetime) -> bool:
        return all(matches(moment) for matches in (minutes, hours, month, year, day, weekday))

    def last(after: datetime, until: datetime) -> datetime | None:
        moment = until.replace(second=0, microsecond=0)
        first = max(after, until - MOST_BACK)
        while moment > first:
            if due(moment.astimezone(zone)):
                return moment
            moment -= _MINUTE
        return None

    return last


_KINDS = {"at": _at, "rate": _rate, "cron": _cron}

#: What a field of a moment is, in the order of the fields.
_VALUES: tuple[Callable[[datetime], int], ...] = (
    lambda moment: moment.minute,
    lambda moment: moment.hour,
    lambda moment: moment.day,
    lambda moment: moment.month,
    lambda moment: moment.isoweekday() % 7 + 1,
    lambda moment: moment.year,
)


def _field(text: str, index: int) -> _Matches:
    parts = [_part(part, index) for part in text.split(",")]
    return lambda moment: any(matches(moment) for matches in parts)


def _part(text: str, index: int) -> _Matches:
    """One of `*`, `?`, `n`, `a-b`, each with `/step`; `L` for the last day; `nL` and `n#k` for weekdays."""
    label, least, most, _ = _FIELDS[index]
    if text == "L" and label == "day of month":
        return lambda moment: moment.day == _length(moment)
    if label == "day of week":
        if text == "L":
            return lambda moment: moment.isoweekday() == 6
        if found := re.fullmatch(r"(\w+)L", text):
            wanted = _number(found[1], index)
            return lambda moment: _VALUES[4](moment) == wanted and moment.day > _length(moment) - 7
        if found := re.fullmatch(r"(\w+)#([1-5])", text):
            wanted, which = _number(found[1], index), int(found[2])
            return lambda moment: _VALUES[4](moment) == wanted and (moment.day - 1) // 7 + 1 == which
    body, _, step = text.partition("/")
    if step and not re.fullmatch(r"[1-9]\d{0,3}", step):
        raise NoSchedule(f"{text!r} in {label}: its step is no number from 1")
    if body in ("*", "?"):
        start, end = least, most
    elif found := re.fullmatch(r"(\w+)-(\w+)", body):
        start, end = _number(found[1], index), _number(found[2], index)
    else:
        start = _number(body, index)
        end = most if step else start
    if start > end:
        raise NoSchedule(f"{text!r} in {label}: {start} is after {end}")
    accepted = frozenset(range(start, end + 1, int(step or 1)))
    return lambda moment: _VALUES[index](moment) in accepted


def _number(text: str, index: int) -> int:
    label, least, most, names = _FIELDS[index]
    number = names.get(text, int(text) if re.fullmatch(r"\d{1,4}", text) else None)
    if number is None or not least <= number <= most:
        raise NoSchedule(
            f"{text!r} in {label} is not known here; accepted: {least} to {most}, *, ?, ranges, steps, lists"
        )
    return number


def _length(moment: datetime) -> int:
    return calendar.monthrange(moment.year, moment.month)[1]
