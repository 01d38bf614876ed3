"""The documents that commands print with --json: their keys, types and meaning. docs/commands.md is written from these."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict
from typing_extensions import TypedDict

_EXACT = ConfigDict(extra="forbid", strict=True)


class Task(TypedDict):
    """A task of an ECS service."""

    __pydantic_config__ = _EXACT

    id: Annotated[str, "as ECS names it"]
    pid: Annotated[int | None, "of its first process"]
    health: Annotated[Literal["HEALTHY", "UNHEALTHY", "UNKNOWN"], "ECS's; UNKNOWN: not checked yet"]
    restarts: Annotated[int, "tasks that the service had to replace in this one's place"]
    reason: Annotated[str, "why it is not healthy"]


class Rehearsal(TypedDict):
    """`rehearse --json`."""

    __pydantic_config__ = _EXACT

    stack: Annotated[str, "its name"]
    created: Annotated[int, "resources that `up` made"]
    noop: Annotated[int, "changes that a preview just after it still sees; 0 when all is well"]
    refreshed: Annotated[int, "changes that a refresh sees; 0"]
    left: Annotated[int, "resources that are left after destroy; 0"]
    seconds: Annotated[dict[str, float], "`up`, `preview`, `refresh`, `destroy`"]
