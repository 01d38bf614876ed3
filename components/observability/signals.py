"""Signals: what a component wants watched and why, as data that imports no Pulumi's resources."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How soon a person must look: now (page), in working hours (ticket)."""

    PAGE = "page"
    TICKET = "ticket"


class Comparison(StrEnum):
    """CloudWatch's own comparison operators."""

    ABOVE = "GreaterThanThreshold"
    AT_LEAST = "GreaterThanOrEqualToThreshold"
    BELOW = "LessThanThreshold"
    UNUSUALLY_LOW = "LessThanLowerThreshold"
    UNUSUALLY_HIGH = "GreaterThanUpperThreshold"


class MissingData(StrEnum):
    """What CloudWatch makes of a period without data."""

    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


#: Comparisons with what CloudWatch has learnt of the metric in two weeks, by hour and day of the week.
BANDS = frozenset({Comparison.UNUSUALLY_LOW, Comparison.UNUSUALLY_HIGH})

#: Statistics that CloudWatch knows by name; others (p99, tm95) are "extended" ones.
PLAIN_STATISTICS = frozenset({"Average", "Maximum", "Minimum", "SampleCount", "Sum"})
_EXTENDED = re.compile(r"(p|tm|tc|ts|wm)\d{1,2}(\.\d{1,10})?|p100")

#: How far back an alarm may look, in seconds (periods times the length of one).
_LONGEST = 86_400


@dataclass(frozen=True, slots=True)
class Query:
    """A metric that an expression reads, over the signal's period."""

    namespace: str
    metric: str
    dimensions: Mapping[str, Any]
    statistic: str


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One condition on one CloudWatch metric, or on an expression over several.

    `dimensions` values may be Pulumi Outputs (names and ARN suffixes that AWS chooses); everything else is plain, so that
    the number and the names of the alarms never hang on an unknown.

    - name: unique within its component, kebab-case; the alarm is called `<project>-<stack>-<monitoring>-<component>-<name>`.
    - summary: what is wrong when it fires, one sentence a person on call understands.
    - runbook: file name in docs/runbooks without `.md`; a test fails if the file is missing.
    - period: seconds, one of CloudWatch's (10, 30 or a multiple of 60).
    - expression: CloudWatch metric math instead of namespace, metric, dimensions and statistic; `inputs`: its names → metrics.
    - together: signals of a component with the same one page only when all of them hold.
    - with a comparison of BANDS the threshold is how many standard deviations from the usual are still usual.
    - threshold, statistic, comparison, periods (evaluation periods), datapoints (to alarm; default all of `periods`).
    - region: where the metric is, and so its alarm; default the stack's. CloudFront's metrics are in us-east-1.
    """

    name: str
    summary: str
    namespace: str = ""
    metric: str = ""
    dimensions: Mapping[str, Any] = field(default_factory=dict)
    statistic: str = "Average"
    expression: str = ""
    inputs: Mapping[str, Query] = field(default_factory=dict)
    together: str = ""
    comparison: Comparison = Comparison.ABOVE
    threshold: float
    period: int = 60
    periods: int = 5
    datapoints: int | None = None
    severity: Severity
    runbook: str
    missing: MissingData = MissingData.NOT_BREACHING
    unit_hint: str = ""
    region: str | None = None

    def __post_init__(self) -> None:
        if bool(self.metric) == bool(self.expression) or bool(self.metric) != bool(self.namespace):
            raise ValueError(f"signal {self.name}: give a metric with its namespace, or an expression")
        unread = sorted(name for name in self.inputs if not re.search(rf"\b{name}\b", self.expression))
        if unread or bool(self.expression) != bool(self.inputs):
            raise ValueError(
                f"signal {self.name}: expression {self.expression!r} and inputs {sorted(self.inputs)} disagree"
            )
        if self.period not in (10, 30) and (self.period < 60 or self.period % 60):
            raise ValueError(f"signal {self.name}: period {self.period} s; CloudWatch takes 10, 30 or a multiple of 60")
        if self.comparison in BANDS and (self.expression or not 1 <= self.threshold <= 10):
            raise ValueError(
                f"signal {self.name}: {self.comparison} of {self.expression or self.threshold!r}; accepted: a plain metric, "
                "and 1 to 10 standard deviations"
            )
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ValueError(f"signal {self.name!r}; accepted: lower case, digits and dashes")
        if self.statistic not in PLAIN_STATISTICS and not _EXTENDED.fullmatch(self.statistic):
            plain = ", ".join(sorted(PLAIN_STATISTICS))
            raise ValueError(
                f"signal {self.name}: statistic {self.statistic!r}; accepted: {plain} or a percentile such as p99"
            )
        if self.period * self.periods > _LONGEST:
            looks_back = self.period * self.periods
            raise ValueError(f"signal {self.name}: looks back {looks_back} s; CloudWatch takes {_LONGEST} at most")
        if self.periods < 1 or not 1 <= (self.periods if self.datapoints is None else self.datapoints) <= self.periods:
            raise ValueError(f"signal {self.name}: {self.datapoints} of {self.periods} periods cannot be evaluated")


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """A CloudWatch metric that a dashboard draws and no alarm watches.

    - name: unique within its component, kebab-case. title: what it shows, for who looks.
    - namespace, metric, dimensions, statistic, period: as a signal's. unit_hint: what the axis is labelled with.
    """

    name: str
    title: str
    namespace: str
    metric: str
    dimensions: Mapping[str, Any]
    statistic: str
    period: int
    unit_hint: str = ""


def on(namespace: str, dimensions: Mapping[str, Any]) -> Callable[..., Signal]:
    """What makes the signals of one thing: each call says only what is its own."""
    return functools.partial(Signal, namespace=namespace, dimensions=dimensions)
