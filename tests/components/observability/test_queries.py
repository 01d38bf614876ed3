"""Saved questions: of every service's log, and about fields that services really log."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable

from components.base import Component
from components.observability.queries import QUERIES, Queries, QueriesArgs
from services.common.logs import JsonFormatter
from tests.components.conftest import Recorded
from tests.components.examples import Example

Run = Callable[..., Recorded]
EXAMPLES: dict[type[Component], Example] = {
    Queries: lambda name, transform: Queries(name, QueriesArgs(log_group_names=["/m/d/wallet"]), transform=transform)
}


def test_each_question_is_asked_of_every_services_log(run: Run) -> None:
    groups = [f"/matchday/prod/{number}" for number in range(60)]
    recorded = run(lambda: Queries("queries", QueriesArgs(log_group_names=groups)))
    made = {item.name: item.inputs for item in recorded.of("QueryDefinition")}
    assert set(made) == {f"queries-{name}" for name in QUERIES}
    for each in made.values():
        assert each["logGroupNames"] == groups[:50], "AWS takes no more in one question"


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
