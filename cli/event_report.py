"""`matchday event-report EVENT`: what happened while many players were there, read from CloudWatch, beside what was planned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

import typer
import yaml

from cli import console, local
from cli.cloud import Cloud, cloud
from cli.operations_documents import EventReport, Measured, Rang
from model.names import PROJECT

#: CloudWatch keeps minutes for 15 days (its user guide, "Metrics retention"); GetMetricData takes 500 queries.
_PERIOD_SECONDS, _QUERIES = 60, 500

#: Of what, the report's word for it, namespace, metric, statistic, dimensions.
Query = tuple[str, str, str, str, str, list[dict[str, str]]]

#: The values of each query, of every minute of a window that has one.
Series = Callable[[Sequence[Query], datetime, datetime], list[list[float]]]


@dataclass(frozen=True, slots=True)
class Records:
    """Where numbers and alarms are read: CloudWatch, or the local cloud, which keeps seven hours of both."""

    series: Series
    rang: Callable[[datetime, datetime], Iterator[Rang]]


def event_report(
    event: Annotated[
        str, typer.Argument(help="The event under `events` of the stack's file; with --start and --end any word.")
    ],
    start: Annotated[str | None, typer.Option("--start", help="Another window: ISO 8601, with an offset.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="Its end.")] = None,
    stack: Annotated[
        str, typer.Option("--stack", help="In AWS, read by your own credentials; or `local`: its last seven hours.")
    ] = "prod",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Say how many requests each service had, how quickly it answered, what was refused, how full everything was, what rang.

    Exit code 0; 1 when there is no request of that window; 2 when there is no such event, or AWS refuses.
    """
    local.require_stack(stack)
    planned = _planned(stack, event)
    begins, ends = _window(event, planned, start, end)
    with cloud(stack) as target:
        source = _watched() if stack == local.STACK else _cloudwatch(target)
        measured = list(_measured(target, source.series, begins, ends, planned.get("peak", {})))
        rang = list(source.rang(begins, ends))
    document: EventReport = {
        "event": event,
        "stack": stack,
        "start": begins.isoformat(),
        "end": ends.isoformat(),
        "measured": measured,
        "rang": rang,
    }
    if as_json:
        console.emit(document)
    else:
        _show(document)
    if not any(each["metric"] == "requests" for each in measured):
        console.fail(f"{stack} had no request that is still known between {begins.isoformat()} and {ends.isoformat()}")


def _planned(stack: str, event: str) -> Mapping[str, Any]:
    """The event as the stack's file has it; one that is over may stand there still, which `plan` would refuse."""
    document = yaml.safe_load((local.stack_files() / f"Pulumi.{stack}.yaml").read_text())
    settings = document["config"].get("matchday:environment", {})
    found: Mapping[str, Any] = settings.get("events", {}).get(event, {})
    return found


def _window(event: str, planned: Mapping[str, Any], start: str | None, end: str | None) -> tuple[datetime, datetime]:
    given = [_moment(name, value) for name, value in (("start", start), ("end", end)) if value is not None]
    if len(given) == 1:
        console.fail("--start and --end go together", code=console.WRONG_CALL)
    if not given:
        if not planned:
            console.fail(
                f"the stack's file has no event {event!r}", "Name one, or give --start and --end.", console.WRONG_CALL
            )
        given = [_moment(name, planned[name]) for name in ("start", "end")]
    begins, ends = given
    if ends <= begins:
        console.fail(
            f"the end, {ends.isoformat()}, is not after the start, {begins.isoformat()}", code=console.WRONG_CALL
        )
    return begins, ends


def _moment(name: str, value: object) -> datetime:
    found = value if isinstance(value, datetime) else None
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            found = None
    if found is None or found.tzinfo is None:
        accepted = "ISO 8601 with an offset, such as 2026-12-06T19:30:00+05:30"
        console.fail(f"{name} {value!r}; accepted: {accepted}", code=console.WRONG_CALL)
    return found.astimezone(UTC)


