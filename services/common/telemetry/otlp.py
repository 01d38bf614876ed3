"""Spans in OTLP's JSON form. What may leave the process is a list: other attributes are left out, and all text is scrubbed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from services.common import logs
from services.common.telemetry.spans import Recording, Span

#: What a span may hold: never a query's values, a body, a header, nor who a person is. Keys are of OpenTelemetry's semantic
#: conventions (https://opentelemetry.io/docs/specs/semconv/) but for ours, which begin with `matchday.`.
ATTRIBUTES = frozenset(
    {
        "db.query.summary",
        "db.query.text",
        "db.system.name",
        "error.type",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "matchday.attempts",
        "matchday.spans_missed",
        "messaging.batch.message_count",
        "messaging.destination.name",
        "messaging.message.id",
        "messaging.system",
        "server.address",
    }
)

#: Characters of one value.
LONGEST = 1024

_ERROR = 2


def encode(recordings: Sequence[Recording], resource: Mapping[str, str]) -> bytes:
    """An ExportTraceServiceRequest (opentelemetry-proto, JSON encoding) of all spans of `recordings`."""
    found = [_span(each, whole) for whole in recordings for each in whole.spans if each.end]
    scope = {"scope": {"name": "services.common.telemetry"}, "spans": found}
    return json.dumps(
        {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}]}
    ).encode()


def _span(span: Span, whole: Recording) -> dict[str, Any]:
    kept: dict[str, str | int] = {key: value for key, value in span.attributes.items() if key in ATTRIBUTES}
    if span.error:
        kept["error.type"] = span.error
    if whole.missed and span is whole.spans[0]:
        kept["matchday.spans_missed"] = whole.missed
    made: dict[str, Any] = {
        "traceId": f"{whole.trace:032x}",
        "spanId": f"{span.id:016x}",
        "name": _text(span.name),
        "kind": int(span.kind),
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": _attributes(kept),
    }
    if span.parent:
        made["parentSpanId"] = f"{span.parent:016x}"
    if span.links:
        made["links"] = [{"traceId": f"{link.trace:032x}", "spanId": f"{link.span:016x}"} for link in span.links]
    if span.error:
        made["status"] = {"code": _ERROR}
    return made


def _attributes(values: Mapping[str, str | int]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": _text(value)}}
        for key, value in values.items()
    ]


@lru_cache(maxsize=512)  # statements and routes come again and again
def _text(value: str) -> str:
    return logs.scrub(value)[:LONGEST].encode("utf-8", "replace").decode()
