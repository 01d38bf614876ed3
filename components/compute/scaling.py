"""How a service grows and shrinks, and how its tasks are spread over Fargate and Fargate Spot; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from model.vocabulary import Scaling


class Metric(StrEnum):
    """Application Auto Scaling's predefined metrics of an ECS service."""

    CPU = "ECSServiceAverageCPUUtilization"
    REQUESTS = "ALBRequestCountPerTarget"


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetTracking:
    """One target-tracking policy; cooldowns in seconds. With several, the one that wants most tasks wins."""

    role: str
    metric: Metric
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
    """New bounds at a moment: `minimum` and `maximum` tasks from `at` (with its offset) on. name: unique within the service."""

    name: str
    at: datetime
    minimum: int
    maximum: int

    @property
    def expression(self) -> str:
        """The moment as Application Auto Scaling writes it, in UTC."""
        return f"at({self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})"


#: Out within a minute: the hour before a match's deadline brings a crowd in minutes. In slowly: the crowd comes back.
_SCALE_OUT_SECONDS, _SCALE_IN_SECONDS = 60, 300


def plan(scaling: Scaling | None) -> list[TargetTracking]:
    """The policies that keep a service at its targets; none when its number of tasks cannot move."""
    if scaling is None or scaling.minimum == scaling.maximum:
        return []
    targets = (("cpu", Metric.CPU, scaling.cpu), ("requests", Metric.REQUESTS, scaling.requests))
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
