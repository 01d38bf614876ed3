"""Target tracking as Application Auto Scaling does it: a policy's two alarms, and the number of tasks they lead to; pure.

Source: Application Auto Scaling User Guide, "Target tracking scaling policies" (how it works, cooldowns, several policies).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.dataplane.scaling.steps import StepSignal
from localcloud.dataplane.watch.alarms import ALARM, INSUFFICIENT, Alarm, NotEvaluated
from localcloud.dataplane.watch.metrics import Metrics

#: Data points above the target until more tasks are started, and below this share of it until fewer are.
HIGH_POINTS, LOW_POINTS, LOW_SHARE = 3, 15, 0.9
#: Seconds, where a policy of an ECS service says nothing.
_COOLDOWN = 300

_USED = {
    "ECSServiceAverageCPUUtilization": "CPUUtilization",
    "ECSServiceAverageMemoryUtilization": "MemoryUtilization",
}


@dataclass(frozen=True, slots=True)
class TargetTracking:
    """A deployed policy: its target, the alarms above and below it, cooldowns in seconds."""

    name: str
    resource: str
    target: float
    high: Alarm
    low: Alarm
    scale_out_cooldown: float
    scale_in_cooldown: float
    scales_in: bool

    @classmethod
    def read(cls, row: Mapping[str, Any], period: int) -> TargetTracking:
        """A policy of `describe_scaling_policies`, with data points of `period` seconds; NotEvaluated if not known here."""
        given = row.get("TargetTrackingScalingPolicyConfiguration")
        if not given:
            raise NotEvaluated(
                f"a policy of type {row.get('PolicyType')}; target tracking and steps are evaluated here"
            )
        resource, target = row["ResourceId"], float(given["TargetValue"])
        metric = _metric(resource, given, period)
        sides = (("GreaterThanThreshold", target, HIGH_POINTS), ("LessThanThreshold", target * LOW_SHARE, LOW_POINTS))
        high, low = (
            Alarm.read(
                {
                    **metric,
                    "AlarmName": row["PolicyName"],
                    "ComparisonOperator": comparison,
                    "Threshold": threshold,
                    "EvaluationPeriods": points,
                }
            )
            for comparison, threshold, points in sides
        )
        return cls(
            name=row["PolicyName"],
            resource=resource,
            target=target,
            high=high,
            low=low,
            scale_out_cooldown=float(given.get("ScaleOutCooldown", _COOLDOWN)),
            scale_in_cooldown=float(given.get("ScaleInCooldown", _COOLDOWN)),
            scales_in=not given.get("DisableScaleIn", False),
        )

    def signal(self, metrics: Metrics, since: float, now: float) -> Signal:
        """What its metric says now; nothing was measured before `since`."""
        points = self.low.points(metrics, since, now)
        known = [point for point in points if point is not None]
        if not known or points[-1] is None:
            return Signal(self)
        return Signal(
            self,
            value=known[-1],
            out=self.high.state(points[-HIGH_POINTS:], INSUFFICIENT) == ALARM,
            low=self.low.state(points, INSUFFICIENT) == ALARM,
        )


@dataclass(frozen=True, slots=True)
class Signal:
    """What one policy's metric says: its newest value, and whether it asks for more tasks or would do with fewer."""

    policy: TargetTracking
    value: float | None = None
    out: bool = False
    low: bool = False

    def tasks(self, current: int) -> int:
        """So many of them would bring the metric to its target."""
        return math.ceil((self.value or 0.0) * current / self.policy.target)


@dataclass(slots=True)
class Activity:
    """What scaling did last to a service: when it scaled out and in (seconds), and from how many tasks it went out."""

    scaled_out: dict[str, float] = field(default_factory=dict)
    scaled_in: float = -math.inf
    base: int = 0


def wanted(
    current: int, signals: Iterable[Signal], steps: Iterable[StepSignal], activity: Activity, now: float
) -> tuple[int, str]:
    """The number of tasks that the policies lead to, before any bounds, and the name of the policy that decides.

    Out: whichever wants most. Within its cooldown a policy counts from where it went out, so only a larger step is taken. In:
    whichever takes fewest away, when its last time is long enough ago; target tracking only when every such policy that may
    scale in would do with fewer.
    """
    signals, steps = list(signals), list(steps)

    def grown(name: str, cooldown: float, tasks: Callable[[int], int]) -> int:
        cooling = now - activity.scaled_out.get(name, -math.inf) < cooldown
        return tasks(activity.base if cooling else current)

    outs = {
        signal.policy.name: grown(signal.policy.name, signal.policy.scale_out_cooldown, signal.tasks)
        for signal in signals
        if signal.out
    } | {
        signal.policy.name: grown(signal.policy.name, signal.policy.cooldown, signal.tasks)
        for signal in steps
        if signal.tasks(current) > current
    }
    name = max(outs, key=lambda each: outs[each], default="")
    if outs and outs[name] > current:
        return outs[name], name
    if outs:
        return current, ""
    ins = {
        signal.policy.name: signal.tasks(current)
        for signal in steps
        if signal.tasks(current) < current and now - activity.scaled_in >= signal.policy.cooldown
    }
    inward = [signal for signal in signals if signal.policy.scales_in]
    rested = all(now - activity.scaled_in >= signal.policy.scale_in_cooldown for signal in inward)
    if inward and rested and all(signal.low for signal in inward):
        ins |= {signal.policy.name: min(current, signal.tasks(current)) for signal in inward}
    name = max(ins, key=lambda each: ins[each], default="")
    return (ins[name], name) if ins else (current, "")


def _metric(resource: str, given: Mapping[str, Any], period: int) -> dict[str, Any]:
    """The metric of a policy, as a metric alarm describes one."""
    if custom := given.get("CustomizedMetricSpecification"):
        if queries := custom.get("Metrics"):
            return {"Metrics": [_with_period(query, period) for query in queries]}
        return {key: custom[key] for key in ("Namespace", "MetricName", "Dimensions", "Statistic") if key in custom} | {
            "Period": period
        }
    kind = given.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    if kind in _USED:
        _, cluster, service = resource.split("/")
        place = [{"Name": "ClusterName", "Value": cluster}, {"Name": "ServiceName", "Value": service}]
        return {
            "Namespace": "AWS/ECS",
            "MetricName": _USED[kind],
            "Dimensions": place,
            "Statistic": "Average",
            "Period": period,
        }
    if kind == "ALBRequestCountPerTarget":
        label = given["PredefinedMetricSpecification"].get("ResourceLabel", "")
        balancer, found, group = label.partition("/targetgroup/")
        if not found:
            raise NotEvaluated(f"the resource label {label!r} is not app/…/targetgroup/…")
        place = [
            {"Name": "LoadBalancer", "Value": balancer},
            {"Name": "TargetGroup", "Value": f"targetgroup/{group}"},
        ]
        stats = (("requests", "RequestCount", "Sum"), ("hosts", "HealthyHostCount", "Average"))
        queries = [
            {
                "Id": name,
                "MetricStat": {
                    "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": metric, "Dimensions": place},
                    "Stat": statistic,
                },
                "ReturnData": False,
            }
            for name, metric, statistic in stats
        ]
        whole = {"Id": "each", "Expression": "requests / hosts"}
        return {"Metrics": [*(_with_period(query, period) for query in queries), whole]}
    raise NotEvaluated(f"the metric {kind} has no values here")


def _with_period(query: Mapping[str, Any], period: int) -> dict[str, Any]:
    """A policy's query as an alarm's: of the period that all of them have."""
    given = query.get("MetricStat")
    return {**query, "MetricStat": {**given, "Period": period}} if given else dict(query)
