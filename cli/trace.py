"""`matchday trace ID`: what every service did about one request, as a tree of spans, and what it logged, by time."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli import console, span_tree
from cli.cloud import Cloud, Stack, cloud
from cli.operations_documents import Trace, TraceLine, TraceSpan
from model.names import PROJECT

#: Ids of requests, traces and spans, and nothing that a filter pattern would read as more than a word.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9=_.:-]{7,127}")
ACCEPTED = "8 to 128 letters, digits and = _ . : -"

_TRACE = re.compile(r"(?!0{32})[0-9a-f]{32}")

#: Traces of one id that are shown; a caller may use one id for many requests.
MOST_TRACES = 20


def trace(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="X-Request-Id of an answer, or the trace id of a log line.")
    ],
    hours: Annotated[int, typer.Option("--hours", min=1, max=24 * 30, help="How far back to look.")] = 24,
    stack: Stack = "local",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Print what every service did about an id, as a tree of spans, then the log lines that name it, oldest first.

    Spans are kept of a share of the requests, and of all that failed or were slow (docs/telemetry.md); lines of all.
    Exit code 0; 1 when nothing names it; 2 when it is no id, or AWS refuses.
    """
    if not is_id(identifier):
        console.fail(f"{identifier!r} is no id", f"Accepted: {ACCEPTED}.", console.WRONG_CALL)
    with cloud(stack) as target:
        document = find(target, identifier, hours)
    if as_json:
        console.emit(document)
    else:
        for text in drawn(document["spans"]):
            typer.echo(text)
        for line in document["lines"]:
            typer.echo(f"{line['time']}  {line['service']}/{line['process']}  {line['level']}  {line['message']}")
    if not document["lines"] and not document["spans"]:
        console.fail(f"no line and no span of the last {hours} hours names {identifier}")


def is_id(text: str) -> bool:
    """Whether it is of the form that ids have."""
    return bool(_ID.fullmatch(text))


def find(target: Cloud, identifier: str, hours: int) -> Trace:
    """What the last hours hold of an id."""
    since = int((time.time() - hours * 3600) * 1000)
    lines = sorted(_lines(target, identifier, since), key=lambda line: line["time"])
    named = [identifier, *(str(line["fields"].get("trace_id", "")) for line in lines)]
    traces = [trace for trace in dict.fromkeys(named) if _TRACE.fullmatch(trace)][:MOST_TRACES]
    logs = target.client("logs")
    spans = [span for trace in traces for span in span_tree.read(logs, target.stack, trace, since)]
    return {"id": identifier, "spans": spans, "lines": lines}


def drawn(spans: Sequence[TraceSpan]) -> Iterator[str]:
    """A line for each span, below what caused it; a heading for each trace."""
    by_trace: dict[str, list[TraceSpan]] = {}
    for span in spans:
        by_trace.setdefault(span["trace"], []).append(span)
    for trace, found in by_trace.items():
        services = {span["service"] for span in found}
        yield f"trace {trace}: {len(found)} spans of {', '.join(sorted(services))}"
        for span, depth in span_tree.walk(found):
            error = f"  FAILED {span['error']}" if span["error"] else ""
            place = f"{span['service']}/{span['process']}"
            yield f"{span['milliseconds']:>10.1f} ms  {place:<18}  {'  ' * depth}{span['name']}{error}"


def _lines(target: Cloud, identifier: str, since: int) -> list[TraceLine]:
    logs = target.client("logs")
    prefix = f"/{PROJECT}/{target.stack}/"
    groups = [
        group["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
        for group in page["logGroups"]
    ]
    found = []
    for group in groups:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, filterPattern=f'"{identifier}"', startTime=since
        )
        found += [_line(group.removeprefix(prefix), event) for page in pages for event in page["events"]]
    return found


def _line(service: str, event: dict[str, Any]) -> TraceLine:
    when = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds")
    try:
        parsed = json.loads(event["message"])
    except ValueError:
        parsed = None
    fields = parsed if isinstance(parsed, dict) else {}
    return {
        "time": str(fields.get("time") or when),
        "service": service,
        "process": event["logStreamName"].partition("/")[0],
        "level": str(fields.get("level", "")),
        "message": event["message"] if not fields else _summary(fields),
        "fields": fields,
    }


def _summary(fields: dict[str, Any]) -> str:
    """A request's line says what was asked and what came; any other its message."""
    if "path" in fields and "status" in fields:
        return f"{fields.get('method', '')} {fields['path']} {fields['status']}"
    return str(fields.get("message", ""))
