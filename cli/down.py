"""`matchday down` and `matchday reset`: stop the platform; `reset` forgets its data too."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from cli import console, local
from cli.lock import exclusive


@exclusive
def down(
    everywhere: Annotated[
        bool,
        typer.Option(
            "--all", help="Also what other clones of yours left running, and temporary folders; shown, then asked."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --all: do not ask.")] = False,
) -> None:
    """Stop everything that `up` started: tasks drained, databases flushed, the cloud's resources kept for the next `up`.

    Nothing to stop is no error. Exit code 0; 1 when something could not be stopped, or --all was answered with no.
    """
    if _stop():
        console.say(
            f"stopped; the data is kept (`{console.command('reset')}` forgets it), `{console.command('up')}` goes on from here"
        )
    else:
        console.say("the platform is not running")
    if everywhere:
        _stop_everywhere(yes=yes)


def _stop_everywhere(*, yes: bool) -> None:
    from cli import remains

    left, folders = list(remains.everywhere()), remains.scratch()
    for clone in left:
        console.result.print(f"{clone.state}: {len(clone.processes)} processes", markup=False)
        for process in clone.processes:
            console.result.print(f"    {remains.describe(process)}", markup=False)
    for folder in folders:
        console.result.print(f"{folder}: left by a preview", markup=False)
    if not left and not folders:
        console.say("no other clone of yours left anything")
        return
    if not yes and not typer.confirm("Stop and delete these? Data in the clones' folders is kept"):
        console.fail("nothing was stopped")
    for clone in left:
        clone.end()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@exclusive
def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop the platform and delete all that it keeps: databases, buckets, secrets, logs, the engine's state of `local`.

    The stacks of other environments are not touched: nothing of them is here.
    """
    if not yes and not typer.confirm(f"Delete all data of the local platform in {local.STATE}?"):
        console.fail("nothing was deleted")
    _stop()
    if local.STATE.exists():
        from localcloud.dataplane.control.client import forget

        forget(local.STATE)
        shutil.rmtree(local.STATE)
    console.say(f"all data of the local platform is gone; `{console.command('up')}` starts from nothing")


def _stop() -> bool:
    from cli import remains
    from localcloud.runtime.errors import SupervisorError

    client = local.running()
    if client is None:
        left = remains.of(local.STATE)
        left.end()
        return bool(left.processes)
    with console.progress.status("stopping the platform"):
        try:
            client.stop()
        except SupervisorError as failure:
            console.fail(str(failure))
    return True
