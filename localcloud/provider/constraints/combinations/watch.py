"""CloudWatch, Logs, Auto Scaling, Budgets. Sources: PutMetricAlarm, PutMetricFilter, PutScalingPolicy (API references)."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from zoneinfo import available_timezones

from localcloud.provider.constraints.combinations.given import Failure, Given
from localcloud.provider.constraints.combinations.messages import schedule_expression

_RETENTION = (
    0,
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
_DIMENSIONS = {
    "ecs": ("ecs:service:DesiredCount", r"service/[^/]+/[^/]+"),
    "ec2": ("ec2:spot-fleet-request:TargetCapacity", r"spot-fleet-request/.+"),
    "dynamodb": ("dynamodb:", r"table/[^/]+(/index/[^/]+)?"),
    "rds": ("rds:cluster:ReadReplicaCount", r"cluster:.+"),
    "lambda": ("lambda:function:ProvisionedConcurrency", r"function:[^:]+:[^:]+"),
    "elasticache": ("elasticache:", r"(replication-group|cache-cluster)/.+"),
}
_PREDEFINED = {
    "ecs": ("ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization", "ALBRequestCountPerTarget"),
    "dynamodb": ("DynamoDBReadCapacityUtilization", "DynamoDBWriteCapacityUtilization"),
    "rds": ("RDSReaderAverageCPUUtilization", "RDSReaderAverageDatabaseConnections"),
}


def alarm(given: Given) -> Iterator[Failure]:
    """A metric alarm: one metric or a set of queries, one statistic, periods."""
    queries = given.each("metricQueries")
    if given.has("metricQueries"):
        for name in ("metricName", "namespace", "period", "statistic", "extendedStatistic", "dimensions", "unit"):
            if given.has(name):
                yield name, f"{name} and metricQueries exclude each other"
        if queries and given.get("metricQueries") is not None:
            returned = [query for query in queries if query.on("returnData")]
            if len(returned) != 1 and len(queries) > 1 and given.lacks("thresholdMetricId"):
                yield "metricQueries", f"metricQueries: exactly one has returnData; {len(returned)} have"
            ids = [query.text("id") for query in queries]
            if None not in ids and len(ids) != len(set(ids)):
                yield "metricQueries", "metricQueries: two have one id"
            for query in queries:
                if query.has("expression") and query.has("metric"):
                    yield "metricQueries", f"metricQueries: {query.text('id')!r} has both expression and metric"
                if query.lacks("expression", "metric"):
                    yield "metricQueries", f"metricQueries: {query.text('id')!r} needs expression or metric"
                ident = query.text("id")
                if ident and not re.fullmatch(r"[a-z][a-zA-Z0-9_]*", ident):
                    yield (
                        "metricQueries",
                        f"metricQueries: the id {ident!r}; accepted are letters, digits and _, a lower-case letter first",
                    )
                yield from (
                    ("metricQueries", f"metricQueries: {reason}") for _, reason in _period(query.inner("metric"))
                )
    elif given.has("metricName"):
        for name in ("namespace", "period"):
            if given.lacks(name):
                yield name, f"{name} is required with metricName"
        if given.lacks("statistic", "extendedStatistic"):
            yield "statistic", "one of statistic and extendedStatistic is required with metricName"
    if given.has("statistic") and given.has("extendedStatistic"):
        yield "extendedStatistic", "statistic and extendedStatistic exclude each other"
    extended = given.text("extendedStatistic")
    if extended and not re.fullmatch(
        r"p\d{1,2}(\.\d{1,10})?|p100|(tm|tc|ts|wm|TM|TC|TS|WM)(\d{1,2}(\.\d+)?|100|\(.+\))|(PR|IQM)(\(.+\))?|IQM",
        extended,
    ):
        yield "extendedStatistic", f"extendedStatistic is {extended!r}; accepted is one such as p99 or tm90"
    yield from _period(given)
    periods, span = given.number("evaluationPeriods"), given.number("period")
    if periods and span and periods * span > (604800 if span >= 3600 else 86400):
        yield (
            "evaluationPeriods",
            f"{periods:g} periods of {span:g} s; together they last at most a day (a week from an hour on)",
        )
    some = given.number("datapointsToAlarm")
    if some is not None and periods is not None and some > periods:
        yield "datapointsToAlarm", f"datapointsToAlarm {some:g} cannot be more than evaluationPeriods {periods:g}"
    if given.has("thresholdMetricId") and given.has("threshold"):
        yield "threshold", "threshold and thresholdMetricId exclude each other"
    comparison = given.text("comparisonOperator") or ""
    anomaly = "LowerOrGreater" in comparison or "ThanLowerThreshold" in comparison or "ThanUpperThreshold" in comparison
    if anomaly and given.lacks("thresholdMetricId"):
        yield "thresholdMetricId", f"thresholdMetricId is required with {comparison}"
    if given.has("thresholdMetricId") and comparison and not anomaly:
        yield (
            "comparisonOperator",
            f"comparisonOperator is {comparison!r}; with thresholdMetricId the bounds of a band are compared",
        )
    for name in ("alarmActions", "okActions", "insufficientDataActions"):
        listed = given.items(name)
        if listed is not None and len(listed) > 5:
            yield name, f"{name} has {len(listed)} elements; accepted are at most 5"
        for action in listed or ():
            if not re.match(
                r"arn:[\w-]+:(sns|autoscaling|automate|swf|ssm|ssm-incidents|lambda|events|ec2)", str(action)
            ):
                yield name, f"{name}: {action!r} is no action of an alarm (the ARN of a topic, a policy, a function)"
    if isinstance(given.get("dimensions"), dict) and len(given.get("dimensions")) > 30:
        yield "dimensions", "dimensions: accepted are at most 30"


def _period(given: Given) -> Iterator[Failure]:
    period = given.number("period")
    if period is not None and period not in (1, 5, 10, 20, 30) and (period < 60 or period % 60):
        yield "period", f"period is {period:g}; accepted are 10, 20, 30 and multiples of 60"


def composite(given: Given) -> Iterator[Failure]:
    """A composite alarm's rule."""
    text = given.text("alarmRule")
    if text is not None and given.has("alarmRule"):
        if text.count("(") != text.count(")"):
            yield "alarmRule", f"alarmRule is {text!r}: a parenthesis is not closed"
        elif not re.search(r"\b(ALARM|OK|INSUFFICIENT_DATA)\s*\(|\bTRUE\b|\bFALSE\b", text):
            yield (
                "alarmRule",
                f"alarmRule is {text!r}; accepted are ALARM(…), OK(…), INSUFFICIENT_DATA(…), TRUE and FALSE with AND, OR, NOT",
            )
    if given.has("actionsSuppressor") and given.get("actionsSuppressor") is not None:
        inner = given.inner("actionsSuppressor")
        for name in ("alarm", "waitPeriod", "extensionPeriod"):
            if inner.lacks(name) and inner.get(name) != 0:
                yield "actionsSuppressor", f"actionsSuppressor.{name} is required"


