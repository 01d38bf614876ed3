"""`matchday status`: what runs, how it is, where it answers."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli import console, local


def status(
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Show the running platform: its URL, each service's tasks with their health and restarts, the data stores, the resources.

    Exit code 0 when every service has the tasks that it should have, all healthy; 1 otherwise, and when nothing runs.
    """
    document = report(local.require_running())
    if as_json:
        console.emit(document)
    else:
        show(document)
    if not steady(document):
        raise typer.Exit(1)


def report(client: Any) -> dict[str, Any]:
    """The status document: what the data plane says, and how many resources the engine's state holds."""
    import json

    state = local.STATE / "pulumi" / "backend" / ".pulumi" / "stacks" / "matchday" / f"{local.STACK}.json"
    resources = 0
    if state.exists():
        latest = json.loads(state.read_text())["checkpoint"].get("latest") or {}
        resources = len(latest.get("resources") or [])
    return {**client.status(), "resources": resources}


def steady(document: dict[str, Any]) -> bool:
    """Whether every service has its desired number of tasks, all healthy."""
    return bool(document["services"]) and all(
        len(service["tasks"]) == service["desired"] and all(task["health"] == "HEALTHY" for task in service["tasks"])
        for service in document["services"]
    )


def show(document: dict[str, Any]) -> None:
    """The status document as a person reads it."""
    console.result.print(f"\n{document['url']}\n", style="bold")
    rows = []
    for service in document["services"]:
        tasks = service["tasks"]
        if not tasks:
            rows.append((service["name"], f"0/{service['desired']}", "-", "-", "-", "-"))
        for position, task in enumerate(tasks):
            first = position == 0
            rows.append(
                (
                    service["name"] if first else "",
                    f"{len(tasks)}/{service['desired']}" if first else "",
                    task["id"][:8],
                    str(task["pid"] or "-"),
                    task["health"],
                    str(task["restarts"]),
                )
            )
    console.table(rows, ("service", "tasks", "task", "pid", "health", "restarts"))
    console.result.print(f"\n{document['resources']} resources in the stack {local.STACK!r}")
