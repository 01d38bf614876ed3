"""A load generator in a process of its own: transfers at a given rate, whatever becomes of those before.

    python -m benchmarks.load < a JSON document (Job) > a JSON document (Result)

A request's time is counted from the moment at which it was due, not from when it could be sent. As cheap as Python can.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count

#: Connections at most, well below what a process accepts (services.common.protocol.MAX_CONNECTIONS).
CONNECTIONS = 500

_TICK_SECONDS = 0.001
_LAST_ANSWERS_SECONDS = 15.0


@dataclass(frozen=True)
class Job:
    """`rate` transfers a second between `accounts`, by bearers of `tokens`, at 127.0.0.1:`port` for `seconds`.

    `mark`: what no other run's idempotency keys begin with.
    """

    port: int
    rate: float
    seconds: float
    tokens: list[str]
    accounts: list[str]
    mark: str


@dataclass(frozen=True)
class Result:
    """How many answers of each status (0: none), the accepted ones' milliseconds, and the CPU seconds that the client used."""

    statuses: dict[int, int]
    milliseconds: list[float]
    cpu: float


def requests(job: Job) -> Iterator[bytes]:
    """Requests, each with a new key; givers and takers one after the other."""
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


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    transport: asyncio.Transport

    def __init__(self, load: Load) -> None:
        self._load = load
        self._due: float | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self, request: bytes, due: float) -> None:
        """Send what was due at that moment."""
        self._due = due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(rest) >= length and self._due is not None:
            due, self._due, self._received = self._due, None, b""
            self._load.answered(int(head[9:12]), due)
            self._load.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._due is not None:
            self._load.answered(0, self._due)
        self._load.lost(self)


class Load:
    """One run."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._requests = requests(job)
        self._idle: list[Connection] = []
        self._waiting: deque[float] = deque()
        self._open = self._opening = 0
        self._statuses: Counter[int] = Counter()
        self._milliseconds: list[float] = []
        self._sent = 0

    async def run(self) -> Result:
        """Send all, and wait for the last answers."""
        self._begun = time.perf_counter()
        while (passed := time.perf_counter() - self._begun) < self._job.seconds:
            while self._sent < passed * self._job.rate:
                self._waiting.append(self._begun + self._sent / self._job.rate)
                self._sent += 1
            self._work()
            await asyncio.sleep(_TICK_SECONDS)
        end = time.perf_counter() + _LAST_ANSWERS_SECONDS
        while sum(self._statuses.values()) < self._sent and time.perf_counter() < end:
            self._work()
            await asyncio.sleep(0.01)
        self._statuses[0] += self._sent - sum(self._statuses.values())
        return Result(dict(self._statuses), self._milliseconds, time.process_time())

    def _work(self) -> None:
        while self._waiting and self._idle:
            self._idle.pop().send(next(self._requests), self._waiting.popleft())
        missing = min(len(self._waiting) - self._opening, CONNECTIONS - self._open - self._opening)
        for _ in range(max(0, missing)):
            self._opening += 1
            asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        make: Callable[[], Connection] = lambda: Connection(self)  # noqa: E731 - typed
        try:
            _, made = await asyncio.get_running_loop().create_connection(make, "127.0.0.1", self._job.port)
        except OSError:
            self._opening -= 1
            return
        self._opening -= 1
        self._open += 1
        self.free(made)

    def free(self, connection: Connection) -> None:
        """A connection that can be used."""
        if self._waiting and not connection.transport.is_closing():
            connection.send(next(self._requests), self._waiting.popleft())
        else:
            self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """A connection that has ended."""
        self._open -= 1
        if connection in self._idle:
            self._idle.remove(connection)

    def answered(self, status: int, due: float) -> None:
        """An answer, or that there will be none."""
        self._statuses[status] += 1
        if 200 <= status < 400:
            self._milliseconds.append((time.perf_counter() - due) * 1000)


def main() -> None:
    """One run, as standard input says."""
    result = asyncio.run(Load(Job(**json.load(sys.stdin))).run())
    json.dump(asdict(result), sys.stdout)


if __name__ == "__main__":
    main()
