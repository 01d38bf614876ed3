"""`matchday down` and `matchday reset`: stop the platform; `reset` forgets its data too."""

from __future__ import annotations

import shutil
from typing import Annotated

import typer

from cli import console, local
from cli.checkpoint import Checkpoint, Phase


def down() -> None:
    """Stop everything that `up` started: tasks drained, databases flushed, the cloud's resources kept for the next `up`.

    Nothing to stop is no error.
    """
    if _stop():
        console.say("stopped; the data is kept (`matchday reset` forgets it), `matchday up` goes on from here")
    else:
        console.say("the platform is not running")


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
    console.say("all data of the local platform is gone; `matchday up` starts from nothing")


def _stop() -> bool:
    from localcloud.runtime.errors import SupervisorError

    client = local.running()
    if client is None:
        return False
    with console.progress.status("stopping the platform"):
        try:
            client.stop()
        except SupervisorError as failure:
            console.fail(str(failure))
    checkpoint = Checkpoint(local.STATE)
    # A run of the engine that was cut off stays one: the next `up` must go back, however orderly the servers stopped.
    if checkpoint.phase is Phase.RUNNING:
        checkpoint.enter(Phase.SETTLED)
    return True
