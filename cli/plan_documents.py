"""The document of `plan`: what an event needs (cli/documents.py has the rest)."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from cli.exact import exact


@exact
class PlannedTasks(TypedDict):
    """What one service needs during an event."""

    service: Annotated[str, "whose"]
    process: Annotated[str, "its web process"]
    peak: Annotated[int, "requests per second that are expected"]
    throughput: Annotated[int, "requests per second of one task, as measured"]
    usual: Annotated[int, "tasks that always run"]
    planned: Annotated[int, "tasks at least, during the event"]
    most: Annotated[int, "tasks at most, during the event"]
    vcpu: Annotated[float, "vCPUs of the planned tasks"]
    memory_gb: Annotated[float, "memory of the planned tasks"]
    connections: Annotated[int, "connections to PostgreSQL that they may hold"]


@exact
class PlannedCache(TypedDict):
    """The cache that an event has."""

    node_type: Annotated[str, "of each node"]
    shards: Annotated[int, "parts that the keys are spread over"]
    mebibytes: Annotated[
        int | None, "what it holds before its alarm on memory rings; null: not known for the type of node"
    ]


@exact
class PlannedCost(TypedDict):
    """What an event's tasks cost more than usual, from when they come until it is as usual again."""

    planned: Annotated[float, "at the planned tasks"]
    most: Annotated[float, "at the most that scaling may go to"]
    currency: Annotated[str, "of both"]
    prices: Annotated[str, "the date of the list prices, on demand"]


@exact
class Plan(TypedDict):
    """What a planned event needs."""

    stack: Annotated[str, "the environment"]
    event: Annotated[str, "its name there"]
    ready: Annotated[str, "when the tasks come, ISO 8601"]
    restored: Annotated[str, "when it is as usual again"]
    needs: Annotated[list[PlannedTasks], "by service"]
    vcpu: Annotated[float, "of all"]
    connections: Annotated[int, "of all"]
    cache: Annotated[PlannedCache, "the cache's memory"]
    cost: Annotated[PlannedCost, "of the tasks"]
