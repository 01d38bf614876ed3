"""Lines of a service's log that raise an alarm, as plain data; pure.

The convention is the services' (docs/services.md, "Logs that call a person"): such a line has a field `runbook`, whose level
says how soon. So infrastructure need not know what any one service may say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.observability.signals import Comparison, Graph, MissingData, Severity, Signal
from model.manifest import Schedule
from model.measures import Measure, MeasureAlarm, kebab


@dataclass(frozen=True, kw_only=True, slots=True)
class LogEvent:
    """Lines that `pattern` (CloudWatch's filter syntax for JSON) finds; one within `period` seconds is enough."""

    name: str
    pattern: str
    summary: str
    severity: Severity
    period: int


#: The event that pages, and ends a deployment under way.
CRITICAL = "log-critical"

EVENTS: Sequence[LogEvent] = (
    LogEvent(
        name=CRITICAL,
        pattern='{ $.level = "CRITICAL" }',
        summary="has logged what must never happen; the line's field runbook says what to do",
        severity=Severity.PAGE,
        period=60,
    ),
    LogEvent(
        name="log-error",
        pattern='{ $.level = "ERROR" && $.runbook = "*" }',
        summary="has logged an error that it cannot mend by itself; the line's field runbook says what to do",
        severity=Severity.TICKET,
        period=300,
    ),
)


#: Metrics that services write of themselves (services.common.metrics): their namespace; dimensions are service and
#: environment, and a job's own also the job.
OWN_NAMESPACE = "Matchday"

#: How many messages of a service's outbox wait.
OUTBOX_DEPTH = "OutboxDepth"

#: How long the oldest message of an outbox may wait. From five minutes on the service's log says so, which makes a ticket.
OUTBOX_SECONDS = 900


def of(service: str, environment: str) -> dict[str, str]:
    """The dimensions of what a service says of itself."""
    return {"service": service, "environment": environment}


def outbox_signal(service: str, environment: str) -> Signal:
    """What a service promised with its commits and has not done; whoever runs its worker writes the metric every minute."""
    return Signal(
        name="outbox-age",
        summary=f"The oldest message of {service}'s outbox has waited for more than {OUTBOX_SECONDS // 60} minutes.",
        namespace=OWN_NAMESPACE,
        metric="OutboxAge",
        dimensions=of(service, environment),
        statistic="Minimum",  # of what the workers saw: one that saw it a moment later is not late
        threshold=OUTBOX_SECONDS,
        periods=3,
        severity=Severity.PAGE,
        runbook="outbox-stuck",
        unit_hint="seconds",
    )


def job_signals(service: str, environment: str, schedules: Sequence[Schedule], *, pauses: bool = False) -> list[Signal]:
    """A signal for each job of the clock: the scheduler writes every minute for how long it has not succeeded.

    A scheduler that writes nothing is as bad: then nobody hands the jobs out. Not where it stands still at times (`pauses`).
    """
    return [
        Signal(
            name=f"late-{schedule.job.partition('.')[2].replace('_', '-')}",
            summary=f"{schedule.job} has not succeeded for {schedule.late_after} minutes, or nobody says when it did.",
            namespace=OWN_NAMESPACE,
            metric="JobAge",
            dimensions={**of(service, environment), "job": schedule.job},
            statistic="Minimum",
            threshold=schedule.late_after * 60,
            period=300,
            periods=2,
            severity=Severity.TICKET,
            runbook=schedule.runbook,
            missing=MissingData.NOT_BREACHING if pauses else MissingData.BREACHING,
            unit_hint="seconds",
        )
        for schedule in schedules
    ]


#: How many standard deviations from what CloudWatch has learnt are still usual.
_DEVIATIONS = 3


def measure_signals(service: str, environment: str, measures: Mapping[str, Measure]) -> list[Signal]:
    """A signal for each figure of the business whose manifest says when it needs a person. One that nobody writes is none:
    no deposit was late where there was none."""
    return [
        Signal(
            name=kebab(name),
            summary=measure.alarm.summary,
            namespace=OWN_NAMESPACE,
            metric=name,
            dimensions=of(service, environment),
            statistic=measure.statistic,
            **_bound(measure.alarm),
            period=measure.minutes * 60,
            periods=measure.alarm.times,
            severity=Severity(measure.alarm.severity),
            runbook=measure.alarm.runbook,
            unit_hint=measure.unit,
        )
        for name, measure in measures.items()
        if measure.alarm is not None
    ]


def _bound(alarm: MeasureAlarm) -> dict[str, Any]:
    if alarm.above is not None:
        return {"comparison": Comparison.ABOVE, "threshold": alarm.above}
    low = alarm.unusual == "low"
    return {"comparison": Comparison.UNUSUALLY_LOW if low else Comparison.UNUSUALLY_HIGH, "threshold": _DEVIATIONS}


def measure_graphs(service: str, environment: str, measures: Mapping[str, Measure]) -> list[Graph]:
    """The figures that are only drawn."""
    return [
        Graph(
            name=kebab(name),
            title=measure.says,
            namespace=OWN_NAMESPACE,
            metric=name,
            dimensions=of(service, environment),
            statistic=measure.statistic,
            period=measure.minutes * 60,
            unit_hint=measure.unit,
        )
        for name, measure in measures.items()
        if measure.alarm is None
    ]


def metric(service: str, event: LogEvent) -> str:
    """The metric that counts `event` in the log of `service`."""
    return f"{service}-{event.name}"


def signals(service: str, namespace: str) -> list[Signal]:
    """A signal per event of EVENTS; their metrics are in `namespace`."""
    return [
        Signal(
            name=event.name,
            summary=f"{service} {event.summary}",
            namespace=namespace,
            metric=metric(service, event),
            statistic="Sum",
            threshold=0,
            period=event.period,
            periods=1,
            severity=event.severity,
            runbook="service-log",
            unit_hint="lines",
        )
        for event in EVENTS
    ]
