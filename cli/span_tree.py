"""The spans of a trace, as CloudWatch's Transaction Search keeps them in `aws/spans`, and the tree that they are."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cli.operations_documents import TraceSpan

#: The log group of X-Ray; it holds the spans of every environment in the account and the Region.
GROUP = "aws/spans"

_STACK = "deployment.environment.name"


def read(logs: Any, stack: str, trace: str, since: int) -> list[TraceSpan]:
    """The spans of a trace (32 hexadecimal digits) in `stack` since that moment (ms since 1970), in the tree's order."""
    try:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=GROUP, filterPattern=f'"{trace}"', startTime=since
        )
        events = [json.loads(event["message"]) for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:  # until somebody has sent the first one
        return []
    found = [event for event in events if event.get("traceId") == trace and _resource(event).get(_STACK) == stack]
    return [span for span, _ in walk([_span(event) for event in found])]


def walk(found: Sequence[TraceSpan]) -> Iterator[tuple[TraceSpan, int]]:
    """Each span with its depth, causes before effects, by time. One whose cause was not kept stands at the left."""
    known = {span["span"] for span in found}
    ordered = sorted(found, key=lambda span: (span["start"], span["span"]))
    below: dict[str, list[TraceSpan]] = defaultdict(list)
    for span in ordered:
        below[span["parent"] if span["parent"] in known else ""].append(span)
    drawn: set[str] = set()
    # Those without a cause first; what is left then names each other as causes: somebody made it up.
    for first in [*below.pop("", []), *ordered]:
        waiting = [(first, 0)]
        while waiting:
            span, depth = waiting.pop()
            if span["span"] not in drawn:
                drawn.add(span["span"])
                yield span, depth
                waiting += [(each, depth + 1) for each in reversed(below[span["span"]])]


def _resource(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (event.get("resource") or {}).get("attributes") or {}
    return found


def _span(event: dict[str, Any]) -> TraceSpan:
    resource, attributes, began = _resource(event), event.get("attributes") or {}, int(event["startTimeUnixNano"])
    failed = (event.get("status") or {}).get("code") == "ERROR"
    return {
        "trace": event["traceId"],
        "span": event["spanId"],
        "parent": event.get("parentSpanId") or "",
        "service": str(resource.get("service.name", "")),
        "process": str(resource.get("matchday.process", "")),
        "name": str(event.get("name", "")),
        "kind": str(event.get("kind", "")).lower(),
        "start": datetime.fromtimestamp(began / 1e9, UTC).isoformat(timespec="microseconds"),
        "milliseconds": round((int(event["endTimeUnixNano"]) - began) / 1e6, 3),
        "error": str(attributes.get("error.type") or "error") if failed else "",
        "attributes": attributes,
    }


@dataclass(frozen=True, slots=True)
class Bar:
    """A span as a row of a page: its depth, milliseconds after its trace's begin, and its place there in percent."""

    span: TraceSpan
    depth: int
    after: float
    left: float
    width: float


def bars(spans: Sequence[TraceSpan]) -> list[Bar]:
    """The rows of all traces that `spans` are of, each trace by itself."""
    by_trace: dict[str, list[TraceSpan]] = defaultdict(list)
    for span in spans:
        by_trace[span["trace"]].append(span)
    found = []
    for each in by_trace.values():
        begins = {span["span"]: datetime.fromisoformat(span["start"]).timestamp() * 1000 for span in each}
        first = min(begins.values())
        whole = max(max(begins[span["span"]] + span["milliseconds"] for span in each) - first, 0.001)
        for span, depth in walk(each):
            after = begins[span["span"]] - first
            width = max(100 * span["milliseconds"] / whole, 0.5)
            found.append(Bar(span, depth, after, min(100 * after / whole, 99.5), width))
    return found
