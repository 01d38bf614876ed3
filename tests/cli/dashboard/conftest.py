"""A console of its own on loopback, showing readings that a test chooses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from cli import local
from cli.dashboard.board import Board, Source
from cli.dashboard.deployments import Deployment, ResourceDiff
from cli.dashboard.measured import Business, Endpoint, Queue, Traffic, Waiting
from cli.dashboard.server import Console
from cli.dashboard.sources import Alarm, Judged, MonthlyCost, sources

#: In every text of the sample: what a page must show as text.
HOSTILE = "<img src=x onerror=alert(1)>\"'&"

POINTS = [None, 1.0, 3.0, None, 2.0]


def sample(*, rings: bool = True) -> dict[str, Any]:
    """A reading of each source, with HOSTILE where texts come from elsewhere."""
    task = {"id": "0123456789abcdef", "health": "UNHEALTHY", "restarts": 2, "reason": HOSTILE}
    service = {
        "name": f"matchday-local-wallet-web {HOSTILE}", "running": 0, "desired": 1, "rollout": "FAILED", "reason": HOSTILE,
    }  # fmt: skip
    drift = {
        "type": "aws:ecs/service:Service",
        "name": HOSTILE,
        "property": "desiredCount",
        "expected": 1,
        "found": HOSTILE,
    }
    platform = {
        "url": "http://127.0.0.1:8080/",
        "services": [service | {"tasks": [task]}, service | {"tasks": []}],
        "databases": [
            {"kind": "rds", "name": "postgres", "address": "127.1.0.1:5432", "state": "failed", "reason": HOSTILE}
        ],
        "servers": [{"name": "ingress", "address": "127.0.0.1:8080", "pid": None}],
        "drift": {"checked": "2026-11-27T00:00:00Z", "found": [drift]},
        "alarms": {"not_evaluated": {"strange": HOSTILE}},
        "wrong": [f"wallet-web: 0 healthy tasks of 1 {HOSTILE}"],
    }
    state = "ALARM" if rings else "OK"
    alarms = [
        Alarm("wallet-log-critical", state, "2026-11-27T00:00:00Z", f"wallet pages {HOSTILE}", HOSTILE, "service-log"),
        Alarm("wallet-pages", "OK", "", "a composite", "its rule", ""),
        Alarm("wallet-late", "INSUFFICIENT_DATA", "", "a job", "not evaluated yet", "job-late"),
    ]
    endpoint = Endpoint("wallet", f"GET /wallet/balance {HOSTILE}", POINTS, [None, 1.0], POINTS)
    run = Deployment(
        "2026-11-27 00:00:00 UTC", 60, "update", "succeeded", "0123abcd+", HOSTILE, {"update": 1},
        [ResourceDiff("update", "aws:ecs/service:Service", HOSTILE, ("desiredCount",))], 3,
    )  # fmt: skip
    return {
        "platform": platform,
        "alarms": alarms,
        "traffic": Traffic(endpoint, [endpoint]),
        "waiting": Waiting([Queue("wallet", POINTS, 90.0, 2.0, None)], [(f"wallet.reconcile {HOSTILE}", 61.0)]),
        "business": [
            Business("kyc", f"what waits {HOSTILE}", "documents", "Maximum", POINTS, "kyc-overdue", 1.0),
            Business("wallet", "what was given", "paise", "Sum", [], "wallet-credits", None),
            Business("wallet", "entries", "entries", "Sum", POINTS, "", None),
        ],
        "ledger": {"entries": 12345.0, "accounts": 12.0, "discrepancies": 1.0},
        "resources": {"aws:ecs/service:Service": 15},
        "deployments": [run],
        "cost": MonthlyCost(281.85, {"AmazonECS": 100.0}, 2, 3),
        "policies": Judged({"compliant": 9, "violation": 1}, 1, [("RDS.1", "mandatory", HOSTILE, HOSTILE)], 4),
    }


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Mapping[str, Any]], Console]]:
    """Start a console on these values by source; one that is an exception could not be read, one that lacks was not yet.

    No platform runs in the folder that it looks into.
    """
    monkeypatch.setattr(local, "STATE", tmp_path)
    started: list[Console] = []

    def start(values: Mapping[str, Any]) -> Console:
        def read(name: str) -> Any:
            value = values.get(name, LookupError("nothing"))
            if isinstance(value, Exception):
                raise value
            return value

        board = Board([Source(each.name, lambda name=each.name: read(name), 60) for each in sources()])  # type: ignore[misc] # bound now
        for each in sources():
            if each.name in values:
                board.read(each.name)
        console = Console(0, board)
        started.append(console)
        threading.Thread(target=console.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return console

    yield start
    for console in started:
        console.shutdown()
        console.server_close()


def ask(console: Console, target: str, method: str = "GET", **headers: str) -> HTTPResponse:
    """One request, whole, with the cookie that a browser would have unless the headers say otherwise."""
    return _send(console, target, method, headers)


def post(console: Console, form: Mapping[str, str], target: str = "/drills", **headers: str) -> HTTPResponse:
    """A form, as a browser sends one of the console's page unless the headers say otherwise."""
    body = urlencode(form).encode()
    ours = {
        "Content_Type": "application/x-www-form-urlencoded", "Content_Length": str(len(body)),
        "Origin": f"http://127.0.0.1:{console.port}", "Sec_Fetch_Site": "same-origin",
    }  # fmt: skip
    return _send(console, target, "POST", ours | headers, body)


def _send(console: Console, target: str, method: str, headers: Mapping[str, str], body: bytes = b"") -> HTTPResponse:
    given = {"Host": f"127.0.0.1:{console.port}", "Cookie": f"{console.cookie}={console.token}"}
    connection = HTTPConnection("127.0.0.1", console.port, timeout=60)
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    for name, value in {**given, **{name.replace("_", "-"): value for name, value in headers.items()}}.items():
        if value:
            connection.putheader(name, value)
    connection.endheaders(body)
    return connection.getresponse()


def page(console: Console, target: str = "/") -> str:
    """The HTML of a page."""
    answer = ask(console, target)
    assert answer.status == 200, answer.read()
    return answer.read().decode()
