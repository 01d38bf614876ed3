"""Time as a dependency: services ask a clock, so that tests can say what time it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where a service gets the time from."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class DatabaseClock:
    """PostgreSQL's clock, carried on by this machine's monotonic one.

    Machines' clocks differ and are stepped; what one task writes (an expiry, a time of use) another one reads. So all tasks
    take the time from the one server that they share: `follow` is told what its clock showed, with every probe of readiness,
    and in between seconds are counted, not looked up. A difference below JITTER is the network's and changes nothing.
    """

    JITTER = timedelta(milliseconds=100)

    def __init__(self, machine: Clock | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._at, self._base = monotonic(), (machine or SystemClock()).now()

    def now(self) -> datetime:
        return self._base + timedelta(seconds=self._monotonic() - self._at)

    def follow(self, server: datetime, asked: float) -> None:
        """`server` is what PostgreSQL's clock showed between the monotonic moment `asked` and now."""
        middle = (asked + self._monotonic()) / 2
        if abs(self._base + timedelta(seconds=middle - self._at) - server) > self.JITTER:
            self._at, self._base = middle, server
