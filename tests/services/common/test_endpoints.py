"""Requests, errors and latency by endpoint: what is written is what was asked, and no caller makes up a metric."""

from __future__ import annotations

import json
from collections import defaultdict

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import given
from hypothesis import strategies as st

from localcloud.dataplane.watch.log_metrics import embedded, parsed
from services.common.middleware import RequestContext
from services.common.telemetry.endpoints import OTHER, VALUES, Count, Endpoints


def written(text: str) -> dict[str, dict[str, list[float]]]:
    """By endpoint and metric the values of every metric line."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for line in text.splitlines():
        for metric, value in embedded(parsed(line) or {}):
            assert metric.namespace == "Matchday"
            place = dict(metric.dimensions)
            assert set(place) == {"service", "environment", "endpoint"}
            found[place["endpoint"]][metric.name].append(value)
    return found


async def test_each_endpoint_is_counted_once_and_a_minute_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    router, endpoints = APIRouter(), Endpoints()

    @router.get("/players/{player}")
    async def player(player: str) -> dict[str, str]:
        return {}

    @router.post("/fails")
    async def fails() -> None:
        raise RuntimeError("as a test wants")

    app = FastAPI()
    app.include_router(router)
    app.state.draining = False
    app.add_middleware(RequestContext, endpoints)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        for name in ("asha", "ravi", "asha@example.com"):
            assert (await client.get(f"/players/{name}?pan=ABCDE1234F")).status_code == 200
        assert (await client.post("/fails")).status_code == 500
        for path in ("/nothing", "/secret-of-a-caller"):
            assert (await client.get(path)).status_code == 404
        assert (await client.request("LOCK", "/fails")).status_code == 405
        await client.get("/healthz")
    endpoints.write()
    text = capsys.readouterr().out
    found = written(text)
    assert {name: values["Requests"] for name, values in found.items()} == {
        "GET /players/{player}": [3], "POST /fails": [1], OTHER: [3],
    }  # fmt: skip
    assert {name: values["Errors"] for name, values in found.items() if values["Errors"] != [0]} == {"POST /fails": [1]}
    assert len(found["GET /players/{player}"]["Latency"]) == 3
    assert not [word for word in ("asha", "ABCDE1234F", "secret") if word in text]
    endpoints.write()
    assert capsys.readouterr().out == "", "who was asked nothing writes nothing"


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1e6)), max_size=1000))
def test_of_many_latencies_a_fair_part_is_kept(asked: list[tuple[bool, float]]) -> None:
    count = Count()
    for failed, milliseconds in asked:
        count.add(failed, milliseconds)
    assert (count.requests, count.errors) == (len(asked), sum(failed for failed, _ in asked))
    assert len(count.latencies) <= VALUES
    assert count.latencies == [milliseconds for _, milliseconds in asked][:: count.step]
    assert count.step == 1 or len(count.latencies) >= VALUES / 2


def test_a_line_is_json_whatever_the_route(capsys: pytest.CaptureFixture[str]) -> None:
    endpoints = Endpoints()
    endpoints._counts["GET", '/"\n{é}'] = Count(requests=1)
    endpoints.write()
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["endpoint"] == 'GET /"\n{é}'
