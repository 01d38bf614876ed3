"""HTTP as the web process takes it from the wire: Uvicorn's protocol with bounds on what a connection may cost.

Uvicorn waits for ever for a request's head and stores as much of it as comes. Here the head has to arrive within
HEAD_SECONDS and be no larger than MAX_HEAD_BYTES, a process keeps MAX_CONNECTIONS connections, and a request for which there
is no place (services.common.admission) is answered from a constant, before any of the application runs. While all places are
taken, what comes in one piece is not even parsed: at ten times the load a service answers nine refusals for each request that
it serves, and has no more than a hundredth of that request's time for each.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.datastructures import State
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.common.admission import Admission
from services.common.middleware import QUIET_PATHS
from services.common.refusal import ANSWER, MAX_HEAD_BYTES, refusable
from services.common.sweep import Sweep
from services.common.transports import read_little

HEAD_SECONDS = 10.0

#: Well under the 1024 open files that a container gets: health checks and databases need some too.
MAX_CONNECTIONS = 800


class _Corked:
    """A transport that sends the head of an answer together with what follows: Uvicorn writes them one by one."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""

    def write(self, data: bytes) -> None:
        """Keep a first piece until the next one comes, or the loop has nothing else to do."""
        if self._head:
            data, self._head = self._head + data, b""
            self._transport.write(data)
        else:
            self._head = data
            self._loop.call_soon(self._flush)

    def write_now(self, data: bytes) -> None:
        """Send a whole answer."""
        self._flush()
        self._transport.write(data)

    def _flush(self) -> None:
        if self._head:
            data, self._head = self._head, b""
            self._transport.write(data)

    def close(self) -> None:
        """Send what is kept, and end the connection."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._state: State = self.config.app.state  # type: ignore[union-attr] # our applications are FastAPI's
        self._admission: Admission = self._state.admission
        self._sweep: Sweep = self._state.sweep
        self._in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._shedding = False
        self._between = True  # requests: what comes is the beginning of one
        self.refused_at = float("-inf")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the base class
        super().connection_made(transport)
        read_little(transport)
        self.transport: Any = _Corked(transport, self.loop)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.close()
        else:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        self._sweep.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._between and self._free():
            if not self._admission.full():
                self._admission.let_in()
            elif self._refused(data):
                return
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("The head of the request is too large.")
            elif self._head_timer is None and self._head_bytes:
                self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close)

    def _free(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)

    def _refused(self, data: bytes) -> bool:
        """Whether `data` was a whole request, which is now answered. The next ones are read with those of others like it."""
        if self._state.draining or self.transport.is_closing() or not refusable(data):
            return False
        self._admission.shed()
        self.transport.write_now(ANSWER)
        self._stop_head_timer()
        self.refused_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_handler()
        if not self.transport.get_write_buffer_size():
            self._sweep.hold(self)
        return True

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection on which nothing came for a while; to count that from each refusal would cost a timer for each."""
        left = self.refused_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def on_message_begin(self) -> None:
        self._between = False
        super().on_message_begin()
        self._in_head, self._head_bytes, self._shedding = True, 0, False

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._stop_head_timer()
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > MAX_HEAD_BYTES:
            raise ValueError("the head is too large")  # the parser's caller answers with 400 and closes
        if self._free() and self._admission.full() and self.url.partition(b"?")[0].decode("latin-1") not in QUIET_PATHS:
            self._admission.shed()
            self._shedding = True
            self.transport.write_now(ANSWER)
            # A body that does not say how long it is could go on for ever.
            endless = any(name == b"transfer-encoding" for name, _ in self.headers)
            if endless or self._state.draining or not self.parser.should_keep_alive():
                self.transport.close()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._shedding:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._between = True
        if not self._shedding:
            super().on_message_complete()
            return
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
