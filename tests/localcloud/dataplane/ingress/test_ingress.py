"""ELBv2's listeners and rules, served by the real Caddy: what each request gets."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from localcloud.dataplane.ingress.caddy import Ingress
from localcloud.dataplane.model import DesiredState, Listener, ListenerRule, TargetGroup
from localcloud.dataplane.settings import Config, Timing
from localcloud.runtime.addresses import AddressBook
from localcloud.runtime.errors import SupervisorError
from tests.eventually import eventually
from tests.ports import free_port

pytestmark = pytest.mark.process


class _Backend(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        address: Any = self.server.server_address
        host, port = address[:2]
        body = {
            "name": f"{host}:{port}",
            "path": self.path,
            "headers": {key: self.headers.get_all(key) for key in self.headers},
        }
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def backends(tmp_path: Path) -> Iterator[dict[str, list[str]]]:
    """Target group's name -> addresses; one server for each on its own loopback address, port 8080."""
    second = AddressBook(tmp_path / "state").network
    places = {"wallet": [str(second[5000]), str(second[5001])], "auth": [str(second[5002])], "none": []}
    servers = [http.server.ThreadingHTTPServer((host, 8080), _Backend) for hosts in places.values() for host in hosts]
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield places
    for server in servers:
        server.shutdown()
        server.server_close()


class Gate:
    """An ingress and a client of it."""

    def __init__(self, state: Path, backends: dict[str, list[str]]) -> None:
        self.book = AddressBook(state)
        self.config = Config(state=state, ingress_port=free_port(), timing=Timing(pool_refresh=0.1))
        self.problems: list[str] = []
        self.ingress = Ingress(self.config, self.book, lambda name: backends.get(name, []), self.problems.append)
        # A connection for each request: a change of rules closes idle ones, and a request must not run into that.
        unkept = httpx.Limits(max_keepalive_connections=0)
        self.http = httpx.AsyncClient(base_url=f"http://{self.config.ingress}", trust_env=False, limits=unkept)

    async def serve(
        self, *rules: ListenerRule, port: int = 80, protocol: str = "HTTP", idle_timeout: float = 60
    ) -> None:
        default = ListenerRule(priority="default", conditions=[], actions=[fixed(404)])
        listener = Listener(
            arn="a",
            load_balancer="main",
            port=port,
            protocol=protocol,
            rules=[default, *rules],
            idle_timeout=idle_timeout,
        )
        await self.ingress.apply(DesiredState(listeners=[listener], target_groups=GROUPS))

    async def get(self, path: str, **arguments: Any) -> httpx.Response:
        """An answer. Just after a change of rules Caddy's old listener may still take a connection and close it."""
        for _ in range(3):
            with contextlib.suppress(httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
                return await self.http.get(path, **arguments)
        return await self.http.get(path, **arguments)


@pytest_asyncio.fixture
async def gate(tmp_path: Path, backends: dict[str, list[str]]) -> AsyncIterator[Gate]:
    gate = Gate(tmp_path / "state", backends)
    await gate.ingress.start()
    yield gate
    await gate.http.aclose()
    await gate.ingress.stop()


GROUPS = {
    name: TargetGroup(arn=name, name=name, port=8080) for name in ("wallet", "auth", "none", "refusing", "silent")
}


def fixed(status: int, body: str = "") -> dict[str, Any]:
    return {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": str(status), "MessageBody": body}}


def path(*patterns: str) -> dict[str, Any]:
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(patterns)}}


def rule(priority: int, *conditions: dict[str, Any], action: dict[str, Any] | None = None) -> ListenerRule:
    return ListenerRule(priority=str(priority), conditions=conditions, actions=[action or fixed(200, str(priority))])


def forward(*weights: tuple[str, int]) -> dict[str, Any]:
    groups = [{"TargetGroupArn": name, "Weight": weight} for name, weight in weights]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}


async def test_nothing_deployed_is_unavailable(gate: Gate) -> None:
    assert (await gate.get("/wallet")).status_code == 503