def dashboard(given: Given) -> Iterator[Failure]:
    """A dashboard's body."""
    body = given.get("dashboardBody")
    if isinstance(body, str):
        try:
            found = json.loads(body)
        except ValueError:
            yield "dashboardBody", "dashboardBody is not JSON"
            return
        widgets = found.get("widgets") if isinstance(found, dict) else None
        if not isinstance(widgets, list):
            yield "dashboardBody", "dashboardBody: widgets, a list, is required"
            return
        if len(widgets) > 500:
            yield "dashboardBody", f"dashboardBody has {len(widgets)} widgets; accepted are at most 500"
        for widget in widgets:
            if isinstance(widget, dict) and widget.get("type") not in (
                "metric",
                "text",
                "log",
                "alarm",
                "explorer",
                "custom",
                "query",
            ):
                yield (
                    "dashboardBody",
                    f"dashboardBody: the widget type {widget.get('type')!r}; accepted are metric, text, log, alarm, explorer",
                )


def log_group(given: Given) -> Iterator[Failure]:
    """A log group: retention and class."""
    days, name = given.number("retentionInDays"), given.text("name")
    if name and name.startswith("aws/"):
        yield "name", f"InvalidParameterException: name is {name!r}; a name does not begin with aws/"
    if days is not None and days not in _RETENTION:
        yield "retentionInDays", f"retentionInDays is {days:g}; accepted are {', '.join(map(str, _RETENTION))}"


