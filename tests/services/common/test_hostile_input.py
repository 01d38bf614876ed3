"""Nothing a caller sends costs more than it is worth: what looks at input is linear in it, and what is too much is refused."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel, ConfigDict

from services.auth.contacts import normalise_email
from services.common import bodies, logs, middleware, protocol
from services.common.application import create_application
from services.common.client_address import client_address
from services.common.errors import ServiceError
from services.common.middleware import head_refusal, is_text
from services.common.refusal import path_of_whole
from services.common.tokens import TokenVerifier
from tests.services.common.serving import serving
from tests.services.support import Clock

SMALL, LARGE = 4_000, 64_000

#: Sixteen times the input may cost this many times as much: linear is 16, quadratic 256.
ALLOWED = 64

#: Below this nobody is hurt, and a clock's noise would decide.
TRIFLE_SECONDS = 0.004


def seconds(work: Callable[[Any], object], given: Any) -> float:
    """CPU time of the quickest of several runs: noise only ever adds."""
    found = []
    for _ in range(5):
        begun = time.thread_time()
        with contextlib.suppress(ServiceError, ValueError):  # refusing is work too
            work(given)
        found.append(time.thread_time() - begun)
        if found[-1] > 1:
            break
    return min(found)


def assert_linear(work: Callable[[Any], object], make: Callable[[int], Any]) -> None:
    small, large = (seconds(work, make(size)) for size in (SMALL, LARGE))
    assert large < max(TRIFLE_SECONDS, ALLOWED * small), (
        f"{SMALL}: {small * 1000:.2f} ms, {LARGE}: {large * 1000:.2f} ms"
    )


@pytest.mark.slow
def test_the_measure_tells_quadratic_from_linear() -> None:
    with pytest.raises(AssertionError):
        assert_linear(lambda text: [text.count("b" + text[:at][-1:]) for at in range(0, len(text), 64)], "a".__mul__)
    assert_linear(lambda text: text.count("b"), "a".__mul__)


TEXTS: dict[str, Callable[[int], str]] = {
    "letters": lambda n: "a" * n,
    "addresses without an end": lambda n: "a@" * (n // 2),
    "an address that goes on": lambda n: "a@" + "b" * n,
    "dots": lambda n: "a@b" + ".c" * (n // 2) + "@",
    "pluses": lambda n: "+-." * (n // 3),
    "tokens": lambda n: "eyJ" * (n // 3),
    "tokens with dots": lambda n: "eyJaaaaaaaa." * (n // 12),
    "short tokens": lambda n: "eyJ." * (n // 4),
    "keywords": lambda n: "password" * (n // 8),
    "spaces after a keyword": lambda n: "secret" + " " * n,
    "keywords and signs": lambda n: "token=" * (n // 6),
    "quotes": lambda n: "password='" * (n // 10),
    "urls": lambda n: "://" * (n // 3),
    "colons": lambda n: "://" + ":" * n,
    "passwords of urls": lambda n: "://a:" + "b" * n,
    "many passwords of urls": lambda n: "://a:b" * (n // 6),
    "wide": lambda n: "é" * n,
}


@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS)
def test_the_log_filter_is_linear(make: Callable[[int], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The pattern itself, on the whole text: the cut before it would hide what it costs."""
    monkeypatch.setattr(logs, "LONGEST_VALUE", 10 * LARGE)
    assert_linear(logs.scrub, make)


def test_a_line_of_the_log_is_bounded() -> None:
    record = logging.makeLogRecord({"msg": "%s", "args": ("x" * 10**6,), "path": "/wallet/" + "a" * 10**6})
    assert len(logs.JsonFormatter("auth", "web", "test").format(record)) < 3 * logs.LONGEST_VALUE


def test_a_cut_does_not_show_half_an_address() -> None:
    text = "x" * (logs.LONGEST_VALUE - 10) + " player@example.com and more"
    assert "player" not in logs.scrub(text)


def request_of(headers: dict[bytes, bytes], path: str = "/", query: bytes = b"") -> Request:
    return Request(
        {"type": "http", "method": "POST", "path": path, "query_string": query, "headers": list(headers.items()),
         "client": ("10.0.0.9", 1), "server": ("service", 80), "scheme": "http"}
    )  # fmt: skip


class NoKeys:
    async def find(self, kid: str) -> None:
        raise AssertionError("a key was looked up")


VERIFIER = TokenVerifier(NoKeys(), "test", Clock())
JSON = b"application/json"

