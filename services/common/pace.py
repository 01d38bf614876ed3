"""How fast one caller may go: a token bucket for each, in the memory of the process.

It bounds what one caller takes from the others, not what all together may do. Each process counts for itself, so with n of
them a caller may go up to n times as fast: good enough for a bound, and no store has to be asked on the way.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from services.common.errors import Code, ServiceError

#: Callers that are remembered; who was seen longest ago is forgotten first, and begins anew with a full bucket.
REMEMBERED = 20_000


class Pace:
    """At most `burst` at once and `per_second` in the long run, for each caller; `now` in seconds, for tests."""

    def __init__(self, *, per_second: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._now = per_second, burst, now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller → tokens left, as of then

    def take(self, caller: str) -> None:
        """Count one request of `caller`. Raises ServiceError (rate_limited)."""
        now = self._now()
        left, then = self._buckets.pop(caller, (float(self._burst), now))
        left = min(float(self._burst), left + (now - then) * self._rate)
        allowed = left >= 1
        self._buckets[caller] = (left - 1 if allowed else left, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        if not allowed:
            wait = max(1, round((1 - left) / self._rate))
            raise ServiceError(Code.RATE_LIMITED, f"Try again in {wait} s.", headers={"Retry-After": str(wait)})