def metric_filter(given: Given) -> Iterator[Failure]:
    """A metric filter: a default value has no dimensions; the pattern is closed."""
    change = given.inner("metricTransformation")
    if change.has("defaultValue") and change.has("dimensions"):
        yield "metricTransformation", "metricTransformation: defaultValue and dimensions exclude each other"
    if isinstance(change.get("dimensions"), dict) and len(change.get("dimensions")) > 3:
        yield "metricTransformation", "metricTransformation: dimensions are at most 3"
    pattern = given.text("pattern")
    if pattern and pattern.strip().startswith("{") and not pattern.strip().endswith("}"):
        yield "pattern", f"pattern is {pattern!r}: {{ is not closed"
    value = change.text("value")
    if value and not re.fullmatch(r"-?\d+(\.\d+)?|\$.+", value):
        yield (
            "metricTransformation",
            f"metricTransformation.value is {value!r}; accepted are a number and a field such as $.latency",
        )
    if (change.text("name") or "").startswith("$") or re.search(r"[:*$]", change.text("name") or ""):
        yield "metricTransformation", f"metricTransformation.name is {change.text('name')!r}; it has no : * $"
    if (change.text("namespace") or "").startswith("AWS/"):
        yield (
            "metricTransformation",
            f"metricTransformation.namespace is {change.text('namespace')!r}; AWS/ is reserved",
        )


def _dimension(given: Given) -> Iterator[Failure]:
    space, dimension, resource = (
        given.text("serviceNamespace"),
        given.text("scalableDimension"),
        given.text("resourceId"),
    )
    if dimension and space and not dimension.startswith(f"{space}:"):
        yield "scalableDimension", f"scalableDimension is {dimension!r}; {space} accepts what begins with {space}:"
    if space in _DIMENSIONS:
        start, form = _DIMENSIONS[space]
        if dimension and not dimension.startswith(start):
            yield "scalableDimension", f"scalableDimension is {dimension!r}; {space} accepts {start}"
        if resource and not re.fullmatch(form, resource):
            yield "resourceId", f"resourceId is {resource!r}; {space} accepts what matches {form}"


def target(given: Given) -> Iterator[Failure]:
    """A scalable target."""
    yield from _dimension(given)
    least, most = given.number("minCapacity"), given.number("maxCapacity")
    if least is not None and least < 0:
        yield "minCapacity", f"minCapacity is {least:g}; accepted is at least 0"
    if least is not None and most is not None and least > most:
        yield "minCapacity", f"minCapacity {least:g} is more than maxCapacity {most:g}"


def scaling_policy(given: Given) -> Iterator[Failure]:
    """A scaling policy: one configuration, the one of its type; steps without gap or overlap."""
    yield from _dimension(given)
    kind = given.text("policyType", "StepScaling")
    blocks = {"StepScaling": "stepScalingPolicyConfiguration",
              "TargetTrackingScaling": "targetTrackingScalingPolicyConfiguration",
              "PredictiveScaling": "predictiveScalingPolicyConfiguration"}  # fmt: skip
    for name, block in blocks.items():
        if kind == name and given.lacks(block):
            yield block, f"{block} is required with the policyType {kind}"
        if kind in blocks and kind != name and given.has(block):
            yield block, f"{block} has no place with the policyType {kind}"
    tracking = given.inner("targetTrackingScalingPolicyConfiguration")
    if (
        given.has("targetTrackingScalingPolicyConfiguration")
        and given.get("targetTrackingScalingPolicyConfiguration") is not None
    ):
        found = [
            name for name in ("predefinedMetricSpecification", "customizedMetricSpecification") if tracking.has(name)
        ]
        if len(found) != 1:
            yield (
                "targetTrackingScalingPolicyConfiguration",
                (
                    "targetTrackingScalingPolicyConfiguration has exactly one of predefinedMetricSpecification and "
                    f"customizedMetricSpecification; given: {', '.join(found) or 'none'}"
                ),
            )
        metric = tracking.inner("predefinedMetricSpecification")
        sort, space = metric.text("predefinedMetricType"), given.text("serviceNamespace")
        if space in _PREDEFINED and sort and sort not in _PREDEFINED[space]:
            yield (
                "targetTrackingScalingPolicyConfiguration",
                f"predefinedMetricType is {sort!r}; {space} accepts {', '.join(_PREDEFINED[space])}",
            )
        if sort == "ALBRequestCountPerTarget" and metric.lacks("resourceLabel"):
            yield "targetTrackingScalingPolicyConfiguration", "resourceLabel is required with ALBRequestCountPerTarget"
        if sort and sort.startswith("ECSService") and metric.has("resourceLabel"):
            yield "targetTrackingScalingPolicyConfiguration", f"resourceLabel has no place with {sort}"
        value = tracking.number("targetValue")
        if value is not None and value <= 0:
            yield "targetTrackingScalingPolicyConfiguration", f"targetValue is {value:g}; accepted is more than 0"
        custom = tracking.inner("customizedMetricSpecification")
        if custom.has("metrics") and custom.has("metricName"):
            yield (
                "targetTrackingScalingPolicyConfiguration",
                "customizedMetricSpecification: metrics and metricName exclude each other",
            )
    yield from _steps(given.inner("stepScalingPolicyConfiguration").each("stepAdjustments"))


