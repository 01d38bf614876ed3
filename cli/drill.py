"""`matchday drill restore|promote|failover`: recovery, rehearsed on the running platform with its own data."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cli import console, local
from cli.operations_documents import Drill


def drill(
    what: Annotated[
        Literal["restore", "promote", "failover"],
        typer.Argument(help="restore: to a point in time, beside. promote: a standby, beside. failover: for real."),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Rehearse a recovery of the local platform's PostgreSQL, and say how long each step took and what was lost.

    `restore` and `promote` make a copy, look at it and take it away; the platform goes on. `failover` ends the server that the
    platform works on; a synchronous standby takes its address and goes on with the same data. What production promises
    (docs/recovery.md) stands beside what was measured here. Exit code 1: something was lost, wrong or late, or nothing runs.
    """
    from cli import drills

    client = local.require_running()
    document = drills.DRILLS[what](drills.Exercise(client, console.say))
    if as_json:
        console.emit(document)
    else:
        _show(document)
    if not document["ok"]:
        raise typer.Exit(console.NO)


def _show(document: Drill) -> None:
    rows = [(step["name"], f"{step['seconds']:.2f} s") for step in document["steps"]]
    console.table(rows, (f"{document['drill']} of {document['server']}", "took"))
    for name, measure in (("lost (RPO)", document["lost"]), ("stood still (RTO)", document["still"])):
        stated = f"production promises at most {measure['stated']:g} s"
        console.result.print(f"{name}: {measure['measured']:.2f} s; {stated}", markup=False)
    for sentence in document["wrong"]:
        console.result.print(f"wrong: {sentence}", markup=False, style="bold red")
