"""Figures out of the data plane's metrics: traffic by endpoint, what waits, the business, the ledger's reconciliation. Pure.

The metrics are those that services and AWS would send to CloudWatch: `Matchday` (services/common), `AWS/ApplicationELB`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model.measures import Measure

#: How far back the page looks.
MINUTES = 30
_SERVICES, _BALANCER = "Matchday", "AWS/ApplicationELB"

Points = Sequence[float | None]
#: (namespace, statistic) → series: name, dimensions, points (`Client.history`).
History = Callable[[str, str], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What was asked of one endpoint in the last MINUTES: requests, those that failed (5xx), the slowest of twenty in ms."""

    service: str
    endpoint: str
    requests: Points
    failed: Points
    latency: Points

    @property
    def asked(self) -> int:
        """Requests in all."""
        return round(sum(filter(None, self.requests)))

    @property
    def failures(self) -> int:
        """Requests that failed, in all."""
        return round(sum(filter(None, self.failed)))

    @property
    def p95(self) -> float | None:
        """Of the minute in which it was the highest."""
        return max((point for point in self.latency if point is not None), default=None)


@dataclass(frozen=True, slots=True)
class Traffic:
    """At the load balancer (service and endpoint empty), and by endpoint, the most asked first."""

    balancer: Endpoint
    endpoints: Sequence[Endpoint]


@dataclass(frozen=True, slots=True)
class Queue:
    """A service's outbox: messages that wait, the oldest's age, dead letters; how late events are read. Ages in seconds."""

    service: str
    depth: Points
    oldest: float | None
    dead: float | None
    unread: float | None

    @property
    def now(self) -> float:
        """Messages that wait, by the last count."""
        return _last(self.depth) or 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits: outboxes by service, and jobs of the clock by the seconds since they last succeeded."""

    queues: Sequence[Queue]
    jobs: Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Business:
    """A figure of the business, as a service's manifest has it: its statistic minute by minute; `runbook` and `above` of its
    alarm (empty, None: not watched, or by what is usual)."""

    service: str
    says: str
    unit: str
    statistic: str
    points: Points
    runbook: str
    above: float | None

    @property
    def now(self) -> float | None:
        """The last value; of what is counted, all of MINUTES."""
        known = [point for point in self.points if point is not None]
        return (sum(known) if self.statistic == "Sum" else known[-1]) if known else None

    @property
    def beyond(self) -> bool:
        """Whether the alarm would ring if it stayed so."""
        last = _last(self.points)
        return self.above is not None and last is not None and last > self.above


def business(history: History, wanted: Mapping[str, Mapping[str, Measure]]) -> list[Business]:
    """The figures of each service's manifest (service → metric → figure), those without a value as well."""
    statistics = sorted({measure.statistic for measures in wanted.values() for measure in measures.values()})
    found = {
        (statistic, row["dimensions"]["service"], row["name"]): row["points"]
        for statistic in statistics
        for row in history(_SERVICES, statistic)
        if set(row["dimensions"]) == {"service", "environment"}
    }
    return [
        Business(
            service=service,
            says=measure.says,
            unit=measure.unit,
            statistic=measure.statistic,
            points=found.get((measure.statistic, service, metric), []),
            runbook=measure.alarm.runbook if measure.alarm else "",
            above=measure.alarm.above if measure.alarm else None,
        )
        for service, measures in sorted(wanted.items())
        for metric, measure in measures.items()
    ]


def traffic(history: History) -> Traffic:
    """Requests, errors and latency of the last MINUTES."""
    counts, slow = _keyed(history(_SERVICES, "Sum")), _keyed(history(_SERVICES, "p95"))
    found = [
        Endpoint(
            service=dict(place)["service"],
            endpoint=dict(place)["endpoint"],
            requests=points,
            failed=counts.get(("Errors", place), []),
            latency=slow.get(("Latency", place), []),
        )
        for (name, place), points in counts.items()
        if name == "Requests" and "endpoint" in dict(place)
    ]
    asked = sorted((each for each in found if each.asked), key=lambda each: (-each.asked, each.service, each.endpoint))
    return Traffic(_at_the_balancer(history), asked)


def _at_the_balancer(history: History) -> Endpoint:
    sums, slow = history(_BALANCER, "Sum"), history(_BALANCER, "p95")
    whole = [row for row in sums if set(row["dimensions"]) == {"LoadBalancer"}]
    return Endpoint(
        service="",
        endpoint="",
        requests=_added(row["points"] for row in whole if row["name"] in ("RequestCount", "HTTPCode_ELB_5XX_Count")),
        failed=_added(row["points"] for row in whole if row["name"].endswith("5XX_Count")),
        # Seconds, as the balancer says them.
        latency=[
            None if point is None else point * 1000
            for point in _most(
                row["points"]
                for row in slow
                if row["name"] == "TargetResponseTime" and set(row["dimensions"]) == {"LoadBalancer"}
            )
        ],
    )


def waiting(history: History) -> Waiting:
    """Queues and outboxes, and how long ago each job succeeded."""
    found = _keyed(history(_SERVICES, "Maximum"))
    of = {
        (name, dict(place)["service"]): points
        for (name, place), points in found.items()
        if set(dict(place)) == {"service", "environment"}
    }
    queues = [
        Queue(
            service=service,
            depth=points,
            oldest=_last(of.get(("OutboxAge", service), [])),
            dead=_last(of.get(("OutboxDeadLetters", service), [])),
            unread=_last(of.get(("EventsUnread", service), [])),
        )
        for (name, service), points in sorted(of.items())
        if name == "OutboxDepth"
    ]
    jobs = sorted(
        (dict(place)["job"], age)
        for (name, place), points in found.items()
        if name == "JobAge" and (age := _last(points)) is not None
    )
    return Waiting(queues, jobs)


def ledger(history: History) -> dict[str, float]:
    """The last reconciliation of the wallet's ledger: `accounts`, `entries`, `discrepancies`; empty where none was seen."""
    found = {
        row["name"].removeprefix("Ledger").lower(): _last(row["points"])
        for row in history(_SERVICES, "Maximum")
        if row["name"].startswith("Ledger")
    }
    return {name: value for name, value in found.items() if value is not None}


def _keyed(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, tuple[tuple[str, str], ...]], Points]:
    return {(row["name"], tuple(sorted(row["dimensions"].items()))): row["points"] for row in rows}


def _last(points: Points) -> float | None:
    return next((point for point in reversed(points) if point is not None), None)


def _added(rows: Iterable[Points]) -> Points:
    return [_sum(column) for column in zip(*rows, strict=True)]


def _most(rows: Iterable[Points]) -> Points:
    return [max((point for point in column if point is not None), default=None) for column in zip(*rows, strict=True)]


def _sum(column: Iterable[float | None]) -> float | None:
    known = [point for point in column if point is not None]
    return sum(known) if known else None
