"""What of a load balancer, its target groups and certificates is watched, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.edge.routes import Route
from components.observability import burn_rates
from components.observability.signals import Comparison, Severity, Signal, on

_NAMESPACE = "AWS/ApplicationELB"

#: Certificates renew themselves 60 days before they end; later than this they did not.
_DAYS_LEFT = 30


def of_balancer(balancer: Any) -> list[Signal]:
    """What is watched on the load balancer itself; `balancer` is its ARN's suffix, which may be an Output."""
    signal = on(_NAMESPACE, {"LoadBalancer": balancer})
    return [
        signal(
            name="balancer-errors",
            summary="The load balancer itself answers with 5xx: no healthy target, or a target that breaks off",
            metric="HTTPCode_ELB_5XX_Count",
            statistic="Sum",
            threshold=10,
            periods=5,
            datapoints=3,
            severity=Severity.PAGE,
            runbook="load-balancer-errors",
        ),
        signal(
            name="rejected-connections",
            summary="The load balancer rejects connections: it is at its limit",
            metric="RejectedConnectionCount",
            statistic="Sum",
            threshold=0,
            periods=3,
            datapoints=2,
            severity=Severity.TICKET,
            runbook="load-balancer-errors",
        ),
        signal(
            name="traffic",
            summary="Far fewer requests arrive than is usual at this hour: players cannot come, or do not want to",
            metric="RequestCount",
            statistic="Sum",
            comparison=Comparison.UNUSUALLY_LOW,
            threshold=3,
            period=300,
            periods=3,
            severity=Severity.TICKET,
            runbook="unusual-traffic",
            unit_hint="requests",
        ),
    ]


def of_route(route: Route, balancer: Any, groups: Sequence[Any]) -> list[Signal]:
    """What is watched on a route's target groups: its SLOs by burn rate, fixed limits for what they do not name, and what ends
    a deployment."""
    where = [{"LoadBalancer": balancer, "TargetGroup": group} for group in groups]
    promised = {"errors" if slo.name == "availability" else "slow" for slo in route.slos}
    return [
        _failing(route.name, where),
        *(signal for what, signal in _limits(route.name, where).items() if what.removesuffix("-other") not in promised),
        *burn_rates.signals(route.name, where, route.slos),
    ]


def failing(route: str) -> str:
    """The signal on which a deployment of `route` goes back."""
    return f"{route}-failing"


def _failing(route: str, where: Sequence[Mapping[str, Any]]) -> Signal:
    """Two minutes of three: burn rates look back an hour, and ECS holds a deployment open for as long as its alarms look."""
    requests, of_requests = burn_rates.total("requests", "RequestCount", where)
    errors, of_errors = burn_rates.total("errors", "HTTPCode_Target_5XX_Count", where, missing=0)
    return Signal(
        name=failing(route),
        summary=f"More than 5 % of the requests to {route} end in 5xx; a deployment under way goes back by itself",
        expression=f"IF({requests} < 20, 0, 100 * {errors} / {requests})",
        inputs={**of_requests, **of_errors},
        threshold=5,
        periods=3,
        datapoints=2,
        severity=Severity.TICKET,
        runbook="roll-back",
        unit_hint="% failed",
    )


def _limits(route: str, places: Sequence[Mapping[str, Any]]) -> dict[str, Signal]:
    """What is watched by fixed limits, on each of the groups; `errors` and `slow` give way to objectives."""
    found = {}
    for where, ending in zip(places, ("", "-other"), strict=False):
        for each in _limits_of_group(route, where, ending):
            found[each.name.removeprefix(f"{route}-")] = each
    return found


def _limits_of_group(route: str, where: Mapping[str, Any], ending: str) -> list[Signal]:
    signal = on(_NAMESPACE, where)
    return [
        signal(
            name=f"{route}-unhealthy{ending}",
            summary=f"A task of {route} fails its readiness check",
            metric="UnHealthyHostCount",
            statistic="Maximum",
            threshold=0,
            periods=5,
            severity=Severity.PAGE,
            runbook="unhealthy-targets",
        ),
        signal(
            name=f"{route}-errors{ending}",
            summary=f"{route} answers with 5xx",
            metric="HTTPCode_Target_5XX_Count",
            statistic="Sum",
            threshold=10,
            periods=5,
            datapoints=3,
            severity=Severity.PAGE,
            runbook="service-errors",
        ),
        signal(
            name=f"{route}-slow{ending}",
            summary=f"One request in a hundred to {route} takes longer than a second",
            metric="TargetResponseTime",
            statistic="p99",
            threshold=1.0,
            periods=10,
            datapoints=8,
            severity=Severity.TICKET,
            runbook="service-latency",
            unit_hint="s",
        ),
    ]


def expiry(certificate_arn: Any, region: str | None = None) -> Signal:
    """Watch a certificate, whoever made it; `region`: where it is, if not in the stack's."""
    return Signal(
        name="certificate-expiry",
        summary=f"A certificate ends in less than {_DAYS_LEFT} days and has not renewed itself",
        namespace="AWS/CertificateManager",
        metric="DaysToExpiry",
        dimensions={"CertificateArn": certificate_arn},
        statistic="Minimum",
        comparison=Comparison.BELOW,
        threshold=_DAYS_LEFT,
        period=86_400,
        periods=1,
        severity=Severity.TICKET,
        runbook="certificate-expiry",
        unit_hint="days",
        region=region,
    )