def _steps(steps: list[Given]) -> Iterator[Failure]:
    name = "stepScalingPolicyConfiguration"
    bounds = []
    for step in steps:
        low, high = step.number("metricIntervalLowerBound"), step.number("metricIntervalUpperBound")
        if low is not None and high is not None and low >= high:
            yield name, f"stepAdjustments: the lower bound {low:g} must be less than the upper bound {high:g}"
        if (
            step.lacks("metricIntervalLowerBound", "metricIntervalUpperBound")
            and low is None
            and high is None
            and len(steps) > 1
        ):
            yield name, "stepAdjustments: with several steps each needs a bound"
        bounds.append((float("-inf") if low is None else low, float("inf") if high is None else high))
    bounds.sort()
    for (_, end), (start, _) in itertools.pairwise(bounds):
        if start < end:
            yield name, f"stepAdjustments overlap at {start:g}"
        if start > end:
            yield name, f"stepAdjustments leave a gap from {end:g} to {start:g}"


def scheduled(given: Given) -> Iterator[Failure]:
    """A scheduled action: when, and what then."""
    yield from _dimension(given)
    expression = given.text("schedule")
    if expression and (reason := schedule_expression(expression, at=True)):
        yield "schedule", f"schedule is {expression!r}; {reason}"
    where = given.text("timezone")
    if where and where not in available_timezones():
        yield "timezone", f"ValidationException: timezone is {where!r}; accepted is a name such as Asia/Kolkata"
    action = given.inner("scalableTargetAction")
    least, most = action.number("minCapacity"), action.number("maxCapacity")
    if least is not None and most is not None and least > most:
        yield "scalableTargetAction", f"scalableTargetAction: minCapacity {least:g} is more than maxCapacity {most:g}"
    start, end = given.text("startTime"), given.text("endTime")
    if start and end and start >= end:
        yield "endTime", f"endTime {end} is not after startTime {start}"


def group(given: Given) -> Iterator[Failure]:
    """An Auto Scaling group's sizes."""
    least, most, wanted = given.number("minSize"), given.number("maxSize"), given.number("desiredCapacity")
    if least is not None and most is not None and least > most:
        yield "minSize", f"minSize {least:g} is more than maxSize {most:g}"
    if wanted is not None and ((least is not None and wanted < least) or (most is not None and wanted > most)):
        yield "desiredCapacity", f"desiredCapacity {wanted:g} is not between minSize and maxSize"


def canary(given: Given) -> Iterator[Failure]:
    """A canary: its schedule and its code."""
    expression = given.inner("schedule").text("expression")
    if expression and expression != "rate(0 minute)":
        reason = schedule_expression(expression, at=False)
        if reason and not re.fullmatch(r"rate\(\d+ (minutes?|hours?)\)", expression):
            yield "schedule", f"schedule.expression is {expression!r}; {reason}"


CHECKS = {
    "aws:cloudwatch/metricAlarm:MetricAlarm": (alarm,),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": (composite,),
    "aws:cloudwatch/dashboard:Dashboard": (dashboard,),
    "aws:cloudwatch/logGroup:LogGroup": (log_group,),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": (metric_filter,),
    "aws:appautoscaling/target:Target": (target,),
    "aws:appautoscaling/policy:Policy": (scaling_policy,),
    "aws:appautoscaling/scheduledAction:ScheduledAction": (scheduled,),
    "aws:autoscaling/group:Group": (group,),
    "aws:synthetics/canary:Canary": (canary,),
}
