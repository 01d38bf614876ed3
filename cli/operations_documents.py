"""The documents that an operator's commands print with --json: `scale`, `rollback`, `trace`, `drill`, `event-report`."""

from __future__ import annotations

from typing import Annotated, Any

from typing_extensions import TypedDict

from cli.exact import exact


@exact
class Scaled(TypedDict):
    """What `scale` did."""

    service: Annotated[str, "the ECS service"]
    before: Annotated[int, "tasks wanted before"]
    desired: Annotated[int, "tasks wanted now"]
    minimum: Annotated[int | None, "what it is scaled down to at most; null where nothing scales it"]
    maximum: Annotated[int | None, "what it is scaled up to at most"]


@exact
class RolledBack(TypedDict):
    """One ECS service of a roll-back."""

    service: Annotated[str, "its name"]
    before: Annotated[str, "family and revision that was deployed"]
    after: Annotated[str, "family and revision that is deployed now"]
    image: Annotated[str, "the image of that"]


@exact
class Rollback(TypedDict):
    """What `rollback` did."""

    services: Annotated[list[RolledBack], "one for each process"]


@exact
class TraceLine(TypedDict):
    """A log line that names the id."""

    time: Annotated[str, "ISO 8601"]
    service: Annotated[str, "whose log group"]
    process: Annotated[str, "the stream's prefix"]
    level: Annotated[str, "of the line; empty if it is no JSON"]
    message: Annotated[str, "of the line; of a request: method, path, status"]
    fields: Annotated[dict[str, Any], "the whole line"]


@exact
class TraceSpan(TypedDict):
    """What one process did of a trace, from when to when (docs/telemetry.md)."""

    trace: Annotated[str, "the trace's id: 32 hexadecimal digits"]
    span: Annotated[str, "its own: 16 hexadecimal digits"]
    parent: Annotated[str, "the span that caused it; empty if none is known"]
    service: Annotated[str, "whose"]
    process: Annotated[str, "such as web"]
    name: Annotated[str, "method and route, verb and table, task"]
    kind: Annotated[str, "server, client, producer, consumer, internal"]
    start: Annotated[str, "ISO 8601"]
    milliseconds: Annotated[float, "how long it took"]
    error: Annotated[str, "what kind of failure; empty if it was none"]
    attributes: Annotated[dict[str, Any], "by OpenTelemetry's names"]


@exact
class Trace(TypedDict):
    """What was recorded and logged about one id."""

    id: Annotated[str, "what was looked for"]
    spans: Annotated[list[TraceSpan], "of its traces, causes before effects"]
    lines: Annotated[list[TraceLine], "oldest first"]


@exact
class DrillStep(TypedDict):
    """A part of a drill."""

    name: Annotated[str, "what was done"]
    seconds: Annotated[float, "how long it took"]


@exact
class DrillMeasure(TypedDict):
    """An objective and what the drill came to."""

    stated: Annotated[float, "in seconds, what production promises (model/objectives.py)"]
    measured: Annotated[float, "in seconds, here"]


@exact
class Drill(TypedDict):
    """What `drill` did and how long it took."""

    drill: Annotated[str, "`restore`, `promote` or `failover`"]
    ok: Annotated[
        bool, "nothing that was committed is missing, nothing is wrong with the money, both objectives are met"
    ]
    server: Annotated[str, "the database server"]
    steps: Annotated[list[DrillStep], "in their order"]
    lost: Annotated[DrillMeasure, "of what was committed, the newest that is missing (RPO)"]
    still: Annotated[DrillMeasure, "from the loss until all goes on (RTO)"]
    wrong: Annotated[list[str], "service and invariant that a row breaks, marks that are missing"]


@exact
class ChaosFault(TypedDict):
    """A fault of `chaos`."""

    name: Annotated[str, "what broke"]
    seconds: Annotated[float, "how long"]
    gap: Annotated[float, "the longest time without an answered movement, until the next fault"]
    rang: Annotated[list[str], "alarms that began to ring until the next fault"]


@exact
class Chaos(TypedDict):
    """What `chaos` broke and what came of it."""

    ok: Annotated[bool, "nothing is in `wrong`, `missing` or `unexpected`"]
    seed: Annotated[int, "what drew the tasks that were killed"]
    seconds: Annotated[float, "how long players paid and things broke"]
    faults: Annotated[list[ChaosFault], "in their order"]
    acknowledged: Annotated[int, "movements that were answered"]
    failed: Annotated[int, "tries that were not, and were repeated under the same key"]
    healed: Annotated[float, "seconds until all was as deployed, once nothing was broken any more"]
    wrong: Annotated[
        list[str], "movements that are lost or there twice, invariants that a row breaks, what did not come back"
    ]
    rang: Annotated[list[str], "every alarm that rang"]
    missing: Annotated[list[str], "patterns of alarms that should have rung"]
    unexpected: Annotated[list[str], "alarms that rang though no fault has them"]
    took: Annotated[float, "seconds in all"]


@exact
class Measured(TypedDict):
    """A number of an event's window."""

    of: Annotated[str, "a service, or `postgres`"]
    metric: Annotated[str, "`requests`, `errors` (5xx), `p99_seconds`, `cpu_percent`, `tasks`, `connections`"]
    total: Annotated[float | None, "of requests and errors, the sum"]
    worst: Annotated[float, "the highest minute; of requests per second"]
    planned: Annotated[int | None, "requests per second that the event expected"]


@exact
class Rang(TypedDict):
    """An alarm that rang."""

    alarm: Annotated[str, "its name"]
    at: Annotated[str, "ISO 8601"]


@exact
class EventReport(TypedDict):
    """What happened during an event."""

    event: Annotated[str, "its name"]
    stack: Annotated[str, "whose"]
    start: Annotated[str, "ISO 8601, UTC"]
    end: Annotated[str, "ISO 8601, UTC"]
    measured: Annotated[list[Measured], "what CloudWatch has; what it has not is left out"]
    rang: Annotated[list[Rang], "alarms, by time"]
