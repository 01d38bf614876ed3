"""`matchday plan EVENT`: what a planned event of an environment needs, before it happens."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console, local

if TYPE_CHECKING:
    from environments.settings import EnvironmentSettings
    from stacks.capacity import EventPlan


def plan(
    event: Annotated[str, typer.Argument(help="The event's name under `events` of the environment.")],
    stack: Annotated[str, typer.Option("--stack", help="The environment that has it.")] = "prod",
    as_json: Annotated[bool, typer.Option("--json", help="The plan as one JSON document.")] = False,
) -> None:
    """What a planned event needs: tasks, vCPUs, connections to PostgreSQL, memory of the cache, money; nothing is changed.

    Exit code 0: the environment carries it. 1: it does not, and why. 2: there is no such event or environment.
    """
    from model.validation import DocumentError

    local.require_stack(stack)
    try:
        planned, chosen = _planned(event, stack)
    except DocumentError as error:
        console.fail("; ".join(error.sentences))
    document = _document(planned, chosen)
    if as_json:
        typer.echo(json.dumps(document, indent=2))
        return
    typer.echo(
        f"{event} in {stack}: tasks are ready at {planned.ready.isoformat()}, as usual from {planned.restored.isoformat()}"
    )
    for need in planned.needs:
        typer.echo(
            f"  {need.service} {need.process}: {need.planned} tasks (usually {need.usual}), at most {need.most}, "
            f"for {need.peak} requests/s at {need.throughput} each; {need.vcpu:g} vCPU, {need.connections} connections"
        )
    typer.echo(f"  together: {planned.vcpu:g} vCPU, {planned.connections} connections")
    cache, cost = document["cache"], document["cost"]
    memory = "of unknown memory" if cache["mebibytes"] is None else f"{cache['mebibytes']} MiB before its alarm rings"
    typer.echo(f"  the cache: {cache['shards']} × {cache['node_type']}, {memory}")
    typer.echo(
        f"  tasks cost {cost['planned']:.2f} {cost['currency']} more than usual, {cost['most']:.2f} at most"
        f" (list prices on demand, {cost['prices']})"
    )


def _planned(event: str, stack: str) -> tuple[EventPlan, EnvironmentSettings]:
    """The plan and the environment, held against what the environment can carry. Raises DocumentError."""
    import yaml

    from environments import settings
    from model.catalog import load_catalog
    from stacks import agreement, budgets, capacity

    config = yaml.safe_load((local.stack_files() / f"Pulumi.{stack}.yaml").read_text())["config"]
    chosen = settings.load(
        stack, {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    )
    if event not in chosen.events:
        known = ", ".join(sorted(chosen.events)) or "none, as the file has no `events`"
        console.fail(
            f"there is no event {event!r} in environments/Pulumi.{stack}.yaml", f"Known: {known}.", console.WRONG_CALL
        )
    catalog = load_catalog(local.PROJECT / "services", chosen.tier)
    agreement.check(chosen, catalog)
    planned = capacity.plan(event, chosen.events[event], catalog)
    budgets.check(chosen, capacity.during(planned, catalog))
    return planned, chosen


def _document(planned: EventPlan, chosen: EnvironmentSettings) -> dict[str, Any]:
    from model.cost import prices
    from stacks import capacity

    table = prices.load()
    least, most = capacity.cost(planned, chosen.region, table)
    return {
        "stack": chosen.stack,
        "event": planned.event,
        "ready": planned.ready.isoformat(),
        "restored": planned.restored.isoformat(),
        "needs": [asdict(need) for need in planned.needs],
        "vcpu": planned.vcpu,
        "connections": planned.connections,
        "cache": {
            "node_type": chosen.cache.node_type,
            "shards": chosen.cache.shards,
            "mebibytes": capacity.cache_mebibytes(chosen),
        },
        "cost": {
            "planned": float(least),
            "most": float(most),
            "currency": table.currency,
            "prices": table.read.isoformat(),
        },
    }
