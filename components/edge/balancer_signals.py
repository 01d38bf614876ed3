"""What of a load balancer and its target groups is watched, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.edge.routes import Route
from components.observability import burn_rates
from components.observability.signals import Severity, Signal


def of_balancer(balancer: Any) -> list[Signal]:
    """What is watched on the load balancer itself; `balancer` is its ARN's suffix, which may be an Output."""
    where = {"LoadBalancer": balancer}
    return [
        Signal(
            name="balancer-errors",
            summary="The load balancer itself answers with 5xx: no healthy target, or a target that breaks off",
            namespace="AWS/ApplicationELB",
            metric="HTTPCode_ELB_5XX_Count",
            dimensions=where,
            statistic="Sum",
            threshold=10,
            periods=5,
            datapoints=3,
            severity=Severity.PAGE,
            runbook="load-balancer-errors",
        ),
        Signal(
            name="rejected-connections",
            summary="The load balancer rejects connections: it is at its limit",
            namespace="AWS/ApplicationELB",
            metric="RejectedConnectionCount",
            dimensions=where,
            statistic="Sum",
            threshold=0,
            periods=3,
            datapoints=2,
            severity=Severity.TICKET,
            runbook="load-balancer-errors",
        ),
    ]


def of_route(route: Route, balancer: Any, group: Any) -> list[Signal]:
    """What is watched on one target group: its SLOs by burn rate, and fixed limits for what they do not name."""
    where = {"LoadBalancer": balancer, "TargetGroup": group}
    promised = {"errors" if slo.name == "availability" else "slow" for slo in route.slos}
    return [
        *(signal for what, signal in _limits(route.name, where).items() if what not in promised),
        *burn_rates.signals(route.name, where, route.slos),
    ]


def _limits(route: str, where: Mapping[str, Any]) -> dict[str, Signal]:
    """What is watched by fixed limits; `errors` and `slow` give way to objectives."""
    found = [
        Signal(
            name=f"{route}-unhealthy",
            summary=f"A task of {route} fails its readiness check",
            namespace="AWS/ApplicationELB",
            metric="UnHealthyHostCount",
            dimensions=where,
            statistic="Maximum",
            threshold=0,
            periods=5,
            severity=Severity.PAGE,
            runbook="unhealthy-targets",
        ),
        Signal(
            name=f"{route}-errors",
            summary=f"{route} answers with 5xx",
            namespace="AWS/ApplicationELB",
            metric="HTTPCode_Target_5XX_Count",
            dimensions=where,
            statistic="Sum",
            threshold=10,
            periods=5,
            datapoints=3,
            severity=Severity.PAGE,
            runbook="service-errors",
        ),
        Signal(
            name=f"{route}-slow",
            summary=f"One request in a hundred to {route} takes longer than a second",
            namespace="AWS/ApplicationELB",
            metric="TargetResponseTime",
            dimensions=where,
            statistic="p99",
            threshold=1.0,
            periods=10,
            datapoints=8,
            severity=Severity.TICKET,
            runbook="service-latency",
            unit_hint="s",
        ),
    ]
    return {signal.name.removeprefix(f"{route}-"): signal for signal in found}
