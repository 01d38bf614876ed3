"""`matchday chaos`: what breaks in production, broken on the running platform while players pay; the books, and the alarms."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import console, local
from cli.operations_documents import Chaos


def chaos(
    seconds: Annotated[
        int,
        typer.Option("--seconds", min=60, max=480, help="How long players pay and things break (their tokens end)."),
    ] = 300,
    seed: Annotated[int, typer.Option("--seed", help="What draws the tasks that are killed.")] = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Break the local platform while players move money, and look what came of the money and of the alarms.

    PostgreSQL's connections are used up, tasks are killed, Valkey hangs, PostgreSQL is restarted, payment providers are slow:
    one after the other, while players give, deposit and repeat what was not answered. Then all is let alone, and must be whole:
    each answered movement is there once, the books balance, every task is healthy, and the alarms that rang are those that
    should have (docs/recovery.md lists them by fault). Exit code 1: something is not so, or nothing runs.
    """
    from cli import chaos_run

    client = local.require_running()
    document = chaos_run.run(client, seconds, seed, console.say)
    if as_json:
        console.emit(document)
    else:
        _show(document)
    if not document["ok"]:
        raise typer.Exit(console.NO)


def _show(document: Chaos) -> None:
    rows = [
        (fault["name"], f"{fault['seconds']:.1f} s", f"{fault['gap']:.1f} s", ", ".join(fault["rang"]))
        for fault in document["faults"]
    ]
    console.table(rows, ("fault", "lasted", "longest without an answer", "rang"))
    console.result.print(
        f"{document['acknowledged']} movements answered in {document['seconds']:.0f} s, {document['failed']} tries failed and"
        f" were repeated; whole again after {document['healed']:.0f} s",
        markup=False,
    )
    for name in document["missing"]:
        console.result.print(f"should have rung and did not: {name}", markup=False, style="bold red")
    for name in document["unexpected"]:
        console.result.print(f"rang without a reason: {name}", markup=False, style="bold red")
    for sentence in document["wrong"]:
        console.result.print(f"wrong: {sentence}", markup=False, style="bold red")