CONDITIONS: list[tuple[dict[str, Any], str, dict[str, Any], bool]] = [
    (path("/wallet/*"), "/wallet/x/y", {}, True),
    (path("/wallet/*"), "/wallet", {}, False),
    (path("/wallet/*"), "/Wallet/x", {}, False),
    (path("/wallet/*"), "/wallet/x?query=1", {}, True),
    (path("/a?c"), "/abc", {}, True),
    (path("/a?c"), "/abbc", {}, False),
    (path("/a.c"), "/abc", {}, False),
    (path("/x", "/y*"), "/y1", {}, True),
    (
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}},
        "/",
        {"headers": {"Host": "API.example.com"}},
        True,
    ),
    (
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}},
        "/",
        {"headers": {"Host": "example.com"}},
        False,
    ),
    (
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Kind", "Values": ["te*"]}},
        "/",
        {"headers": {"x-kind": "TEST"}},
        True,
    ),
    ({"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Kind", "Values": ["te*"]}}, "/", {}, False),
    ({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}}, "/", {}, True),
    ({"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["POST"]}}, "/", {}, False),
    ({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2*"}]}}, "/?a=1&v=21", {}, True),
    ({"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2*"}]}}, "/?v=1", {}, False),
    ({"Field": "query-string", "QueryStringConfig": {"Values": [{"Value": "x"}]}}, "/?any=x", {}, True),
    ({"Field": "source-ip", "SourceIpConfig": {"Values": ["127.0.0.0/8"]}}, "/", {}, True),
    ({"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}, "/", {}, False),
]


async def test_conditions(gate: Gate) -> None:
    for condition, target, arguments, matches in CONDITIONS:
        await gate.serve(rule(1, condition))
        answer = await gate.get(target, **arguments)
        assert answer.status_code == (200 if matches else 404), (condition, target)


async def test_all_conditions_must_hold_also_two_of_one_kind(gate: Gate) -> None:
    await gate.serve(
        rule(
            1, path("/a*"), path("*z"), {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}}
        )
    )
    assert [(await gate.get(target)).status_code for target in ("/abz", "/ab", "/bz")] == [200, 404, 404]


async def test_lowest_priority_number_wins_and_its_own_answer_is_given(gate: Gate) -> None:
    await gate.serve(rule(20, path("/*")), rule(3, path("/a/*")), rule(100, path("/a/b")))
    assert [(await gate.get(target)).text for target in ("/a/b", "/b")] == ["3", "20"]


async def test_requests_are_spread_and_say_where_they_come_from(gate: Gate, backends: dict[str, list[str]]) -> None:
    await gate.serve(rule(1, path("/wallet/*"), action={"Type": "forward", "TargetGroupArn": "wallet"}))
    answers = [(await gate.get("/wallet/x?y=1", headers={"X-Forwarded-For": "203.0.113.9"})).json() for _ in range(6)]
    assert {answer["name"] for answer in answers} == {f"{host}:8080" for host in backends["wallet"]}
    headers = {key.lower(): value for key, value in answers[0]["headers"].items()}
    assert headers["x-forwarded-for"] == ["203.0.113.9, 127.0.0.1"]
    assert headers["x-forwarded-proto"] == ["http"]
    assert headers["x-forwarded-port"] == [str(gate.config.ingress_port)]
    assert headers["host"] == [gate.config.ingress]
    assert "x-forwarded-host" not in headers
    assert answers[0]["path"] == "/wallet/x?y=1"


@pytest.mark.slow
async def test_weights_and_empty_groups(gate: Gate, backends: dict[str, list[str]]) -> None:
    await gate.serve(
        rule(1, path("/split"), action=forward(("wallet", 80), ("auth", 20))),
        rule(2, path("/none"), action=forward(("none", 1))),
    )
    names = [(await gate.get("/split")).json()["name"] for _ in range(96)]
    assert 12 <= names.count(f"{backends['auth'][0]}:8080") <= 28
    assert (await gate.get("/none")).status_code == 503


async def test_targets_change_without_a_reload(gate: Gate, backends: dict[str, list[str]]) -> None:
    await gate.serve(rule(1, path("/*"), action=forward(("wallet", 1))))
    loaded = gate.ingress._loaded
    first, second = backends["wallet"]
    for now in ([first], [second]):
        backends["wallet"][:] = now
        name = f"{now[0]}:8080"

        async def answers(name: str = name) -> bool:
            return bool((await gate.get("/")).json()["name"] == name)

        await eventually(answers, 60)
        assert {(await gate.get("/")).json()["name"] for _ in range(4)} == {name}
    assert gate.ingress._loaded is loaded


@pytest.mark.parametrize(
    ("redirect", "location"),
    [
        ({"Protocol": "HTTPS", "Port": "443"}, "https://127.0.0.1/a/b?c=d"),
        ({"Path": "/new/#{path}", "Query": ""}, "http://127.0.0.1:{port}/new/a/b"),
        ({"Host": "www.example.com", "Protocol": "HTTPS", "Port": "8443"}, "https://www.example.com:8443/a/b?c=d"),
    ],
)
async def test_redirects(gate: Gate, redirect: dict[str, str], location: str) -> None:
    await gate.serve(
        rule(1, path("/*"), action={"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", **redirect}})
    )
    answer = await gate.get("/a/b?c=d")
    assert answer.status_code == 301
    assert answer.headers["location"] == location.replace("{port}", str(gate.config.ingress_port))


async def test_what_cannot_be_served_is_told_and_the_rest_is_served(gate: Gate) -> None:
    await gate.serve(
        rule(1, path("/login"), action={"Type": "authenticate-oidc"}),
        rule(2, path("/lost"), action={"Type": "forward", "TargetGroupArn": "gone"}),
        rule(3, path("/fine")),
    )
    assert [(await gate.get(target)).status_code for target in ("/login", "/lost", "/fine")] == [502, 502, 200]
    assert "rule 1: an action of type authenticate-oidc is not known" in gate.problems[0]
    assert "rule 2: target group gone does not exist" in gate.problems[1]


