"""Figures of the business that a service writes of itself, as its manifest has them: what dashboards draw and alarms watch."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from model.validation import described
from model.vocabulary import Model


class MeasureAlarm(Model):
    """When a figure needs a person: above a number, or far from what CloudWatch has learnt to be usual at this hour."""

    summary: Annotated[str, Field(min_length=1, max_length=160)]
    """what is wrong when it rings, in one sentence"""
    above: Annotated[float, Field(ge=0, le=1_000_000_000_000, strict=False)] | None = None
    """the number that is too much; or `unusual`, one of the two"""
    unusual: Literal["low", "high"] | None = None
    """instead of `above`: far below or far above the usual of this hour of the week (three standard deviations)"""
    times: Annotated[int, Field(ge=1, le=12)] = 1
    """periods in a row that it must be so"""
    severity: Literal["page", "ticket"] = "ticket"
    """whether somebody is woken"""
    runbook: Annotated[str, StringConstraints(pattern=described(r"^[a-z0-9]+(-[a-z0-9]+)*$", "lower case and dashes"))]
    """what a person then does: a file in docs/runbooks/"""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.above is None) == (self.unusual is None):
            given = "neither is" if self.above is None else "both are"
            raise ValueError(f"above and unusual: {given} given; accepted: one of the two")
        return self


#: The name of a metric that the service's code writes (`services.common.metrics`), by its service and environment.
MetricName = Annotated[
    str,
    StringConstraints(pattern=described(r"^[A-Z][A-Za-z0-9]{2,39}$", "3 to 40 letters and digits, a capital first")),
]


def kebab(metric: str) -> str:
    """A metric's name, as alarms and graphs have it.

    >>> kebab("ReviewsAge")
    'reviews-age'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "-", metric).lower()


class Measure(Model):
    """One figure."""

    says: Annotated[str, Field(min_length=1, max_length=80)]
    """what it is, for who looks at a graph"""
    unit: Annotated[str, Field(min_length=1, max_length=20)]
    """what it counts"""
    statistic: Literal["Average", "Maximum", "Minimum", "Sum", "p50", "p90", "p99"]
    """what becomes of the values of one period"""
    minutes: Annotated[int, Field(ge=1, le=1440)] = 5
    """how long a period is"""
    alarm: MeasureAlarm | None = None
    """when it needs a person; left out: it is only drawn"""

    @model_validator(mode="after")
    def _looks_back(self) -> Self:
        if self.alarm is not None and self.minutes * self.alarm.times > 1440:
            raise ValueError(
                f"alarm.times {self.alarm.times} of {self.minutes} minutes: CloudWatch looks back a day (1440) at most"
            )
        return self
