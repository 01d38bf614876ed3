"""Step scaling as Application Auto Scaling does it: how far an alarm's metric is beyond its threshold decides the step; pure.

Source: Application Auto Scaling User Guide, "Step scaling policies" (step adjustments, adjustment types, cooldown).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.dataplane.watch.alarms import ALARM, INSUFFICIENT, Alarm, NotEvaluated
from localcloud.dataplane.watch.metrics import Metrics

_TYPES = ("ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity")


@dataclass(frozen=True, slots=True)
class StepAdjustment:
    """What is adjusted where the metric is between two bounds, which are relative to the alarm's threshold."""

    lower: float
    upper: float
    adjustment: float

    def holds(self, beyond: float) -> bool:
        """Above the threshold the lower bound belongs to a step, below it the upper one."""
        return self.lower <= beyond < self.upper if beyond >= 0 else self.lower < beyond <= self.upper


@dataclass(frozen=True, slots=True)
class StepScaling:
    """A deployed policy with the alarms whose action it is. `least`: MinAdjustmentMagnitude; `cooldown` in seconds."""

    name: str
    resource: str
    kind: str
    steps: Sequence[StepAdjustment]
    least: int
    cooldown: float
    alarms: Sequence[Alarm]

    @classmethod
    def read(cls, row: Mapping[str, Any], alarms: Sequence[Alarm]) -> StepScaling:
        """A policy of `describe_scaling_policies`; NotEvaluated if no alarm starts it that is evaluated here."""
        given = row["StepScalingPolicyConfiguration"]
        if given.get("AdjustmentType") not in _TYPES:
            raise NotEvaluated(f"the adjustment type {given.get('AdjustmentType')}")
        if not alarms:
            raise NotEvaluated("no alarm that is evaluated here has it among its actions")
        steps = [
            StepAdjustment(
                lower=float(each.get("MetricIntervalLowerBound", -math.inf)),
                upper=float(each.get("MetricIntervalUpperBound", math.inf)),
                adjustment=float(each["ScalingAdjustment"]),
            )
            for each in given.get("StepAdjustments") or []
        ]
        return cls(
            name=row["PolicyName"],
            resource=row["ResourceId"],
            kind=given["AdjustmentType"],
            steps=steps,
            least=int(given.get("MinAdjustmentMagnitude") or 1),
            cooldown=float(given.get("Cooldown") or 0),
            alarms=alarms,
        )

    def signal(self, metrics: Metrics, since: float, now: float) -> StepSignal | None:
        """The step that its alarm's newest value asks for while the alarm rings; nothing was measured before `since`."""
        for alarm in self.alarms:
            points = alarm.points(metrics, since, now)
            known = [point for point in points if point is not None]
            if not known or alarm.state(points, INSUFFICIENT) != ALARM:
                continue
            beyond = known[-1] - alarm.threshold
            for step in self.steps:
                if step.holds(beyond):
                    return StepSignal(self, step)
        return None


@dataclass(frozen=True, slots=True)
class StepSignal:
    """A step that a policy asks for now."""

    policy: StepScaling
    step: StepAdjustment

    def tasks(self, current: int) -> int:
        """So many tasks it leads to from so many. Parts of tasks are cut off; a change is at least one task."""
        change = self.step.adjustment
        if self.policy.kind == "ExactCapacity":
            return int(change)
        if self.policy.kind == "PercentChangeInCapacity":
            change = change * current / 100
        size = max(math.floor(abs(change)), self.policy.least) if change else 0
        return max(current + int(math.copysign(size, change)), 0)
