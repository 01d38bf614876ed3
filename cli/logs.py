"""`matchday logs [SERVICE] [-f]`: what the tasks and servers print."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import console, local


def logs(
    service: Annotated[
        str | None,
        typer.Argument(help="A service (auth, wallet) or a server (postgres, valkey, ingress, …); default: all."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on printing what comes, until interrupted.")
    ] = False,
) -> None:
    """Print the logs of the running platform, oldest first, each line with where it comes from."""
    from localcloud.runtime.errors import SupervisorError

    client = local.require_running()
    try:
        for where, line in client.logs(service, follow=follow):
            typer.echo(f"{where}  {line}")
    except SupervisorError as failure:
        console.fail(str(failure), code=console.WRONG_CALL)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
