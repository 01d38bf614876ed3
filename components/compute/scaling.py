"""How a service grows and shrinks, and how its tasks are spread over Fargate and Fargate Spot; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import StrEnum

from model.vocabulary import Scaling


class Metric(StrEnum):
    """Application Auto Scaling's predefined metrics of an ECS service. What a worker is held at, the messages of its outbox
    that wait per task, is none of them: BACKLOG."""

    CPU = "ECSServiceAverageCPUUtilization"
    MEMORY = "ECSServiceAverageMemoryUtilization"
    REQUESTS = "ALBRequestCountPerTarget"


#: The role of the policy on messages that wait per task.
BACKLOG = "backlog"


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetTracking:
    """One target-tracking policy; cooldowns in seconds. With several, the one that wants most tasks wins.

    metric: None of the backlog, which two metrics make.
    """

    role: str
    metric: Metric | None
    target: int
    scale_out_cooldown: int
    scale_in_cooldown: int


@dataclass(frozen=True, slots=True)
class CapacityShare:
    """One row of a capacity-provider strategy: `base` tasks first, then tasks in proportion to `weight`."""

    provider: str
    weight: int
    base: int = 0


@dataclass(frozen=True, slots=True)
class Scheduled:
    """New bounds: `minimum` and `maximum` tasks from `when` on (`once`, `weekly`). name: unique within the service.

    timezone: by which `when` is read, a name of the tz database.
    """

    name: str
    when: str
    minimum: int
    maximum: int
    timezone: str = "UTC"


def once(at: datetime) -> str:
    """A moment as Application Auto Scaling writes it, in UTC; `at` has its offset."""
    return f"at({at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})"


def weekly(days: Sequence[str], at: time) -> str:
    """The same time on each of `days` (``mon`` …)."""
    return f"cron({at.minute} {at.hour} ? * {','.join(day.upper() for day in days)} *)"


#: Out within a minute: the hour before a match's deadline brings a crowd in minutes. In slowly: the crowd comes back.
_SCALE_OUT_SECONDS, _SCALE_IN_SECONDS = 60, 300


def plan(scaling: Scaling | None) -> list[TargetTracking]:
    """The policies that keep a service at its targets; none when its number of tasks cannot move."""
    if scaling is None or scaling.minimum == scaling.maximum:
        return []
    targets = (
        ("cpu", Metric.CPU, scaling.cpu),
        ("memory", Metric.MEMORY, scaling.memory),
        ("requests", Metric.REQUESTS, scaling.requests),
        (BACKLOG, None, scaling.backlog),
    )
    return [
        TargetTracking(
            role=role,
            metric=metric,
            target=target,
            scale_out_cooldown=_SCALE_OUT_SECONDS,
            scale_in_cooldown=_SCALE_IN_SECONDS,
        )
        for role, metric, target in targets
        if target is not None
    ]


def capacity(spot_percent: int, *, interruptible: bool) -> Sequence[CapacityShare]:
    """Where tasks run. The first is never on Spot, so that AWS taking all Spot capacity back leaves the service up.

    `interruptible` is False for a process of which there is one: Spot would take it away with two minutes' notice.
    """
    if not 0 <= spot_percent <= 100:
        raise ValueError(f"spot_percent {spot_percent}; accepted: 0 to 100")
    if spot_percent == 0 or not interruptible:
        return [CapacityShare("FARGATE", 1, base=1)]
    return [CapacityShare("FARGATE", 100 - spot_percent, base=1), CapacityShare("FARGATE_SPOT", spot_percent)]
