"""A port for a server that a test starts a moment later: nobody else's until then."""

from __future__ import annotations

import os
import secrets
import socket

#: Below the ephemeral ports, so that no outgoing connection takes one, nor who asks the kernel for any; a Valkey cluster also
#: needs the port 10,000 above. Each worker has a part of them: between the look and the use another would take it.
FIRST, COUNT = 15000, 7000

_given: set[int] = set()


def free_port(host: str = "127.0.0.1") -> int:
    """A port of this worker's that nothing listens on, and that was given to nobody before."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % workers
    part = COUNT // workers
    if len(_given) >= part // 2:
        _given.clear()
    while True:
        port = FIRST + worker * part + secrets.randbelow(part)
        with socket.socket() as probe, socket.socket() as above:
            try:
                probe.bind((host, port))
                above.bind((host, port + 10_000))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
