"""`matchday scale SERVICE PROCESS TASKS`: so many tasks now, and at least so many until the next `up`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import console
from cli.cloud import Cloud, Stack, Yes, cloud, confirm, service_and_processes
from cli.operations_documents import Scaled
from model.vocabulary import ProcessKind


def scale(
    service: Annotated[str, typer.Argument(help="A service, such as wallet.")],
    process: Annotated[str, typer.Argument(help="One of its processes, such as web.")],
    tasks: Annotated[int, typer.Argument(min=1, max=500, help="Tasks that are to run.")],
    stack: Stack = "local",
    yes: Yes = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Run so many tasks of a process. Where AWS scales it by itself, that becomes its minimum, and the maximum is raised to it.

    Ends as soon as ECS has it; `status` shows the tasks come. The manifest does not change: `up --refresh` goes back to it.
    Exit code 0; 1 when it was answered with no; 2 when the stack has no such process or AWS refuses.
    """
    (kind,) = (each.kind for each in service_and_processes(service, process).values())
    if kind is ProcessKind.SCHEDULER and tasks > 1:
        console.fail(f"{process} of {service} is a scheduler, which runs once", code=console.WRONG_CALL)
    with cloud(stack) as target:
        confirm(target, f"{target.name(service, process)}: {tasks} tasks", yes)
        document = _scaled(target, target.name(service, process), tasks)
    if as_json:
        console.emit(document)
    else:
        bounds = "" if document["minimum"] is None else f", between {document['minimum']} and {document['maximum']}"
        console.result.print(f"{document['service']}: {document['before']} → {document['desired']} tasks{bounds}")


def _scaled(target: Cloud, name: str, tasks: int) -> Scaled:
    ecs, scaling = target.client("ecs"), target.client("application-autoscaling")
    found = ecs.describe_services(cluster=target.cluster, services=[name])["services"]
    if not found:
        console.fail(f"{target.cluster} has no service {name}", code=console.NOT_ASKED)
    resource = f"service/{target.cluster}/{name}"
    bounds = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[resource])["ScalableTargets"]
    maximum = max(tasks, bounds[0]["MaxCapacity"]) if bounds else None
    if bounds:  # first: else what scales it takes the tasks away again
        scaling.register_scalable_target(
            ServiceNamespace="ecs", ResourceId=resource, ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=tasks, MaxCapacity=maximum,
        )  # fmt: skip
    ecs.update_service(cluster=target.cluster, service=name, desiredCount=tasks)
    return {
        "service": name,
        "before": found[0]["desiredCount"],
        "desired": tasks,
        "minimum": tasks if bounds else None,
        "maximum": maximum,
    }
