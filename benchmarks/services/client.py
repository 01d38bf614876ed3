"""HTTP clients of the bench: one that sends when the last answer came (a closed loop), one at a given rate (an open loop)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from uuid import uuid4

from benchmarks.services.load import Job
from benchmarks.services.servers import ROOT, Bench, cpu


@dataclass
class Outcome:
    """What became of the requests of one run."""

    statuses: Counter[int] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)  # of those that were accepted
    cpu: float = 0.0  # seconds that the client used, where it is a process of its own
    used: list[float] = field(default_factory=list)  # seconds that each watched server used

    def percentile(self, share: float) -> float:
        """Of the accepted ones' time, in milliseconds."""
        found = sorted(self.milliseconds)
        return found[min(len(found) - 1, int(share * len(found)))] if found else 0.0


class Client:
    """HTTP as cheap as Python can: bytes over kept connections."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def send(self, request: bytes) -> int:
        """Send one request; its status."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if length:
            await reader.readexactly(length)
        self._idle.append((reader, writer))
        return int(head[9:12])

    def close(self) -> None:
        """End every connection."""
        for _, writer in self._idle:
            writer.close()


async def closed_loop(port: int, make: Callable[[], bytes], clients: int, seconds: float) -> Outcome:
    """`clients` send one request after the other."""
    client, outcome, end = Client(port), Outcome(), time.perf_counter() + seconds

    async def one() -> None:
        while (begun := time.perf_counter()) < end:
            status = await client.send(make())
            outcome.statuses[status] += 1
            if status < 400:
                outcome.milliseconds.append((time.perf_counter() - begun) * 1000)

    await asyncio.gather(*(one() for _ in range(clients)))
    client.close()
    return outcome


async def open_loop(job: Job, watched: Sequence[int] = ()) -> Outcome:
    """`job` from a process of its own, on the cores of this one. `watched`: servers whose CPU is measured meanwhile."""
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.services.load", stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert client.stdin is not None and client.stdout is not None
    client.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
    await client.stdout.readline()
    before = [cpu(pid) for pid in watched]
    answer, _ = await client.communicate(b"go\n")
    result = json.loads(answer)
    return Outcome(
        Counter({int(status): many for status, many in result["statuses"].items()}),
        result["milliseconds"],
        result["cpu"],
        [cpu(pid) - was for pid, was in zip(watched, before, strict=True)],
    )


async def ready(port: int, path: str) -> None:
    """Wait for a server."""
    for _ in range(600):
        try:
            client = Client(port)
            if await client.send(get(path)) == 200:
                client.close()
                return
        except (OSError, EOFError):  # it begins, or took the connection and was not ready for it
            pass
        await asyncio.sleep(0.1)
    raise TimeoutError(f"nothing answers at port {port}")


def get(path: str, token: str = "") -> bytes:
    """A request for `path`."""
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n{authorization}\r\n".encode()


def post(path: str, token: str, body: object) -> bytes:
    """A request to `path` with a new idempotency key."""
    content = json.dumps(body)
    return (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {uuid4().hex}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n{content}"
    ).encode()


class Players:
    """Requests of the wallet's players, one player after the other."""

    def __init__(self, run: Bench) -> None:
        self._tokens, self._accounts = run.tokens, run.accounts
        self._turn = 0

    def transfer(self) -> bytes:
        """A transfer between two accounts, other ones each time."""
        self._turn += 1
        giver = self._turn % len(self._tokens)
        taker = (giver + 1 + self._turn // len(self._tokens)) % len(self._accounts)
        taker = taker if taker != giver else (giver + 1) % len(self._accounts)
        body = {"to_account": str(self._accounts[taker]), "amount": 1}
        return post("/wallet/transfers", self._tokens[giver], body)

    def token(self) -> str:
        """One after the other."""
        self._turn += 1
        return self._tokens[self._turn % len(self._tokens)]
