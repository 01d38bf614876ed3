"""The provider's own way to the emulator: whole answers only, to its own endpoint only, over connections that stay open."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from localcloud.provider.clients import OperationClients
from localcloud.provider.references import Seen
from localcloud.runtime.aws import EndpointRefused

BODY = b'{"clusterArns": []}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
Serve = Callable[..., OperationClients]


@pytest.fixture
def serving() -> Iterator[tuple[Serve, list[bytes]]]:
    """A server: for each connection, the answers that it gives before it closes it. The second is what it was asked."""
    server = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []

    def serve(*connections: tuple[bytes, ...]) -> OperationClients:
        def run() -> None:
            for answers in connections:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    for answer in answers:
                        asked.append(connection.recv(65536))
                        connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return OperationClients(f"http://127.0.0.1:{server.getsockname()[1]}", agent="tests")

    yield serve, asked
    server.close()


def _list(clients: OperationClients) -> object:
    return clients.call("ecs", "ap-south-1", "list_clusters", {})["clusterArns"]


def test_no_beginning_of_an_answer_is_an_answer(serving: tuple[Serve, list[bytes]]) -> None:
    lengths = range(0, len(WHOLE), 5)
    clients = serving[0](*((WHOLE[:length],) for length in lengths))
    for _ in lengths:
        with pytest.raises(ConnectionClosedError):
            _list(clients)


def test_a_connection_serves_again_and_a_closed_one_is_replaced(serving: tuple[Serve, list[bytes]]) -> None:
    serve, asked = serving
    clients = serve((WHOLE, WHOLE), (WHOLE,))
    assert [_list(clients) for _ in range(2)] == [[], []]
    ((kept, _),) = clients._connections._idle
    assert select.select([kept], [], [], 30)[0]  # that it was closed has arrived
    assert _list(clients) == []
    assert len(asked) == 3
    for request in asked:
        assert b"/ap-south-1/ecs/aws4_request" in request
        assert b"\r\nUser-Agent: tests\r\n" in request


@pytest.mark.slow
def test_an_error_is_the_apis_and_nobody_there_is_said(serving: tuple[Serve, list[bytes]]) -> None:
    refused = b'{"__type": "ClusterNotFoundException", "message": "none"}'
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(refused)
    with pytest.raises(ClientError, match=r"ClusterNotFoundException.*none"):
        _list(serving[0]((head + refused,)))
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen; nor can anybody else there
        with pytest.raises(EndpointConnectionError):
            _list(OperationClients(f"http://127.0.0.1:{nobody.getsockname()[1]}", agent="tests"))


def test_a_request_that_would_leave_the_machine_is_stopped(serving: tuple[Serve, list[bytes]]) -> None:
    client = serving[0]().client("ecs", "ap-south-1")
    client.meta.events.register("before-call", lambda params, **_: params.update(url="http://ecs.example.test/"))
    with pytest.raises(EndpointRefused, match="leaves this machine"):
        client.list_clusters()


def test_a_header_cannot_become_two(serving: tuple[Serve, list[bytes]]) -> None:
    client = serving[0]().client("ecs", "ap-south-1")
    client.meta.events.register("before-call", lambda params, **_: params["headers"].update({"X-A": "1\r\nX-B: 2"}))
    with pytest.raises(ValueError, match="line break"):
        client.list_clusters()


def test_what_was_found_is_remembered_within_a_run_and_up_to_a_deletion() -> None:
    seen, looks = Seen(), 0

    def look() -> str | None:
        nonlocal looks
        looks += 1
        return "found" if looks > 1 else None

    def count(times: int) -> int:
        before = looks
        for _ in range(times):
            seen.find(("subnet", "subnet-1"), look)
        return looks - before

    assert count(3) == 3  # outside of a run
    seen.begin()
    assert count(3) == 1
    seen.deleted()
    assert count(3) == 1
    seen.end()
    assert count(3) == 3
    looks = 0
    seen.begin()
    assert count(3) == 2  # the first found nothing, which is not remembered


def test_what_was_found_before_a_deletion_is_not_remembered_after_it() -> None:
    seen = Seen()
    seen.begin()

    def look() -> str:
        seen.deleted()  # meanwhile, elsewhere
        return "old"

    assert seen.find(("subnet", "subnet-1"), look) == "old"
    assert seen.find(("subnet", "subnet-1"), lambda: "new") == "new"
