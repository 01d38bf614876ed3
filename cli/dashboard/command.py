"""`matchday dashboard`: the console of this clone's platform."""

from __future__ import annotations

import errno
from typing import Annotated

import typer

from cli import console

PORT = 8600


def dashboard(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where it answers on 127.0.0.1; 0 chooses a free one.")
    ] = PORT,
) -> None:
    """Serve the console on loopback until Ctrl-C: one page that says how the local platform is (docs/console.md).

    The printed link has a token in it, which makes the browser known: nothing is shown without. Only its buttons for
    drills change anything.
    Exit code 0 when it was ended; 1 when the port is taken.
    """
    from cli.dashboard.board import Board
    from cli.dashboard.server import HOST, Console
    from cli.dashboard.sources import sources

    board = Board(sources())
    try:
        server = Console(port, board)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        console.fail(f"{HOST}:{port}: {error.strerror}", f"Another: `{console.command('dashboard --port 0')}`.")
    typer.echo(server.url)
    board.start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        board.stop()
        server.server_close()
