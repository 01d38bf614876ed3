"""What is watched of a distribution. CloudFront's metrics are in us-east-1: `region` says so where the stack is elsewhere."""

from __future__ import annotations

import pulumi

from components.observability.signals import Comparison, Severity, Signal


def misses(distribution_id: pulumi.Output[str], region: str | None) -> Signal:
    """Held against the usual, not against a number: API requests are never from the cache, and how many there are changes."""
    return Signal(
        name="cache-hits",
        summary="Far fewer of what viewers ask is in the CDN's cache than is usual at this hour",
        namespace="AWS/CloudFront",
        metric="CacheHitRate",
        dimensions={"DistributionId": distribution_id, "Region": "Global"},
        comparison=Comparison.UNUSUALLY_LOW,
        threshold=3,
        period=300,
        periods=6,
        severity=Severity.TICKET,
        runbook="cdn-cache",
        unit_hint="%",
        region=region,
    )


def errors(distribution_id: pulumi.Output[str], region: str | None) -> Signal:
    return Signal(
        name="errors",
        summary="More than 5 % of what viewers ask of the CDN is answered with 5xx",
        namespace="AWS/CloudFront",
        metric="5xxErrorRate",
        dimensions={"DistributionId": distribution_id, "Region": "Global"},
        threshold=5,
        periods=5,
        datapoints=3,
        severity=Severity.PAGE,
        runbook="cdn-errors",
        unit_hint="%",
        region=region,
    )
