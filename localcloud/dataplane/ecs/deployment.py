"""How an ECS service goes from one set of tasks to another: pure arithmetic of rolling updates and the circuit breaker."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Count:
    """Tasks of one deployment: those that serve, those that do not yet, and those on their way out."""

    ready: int = 0
    starting: int = 0
    leaving: int = 0

    @property
    def staying(self) -> int:
        """All but those on their way out."""
        return self.ready + self.starting


@dataclass(frozen=True, kw_only=True)
class Step:
    """What to do now. `stuck` if the percentages allow neither a start nor a stop, and one is needed."""

    start: int = 0
    stop_new: int = 0
    stop_old_starting: int = 0
    stop_old_ready: int = 0
    stuck: bool = False


def plan(*, desired: int, minimum_percent: int, maximum_percent: int, new: Count, old: Count) -> Step:
    """The next step towards `desired` tasks of the new deployment and none of the old.

    Tasks that are leaving still count against the upper bound: a singleton's successor never overlaps it.
    """
    lower = math.ceil(desired * minimum_percent / 100)
    upper = math.floor(desired * maximum_percent / 100)
    stop_new = max(0, new.staying - desired)
    total = new.staying + new.leaving + old.staying + old.leaving
    missing = max(0, desired - new.staying)
    start = max(0, min(missing, upper - total))
    spare = max(0, min(new.ready, desired) + old.ready - lower)
    stop_old_ready = min(old.ready, spare)
    leaving = new.leaving + old.leaving + new.starting + old.starting
    return Step(
        start=start,
        stop_new=stop_new,
        stop_old_starting=old.starting,
        stop_old_ready=stop_old_ready,
        stuck=bool(missing and not start and not stop_old_ready and not leaving),
    )


def failure_threshold(desired: int) -> int:
    """Failed tasks that trip the circuit breaker: half of the desired count, at least 3 and at most 200 (as ECS)."""
    return min(200, max(3, math.ceil(desired / 2)))


def backoff(failures: int, first: float, last: float) -> float:
    """Seconds to wait before the next start after `failures` failures in a row."""
    return 0.0 if failures == 0 else min(last, first * 2.0 ** min(failures - 1, 30))
