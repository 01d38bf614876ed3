"""What a target-tracking policy holds at its target, as Application Auto Scaling takes it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.compute import log_events
from components.compute.scaling import Metric, TargetTracking


def configuration(policy: TargetTracking, *, label: Any, backlog: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of `policy`. label: of a target group, for its requests. backlog: `backlog(…)`, for messages."""
    found: dict[str, Any] = {
        "target_value": policy.target,
        "scale_out_cooldown": policy.scale_out_cooldown,
        "scale_in_cooldown": policy.scale_in_cooldown,
    }
    if policy.metric is None:
        return {**found, "customized_metric_specification": backlog}
    predefined = {"predefined_metric_type": policy.metric.value}
    if policy.metric is Metric.REQUESTS:
        predefined["resource_label"] = label
    return {**found, "predefined_metric_specification": predefined}


def backlog(service: str, environment: str, cluster: Any, ecs_service: str) -> dict[str, Any]:
    """Messages that wait in the outbox, as the workers say, per task that runs, as Container Insights says.

    No task, no value: then it changes nothing, and tasks come back by the bounds alone.
    """
    counted = {"ClusterName": cluster, "ServiceName": ecs_service}
    return {
        "metrics": [
            {"id": "backlog", "expression": "waiting / tasks", "label": "messages per task", "return_data": True},
            _input("waiting", log_events.OWN_NAMESPACE, log_events.OUTBOX_DEPTH, log_events.of(service, environment)),
            _input("tasks", "ECS/ContainerInsights", "RunningTaskCount", counted),
        ]
    }


def _input(name: str, namespace: str, metric: str, dimensions: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": name,
        "metric_stat": {
            "metric": {
                "namespace": namespace,
                "metric_name": metric,
                "dimensions": [{"name": key, "value": value} for key, value in dimensions.items()],
            },
            "stat": "Average",
        },
        "return_data": False,
    }
