"""An answer that the emulator did not finish (it was killed while it wrote) is a failure, never an empty list."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ConnectionClosedError

from localcloud.runtime.aws import Clients

BODY = b'{"clusterArns": []}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n"
WHOLE = HEAD + b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(BODY) + BODY


@pytest.fixture
def serving() -> Iterator[Callable[..., str]]:
    """A server that gives one of these answers to each connection, and closes it; its URL."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(*answers: bytes) -> str:
        def run() -> None:
            for answer in answers:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield serve
    server.close()


@pytest.mark.slow
@pytest.mark.parametrize("length", range(len(b"HTTP/1.1 200 OK\r\n"), len(WHOLE), 7))
def test_no_beginning_of_an_answer_is_an_answer(serving: Callable[..., str], length: int) -> None:
    client = Clients(serving(WHOLE[:length])).client("ecs", "ap-south-1")
    with pytest.raises(ConnectionClosedError):
        client.list_clusters()


def test_it_is_asked_again_where_failures_are(serving: Callable[..., str]) -> None:
    client = Clients(serving(WHOLE[:-1], WHOLE), attempts=2).client("ecs", "ap-south-1")
    assert client.list_clusters()["clusterArns"] == []
