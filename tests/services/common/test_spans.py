"""Spans: one trace for what a request causes, what of it is kept, what never leaves a process, and a collector that fails."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from services.common import logs
from services.common.middleware import RequestContext
from services.common.telemetry import otlp, spans, sql
from services.common.telemetry.carried import PartnerClient, ServiceClient, split, stamp, stamp_of
from services.common.telemetry.endpoints import Endpoints
from services.common.telemetry.exporter import MOST_WAITING, Exporter
from tests.services.support import INSIDE, OUTSIDE

PARENT = spans.Context(0x0AF7651916CD43DD8448EB211C80319C, 0x00F067AA0BA902B7, sampled=True)
RESOURCE = {"service.name": "wallet"}

#: What must never be in a span: planted wherever a caller can put something.
PLANTED = ("asha@example.com", "ABCDE1234F", "+919876543210", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIi", "correct horse battery")


@contextmanager
def recorded(ratio: float = 1.0) -> Iterator[list[spans.Recording]]:
    """What is kept meanwhile."""
    kept: list[spans.Recording] = []
    spans.start(kept.append, ratio)
    try:
        yield kept
    finally:
        spans.stop()
        spans.current.set(None)


def application(endpoints: Endpoints | None = None) -> FastAPI:
    router = APIRouter()

    @router.post("/players/{player}/transfers")
    async def transfer(player: str, body: dict[str, str]) -> dict[str, str]:
        sql.note("UPDATE balances SET amount = amount - $1 WHERE player = $2", spans.moment())
        with spans.span("post", spans.SpanKind.CLIENT, {"db.system.name": "postgresql", "enduser.id": player}):
            logging.getLogger("test").warning("within")
        return {"stamp": stamp()}

    @router.get("/fails")
    async def fails() -> None:
        raise ValueError(f"{PLANTED[0]} has no money")

    app = FastAPI()
    app.include_router(router)
    app.state.draining = False
    app.add_middleware(RequestContext, endpoints or Endpoints())
    return app


async def ask(app: FastAPI, method: str, path: str, **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.request(method, path, **more)


async def test_a_request_is_a_span_with_what_it_did_below_and_the_log_names_both(
    capsys: pytest.CaptureFixture[str],
) -> None:
    formatter = logs.JsonFormatter("wallet", "web", "test")
    with recorded() as kept:
        headers = {**INSIDE, "traceparent": str(PARENT), "Authorization": PLANTED[3], "baggage": f"pan={PLANTED[1]}"}
        path = f"/players/{PLANTED[0]}/transfers?phone={PLANTED[2]}"
        lines: list[dict[str, Any]] = []
        handler = logging.Handler()
        handler.emit = lambda record: lines.append(json.loads(formatter.format(record)))  # type: ignore[method-assign] # a test's own
        logging.getLogger("test").addHandler(handler)
        answer = await ask(application(), "POST", path, headers=headers, json={"password": PLANTED[4]})
        logging.getLogger("test").removeHandler(handler)
        assert spans.current.get() is None or spans.active() is None
    (recording,) = kept
    root, statement, posting = recording.spans
    assert (recording.trace, root.parent) == (PARENT.trace, PARENT.span), (
        "another service's request goes on in its trace"
    )
    assert (root.name, root.kind) == ("POST /players/{player}/transfers", spans.SpanKind.SERVER)
    assert [each.parent for each in (statement, posting)] == [root.id, root.id]
    assert (statement.name, posting.name) == ("UPDATE balances", "post")
    assert split(answer.json()["stamp"]) == (answer.headers["X-Request-Id"], str(root.context))
    (line,) = lines
    assert (line["trace_id"], line["span_id"]) == (f"{PARENT.trace:032x}", f"{posting.id:016x}")
    sent = otlp.encode(kept, RESOURCE).decode()
    assert not [each for each in PLANTED if each in sent], sent
    assert "enduser.id" not in sent, "an attribute that is on no list stays here"


async def test_what_a_caller_outside_sends_decides_nothing_and_is_a_link() -> None:
    with recorded(ratio=0) as kept:
        headers = {**OUTSIDE, "traceparent": str(PARENT), "tracestate": "x=1", "X-Request-Id": "request-of-a-caller"}
        await ask(application(), "POST", "/players/a/transfers", headers=headers, json={})
        assert kept == [], "the flag `sampled` of somebody outside keeps nothing"
        assert (await ask(application(), "GET", "/fails", headers=headers)).status_code == 500
    (recording,) = kept
    assert recording.trace != PARENT.trace
    assert recording.spans[0].links == [PARENT]
    assert (recording.spans[0].parent, recording.spans[0].error) == (0, "ValueError"), "the exception's words stay here"


@pytest.mark.parametrize(
    "text",
    ["", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", f"01-{PARENT.trace:032x}-{PARENT.span:016x}-01", f"{PARENT}-more",
     str(PARENT).upper(), f"00-{PARENT.trace:032x}-" + "0" * 16 + "-01", "é" * 55, f"{PARENT}\n"],
)  # fmt: skip
def test_what_is_no_context_is_none(text: str) -> None:
    assert spans.parse(text) is None


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_a_context_comes_out_as_it_went_in(trace: int, span: int, sampled: bool) -> None:
    context = spans.Context(trace, span, sampled)
    assert spans.parse(str(context)) == context
    assert split(stamp_of("request-1", str(context))) == ("request-1", str(context))
    assert split("request-1") == ("request-1", ""), "rows of a version without traces"


@given(st.text(max_size=80))
def test_any_header_is_read_or_left(text: str) -> None:
    context = spans.parse(text)
    assert context is None or str(context)[:53] == text[:53]


async def test_a_trace_is_sampled_alike_wherever_it_is_looked_at_and_failures_and_slow_requests_are_kept_besides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with recorded(ratio=0.25) as kept:
        for _ in range(400):
            root = spans.begin(None, "GET", spans.SpanKind.SERVER)
            assert root
            spans.end(root)
            beneath = spans.begin(root.context, "GET", spans.SpanKind.SERVER)
            assert beneath
            assert spans.end(beneath) == root.recording.sampled
        assert len(kept) % 2 == 0
        assert 80 < len(kept) < 340  # 200 expected, of a binomial whose standard deviation is 17
        kept.clear()
    with recorded(ratio=0) as kept:
        root = spans.begin(None, "GET", spans.SpanKind.SERVER)
        assert root
        monkeypatch.setattr(spans, "_now", lambda: root.start + spans.SLOW_REQUEST_NS + 1)
        assert spans.end(root, spans.SLOW_REQUEST_NS)
        monkeypatch.undo()
        with pytest.raises(KeyError), spans.root("process x", "", {}):
            raise KeyError("x")
    assert [each.spans[0].error for each in kept] == ["", "KeyError"]


async def test_spans_after_the_end_and_without_number_are_left_out() -> None:
    with recorded() as kept, spans.root("process x", str(PARENT), {}) as root:
        assert root
        for _ in range(spans.MOST + 5):
            spans.leaf("SELECT x", spans.SpanKind.CLIENT, spans.moment(), {})
        late = asyncio.Event()

        async def left_behind() -> None:
            await late.wait()
            with spans.span("late", spans.SpanKind.CLIENT, {}) as span:
                assert span is None
            assert stamp() == logs.request_id.get()

        task = asyncio.create_task(left_behind())
    late.set()
    await task
    (recording,) = kept
    assert (len(recording.spans), recording.missed) == (spans.MOST, 6)


async def test_the_slowest_and_the_last_failed_request_of_a_minute_stand_beside_its_metrics(
    capsys: pytest.CaptureFixture[str],
) -> None:
    endpoints = Endpoints()
    with recorded() as kept:
        await ask(application(endpoints), "GET", "/fails")
        endpoints.write()
        (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines() if '"_aws"' in each]
        assert line["exemplar_error"] == line["exemplar_slowest"] == f"{kept[0].trace:032x}"
        assert not [each for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"] if "exemplar" in each["Name"]]
    await ask(application(endpoints), "GET", "/fails")
    endpoints.write()
    assert "exemplar" not in capsys.readouterr().out, "a trace that nobody kept is no example"


async def test_calls_of_ours_go_on_in_the_trace_and_partners_are_told_nothing() -> None:
    seen: list[dict[str, str]] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(dict(request.headers))
        return httpx.Response(503 if "fails" in str(request.url) else 200)

    transport = httpx.MockTransport(reply)
    logs.request_id.set("request-of-a-test")
    with recorded() as kept, spans.root("process x", str(PARENT), {}):
        async with ServiceClient(transport=transport) as ours, PartnerClient(transport=transport) as partner:
            await ours.post("http://wallet:8080/secret-path?pan=ABCDE1234F", json={"pan": PLANTED[1]})
            await partner.get("https://partner.example/fails")
    root, call, outside = kept[0].spans
    assert seen[0]["traceparent"] == str(call.context)
    assert call.parent == root.id
    assert not {"traceparent", "x-request-id", "baggage"} & seen[1].keys()
    assert (outside.error, outside.attributes["server.address"]) == ("503", "partner.example")
    assert "ABCDE" not in otlp.encode(kept, RESOURCE).decode()
    assert "secret-path" not in otlp.encode(kept, RESOURCE).decode()


def test_what_is_sent_is_what_opentelemetry_reads() -> None:
    with (
        recorded() as kept,
        spans.root("process x", str(PARENT), {"messaging.system": "celery"}, [str(PARENT), "none"]),
    ):
        spans.failed("500")
        sql.note("SELECT \ud800 1", spans.moment(), ValueError("x"))
    read = json_format.Parse(otlp.encode(kept, RESOURCE), ExportTraceServiceRequest())
    # OTLP's JSON has ids in hexadecimal, for which protobuf's own mapping takes base64: they are looked at as they are.
    (plain, _) = json.loads(otlp.encode(kept, RESOURCE))["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert f"00-{plain['traceId']}-{plain['parentSpanId']}-01" == str(PARENT)
    (resource,) = read.resource_spans
    assert resource.resource.attributes[0].value.string_value == "wallet"
    root, statement = resource.scope_spans[0].spans
    assert (root.name, root.kind, root.status.code, len(root.links)) == ("process x", 5, 2, 1)
    assert 0 < root.start_time_unix_nano <= statement.start_time_unix_nano <= root.end_time_unix_nano
    assert {each.key: each.value.string_value for each in statement.attributes} == {
        "db.system.name": "postgresql", "db.query.summary": "SELECT", "db.query.text": "SELECT ? 1", "error.type": "ValueError",
    }  # fmt: skip


class _Collector(BaseHTTPRequestHandler):
    status: int
    bodies: list[bytes]

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def collector(status: int) -> Iterator[tuple[str, list[bytes]]]:
    bodies: list[bytes] = []
    handler = type("Handler", (_Collector,), {"status": status, "bodies": bodies})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", bodies
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def filled(exporter: Exporter, recordings: int) -> None:
    spans.start(exporter.add, 1.0)
    try:
        for _ in range(recordings):
            with spans.root("process x", "", {}):
                pass
    finally:
        spans.stop()


def measured(text: str) -> tuple[int, int]:
    (line,) = [json.loads(each) for each in text.splitlines() if "SpansSent" in each]
    return line["SpansSent"], line["SpansDropped"]


def test_kept_spans_reach_the_collector_and_what_is_too_much_is_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.common.telemetry.exporter.PAUSE_SECONDS", 600)  # nothing is taken out while it fills
    with collector(200) as (url, bodies):
        exporter = Exporter(url, RESOURCE)
        exporter._count = MOST_WAITING - 10
        filled(exporter, 15)
        exporter.close(20)
    sent = [span for body in bodies for span in json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]]
    assert len(sent) == 10
    assert measured(capsys.readouterr().out) == (10, 5)


def test_a_collector_that_refuses_is_away_or_silent_costs_its_spans_and_nothing_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.common.telemetry.exporter.SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen; nor can anybody else there
        away = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with collector(503) as (refuses, _):
            for url in (refuses, away, f"http://127.0.0.1:{silent.getsockname()[1]}"):
                exporter = Exporter(url, RESOURCE)
                filled(exporter, 3)
                assert exporter._thread is not None
                exporter.close(20)
                assert not exporter._thread.is_alive()
                assert measured(capsys.readouterr().out) == (0, 3), url
