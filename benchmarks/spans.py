"""What traces cost: CPU of a span beside opentelemetry-sdk's, and of a request with and without them, in turns.

Throughput is bound by the web process's CPU, so a request's CPU with traces, divided by that without, says what is lost of it.
One process does both, switched by signals between rounds of 48 requests: two processes of the same program differ by more than
what is looked for, and so do two minutes of a busy machine. Printed are the median of the rounds' ratios and the bounds that
hold it in 95 of 100 such comparisons.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from benchmarks.figures import Figure
from benchmarks.services import switched
from benchmarks.services.client import Client, Players, get, ready
from benchmarks.services.servers import Bench, bench, free_ports, process
from services.common.telemetry import spans

SPANS = 20_000
ROUNDS, REQUESTS = 120, 48

#: Clients at once: transfers share a batch; as many reads as a process takes at once.
CLIENTS, READERS = 16, 2

#: Of the traces, the share that is kept: production's, and all.
RATIOS = (0.05, 1.0)


class _Nowhere(SpanExporter):
    def export(self, spans: object) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def _microseconds(work: Callable[[], None], count: int) -> float:
    begun = time.process_time()
    work()
    return (time.process_time() - begun) / count * 1e6


def _of_a_span() -> None:
    attributes = {
        "db.system.name": "postgresql",
        "db.query.summary": "UPDATE x",
        "db.query.text": "UPDATE x SET y = $1",
    }
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(_Nowhere()))
    tracer = provider.get_tracer("bench")

    def theirs() -> None:
        for _ in range(SPANS // 10):
            with tracer.start_as_current_span("POST /x"):
                for _ in range(9):
                    with tracer.start_as_current_span("UPDATE x", attributes=attributes):
                        pass

    def ours() -> None:
        for _ in range(SPANS // 10):
            with spans.root("POST /x", "", {}):
                for _ in range(9):
                    with spans.span("UPDATE x", spans.SpanKind.CLIENT, attributes):
                        pass

    spans.start(lambda _: None, 1.0)
    their, our = (min(_microseconds(each, SPANS) for _ in range(3)) for each in (theirs, ours))
    spans.stop()
    provider.shutdown()
    Figure(
        name="spans.recorded", value=round(our, 2), unit="µs", reference=round(their, 2), against="opentelemetry-sdk"
    ).emit()


async def _take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A collector that takes everything."""
    with suppress(asyncio.IncompleteReadError, asyncio.CancelledError):
        await _take_each(reader, writer)
    writer.close()


async def _take_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while head := await reader.readuntil(b"\r\n\r\n"):
        (length,) = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        await reader.readexactly(int(length))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


async def _of_a_request() -> None:
    async with bench() as run, await asyncio.start_server(_take, "127.0.0.1", 0) as collector:
        endpoint = f"http://127.0.0.1:{collector.sockets[0].getsockname()[1]}"
        plain = {**psutil.Process(run.wallet[1]).environ(), "DATABASE_CONNECTIONS": "12"}
        for ratio in RATIOS:
            with ExitStack() as stack:
                (port,) = free_ports(1)
                more = {
                    "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                    "OTEL_TRACES_SAMPLER_ARG": str(ratio),
                    "PORT": str(port),
                }
                made = stack.enter_context(process(["-m", "benchmarks.services.switched"], {**plain, **more}))
                await ready(port, "/readyz")
                await _compare(f"transfer.ratio {ratio:g}", port, made.pid, Players(run).transfer, CLIENTS)
                await _compare(f"balance.ratio {ratio:g}", port, made.pid, _balance(run), READERS)


def _balance(run: Bench) -> Callable[[], bytes]:
    return lambda: get("/wallet/balance", run.tokens[0])


async def _compare(name: str, port: int, pid: int, make: Callable[[], bytes], clients: int) -> None:
    """Rounds of as many requests with traces as without, the one first that was second before."""
    client, shares, costs = Client(port), [], []
    for number in range(ROUNDS + 1):
        spent = {}
        for signalled in (switched.ON, switched.OFF) if number % 2 else (switched.OFF, switched.ON):
            os.kill(pid, signalled)
            used = _nanoseconds(pid)
            for _ in range(REQUESTS // clients):
                found = await asyncio.gather(*(client.send(make()) for _ in range(clients)))
                assert all(status < 400 for status in found), found
            spent[signalled] = (_nanoseconds(pid) - used) / REQUESTS / 1e6
        if number:  # the first fills caches
            shares.append(spent[switched.ON] / spent[switched.OFF])
            costs.append(spent[switched.OFF])
    client.close()
    shares.sort()
    plain, away = statistics.median(costs), round(0.98 * ROUNDS**0.5)  # 95 % by the order of the rounds (a sign test's)
    middle = (ROUNDS - 1) // 2
    for part, place in (("", middle), (".least", middle - away), (".most", middle + away)):
        Figure(
            name=f"spans.{name}.cpu{part}",
            value=round(plain * shares[place], 4),
            unit="ms",
            reference=round(plain, 4),
            against="the same process without traces, round by round",
        ).emit()


def _nanoseconds(pid: int) -> int:
    """CPU that a process's threads have had, by the scheduler's own clock: its counters' ticks are a tenth of a round."""
    return sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def main() -> None:
    """Emit the figures."""
    _of_a_span()
    asyncio.run(_of_a_request())
