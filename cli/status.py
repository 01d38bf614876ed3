"""`matchday status`: what runs, how it is, where it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli import console, local


def status(
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Show the running platform: its URL, each service's tasks and roll-out, data stores, servers, and what is wrong.

    Exit code 0 when everything that should run does: every service has its tasks, all healthy, no roll-out is under way or
    failed, every data store and server runs; 1 otherwise, and when nothing runs. Drift (what was changed or deleted by hand
    since the last `up`) is shown as the data plane saw it at its last look, and does not change the code.
    """
    document = report(local.require_running())
    if as_json:
        console.emit(document)
    else:
        show(document)
    if not steady(document):
        raise typer.Exit(console.NO)


def report(client: Any) -> dict[str, Any]:
    """The status document: what the data plane says, and how many resources the engine's state holds."""
    state = local.workspace(0).state_file(local.STACK)
    document: dict[str, Any] = {**client.status(), "resources": 0}
    if state.exists():
        try:
            latest = json.loads(state.read_bytes())["checkpoint"].get("latest") or {}
        except ValueError:
            way = f"`{console.command('up')}` goes back to the copy of the last run"
            document["problems"] = [*document["problems"], f"the engine's state {state} cannot be read; {way}"]
        else:
            document["resources"] = len(latest.get("resources") or [])
    return document


def steady(document: dict[str, Any]) -> bool:
    """Whether everything that should run does."""
    return not wrong(document)


def wrong(document: dict[str, Any]) -> list[str]:
    """What does not run as it should, a sentence each."""
    found = list(document["problems"])
    found += [
        f"{store['kind']}/{store['name']} is {store['state']}" + _because(store["reason"])
        for store in document["databases"]
        if store["state"] != "ready"
    ]
    found += [f"{server['name']} does not run" for server in document["servers"] if not server["pid"]]
    for service in document["services"]:
        healthy = sum(task["health"] == "HEALTHY" for task in service["tasks"])
        if service["rollout"] == "FAILED":
            found.append(f"{service['name']}: the roll-out failed" + _because(service["reason"]))
        elif service["rollout"] != "COMPLETED":
            found.append(f"{service['name']}: a roll-out is under way" + _because(service["reason"]))
        if not healthy == len(service["tasks"]) == service["desired"]:
            found.append(f"{service['name']}: {healthy} healthy tasks of {service['desired']}")
    return found


def _drifted(entry: Mapping[str, Any]) -> str:
    """One difference between what was deployed and what is there."""
    about = f"{entry['type']} {entry['name']}"
    if not entry["property"]:
        return f"{about} was deleted"
    expected, found = (json.dumps(entry[side], ensure_ascii=False) for side in ("expected", "found"))
    return f"{about}: {entry['property']} {expected} → {found}"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def show(document: dict[str, Any]) -> None:
    """The status document as a person reads it."""
    console.result.print(f"\n{document['url']}\n", style="bold")
    rows = []
    for service in document["services"]:
        tasks = service["tasks"]
        name, count, rollout = service["name"], f"{len(tasks)}/{service['desired']}", service["rollout"].lower()
        if not tasks:
            rows.append((name, count, rollout, "-", "-", "-"))
        for task in tasks:
            health = task["health"] + (f", {task['restarts']} restarts" if task["restarts"] else "")
            rows.append((name, count, rollout, task["id"][:8], str(task["pid"] or "-"), health))
            name = count = rollout = ""
    console.table(rows, ("service", "tasks", "roll-out", "task", "pid", "health"))
    parts = [
        (f"{s['kind']}/{s['name']}", s["address"], str(s["pid"] or "-"), s["state"]) for s in document["databases"]
    ]
    parts += [
        (s["name"], s["address"], str(s["pid"] or "-"), "ready" if s["pid"] else "down") for s in document["servers"]
    ]
    console.result.print()
    console.table(parts, ("data stores and servers", "address", "pid", "state"))
    console.result.print(f"\n{document['resources']} resources in the stack {local.STACK!r}")
    for entry in document["drift"]["found"]:
        console.result.print(f"drift: {_drifted(entry)}", style="yellow", markup=False)
    if document["drift"]["found"]:
        console.result.print(f"seen {document['drift']['checked']}; `{console.command('up --refresh')}` mends it")
    alarms = document["alarms"]
    console.result.print(f"{alarms['evaluated']} alarms are evaluated, {len(alarms['ringing'])} ring")
    for alarm in alarms["ringing"]:
        console.result.print(f"rings since {alarm['since']}: {alarm['description']}", style="yellow", markup=False)
    for sentence in wrong(document):
        console.result.print(f"wrong: {sentence}", style="bold red", markup=False)