def _measured(
    target: Cloud, read: Series, begins: datetime, ends: datetime, peak: Mapping[str, int]
) -> Iterator[Measured]:
    """What is known of each service, and of what all of them share; what has no number is left out."""
    queries: list[Query] = []
    for group in target.client("elbv2").describe_target_groups()["TargetGroups"]:
        name, arns = group["TargetGroupName"], group["LoadBalancerArns"]
        prefix = f"{PROJECT}-{target.stack}-"
        if not name.startswith(prefix) or not arns:
            continue
        service = name.removeprefix(prefix).rpartition("-")[0]
        dimensions = [
            {"Name": "TargetGroup", "Value": group["TargetGroupArn"].rpartition(":")[2]},
            {"Name": "LoadBalancer", "Value": arns[0].partition("loadbalancer/")[2]},
        ]
        for metric, source, statistic in (
            ("requests", "RequestCount", "Sum"),
            ("errors", "HTTPCode_Target_5XX_Count", "Sum"),
            ("p99_seconds", "TargetResponseTime", "p99"),
        ):
            queries.append((service, metric, "AWS/ApplicationELB", source, statistic, dimensions))
        process = [
            {"Name": "ClusterName", "Value": target.cluster},
            {"Name": "ServiceName", "Value": target.name(service, "web")},
        ]
        queries.append((service, "cpu_percent", "AWS/ECS", "CPUUtilization", "Maximum", process))
        queries.append((service, "tasks", "ECS/ContainerInsights", "RunningTaskCount", "Maximum", process))
    database = [{"Name": "DBInstanceIdentifier", "Value": f"{PROJECT}-{target.stack}-postgres"}]
    queries.append(("postgres", "connections", "AWS/RDS", "DatabaseConnections", "Maximum", database))
    queries.append(("postgres", "cpu_percent", "AWS/RDS", "CPUUtilization", "Maximum", database))
    series = read(queries, begins, ends)
    for (name, metric, *_), values in zip(queries, series, strict=True):
        if not values:
            continue
        worst = max(values)
        if metric == "requests":
            worst = worst / _PERIOD_SECONDS
        yield {
            "of": name,
            "metric": metric,
            "total": round(sum(values), 3) if metric in ("requests", "errors") else None,
            "worst": round(worst, 3),
            "planned": peak.get(name) if metric == "requests" else None,
        }


def _watched() -> Records:
    """The running local cloud's own minutes, of the last hours: the same metrics under the same names."""
    client = local.require_running()

    def series(queries: Sequence[Query], begins: datetime, ends: datetime) -> list[list[float]]:
        last = int(time.time()) // _PERIOD_SECONDS  # the minute that is not over
        first, end = (int(moment.timestamp()) // _PERIOD_SECONDS for moment in (begins, ends))
        known: dict[tuple[str, str], list[dict[str, Any]]] = {}
        found = []
        for _, _, namespace, source, statistic, dimensions in queries:
            if (namespace, statistic) not in known:
                known[namespace, statistic] = client.history(namespace, statistic, max(1, last - first))
            wanted = {each["Name"]: each["Value"] for each in dimensions}
            points: list[float | None] = next(
                (s["points"] for s in known[namespace, statistic] if (s["name"], s["dimensions"]) == (source, wanted)),
                [],
            )
            moments = range(last - len(points), last)
            found.append(
                [p for minute, p in zip(moments, points, strict=True) if p is not None and first <= minute <= end]
            )
        return found

    def rang(begins: datetime, ends: datetime) -> Iterator[Rang]:
        moments = [(moment, alarm["name"]) for alarm in client.alarms() for moment in alarm["rang"]]
        for moment, name in sorted(moments):
            if begins <= datetime.fromisoformat(moment) <= ends:
                yield {"alarm": name, "at": moment}

    return Records(series, rang)


def _cloudwatch(target: Cloud) -> Records:
    return Records(partial(_series, target), partial(_rang, target))


def _series(target: Cloud, queries: Sequence[Query], begins: datetime, ends: datetime) -> list[list[float]]:
    """The values of each query, of every minute of the window that has one."""
    found: list[list[float]] = [[] for _ in queries]
    client = target.client("cloudwatch")
    for first in range(0, len(queries), _QUERIES):
        wanted = [
            {
                "Id": f"q{number}",
                "MetricStat": {
                    "Metric": {"Namespace": namespace, "MetricName": source, "Dimensions": dimensions},
                    "Period": _PERIOD_SECONDS,
                    "Stat": statistic,
                },
            }
            for number, (_, _, namespace, source, statistic, dimensions) in enumerate(queries[first:][:_QUERIES], first)
        ]
        pages = client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=wanted, StartTime=begins, EndTime=ends + timedelta(seconds=_PERIOD_SECONDS)
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                found[int(result["Id"][1:])] += result["Values"]
    return found


def _rang(target: Cloud, begins: datetime, ends: datetime) -> Iterator[Rang]:
    """Alarms of the stack that changed to ALARM in the window, by time."""
    pages = (
        target.client("cloudwatch")
        .get_paginator("describe_alarm_history")
        .paginate(HistoryItemType="StateUpdate", StartDate=begins, EndDate=ends, ScanBy="TimestampAscending")
    )
    for page in pages:
        for item in page["AlarmHistoryItems"]:
            if item["AlarmName"].startswith(f"{PROJECT}-{target.stack}-") and "to ALARM" in item["HistorySummary"]:
                yield {"alarm": item["AlarmName"], "at": item["Timestamp"].astimezone(UTC).isoformat()}


def _show(document: EventReport) -> None:
    rows = [
        (
            each["of"],
            each["metric"],
            "" if each["total"] is None else f"{each['total']:g}",
            f"{each['worst']:g}",
            "" if each["planned"] is None else f"{each['planned']}/s",
        )
        for each in document["measured"]
    ]
    console.result.print(
        f"{document['event']} in {document['stack']}: {document['start']} to {document['end']}", markup=False
    )
    console.table(rows, ("of", "what", "in all", "worst minute", "planned"))
    for each in document["rang"]:
        console.result.print(f"{each['at']}  {each['alarm']}", markup=False)
    if not document["rang"]:
        console.result.print("no alarm rang")
