"""The parameters of each kind of Redis and what of it is watched, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from components.observability.signals import Severity, Signal


class Mode(StrEnum):
    """What a Redis is for."""

    BROKER = "broker"
    """Celery's queues: no cluster mode (Kombu's keys span slots), and nothing may be evicted."""
    CACHE = "cache"
    """Cluster mode. Only keys with an expiry are evicted: a leaderboard has none and stays."""


PARAMETERS: Mapping[Mode, Mapping[str, str]] = {
    Mode.BROKER: {"maxmemory-policy": "noeviction"},
    Mode.CACHE: {"cluster-enabled": "yes", "maxmemory-policy": "volatile-lru"},
}


def nodes(group_id: str, mode: Mode, *, shards: int, replicas: int) -> list[str]:
    """The cache cluster ids of the nodes, as ElastiCache names them."""
    members = range(1, replicas + 2)
    if mode is Mode.BROKER:
        return [f"{group_id}-{member:03}" for member in members]
    return [f"{group_id}-{shard:04}-{member:03}" for shard in range(1, shards + 1) for member in members]


def signals(group_id: str, mode: Mode, *, node_ids: Sequence[str], replicas: int) -> list[Signal]:
    """What is watched on each node of `group_id`."""
    found = []
    for node in node_ids:
        label = node.removeprefix(f"{group_id}-")

        def on(label: str = label, node: str = node, **more: Any) -> Signal:
            name = f"{more.pop('name')}-{label}"
            return Signal(name=name, namespace="AWS/ElastiCache", dimensions={"CacheClusterId": node}, **more)

        full = "the queues take no more jobs" if mode is Mode.BROKER else "keys with an expiry are evicted early"
        found += [
            on(
                name="cpu",
                summary=f"The engine's thread on node {label} of the {mode} has been above 80 % for five minutes.",
                metric="EngineCPUUtilization",
                threshold=80,
                severity=Severity.TICKET,
                runbook="redis-load",
            ),
            on(
                name="memory",
                summary=f"Node {label} of the {mode} has used 80 % of its memory; at 100 % {full}.",
                metric="DatabaseMemoryUsagePercentage",
                statistic="Maximum",
                threshold=80,
                severity=Severity.PAGE if mode is Mode.BROKER else Severity.TICKET,
                runbook="redis-memory",
            ),
        ]
        if replicas:
            found.append(
                on(
                    name="lag",
                    summary=f"Node {label} of the {mode} is more than 10 seconds behind its primary.",
                    metric="ReplicationLag",
                    statistic="Maximum",
                    threshold=10,
                    severity=Severity.TICKET,
                    runbook="redis-replica-lag",
                    unit_hint="seconds",
                )
            )
    return found
