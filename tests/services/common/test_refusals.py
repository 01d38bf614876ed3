"""Refusals on the wire: what comes whole is refused unparsed, and only where no parser could see another end of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httptools
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from services.common import protocol, sweep
from services.common.admission import Admission
from services.common.middleware import RequestContext
from services.common.refusal import path_of_whole
from services.common.sweep import Sweep
from services.common.telemetry.endpoints import Endpoints
from tests.services.common.serving import serving

GET = b"GET /wallet/balance?a=b HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /wallet/transfers HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"

PARTS = [
    b"GET ", b"POST ", b"/a", b"/wallet/transfers", b"?q=1", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\r\n\r\n", b"\n", b"\r",
    b"\n\n", b"Host: x", b"Content-Length: 2", b"content-length:2", b"Content-Length : 2", b"Content-Length: +2",
    b"Content-Length: 0", b"Content-Length: 2, 2", b"\r\n Content-Length: 5", b"Transfer-Encoding: chunked",
    b"transfer-encoding:chunked", b"2\r\n{}\r\n0\r\n\r\n", b"Connection: close",
    b"Connection: upgrade\r\nUpgrade: websocket", b"X: \ry",
    b"Proxy-Connection: close", b"proxy-connection:close", b"\r\n\tclose", b"Expect: 100-continue", b"{}",
    b"X: \x00", b" ", b"#",
]  # fmt: skip


class Parsed:
    """What the parser makes of bytes: how many requests it has seen the end of, and where it is after the last."""

    def __init__(self, data: bytes) -> None:
        self.begun = self.ended = 0
        self.url = b""
        parser = httptools.HttpRequestParser(self)
        self.keeps, self.wrong = False, False
        try:
            parser.feed_data(data)
            self.keeps = bool(parser.should_keep_alive())
        except httptools.HttpParserError:
            self.wrong = True

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_message_complete(self) -> None:
        self.ended += 1


@given(
    st.lists(st.sampled_from(PARTS), max_size=14).map(b"".join), st.sampled_from([GET, POST, b""]), st.integers(0, 200)
)
def test_what_is_taken_for_a_whole_request_is_one_for_the_parser(noise: bytes, request: bytes, at: int) -> None:
    data = request[:at] + noise + request[at:]
    path = path_of_whole(data)
    found = Parsed(data)
    if path is not None and not found.wrong:
        assert (found.begun, found.ended, found.keeps) == (1, 1, True)
        assert found.url.partition(b"?")[0] == path


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (GET, b"/wallet/balance"),
        (POST, b"/wallet/transfers"),
        (POST[:-1], None),
        (GET + GET, None),
        (GET.replace(b"1.1", b"1.0"), None),
        (GET.replace(b"Host", b"Connection: close\r\nHost"), None),
        (POST.replace(b"Content-Length: 2", b"Content-Length: 2\r\nContent-Length: 3"), None),
        (POST.replace(b"Host: x", b"Transfer-Encoding: chunked"), None),
        (POST.replace(b"Host: x", b"X: y\nHost: x"), None),
        (POST.replace(b"Host: x", b"X: y\rHost: x"), None),
        (POST.replace(b"Host: x", b"Host: x\r\n 2"), None),
        (POST.replace(b"Host: x", b"proxy-connection: close"), None),
        (GET.replace(b"/wallet", b"http://other/wallet"), None),
        (b"G" + GET, None),
    ],
)
def test_whole_requests(data: bytes, path: bytes | None) -> None:
    assert path_of_whole(data) == path


@asynccontextmanager
async def full() -> AsyncIterator[tuple[FastAPI, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to an application that has no place."""
    app = FastAPI()
    app.state.draining, app.state.sweep = False, Sweep(app.state)
    app.state.admission = Admission(running=0, waiting=0, burst=0)
    app.add_middleware(RequestContext, Endpoints())

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {}

    async with asyncio.timeout(120), serving(app) as (host, port):
        reader, writer = await asyncio.open_connection(host, port)
        yield app, reader, writer
        writer.close()


async def status(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return head[9:12]


async def test_a_connection_goes_on_after_refusals_whole_or_in_pieces() -> None:
    async with full() as (_, reader, writer):
        for parts in ((POST,), (GET,), (POST[:20], POST[20:]), (POST[:-1], POST[-1:]), (GET + POST,), (POST,)):
            for part in parts:
                writer.write(part)
                await asyncio.sleep(0.05)
            for _ in range(b"".join(parts).count(b"HTTP/1.1")):
                assert await status(reader) == b"503"
        writer.write(GET.replace(b"/wallet/balance", b"/healthz"))
        assert await status(reader) == b"200"
        writer.write(POST.replace(b"Host", b"Connection: close\r\nHost"))
        assert await status(reader) == b"503"
        assert await reader.read() == b""


async def test_a_refused_connection_that_falls_silent_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later than it would have been for its first head, and counted from its last request."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.7)
    monkeypatch.setattr("services.common.web.KEEP_ALIVE_SECONDS", 3)
    async with full() as (_, reader, writer):
        loop = asyncio.get_running_loop()
        for _ in range(3):
            writer.write(POST)
            last = loop.time()
            assert await status(reader) == b"503"
            await asyncio.sleep(0.8)
        assert await reader.read() == b""
        assert loop.time() - last >= 2.95


async def test_a_service_that_ends_closes_after_a_refusal() -> None:
    async with full() as (app, reader, writer):
        app.state.draining = True
        writer.write(POST)
        assert await status(reader) == b"503"
        assert await reader.read() == b""


async def test_a_connection_is_served_again_when_there_is_a_place() -> None:
    """It was read with others that were refused, and goes back to the application's own reading."""
    async with full() as (app, reader, writer):
        for _ in range(3):
            writer.write(POST)
            assert await status(reader) == b"503"
        assert app.state.sweep._held
        app.state.admission._most = app.state.admission._places = 1
        for request, found in ((POST, b"404"), (GET, b"404"), (GET[:9], None), (GET[9:], b"404")):
            writer.write(request)
            if found:
                assert await status(reader) == found
            else:
                await asyncio.sleep(0.05)
        assert not app.state.sweep._held


async def test_when_an_overload_is_over_nothing_looks_for_refusals_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "OVER_SECONDS", 0.05)
    async with full() as (app, reader, writer):
        for _ in range(2):
            writer.write(POST)
            assert await status(reader) == b"503"
            while app.state.sweep._epoll is not None:  # noqa: ASYNC110 - it is the server's state, not an event
                await asyncio.sleep(0.01)
            assert not app.state.sweep._held


@pytest.mark.parametrize("fits", [0, 10])
async def test_an_answer_that_does_not_fit_is_sent_later(monkeypatch: pytest.MonkeyPatch, fits: int) -> None:
    """A client that does not read fills what the kernel keeps for it."""

    def write(descriptor: int, data: bytes) -> int:
        if not fits:
            raise BlockingIOError
        return os.write(descriptor, data[:fits])

    async with full() as (_, reader, writer):
        writer.write(POST)
        assert await status(reader) == b"503"
        kernel = SimpleNamespace(read=os.read, write=write)
        monkeypatch.setattr(sweep, "os", kernel)
        for _ in range(3):
            writer.write(POST)
            assert await status(reader) == b"503"


async def test_a_client_that_goes_is_forgotten() -> None:
    async with full() as (app, reader, writer):
        writer.write(POST)
        assert await status(reader) == b"503"
        writer.close()
        while app.state.sweep._held:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.01)
