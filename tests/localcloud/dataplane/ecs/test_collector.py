"""What stands for the collector in a task: takes what a service's exporter sends, and refuses all else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from components.compute.collector import configuration
from localcloud.dataplane.ecs.collector import LONGEST, Collector, is_collector
from localcloud.dataplane.ecs.container import Health
from localcloud.dataplane.ecs.images import TaskFailed
from services.common.telemetry import spans
from services.common.telemetry.exporter import Exporter
from tests.ports import free_port


def definition(port: int) -> dict[str, object]:
    content = configuration("ap-south-1").replace("127.0.0.1:4318", f"127.0.0.1:{port}")
    return {"name": "collector", "essential": False, "environment": [{"name": "AOT_CONFIG_CONTENT", "value": content}]}


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Collector, str, list[bytes]]]:
    lines: list[bytes] = []
    port = free_port()
    collector = Collector(definition(port), "127.0.0.1", lines.append)
    await collector.start()
    yield collector, f"http://127.0.0.1:{port}", lines
    await collector.stop()
    assert (collector.running, collector.exit_code) == (False, 0)


async def test_spans_of_a_service_become_lines_as_transaction_search_has_them() -> None:
    async with running() as (collector, url, lines):
        assert (collector.running, collector.health, collector.pid) == (True, Health.HEALTHY, None)
        exporter = Exporter(url, {"service.name": "wallet", "deployment.environment.name": "local"})
        spans.start(exporter.add, 1.0)
        parent = f"00-{'a' * 32}-{'b' * 16}-01"
        with spans.root("process wallet.notify", parent, {"messaging.system": "celery"}, [parent]):
            spans.leaf(
                "SELECT x", spans.SpanKind.CLIENT, spans.moment(), {"http.response.status_code": 500}, "TimeoutError"
            )
        spans.stop()
        await asyncio.to_thread(exporter.close, 20)
    root, leaf = map(json.loads, lines)
    assert root["resource"]["attributes"] == {"service.name": "wallet", "deployment.environment.name": "local"}
    assert (root["traceId"], root["parentSpanId"], root["kind"]) == ("a" * 32, "b" * 16, "CONSUMER")
    assert root["links"] == [{"traceId": "a" * 32, "spanId": "b" * 16}]
    assert (leaf["parentSpanId"], leaf["status"], leaf["name"]) == (root["spanId"], {"code": "ERROR"}, "SELECT x")
    assert leaf["attributes"] == {"http.response.status_code": 500, "error.type": "TimeoutError"}
    assert 0 <= leaf["durationNano"] == leaf["endTimeUnixNano"] - leaf["startTimeUnixNano"]


async def test_what_is_no_export_of_spans_is_refused_and_the_next_is_taken() -> None:
    json_type = {"Content-Type": "application/json"}
    async with running() as (_, url, lines), httpx.AsyncClient(base_url=url) as http:
        answers = [
            await http.post("/v1/traces", content=b"{", headers=json_type),
            await http.post("/v1/traces", content=b"[]", headers=json_type),
            await http.post("/v1/traces", json={"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 1}]}]}]}),
            await http.post("/v1/traces", content=b"x", headers={"Content-Type": "application/x-protobuf"}),
            await http.post("/v1/metrics", json={}),
            await http.get("/v1/traces"),
        ]
        assert [each.status_code for each in answers] == [400, 400, 400, 415, 404, 405]
        too_long = (
            f"POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {LONGEST + 1}\r\n\r\n"
        )
        for sent, answered in ((too_long.encode(), b"HTTP/1.1 413 "), (b"nothing\r\n\r\n", b"")):
            reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
            writer.write(sent)
            assert (await reader.read())[:13] == answered
            writer.close()
        assert (await http.post("/v1/traces", json={"resourceSpans": []})).status_code == 200
    assert lines == []


@pytest.mark.parametrize("content", ["", "{}", '{"receivers": []}', "receivers: {}"])
async def test_a_configuration_without_a_receiver_starts_nothing(content: str) -> None:
    made = {"name": "collector", "environment": [{"name": "AOT_CONFIG_CONTENT", "value": content}]}
    assert is_collector(made)
    with pytest.raises(TaskFailed, match="CannotStartContainerError: collector: AOT_CONFIG_CONTENT"):
        await Collector(made, "127.0.0.1", lambda _: None).start()
