"""A TCP proxy that stands before a server and fails as networks and servers do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum

SLOW_SECONDS = 0.04
HALF_BYTES = 5

#: What a piece holds that makes the server commit: COMMIT itself, or a batch of wallet's writer, a statement by itself.
_COMMITS = (b"COMMIT", b'[{"op":')


class Fault(StrEnum):
    """What goes wrong between a service and what it depends on."""

    NONE = "none"
    REFUSED = "refused"  # nobody listens, and connections that were open are gone
    RESET = "reset"  # each connection is taken and reset at once
    SILENT = "silent"  # connections stay open, nothing is relayed any more: a frozen server, a black hole
    SLOW = "slow"  # each piece comes late
    HALF = "half answer"  # an answer begins, and the connection is cut off within it
    CUT_AT_COMMIT = "killed mid-commit"  # COMMIT reaches the server, which does it; its answer is lost


class Proxy:
    """Relays connections to `host`:`port`; `fault` may be changed at any time."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.host, self.port = "127.0.0.1", 0
        self._fault = Fault.NONE
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def set(self, fault: Fault) -> None:
        """From now on fail like that."""
        self._fault = fault
        self._changed.set()
        self._changed = asyncio.Event()
        if fault in (Fault.REFUSED, Fault.RESET):
            self.cut()
        if fault is Fault.REFUSED:
            await self._stop()
        elif self._server is None:
            await self.start()

    async def start(self) -> None:
        """Listen, always at the same port."""
        self._server = await asyncio.start_server(self._take, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End all."""
        await self._stop()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._open):
            _reset(writer)

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._fault is Fault.RESET:
            _reset(writer)
            return
        self._open.add(writer)
        try:
            there_reader, there = await asyncio.open_connection(*self.target)
        except OSError:
            _reset(writer)
            return
        self._open.add(there)
        cut = asyncio.Event()
        for source, sink, back in ((reader, there, False), (there_reader, writer, True)):
            task = asyncio.create_task(self._relay(source, sink, writer, cut, back=back))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _relay(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        cut: asyncio.Event,
        *,
        back: bool,
    ) -> None:
        """One direction; `back` is the server's. `cut` is set when COMMIT has gone to the server."""
        with contextlib.suppress(OSError):
            while piece := await source.read(65536):
                while self._fault is Fault.SILENT:
                    await self._changed.wait()
                if self._fault is Fault.SLOW:
                    await asyncio.sleep(SLOW_SECONDS)
                if self._fault is Fault.CUT_AT_COMMIT:
                    if not back and any(each in piece for each in _COMMITS):
                        cut.set()
                    if back and cut.is_set():
                        _reset(client)
                        return
                if self._fault is Fault.HALF and back:
                    sink.write(piece[:HALF_BYTES])
                    await sink.drain()
                    _reset(client)
                    return
                sink.write(piece)
                await sink.drain()
        for writer in (sink, client):
            writer.close()
            self._open.discard(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a RST, as a machine that has lost it does."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def proxy(host: str, port: int) -> AsyncIterator[Proxy]:
    """A proxy before `host`:`port`, for a while."""
    made = Proxy(host, port)
    await made.start()
    try:
        yield made
    finally:
        await made.close()
