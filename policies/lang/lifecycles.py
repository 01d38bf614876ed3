"""Until when what runs is supported: dated data, and the day on which a judgement is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from policies.lang import data

_DATA = Path(__file__).parents[1] / "data" / "lifecycles.yaml"
_TODAY: ContextVar[date | None] = ContextVar("today", default=None)


@contextmanager
def judged_on(day: date) -> Iterator[None]:
    """Judge as of `day`: an audit is made on its own day, whenever its controls run."""
    token = _TODAY.set(day)
    try:
        yield
    finally:
        _TODAY.reset(token)


def today() -> date:
    """The day on which a judgement is made."""
    return _TODAY.get() or datetime.now(UTC).date()


@cache
def _calendars() -> Mapping[str, Any]:
    found: Mapping[str, Any] = data.load(_DATA)
    return found


def calendar(kind: str) -> Mapping[str, date | None]:
    """Version → last day of support (None: no end announced) of a kind ("lambda", "postgres"); empty for an unknown kind."""
    row = _calendars().get(kind)
    versions: Mapping[str, date | None] = row["versions"] if isinstance(row, dict) else {}
    return versions


def release(kind: str, version: str) -> str | None:
    """The calendar's entry that `version` ("17.4", "8.0.mysql_aurora.3.08.0") belongs to; None when there is none."""
    parts = version.split(".")
    for length in (len(parts), 2, 1):
        candidate = ".".join(parts[:length])
        if candidate in calendar(kind):
            return candidate
    return None
