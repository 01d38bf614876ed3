"""The supervisor's control address: a small HTTP/JSON server for the owner of the state directory, by a bearer token.

Holding the address is also the claim on the clone's loopback network (localcloud/runtime/addresses.py).
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from localcloud.runtime.errors import SupervisorError

#: Path -> what answers it with JSON; the argument is the query.
Answers = Mapping[tuple[str, str], Callable[[Mapping[str, str]], Awaitable[Any]]]
#: Path -> what answers it with lines, as they come.
Streams = Mapping[tuple[str, str], Callable[[Mapping[str, str]], AsyncIterator[bytes]]]

_LONGEST_HEAD = 16_384


class Control:
    """Serves the control API. A connection carries one request."""

    def __init__(self, host: str, port: int, token: str, answers: Answers, streams: Streams) -> None:
        self.host, self.port = host, port
        self._token, self._answers, self._streams = token, answers, streams
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Claim the address."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port, limit=_LONGEST_HEAD)

    async def stop(self) -> None:
        """Answer no more; streams end."""
        if self._server:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the caller has gone, sent no request, or we stop
        finally:
            self._open.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        url = urlsplit(target)
        key, query = (method, url.path), dict(parse_qsl(url.query))
        if not hmac.compare_digest(headers.get("authorization", "").encode(), f"Bearer {self._token}".encode()):
            await _reply(writer, "401 Unauthorized", {"error": "the token is not this supervisor's"})
        elif key in self._streams:
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n")
            async for line in self._streams[key](query):
                writer.write(line)
                await writer.drain()
        elif key in self._answers:
            try:
                await _reply(writer, "200 OK", await self._answers[key](query))
            except SupervisorError as error:
                await _reply(writer, "500 Internal Server Error", {"error": str(error)})
        else:
            await _reply(writer, "404 Not Found", {"error": f"no {method} {url.path}"})


async def _reply(writer: asyncio.StreamWriter, status: str, content: Any) -> None:
    body = json.dumps(content).encode()
    head = f"HTTP/1.0 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
