"""What traces cost: CPU of a span beside opentelemetry-sdk's, and of a request with and without them, in turns.

Throughput is bound by the web process's CPU, so a request's CPU with traces, divided by that without, says what is lost of it.
Four processes take turns of half a second over the same database: two without traces, of which the second says what such a
comparison is worth on this machine, one with what production keeps, one with all. Of the rounds' ratios the median and both
quartiles are printed.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from benchmarks.figures import Figure
from benchmarks.services.client import Players, closed_loop, get, ready
from benchmarks.services.servers import Bench, bench, free_ports, process
from services.common.telemetry import spans

SPANS = 20_000
ROUNDS, SECONDS, CLIENTS = 40, 0.5, 16

#: Process → the share of traces that it keeps: none is recorded, what production keeps, and all.
PLAIN = "without"
KINDS = {PLAIN: None, "without, again": None, "ratio 0.05": 0.05, "ratio 1": 1.0}


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
        with ExitStack() as stack:
            found: dict[str, tuple[int, int]] = {}
            for (name, ratio), port in zip(KINDS.items(), free_ports(len(KINDS)), strict=True):
                more = {"PORT": str(port)}
                if ratio is not None:
                    more |= {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_SAMPLER_ARG": str(ratio)}
                made = stack.enter_context(process(["-m", "services.common.web"], {**plain, **more}))
                found[name] = port, made.pid
            for port, _ in found.values():
                await ready(port, "/readyz")
            await _compare("transfer", found, Players(run).transfer)
            await _compare("balance", found, _balance(run))


def _balance(run: Bench) -> Callable[[], bytes]:
    return lambda: get("/wallet/balance", run.tokens[0])


async def _compare(name: str, found: dict[str, tuple[int, int]], make: Callable[[], bytes]) -> None:
    """Each round asks every process in turn, from another one on; a round's costs are compared among themselves alone."""
    costs: dict[str, list[float]] = {each: [] for each in found}
    order = list(found)
    for turn in range(ROUNDS + 1):
        for each in order[turn % len(order) :] + order[: turn % len(order)]:
            port, pid = found[each]
            used = _nanoseconds(pid)
            outcome = await closed_loop(port, make, CLIENTS, SECONDS)
            answered = sum(many for status, many in outcome.statuses.items() if status < 400)
            assert answered, f"{each}: {outcome.statuses}"
            if turn:  # the first fills caches
                costs[each].append((_nanoseconds(pid) - used) / 1e6 / answered)
    for each in [each for each in found if each != PLAIN]:
        shares = [mine / theirs for mine, theirs in zip(costs[each], costs[PLAIN], strict=True)]
        low, middle, high = statistics.quantiles(shares, n=4)
        for part, share in (("", middle), (".lower", low), (".upper", high)):
            plain = statistics.median(costs[PLAIN])
            Figure(
                name=f"spans.{name}.cpu.{each}{part}",
                value=round(plain * share, 4),
                unit="ms",
                reference=round(plain, 4),
                against="without traces, round by round",
            ).emit()


def _nanoseconds(pid: int) -> int:
    """CPU that a process's threads have had, by the scheduler's own clock: its counters' ticks are a hundredth of a round."""
    return sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def main() -> None:
    """Emit the figures."""
    _of_a_span()
    asyncio.run(_of_a_request())
