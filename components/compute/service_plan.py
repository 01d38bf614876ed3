"""How each kind of process is deployed and what of it is watched, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.observability.signals import Comparison, MissingData, Query, Severity, Signal
from model.deployment import Deployment, Strategy
from model.vocabulary import ProcessKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollout:
    """Percent of the desired tasks that run at least and at most while a new version comes; whether Spot may hold them."""

    minimum_healthy: int
    maximum: int
    interruptible: bool


#: A scheduler never runs twice: two would do every job twice. Its old task stops before the new one starts.
DEPLOYMENTS: Mapping[ProcessKind, Rollout] = {
    ProcessKind.WEB: Rollout(minimum_healthy=100, maximum=200, interruptible=True),
    ProcessKind.WORKER: Rollout(minimum_healthy=100, maximum=200, interruptible=True),
    ProcessKind.SCHEDULER: Rollout(minimum_healthy=0, maximum=100, interruptible=False),
}


def shift(deployment: Deployment) -> dict[str, Any] | None:
    """ECS's configuration of a deployment that moves requests; None of one that rolls."""
    if not deployment.shifts:
        return None
    found: dict[str, Any] = {
        "strategy": deployment.strategy.upper().replace("-", "_"),
        "bake_time_in_minutes": str(deployment.bake_minutes),
    }
    minutes = str(deployment.step_minutes)
    if deployment.strategy is Strategy.CANARY:
        found["canary_configuration"] = {
            "canary_percent": float(deployment.percent or 0),
            "canary_bake_time_in_minutes": minutes,
        }
    if deployment.strategy is Strategy.LINEAR:
        found["linear_configuration"] = {
            "step_percent": float(deployment.percent or 0),
            "step_bake_time_in_minutes": minutes,
        }
    return found


def signals(
    cluster: str, service: str, kind: ProcessKind, *, minimum_tasks: int, insights: bool, pauses: bool = False
) -> list[Signal]:
    """What is watched on one ECS service; the number of its tasks only where Container Insights counts them.

    pauses: whether there are none at times; then what runs is held against what ECS wants at the time.
    """

    def on(namespace: str, **more: Any) -> Signal:
        return Signal(namespace=namespace, dimensions={"ClusterName": cluster, "ServiceName": service}, **more)

    found = [
        on(
            "AWS/ECS",
            name="cpu",
            summary=f"{service} has used more than 90 % of its CPU for ten minutes; scaling does not keep up.",
            metric="CPUUtilization",
            threshold=90,
            periods=10,
            severity=Severity.TICKET,
            runbook="service-load",
        ),
        on(
            "AWS/ECS",
            name="memory",
            summary=f"{service} has used more than 90 % of its memory; at 100 % its tasks are killed.",
            metric="MemoryUtilization",
            statistic="Maximum",
            threshold=90,
            severity=Severity.TICKET,
            runbook="service-load",
        ),
    ]
    if insights and pauses:
        where = {"ClusterName": cluster, "ServiceName": service}
        found.append(
            Signal(
                name="tasks",
                summary=f"{service} runs fewer tasks than it should at this hour.",
                expression="wanted - running",
                inputs={
                    "wanted": Query("ECS/ContainerInsights", "DesiredTaskCount", where, "Minimum"),
                    "running": Query("ECS/ContainerInsights", "RunningTaskCount", where, "Maximum"),
                },
                threshold=0,
                periods=15,  # a morning's tasks start with their migrations
                severity=Severity.TICKET,
                runbook="service-tasks",
                unit_hint="tasks",
            )
        )
    elif insights:
        found.append(
            on(
                "ECS/ContainerInsights",
                name="tasks",
                summary=f"{service} runs fewer than {minimum_tasks} tasks.",
                metric="RunningTaskCount",
                statistic="Minimum",
                comparison=Comparison.BELOW,
                threshold=minimum_tasks,
                severity=Severity.PAGE if kind is ProcessKind.WEB else Severity.TICKET,
                runbook="service-tasks",
                missing=MissingData.BREACHING,
                unit_hint="tasks",
            )
        )
    return found
