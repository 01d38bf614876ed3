"""An address that never answers: what becomes of a connection that a security group drops, by the kernel's own time-outs.

A listener whose queue is full, which nobody ever empties: Linux drops what else comes. So blocking and non-blocking sockets,
time-outs and retries behave as they do where packets are lost.
"""

from __future__ import annotations

import contextlib
import socket

PORT = 4009


class BlackHole:
    """The address `host`:PORT while it is open."""

    def __init__(self, host: str) -> None:
        self.address = (host, PORT)
        self._sockets: list[socket.socket] = []

    def open(self) -> None:
        """Begin to drop connections. OSError if the address is taken."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self.address)
        listener.listen(0)
        self._sockets.append(listener)
        for _ in range(3):  # one is queued for a queue of nought, the others are for other kernels
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(self.address)
            self._sockets.append(filler)

    def close(self) -> None:
        """Let go of the address; connections that still wait are refused."""
        while self._sockets:
            self._sockets.pop().close()
