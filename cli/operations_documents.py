"""The documents that an operator's commands print with --json: `scale`, `rollback`, `trace`."""

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
class Trace(TypedDict):
    """What was logged about one id."""

    id: Annotated[str, "what was looked for"]
    lines: Annotated[list[TraceLine], "oldest first"]
