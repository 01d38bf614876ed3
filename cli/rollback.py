"""`matchday rollback SERVICE`: each process of a service on the task definition that it had before."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli import console
from cli.cloud import Cloud, Stack, Yes, cloud, confirm, service_and_processes
from cli.operations_documents import Rollback, RolledBack


def rollback(
    service: Annotated[str, typer.Argument(help="A service, such as wallet.")],
    process: Annotated[str | None, typer.Option("--process", help="Only this process of it.")] = None,
    stack: Stack = "local",
    yes: Yes = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Deploy the newest earlier task definition that is still registered, of every process of a service or none of them.

    Ends as soon as ECS has it; `status` shows the roll-out. The program still says the later one, which the next `up` deploys
    again: put the image before into the stack's settings the same day (docs/runbooks/roll-back.md).
    Exit code 0; 1 when a process has no earlier one, or it was answered with no; 2 when AWS refuses.
    """
    names = service_and_processes(service, process)
    with cloud(stack) as target:
        plan = [_step(target, target.name(service, each)) for each in names]
        confirm(target, "; ".join(f"{step['service']}: {step['before']} → {step['after']}" for step in plan), yes)
        for step in plan:
            target.client("ecs").update_service(
                cluster=target.cluster, service=step["service"], taskDefinition=step["after"]
            )
    document: Rollback = {"services": plan}
    if as_json:
        console.emit(document)
        return
    rows = [(step["service"], step["before"], step["after"], step["image"]) for step in plan]
    console.table(rows, ("service", "from", "to", "image"))


def _step(target: Cloud, name: str) -> RolledBack:
    ecs = target.client("ecs")
    found = ecs.describe_services(cluster=target.cluster, services=[name])["services"]
    if not found:
        console.fail(f"{target.cluster} has no service {name}", code=console.NOT_ASKED)
    family, revision = _split(found[0]["taskDefinition"])
    earlier = [number for number in _revisions(ecs, family) if number < revision]
    if not earlier:
        console.fail(
            f"{name}: no task definition before {family}:{revision} is registered; nothing was changed",
            "Earlier ones are kept where the image is named by digest (`image.digest` in the stack's settings).",
        )
    after = f"{family}:{max(earlier)}"
    containers = ecs.describe_task_definition(taskDefinition=after)["taskDefinition"]["containerDefinitions"]
    return {"service": name, "before": f"{family}:{revision}", "after": after, "image": containers[-1]["image"]}


def _revisions(ecs: Any, family: str) -> list[int]:
    """The active revisions of a family, and of no other whose name begins like it."""
    pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix=family, status="ACTIVE")
    found = [_split(arn) for page in pages for arn in page["taskDefinitionArns"]]
    return [revision for of, revision in found if of == family]


def _split(definition: str) -> tuple[str, int]:
    """Family and revision of an ARN or a name."""
    family, _, revision = definition.rpartition("/")[2].rpartition(":")
    return family, int(revision)