PARSERS: dict[str, tuple[Callable[[Any], object], Callable[[int], Any]]] = {
    "json, nested": (bodies.check_json, lambda n: b"[" * n),
    "json, nested and closed": (bodies.check_json, lambda n: b"[" * (n // 2) + b"]" * (n // 2)),
    "json, nested in objects": (bodies.check_json, lambda n: b'{"a":' * (n // 5)),
    "json, many values": (bodies.check_json, lambda n: b"[" + b"1," * (n // 2) + b"1]"),
    "json, many names": (bodies.check_json, lambda n: b"{" + b",".join(b'"%d":1' % i for i in range(n // 9)) + b"}"),
    "json, a long number": (bodies.check_json, lambda n: b"1" * n),
    "json, a long text": (bodies.check_json, lambda n: b'"' + b"a" * n + b'"'),
    "json, escapes": (bodies.check_json, lambda n: b'"' + b"\\u0061" * (n // 6) + b'"'),
    "json, a text without end": (bodies.check_json, lambda n: b'"' + b"\\" * n),
    "a form": (bodies.check_form, lambda n: b"a=%41&" * (n // 6)),
    "a content type": (lambda text: bodies.check(text, b"x"), lambda n: b"application/" + b"a+" * n),
    "a query": (is_text, lambda n: b"%41" * (n // 3)),
    "a head": (lambda request: head_refusal(request.scope), lambda n: request_of({}, "/" * n, b"&" * n)),
    "a request to refuse": (path_of_whole, lambda n: b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * (n // 5) + b"\r\n"),
    "a request to refuse, a long line": (path_of_whole, lambda n: b"GET / HTTP/1.1\r\na:" + b"b" * n + b"\r\n\r\n"),
    "a request to refuse, without end": (path_of_whole, lambda n: b"GET / HTTP/1.1\r\na:" + b"\rb" * (n // 2)),
    "a request to refuse, a long path": (path_of_whole, lambda n: b"GET /" + b"a" * n + b"?" * n + b"\r\n"),
    "a request's id": (middleware._REQUEST_ID.fullmatch, lambda n: "a" * n),
    "forwarded for": (lambda request: client_address(request, 1), lambda n: request_of({b"x-forwarded-for": b"," * n})),
    "forwarded for, addresses": (
        lambda request: client_address(request, 2),
        lambda n: request_of({b"x-forwarded-for": b"1.2.3.4, " * (n // 9)}),
    ),
    "a token": (lambda token: asyncio.run(VERIFIER.verify(token)), lambda n: "a." * (n // 2)),
    "a token without dots": (lambda token: asyncio.run(VERIFIER.verify(token)), lambda n: "eyJ" * (n // 3)),
    "an e-mail address": (normalise_email, lambda n: "a@" + "b." * (n // 2)),
    "an e-mail address, hyphens": (normalise_email, lambda n: "a@" + "b-" * (n // 2) + "."),
    "an e-mail address, wide": (normalise_email, lambda n: "ﷺ" * (n // 3)),
}  # fmt: skip


@pytest.mark.parametrize(("work", "make"), PARSERS.values(), ids=PARSERS)
def test_what_looks_at_input_is_linear(work: Callable[[Any], object], make: Callable[[int], Any]) -> None:
    assert_linear(work, make)


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    inner: dict[str, int] = {}


router = APIRouter()


@router.post("/things")
async def things(thing: Thing) -> Thing:
    return thing


async def nothing(app: FastAPI, stack: AsyncExitStack) -> None:
    """A service without resources of its own; it is never started here."""


def application() -> FastAPI:
    """A service as each is made, without a database."""
    return create_application(title="things", summary="for tests", routers=[router], opener=nothing)


async def post(body: bytes, content_type: str = "application/json", path: str = "/things", **headers: str) -> Any:
    transport = httpx.ASGITransport(application())
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        return await client.post(path, content=body, headers={"Content-Type": content_type, **headers})


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"name": "\\ud800"}', "application/json"),
        (b'{"name": "\\udc00\\ud800"}', "application/json"),
        (b'{"name": "\xff"}', "application/json"),
        (b'{"name": "\\u0000"}', "application/json"),
        (b'{"name": "x", "inner": {"\\u0000": 1}}', "application/json"),
        (b'{"name": NaN}', "application/json"),
        (b"[" * 990 + b"]" * 990, "application/json"),
        (b"[" * 990 + b"]" * 990, "application/problem+json"),
        (b"[" * 990 + b"]" * 990, "text/plain"),
        (b"[" * 990 + b"]" * 990, ""),
        (b"[" * 40 + b"]" * 40, "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"[" + b"1," * 5000 + b"1]", "application/json"),
        (b"{" + b",".join(b'"%d":1' % number for number in range(5000)) + b"}", "application/json"),
        (b"a=%00", "application/x-www-form-urlencoded"),
        (b"a=%ff", "application/x-www-form-urlencoded"),
        (b"a=1&" * 5000, "application/x-www-form-urlencoded"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
    ],
)
async def test_what_cannot_be_parsed_is_refused(body: bytes, content_type: str) -> None:
    answer = await post(body, content_type)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert len(answer.content) < 1000


@pytest.mark.parametrize(
    "path", ["/things/%00", "/things?a=%00", "/things?a=%ff", "/" + "a" * 2000, "/things?" + "a" * 4000]
)
async def test_a_head_that_is_too_much_is_refused(path: str) -> None:
    answer = await post(b"{}", path=path)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert len(answer.content) < 1000


async def test_too_many_headers_are_refused() -> None:
    answer = await post(b"{}", **{f"X-{number}": "x" for number in range(100)})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_names_that_the_caller_invented_are_not_repeated() -> None:
    answer = await post(b'{"name": 5, "<script>": 1, "inner": {"secret-name": "x"}}')
    assert answer.status_code == 422
    assert "script" not in answer.text and "secret-name" not in answer.text
    assert {each["field"] for each in answer.json()["violations"]} == {"body.name", "body.?", "body.inner.?"}


async def test_a_problem_is_bounded() -> None:
    invented = ",".join(f'"{"x" * 200}{number}": 1' for number in range(900))
    answer = await post(f"{{{invented}}}".encode())
    assert answer.status_code == 422
    assert len(answer.content) < 5000


async def test_nothing_is_redirected_to_the_host_that_the_caller_names() -> None:
    answer = await post(b"{}", path="/things/", Host="evil.example")
    assert answer.status_code == 404
    assert "location" not in answer.headers and "evil" not in answer.text


class _Answer(asyncio.Protocol):
    """All that a server sends, also when a reset follows it (a StreamReader then loses what was not yet read)."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, error: Exception | None) -> None:
        self.over.set_result(None)


class TestOnTheWire:
    """A real server on a socket, with the times cut short."""

    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(protocol, "HEAD_SECONDS", 1.5)  # enough for a head that comes whole, also on a busy machine
        monkeypatch.setattr(bodies, "BODY_SECONDS", 0.4)

    async def send(self, *parts: bytes, every: float = 0.0, limit: float = 60) -> bytes:
        """What the server answers until it closes the connection."""
        async with asyncio.timeout(limit), serving(application()) as (host, port):
            transport, answer = await asyncio.get_running_loop().create_connection(_Answer, host, port)
            for part in parts:
                if answer.over.done():
                    break
                transport.write(part)
                await asyncio.sleep(every)
            await answer.over
            transport.close()
            return bytes(answer.received)

    async def test_who_says_nothing_is_cut_off(self) -> None:
        assert await self.send() == b""

    async def test_a_head_that_trickles_is_cut_off(self) -> None:
        assert await self.send(b"POST /things HTTP/1.1\r\n", *([b"X: y\r\n"] * 40), every=0.05) == b""

    async def test_a_head_without_end_is_cut_off(self) -> None:
        found = await self.send(b"GET / HTTP/1.1\r\n", *([b"X: " + b"y" * 8000 + b"\r\n"] * 40))
        assert found == b"" or found.startswith(b"HTTP/1.1 400 ")

    async def test_one_large_header_is_refused(self) -> None:
        found = await self.send(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40_000 + b"\r\n\r\n")
        assert found.startswith(b"HTTP/1.1 400 ")

    async def test_a_second_head_that_trickles_is_cut_off(self) -> None:
        found = await self.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HT", every=0.1)
        assert found.count(b"HTTP/1.1 404 ") == 1

    async def test_a_body_that_trickles_is_answered_and_cut_off(self) -> None:
        head = b"POST /things HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n"
        found = await self.send(head, *([b" "] * 12), every=0.06)
        assert found.startswith(b"HTTP/1.1 408 ")
        assert b"body_too_slow" in found and b"connection: close" in found.lower()

    @pytest.mark.parametrize("length", [b"9" * 5000, b"-1", b"1e3", b"99999999999", b"300000"])
    async def test_a_claim_of_length_is_not_trusted(self, length: bytes) -> None:
        head = b"POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n"
        assert (await self.send(head))[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 413 ")
