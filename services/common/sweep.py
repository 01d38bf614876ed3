"""Connections whose last request was refused are read together: while an overload lasts most of what comes is refused, too.

asyncio spends more on each packet (a turn of the loop, a callback, two layers of a transport) than a refusal needs. Here all
these connections are looked at every few milliseconds, and answered with two system calls each. What is not simply refused
goes back to asyncio's transport: what there is a place for, what is no whole request, a connection's end.
"""

from __future__ import annotations

import asyncio
import os
import select
from typing import Any, Protocol

from starlette.datastructures import State

from services.common.admission import Admission
from services.common.refusal import ANSWER, refusable
from services.common.transports import READ_BYTES

#: How often they are looked at: the longest that a request waits for it. Less often, more are answered in a turn.
SECONDS = 0.004

#: When nothing was refused for so long, the overload is over.
OVER_SECONDS = 1.0


class Swept(Protocol):
    """A connection, as far as it is known here: `refused_at` is when its last request was refused, by the loop's clock."""

    transport: Any
    refused_at: float

    def data_received(self, data: bytes) -> None:
        """As asyncio's protocols."""
        ...


class Sweep:
    """The connections of one event loop that are read together. What waits to be sent is the transport's: they have nothing.

    `state`: the application's, with `admission` and `draining`.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._held: dict[int, Swept] = {}
        self._refused_at = 0.0
        self._epoll: select.epoll | None = None

    def hold(self, connection: Swept) -> None:
        """Read this one from now on, whose transport has sent all that it had to."""
        if self._epoll is None:
            self._epoll = select.epoll()
            loop = asyncio.get_running_loop()
            self._refused_at = loop.time()
            loop.call_later(SECONDS, self._look, self._epoll, loop)
        connection.transport.pause_reading()
        descriptor = _descriptor(connection)
        self._held[descriptor] = connection
        self._epoll.register(descriptor, select.EPOLLIN)

    def forget(self, connection: Swept) -> bool:
        """It is read here no more; whether it was."""
        descriptor = _descriptor(connection)
        if self._epoll is None or self._held.get(descriptor) is not connection:
            return False
        del self._held[descriptor]
        self._epoll.unregister(descriptor)
        return True

    def _release(self, connection: Swept) -> None:
        if self.forget(connection):
            connection.transport.resume_reading()

    def _look(self, epoll: select.epoll, loop: asyncio.AbstractEventLoop) -> None:
        """Read and answer those that have something, and come again."""
        admission: Admission = self._state.admission
        now, refused = loop.time(), 0
        full = admission.full() and not self._state.draining
        for descriptor, _ in epoll.poll(0):
            connection = self._held[descriptor]
            try:
                data = os.read(descriptor, READ_BYTES)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if full and data and refusable(data):
                refused += 1
                connection.refused_at = now
                self._answer(descriptor, connection)
                continue
            self._release(connection)  # its transport sees an end by itself
            if data:
                connection.data_received(data)
                full = admission.full() and not self._state.draining
        if refused:
            admission.shed(refused)
            self._refused_at = now
        elif now - self._refused_at > OVER_SECONDS:
            for connection in [*self._held.values()]:
                self._release(connection)
        if self._held:
            loop.call_later(SECONDS, self._look, epoll, loop)
        else:
            epoll.close()
            self._epoll = None

    def _answer(self, descriptor: int, connection: Swept) -> None:
        try:
            sent = os.write(descriptor, ANSWER)
        except OSError:  # the transport finds out whether it has to wait or the connection is gone
            sent = 0
        if sent < len(ANSWER):
            self._release(connection)
            connection.transport.write(ANSWER[sent:])


def _descriptor(connection: Swept) -> int:
    found: int = connection.transport.get_extra_info("socket").fileno()
    return found
