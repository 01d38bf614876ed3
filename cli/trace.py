"""`matchday trace ID`: what every service logged about one request, by time."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli import console
from cli.cloud import Cloud, Stack, cloud
from cli.operations_documents import Trace, TraceLine
from model.names import PROJECT

#: Ids of requests, traces and spans, and nothing that a filter pattern would read as more than a word.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9=_.:-]{7,127}")
ACCEPTED = "8 to 128 letters, digits and = _ . : -"


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
    """Print the lines that name an id, of all services' logs in CloudWatch Logs, oldest first.

    Exit code 0; 1 when no line names it; 2 when it is no id, or AWS refuses.
    """
    if not is_id(identifier):
        console.fail(f"{identifier!r} is no id", f"Accepted: {ACCEPTED}.", console.WRONG_CALL)
    with cloud(stack) as target:
        document = find(target, identifier, hours)
    if as_json:
        console.emit(document)
    else:
        for line in document["lines"]:
            typer.echo(f"{line['time']}  {line['service']}/{line['process']}  {line['level']}  {line['message']}")
    if not document["lines"]:
        console.fail(f"no line of the last {hours} hours names {identifier}")


def is_id(text: str) -> bool:
    """Whether it is of the form that ids have."""
    return bool(_ID.fullmatch(text))


def find(target: Cloud, identifier: str, hours: int) -> Trace:
    """What the last hours hold of an id."""
    return {"id": identifier, "lines": sorted(_lines(target, identifier, hours), key=lambda line: line["time"])}


def _lines(target: Cloud, identifier: str, hours: int) -> list[TraceLine]:
    logs = target.client("logs")
    prefix = f"/{PROJECT}/{target.stack}/"
    since = int((time.time() - hours * 3600) * 1000)
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
