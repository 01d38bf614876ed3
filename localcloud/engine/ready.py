"""Waits until a provider serves, and knows an engine that has not waited long enough.

The engine gives a provider that it attaches to ten seconds, a constant of the CLI (pluginRPCConnectionTimeout). One that was
killed and is being started again needs more on a busy machine.
"""

from __future__ import annotations

import re
import socket
import time

#: How long a provider may take to serve: the supervisor gives it 90 s for each start.
PROVIDER_SECONDS = 120

#: HTTP/2's preface and an empty SETTINGS frame. A gRPC server answers with its own SETTINGS (a frame of type 4): by that the
#: engine, too, knows that somebody is there.
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
_SETTINGS = 4

#: What the CLI says of a plugin that it has given up (pkg/resource/plugin/plugin.go, dialPlugin).
_GIVEN_UP = re.compile(r"plugin \[[^]]*\] did not (begin responding to RPC connections|come alive)")


def serves(port: int, within: float = PROVIDER_SECONDS) -> bool:
    """Whether a gRPC server answers on that port of 127.0.0.1 within so many seconds; waits for it."""
    deadline = time.monotonic() + within
    while (left := deadline - time.monotonic()) > 0:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=left) as connection:
                connection.sendall(_HELLO)
                head = connection.recv(9)
        except OSError:
            head = b""
        if len(head) == 9 and head[3] == _SETTINGS:
            return True
        time.sleep(min(0.05, left))
    return False


def given_up(output: str) -> bool:
    """Whether an engine ended because a plugin (provider, language host, policy pack) did not answer it in time."""
    return _GIVEN_UP.search(output) is not None
