"""CloudWatch's saved questions are about fields that services really log."""

from __future__ import annotations

import json
import logging
import re

from components.observability.queries import QUERIES
from services.common.logs import JsonFormatter


def test_the_fields_are_those_of_a_line() -> None:
    """Names that CloudWatch gives itself, that a question makes, or that stand in a line of a service's log."""
    formatter = JsonFormatter(service="wallet", process="web", environment="prod")
    record = logging.LogRecord("access", logging.INFO, "x", 1, "request", None, None)
    record.__dict__.update(runbook="x", method="GET", path="/", route="/", status=200, milliseconds=1.0)
    known = set(json.loads(formatter.format(record))) | {"request_id", "exception"}
    made = {"lines", "last", "requests", "p50", "p99", "longest"}
    words = {
        "fields",
        "filter",
        "sort",
        "limit",
        "stats",
        "by",
        "as",
        "in",
        "desc",
        "asc",
        "count",
        "latest",
        "pct",
        "max",
        "ispresent",
    }
    for name, text in QUERIES.items():
        asked = set(re.findall(r"(?<![@\"\w])[a-z_]\w*", re.sub(r'"[^"]*"', "", text)))
        assert asked - words - made <= known, name
