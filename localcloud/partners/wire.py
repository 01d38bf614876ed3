"""HTTP/1.1 by hand, small: a server that can also be silent, reset the connection, trickle, or break off in an answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_MAX_BODY = 1024 * 1024
_HEAD_SECONDS = 30.0

#: What a silent answer waits for at most: longer than any client of ours.
SILENCE_SECONDS = 60.0


class Wire(StrEnum):
    """How an answer is sent."""

    WHOLE = "whole"
    SILENT = "silent"
    RESET = "reset"
    SLOW = "slow"
    HALF = "half"


@dataclass(frozen=True)
class PartnerCall:
    """What a client asked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    query_text: str = ""  #: as it was sent

    def json(self) -> Any:
        """The body. Raises ValueError."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What it is told, and how."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    wire: Wire = Wire.WHOLE

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> Answer:
        """JSON."""
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


Handler = Callable[[PartnerCall], Awaitable[Answer]]


async def serve(host: str, port: int, handler: Handler) -> asyncio.Server:
    """A server of `handler` on a loopback address."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                if not await _write(writer, await handler(request), bodiless=request.method == "HEAD"):
                    break
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # the client has gone, or speaks no HTTP
        except asyncio.CancelledError:
            pass  # the loop ends; 3.11's streams report a cancelled connection as an error
        finally:
            writer.close()

    return await asyncio.start_server(connected, host, port)


async def _read(reader: asyncio.StreamReader) -> PartnerCall | None:
    async with asyncio.timeout(_HEAD_SECONDS):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        pairs = (line.split(":", 1) for line in lines if ":" in line)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        size = int(headers.get("content-length", "0"))
        if not 0 <= size <= _MAX_BODY:
            return None
        body = await reader.readexactly(size)
    parts = urlsplit(target)
    return PartnerCall(method, parts.path, dict(parse_qsl(parts.query)), headers, body, parts.query)


async def _write(writer: asyncio.StreamWriter, answer: Answer, *, bodiless: bool) -> bool:
    """Send it; whether the connection goes on."""
    lines = [f"HTTP/1.1 {answer.status} -", *(f"{name}: {value}" for name, value in answer.headers.items())]
    head = "\r\n".join([*lines, f"Content-Length: {len(answer.body)}", "", ""]).encode("latin-1")
    if answer.wire is Wire.SILENT:
        await asyncio.sleep(SILENCE_SECONDS)
        return False
    if answer.wire is Wire.RESET:
        writer.transport.abort()
        return False
    if answer.wire is Wire.HALF:
        writer.write(head + answer.body[: len(answer.body) // 2])
        await writer.drain()
        return False
    if answer.wire is Wire.SLOW:
        for byte in head + answer.body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.2)
        return True
    writer.write(head if bodiless else head + answer.body)
    await writer.drain()
    return True
