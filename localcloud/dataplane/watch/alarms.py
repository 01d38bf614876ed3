"""CloudWatch's evaluation of metric alarms: which periods it looks at, what missing ones count as, and the state; pure.

Source: CloudWatch User Guide, "Alarm evaluation" and "Configuring how CloudWatch alarms treat missing data".
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from localcloud.dataplane.watch.expressions import BadExpression, Math, Value, math
from localcloud.dataplane.watch.metrics import Metric, Metrics, UnknownStatistic, check_statistic

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"

#: CloudWatch looks somewhat further back than the evaluation periods; its own examples have five periods for three.
_FURTHER = 2
#: Values of a period are complete so many seconds after its end: lines and datagrams are on their way.
DELAY = 3.0

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


class NotEvaluated(ValueError):
    """An alarm that is not evaluated here, and why."""


@dataclass(frozen=True, slots=True)
class Input:
    """One metric that an alarm reads, with its statistic."""

    metric: Metric
    statistic: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """A deployed metric alarm as far as its evaluation goes: `period` in seconds, `least` breaching points of `periods`."""

    name: str
    description: str
    comparison: str
    threshold: float
    period: int
    periods: int
    least: int
    missing: str
    inputs: Mapping[str, Input] = field(hash=False)
    value: Math = field(hash=False, compare=False, repr=False)

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Alarm:
        """An alarm of `describe_alarms`; NotEvaluated if its metric math, statistic or comparison is not known here."""
        comparison = row["ComparisonOperator"]
        if comparison not in _COMPARISONS:
            raise NotEvaluated(f"{comparison} needs an anomaly detection band, which is not computed here")
        inputs, expression, period = _source(row)
        try:
            value = math(expression)
            for given in inputs.values():
                check_statistic(given.statistic)
        except (BadExpression, UnknownStatistic) as error:
            raise NotEvaluated(str(error)) from error
        periods = int(row["EvaluationPeriods"])
        return cls(
            name=row["AlarmName"],
            description=row.get("AlarmDescription") or "",
            comparison=comparison,
            threshold=float(row["Threshold"]),
            period=period,
            periods=periods,
            least=int(row.get("DatapointsToAlarm") or periods),
            missing=row.get("TreatMissingData") or "missing",
            inputs=inputs,
            value=value,
        )

    def last(self, now: float) -> float:
        """The end of the newest period whose values are complete."""
        return float((now - DELAY) // self.period * self.period)

    def points(self, metrics: Metrics, since: float, now: float) -> list[Value]:
        """The data points of the evaluation range, oldest first. Periods that began before `since` are not looked at."""
        end = self.last(now)
        starts = [end - self.period * back for back in range(self.periods + _FURTHER, 0, -1)]
        return [self._point(metrics, start) for start in starts if start >= since]

    def _point(self, metrics: Metrics, start: float) -> Value:
        values = {
            name: metrics.statistic(given.metric, given.statistic, start, start + self.period)
            for name, given in self.inputs.items()
        }
        return self.value(values)

    def breaches(self, value: float) -> bool:
        """Whether a data point is on the wrong side of the threshold."""
        return _COMPARISONS[self.comparison](value, self.threshold)

    def state(self, points: Sequence[Value], before: str) -> str:
        """The state after `points` (oldest first, None: missing), `before` being the present one.

        With fewer periods than the alarm asks for (it was not watched for longer) nothing is missing yet, and the state stays
        unless the points that there are decide it.
        """
        real = [self.breaches(point) for point in points if point is not None][-self.periods :]
        breaching = sum(real)
        if breaching >= self.least:
            return ALARM
        lacking = self.periods - len(real)
        if lacking == 0:
            return OK
        if self.missing == "notBreaching":
            return OK
        if len(points) < self.periods:
            return before
        if self.missing == "breaching":
            return ALARM if breaching + lacking >= self.least else OK
        if not all(real):
            return OK
        if self.missing == "ignore":
            return before
        return self._unfilled(points, before)

    def _unfilled(self, points: Sequence[Value], before: str) -> str:
        """What `missing` makes of periods of which some are missing and the others breach, but too few.

        A breach old enough, with nothing good since, is enough ("avoiding premature transitions to alarm state").
        """
        ages = [age for age, point in enumerate(reversed(points), start=1) if point is not None]
        if not ages:
            return INSUFFICIENT
        return ALARM if max(ages) >= self.least else before

    def reason(self, points: Sequence[Value], state: str) -> str:
        """What was seen, in a sentence like CloudWatch's."""
        real = [point for point in points if point is not None][-self.periods :]
        seen = ", ".join(f"{point:g}" for point in real) or "none"
        return (
            f"{state}: {len(real)} of the last {self.periods} data points of {self.period} s are known ({seen}); "
            f"threshold {self.threshold:g}, {self.comparison}, {self.least} to alarm, missing ones are {self.missing}"
        )


def _source(row: Mapping[str, Any]) -> tuple[dict[str, Input], str, int]:
    """The inputs by name, the expression over them, and the period."""
    queries = row.get("Metrics") or []
    if not queries:
        statistic = row.get("ExtendedStatistic") or row.get("Statistic") or ""
        return {"value": Input(_metric(row), statistic)}, "value", int(row["Period"])
    inputs: dict[str, Input] = {}
    expression, periods = "", set()
    for query in queries:
        if (given := query.get("MetricStat")) is not None:
            inputs[query["Id"]] = Input(_metric(given["Metric"]), given["Stat"])
            periods.add(int(given["Period"]))
        if query.get("ReturnData", True):
            expression = query.get("Expression") or query["Id"]
        elif query.get("Expression"):
            raise NotEvaluated(f"the expression {query['Id']} is read by another one")
    if len(periods) != 1 or not expression:
        raise NotEvaluated(f"its metrics have the periods {sorted(periods)}; one for all is evaluated here")
    return inputs, expression, periods.pop()


def _metric(given: Mapping[str, Any]) -> Metric:
    dimensions = {item["Name"]: item["Value"] for item in given.get("Dimensions") or []}
    return Metric.of(given["Namespace"], given["MetricName"], dimensions)
