"""What the engine starts as its language host where one was started ahead: hands that one the engine's pipes and says its port.

Copied beside the CLI. Runs without site-packages (`python -I -S`), so that it starts in a hundredth of a second.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys


def port(place: str, engine: str) -> bytes:
    """The line with the host's port for this engine; empty if nobody serves at `place`. The connection stays open."""
    content = json.dumps({"engine": engine, "environment": dict(os.environ)}).encode()
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(place)
        socket.send_fds(connection, [len(content).to_bytes(8, "big")], [1, 2])
        connection.sendall(content)
        line = connection.recv(16)
    except OSError:
        return b""
    connection.detach()  # closed with this process, which tells the host
    return line


def main() -> None:
    """Arguments: the socket, the host's own file to be run if nobody serves there, what the engine passes."""
    place, host, *arguments = sys.argv[1:]
    line = port(place, arguments[-1] if arguments else "")
    if not line:
        os.execv(sys.executable, [sys.executable, "-u", host, *arguments])  # noqa: S606 (our own interpreter)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # how the engine ends its plugins
    os.write(1, line)
    # The engine holds our standard input open as long as it lives.
    while os.read(0, 4096):
        pass


if __name__ == "__main__":
    main()