async def test_second_listener_has_an_address_of_its_own(gate: Gate) -> None:
    listeners = [
        Listener(
            arn=str(port),
            load_balancer="main",
            port=port,
            protocol=protocol,
            rules=[ListenerRule(priority="default", conditions=[], actions=[fixed(200, str(port))])],
        )
        for port, protocol in ((80, "HTTP"), (443, "HTTPS"), (9080, "HTTP"), (81, "HTTP"))
    ]
    await gate.ingress.apply(DesiredState(listeners=listeners))
    assert (await gate.get("/")).text == "80"
    second = gate.book.lease("elbv2", "main")
    assert (await gate.http.get(f"http://{second}:9080/")).text == "9080"
    assert any("listener 81 of main is not served here" in problem for problem in gate.problems)


@pytest.mark.process  # it starts Caddy
async def test_killed_caddy_is_started_again(gate: Gate) -> None:
    await gate.serve(rule(1, path("/*")))
    assert gate.ingress._process
    gate.ingress._process.kill()
    gate.ingress._process.wait()
    await gate.serve(rule(1, path("/*")))
    assert (await gate.get("/")).text == "1"
    assert "Caddy ended with status -9" in gate.problems[0]


async def test_occupied_port_is_named(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "state", {})
    refusal = pytest.raises(SupervisorError, match=f"cannot listen on {gate.config.ingress}")
    with socket.create_server(("127.0.0.1", gate.config.ingress_port)), refusal:
        await gate.ingress.start()
    await gate.ingress.stop()
    await gate.http.aclose()


async def _raw(gate: Gate, request: str) -> tuple[str, str, str]:
    """(status line, head, body) of what the ingress answers to a request as it is written here."""
    reader, writer = await asyncio.open_connection(gate.config.ingress_host, gate.config.ingress_port)
    writer.write(request.replace("\n", "\r\n").encode())
    answer = (await asyncio.wait_for(reader.read(), 20)).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return head.partition("\r\n")[0], head, body


async def test_a_request_goes_on_as_it_was_sent(gate: Gate, backends: dict[str, list[str]]) -> None:
    await gate.serve(rule(1, path("/wallet/*"), action=forward(("wallet", 1))))
    large = "x" * 1024
    fields = "".join(f"X-{number}: {large}\n" for number in range(25))
    status, head, body = await _raw(gate, f"GET /wallet/ HTTP/1.1\nHost: play.example\nConnection: close\n{fields}\n")
    assert status == "HTTP/1.1 200 OK", "25 kB of headers"
    assert "Via:" not in head and "Caddy" not in head
    whole = "".join(body.splitlines()[1::2])  # the lines between are the chunks' sizes
    sent = {key.lower(): value for key, value in json.loads(whole)["headers"].items()}
    assert sent["host"] == ["play.example"]
    assert sent["x-forwarded-port"] == [str(gate.config.ingress_port)]
    assert sent["x-amzn-trace-id"][0].startswith("Root=1-")
    assert not {"via", "accept-encoding"} & sent.keys()


async def test_the_load_balancers_own_answers_are_in_its_words(gate: Gate, backends: dict[str, list[str]]) -> None:
    redirect = {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", "Path": "/there"}}
    backends["refusing"] = [str(gate.book.network[5009])]
    await gate.serve(
        rule(1, path("/none"), action=forward(("none", 1))),
        rule(2, path("/off"), action=forward(("wallet", 0), ("auth", 0))),
        rule(3, path("/moved"), action=redirect),
        rule(4, path("/refusing"), action=forward(("refusing", 1))),
    )
    for target, status, title in [
        ("/none", 503, "503 Service Unavailable"),
        ("/off", 503, "503 Service Temporarily Unavailable"),
        ("/moved", 301, "301 Moved Permanently"),
        ("/refusing", 502, "502 Bad Gateway"),
    ]:
        answer = await gate.get(target)
        assert (target, answer.status_code) == (target, status)
        assert answer.headers["Server"] == "awselb/2.0"
        assert answer.headers["Content-Type"] == "text/html"
        assert f"<center><h1>{title}</h1></center>" in answer.text
    assert (await gate.http.request("TRACE", "/moved")).status_code == 405


@pytest.fixture
async def silent(gate: Gate, backends: dict[str, list[str]]) -> AsyncIterator[list[bytes]]:
    """A target in group `auth`'s place: what it is asked; it closes at once for /close, else never answers."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        if b"/close" not in asked[-1]:
            await reader.read()
        writer.close()

    backends["silent"] = [str(gate.book.network[5010])]
    async with await asyncio.start_server(serve, backends["silent"][0], 8080):
        yield asked


async def test_a_target_that_closes_without_an_answer_is_asked_once(gate: Gate, silent: list[bytes]) -> None:
    await gate.serve(rule(1, path("/*"), action=forward(("silent", 1))))
    assert (await gate.get("/close")).status_code == 502
    assert len(silent) == 1


async def test_no_answer_within_the_idle_timeout_is_504(gate: Gate, silent: list[bytes]) -> None:
    await gate.serve(rule(1, path("/*"), action=forward(("silent", 1))), idle_timeout=1)
    assert (await gate.get("/quiet")).status_code == 504
    assert len(silent) == 1
