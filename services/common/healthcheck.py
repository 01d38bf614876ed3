"""The health check of every container: `python -m services.common.healthcheck` ends with 0 if the process is healthy.

It runs every few seconds in every task, so it imports next to nothing: a bare socket instead of an HTTP library.
"""

from __future__ import annotations

import os
import socket
import sys

from services.common import heartbeat

_TIMEOUT_SECONDS = 3


def web(port: int) -> str:
    """What is wrong with the web process at `port`; empty if nothing is."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_SECONDS) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            status = connection.recv(64).split(b"\r\n", 1)[0].decode("ascii", "replace")
    except OSError as error:
        return f"/healthz on port {port}: {error}"
    return "" if status.split(" ")[1:2] == ["200"] else f"/healthz on port {port}: {status or 'no answer'}"


def background() -> str:
    """What is wrong with a worker or scheduler; empty if nothing is."""
    age = heartbeat.age()
    return "" if age < heartbeat.STALE_SECONDS else f"no heartbeat for {age:.0f} s (file {heartbeat.path()})"


def main() -> int:
    """Only a web process is given a PORT (docs/contracts.md)."""
    port = os.environ.get("PORT")
    problem = web(int(port)) if port else background()
    if problem:
        sys.stderr.write(f"unhealthy: {problem}\n")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
