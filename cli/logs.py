"""`matchday logs [NAME] [-f]`: what tasks, data stores and servers print."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import console, local


def logs(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A service (auth, wallet), a process (wallet/web), or postgres, valkey, ingress, emulator, provider,"
            " supervisor; default: all."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on printing what comes, until interrupted.")
    ] = False,
) -> None:
    """Print the last lines of everything that runs or ran, oldest first, each with where it comes from.

    The files stay when the platform stops. Exit code 0; 1 when nothing has run yet; 2 when there is no log of that name.
    """
    from localcloud.dataplane.control import tail
    from localcloud.runtime.errors import SupervisorError

    places = local.places()
    if not places.logs.exists():
        console.fail("the platform is not running, and has not run in this clone yet", local.how_to_start())
    try:
        for where, line in tail.tail(places.logs, name, follow=follow):
            typer.echo(f"{where}  {line}")
    except SupervisorError as failure:
        console.fail(str(failure), code=console.WRONG_CALL)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
