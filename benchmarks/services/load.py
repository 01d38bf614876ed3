"""A load generator in a process of its own: transfers at a given rate, whatever becomes of those before (an open loop).

    python -m benchmarks.services.load    (a line of JSON in, a Job; "ready" out; any line in; a line of JSON out, a Result)

A request's time is counted from the moment at which it was due, not from when it could be sent. The generator shares the
machine with what it loads, so it is as cheap as Python can: bytes over sockets that were connected before, and one epoll.
It is ready when each connection has been answered once: to take 300 connections costs a server as much as hundreds of requests.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import count

#: Well below what a process accepts (services.common.protocol.MAX_CONNECTIONS).
CONNECTIONS = 300

_TICK_SECONDS = 0.001
_LAST_ANSWERS_SECONDS = 15.0


@dataclass(frozen=True)
class Job:
    """`rate` transfers a second between `accounts`, by bearers of `tokens`, at 127.0.0.1:`port` for `seconds`.

    `mark`: what no other run's idempotency keys begin with. `made`: other requests to send, one after the other, instead.
    """

    port: int
    rate: float
    seconds: float
    tokens: list[str]
    accounts: list[str]
    mark: str
    made: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    """How many answers of each status (0: none), the accepted ones' milliseconds, and the CPU seconds that the client used."""

    statuses: dict[int, int]
    milliseconds: list[float]
    cpu: float


def requests(job: Job) -> Iterator[bytes]:
    """Requests, each with a new key; givers and takers one after the other."""
    if job.made:
        yield from (each.encode("latin-1") for each in job.made)
        return
    heads = [
        f"POST /wallet/transfers HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n".encode()
        for token in job.tokens
    ]
    bodies = [json.dumps({"to_account": account, "amount": 1}).encode() for account in job.accounts]
    for number in count():
        giver = number % len(heads)
        taker = (giver + 1 + number // len(heads) % (len(bodies) - 1)) % len(bodies)
        body = bodies[taker]
        yield b"%bIdempotency-Key: %b-%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
            heads[giver], job.mark.encode(), number, len(body), body,
        )  # fmt: skip


@dataclass(slots=True)
class Connection:
    """One connection, one request at a time: `due` is when that one was to be sent."""

    socket: socket.socket
    due: float | None = None
    received: bytes = b""


class Load:
    """One run."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._requests = requests(job)
        self._epoll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._waiting: deque[float] = deque()
        self._statuses: Counter[int] = Counter()
        self._milliseconds: list[float] = []
        for _ in range(CONNECTIONS):
            made = socket.create_connection(("127.0.0.1", job.port))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.sendall(b"GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n")
            assert made.recv(16384), "the connection was closed"
            made.setblocking(False)
            self._connections[made.fileno()] = Connection(made)
            self._epoll.register(made, select.EPOLLIN)
        self._idle = list(self._connections.values())

    def run(self) -> Result:
        """Send all, and wait for the last answers."""
        begun, sent, used = time.perf_counter(), 0, time.process_time()
        last = begun + self._job.seconds + _LAST_ANSWERS_SECONDS
        while (now := time.perf_counter()) < last:
            passed = min(now - begun, self._job.seconds)
            while sent < passed * self._job.rate:
                self._waiting.append(begun + sent / self._job.rate)
                sent += 1
            while self._waiting and self._idle:
                self._send(self._idle.pop(), self._waiting.popleft())
            if passed == self._job.seconds and self._statuses.total() >= sent:
                break
            for descriptor, _ in self._epoll.poll(_TICK_SECONDS):
                self._receive(self._connections[descriptor])
        self._statuses[0] += sent - self._statuses.total()
        return Result(dict(self._statuses), self._milliseconds, time.process_time() - used)

    def _send(self, connection: Connection, due: float) -> None:
        connection.due = due
        connection.socket.send(next(self._requests))

    def _receive(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(16384)
        except OSError:
            data = b""
        if not data:
            self._lose(connection)
            return
        received = connection.received + data
        end = received.find(b"\r\n\r\n") + 4
        at = received.find(b"ontent-length: ", 0, end) + 15
        if end < 4 or len(received) < end + int(received[at : received.find(b"\r", at)]):
            connection.received = received
            return
        assert connection.due is not None, "an answer to nothing"
        status = int(received[9:12])
        self._statuses[status] += 1
        if 200 <= status < 400:
            self._milliseconds.append((time.perf_counter() - connection.due) * 1000)
        connection.due, connection.received = None, b""
        self._idle.append(connection)

    def _lose(self, connection: Connection) -> None:
        self._epoll.unregister(connection.socket)
        connection.socket.close()
        if connection.due is not None:
            self._statuses[0] += 1
        elif connection in self._idle:
            self._idle.remove(connection)


def main() -> None:
    """One run, as standard input says."""
    load = Load(Job(**json.loads(sys.stdin.readline())))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    json.dump(asdict(load.run()), sys.stdout)


if __name__ == "__main__":
    main()
