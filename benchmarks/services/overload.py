"""What a load above what the wallet can carry does to it: a curve from a tenth of that to ten times.

The generator needs the cores of the machine too, so the curve is taken twice: as the kernel places all, and with the
generator alone on one core and the service with its PostgreSQL on the others, where its best is measured as well. Beside each
step stands what generator, service and PostgreSQL used of a core, and what a bare ASGI echo does with the same load in the same
minute. Rounds alternate, since other work on the machine comes and goes; a figure is the median of them, a p99 that of all
their requests together.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from uuid import uuid4

from benchmarks.figures import Figure
from benchmarks.services.client import Client, Outcome, Players, closed_loop, get, open_loop
from benchmarks.services.load import Job
from benchmarks.services.servers import Bench, cpu
from services.common import gathering

UNLOADED = 0.1
FACTORS = (UNLOADED, 0.5, 1, 2, 5, 10)
SECONDS = 2.0
ROUNDS = 4

#: Clients that are never refused (services.common.gathering), and twice as many, which are not while it is calm.
CLIENTS = (gathering.FEWEST, 2 * gathering.FEWEST)


@dataclass(frozen=True)
class Curve:
    """What rounds of several loads showed: throughput in requests a second, CPU in seconds, `unhealthy` in failed checks."""

    best: list[float]  # of each round
    outcomes: dict[float, list[Outcome]]  # factor → of each round
    echoes: dict[float, list[Outcome]]  # of a bare echo with the same load
    served: float
    refused: float
    unhealthy: int

    def rate(self, factor: float) -> float:
        """Accepted in a second."""
        return median(len(each.milliseconds) for each in self.outcomes[factor]) / SECONDS

    def share(self, factor: float) -> float:
        """Accepted, of the best throughput of the same round."""
        rounds = zip(self.outcomes[factor], self.best, strict=True)
        return median(len(each.milliseconds) / SECONDS / best for each, best in rounds)

    def cores(self, factor: float) -> dict[str, float]:
        """Of a core, what each used while the load came."""
        found, echo = self.outcomes[factor], self.echoes[factor]
        used = {
            "generator": [each.cpu for each in found],
            "service": [each.used[0] for each in found],
            "postgres": [each.used[1] for each in found],
            "echo": [each.used[0] for each in echo],
        }
        return {name: median(seconds) / SECONDS for name, seconds in used.items()}

    def p99(self, factor: float) -> float:
        """Milliseconds of the accepted ones of all rounds."""
        together = [each for outcome in self.outcomes[factor] for each in outcome.milliseconds]
        return Outcome(milliseconds=together).percentile(0.99)


async def curves(run: Bench) -> None:
    """Goal at 10×: ≥ 80 % of the best throughput, p99 of the accepted ≤ 3× the unloaded, no failed health check."""
    _emit("", await curve(run, FACTORS))
    with apart(run):
        _emit(".apart", await curve(run, FACTORS))
    await _recovery(run)


@contextmanager
def apart(run: Bench) -> Iterator[None]:
    """Have the generator (this process and what it starts) on one core, the servers on the others. Raises if there is one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise RuntimeError("a generator apart from what it loads needs two cores, this process has one")
    run.pin(cores[1:])
    os.sched_setaffinity(0, cores[:1])
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        run.pin(cores)


async def curve(run: Bench, factors: Sequence[float], rounds: int = ROUNDS) -> Curve:
    """Measure; the last factor is the overload of which the cost of a refusal is taken."""
    port, pid = run.wallet
    players = Players(run)
    best: list[float] = []
    outcomes: dict[float, list[Outcome]] = defaultdict(list)
    echoes: dict[float, list[Outcome]] = defaultdict(list)
    served: list[float] = []
    refused: list[float] = []
    unhealthy = 0
    for _ in range(rounds):
        rates = []
        for clients in CLIENTS:
            before = cpu(pid)
            rates.append(
                len((await closed_loop(port, players.transfer, clients, SECONDS / 2)).milliseconds) * 2 / SECONDS
            )
            if clients == CLIENTS[0]:
                served.append((cpu(pid) - before) / (rates[0] * SECONDS / 2))
        best.append(max(rates))
        for factor in factors:
            checks = asyncio.create_task(health(port, SECONDS))
            load = job(run, factor * best[-1], SECONDS)
            outcome = await open_loop(load, [pid, run.postmaster])
            unhealthy += await checks
            outcomes[factor].append(outcome)
            port_of_echo, echo = run.echo
            echoes[factor].append(await open_loop(replace(load, port=port_of_echo), [echo]))
        refused.append((outcome.used[0] - len(outcome.milliseconds) * served[-1]) / max(1, outcome.statuses[503]))
    return Curve(best, outcomes, echoes, median(served), median(refused), unhealthy)


def _emit(name: str, found: Curve) -> None:
    def figure(what: str, value: float, unit: str, reference: float | None, against: str) -> None:
        Figure(
            name=f"services.overload{name}.{what}", value=round(value, 2), unit=unit,
            reference=None if reference is None else round(reference, 1), against=against,
        ).emit()  # fmt: skip

    for factor in found.outcomes:
        rate = found.rate(factor)
        figure(f"{factor:g}x.accepted", rate, "/s", rate / found.share(factor), "its best")
        for who, used in found.cores(factor).items():
            figure(f"{factor:g}x.cores.{who}", used, "cores", None, "")
        figure(
            f"{factor:g}x.echo",
            sum(len(each.milliseconds) for each in found.echoes[factor]) / SECONDS / len(found.best),
            "/s",
            factor * median(found.best),
            "offered",
        )
        figure(f"{factor:g}x.p99", found.p99(factor), "ms", found.p99(UNLOADED), f"p99 at {UNLOADED:g}x")
    figure("refusal", found.refused * 1e6, "µs", found.served * 1e6, "CPU of a transfer")
    figure("unhealthy", found.unhealthy, "checks", None, "/healthz and /readyz, 2 s each")


def job(run: Bench, rate: float, seconds: float) -> Job:
    """Transfers at the wallet."""
    return Job(run.wallet[0], rate, seconds, run.tokens, [str(account) for account in run.accounts], uuid4().hex)


async def _recovery(run: Bench) -> None:
    """Seconds from the end of an overload until a request takes no longer than half again as long as before."""
    port, _ = run.wallet
    players = Players(run)
    before = await closed_loop(port, players.transfer, 1, SECONDS)
    await open_loop(job(run, 10 * len(before.milliseconds) / SECONDS, SECONDS))
    begun = time.perf_counter()
    while (await closed_loop(port, players.transfer, 1, 0.5)).percentile(0.5) > 1.5 * before.percentile(0.5):
        if time.perf_counter() - begun > 30:
            break
    Figure(name="services.overload.recovery", value=round(time.perf_counter() - begun - 0.5, 1), unit="s").emit()


async def health(port: int, seconds: float) -> int:
    """How many health checks fail in that time."""
    failed, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        for path in ("/healthz", "/readyz"):
            client = Client(port)
            try:
                async with asyncio.timeout(2):
                    failed += await client.send(get(path)) != 200
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                failed += 1
            client.close()
        await asyncio.sleep(0.25)
    return failed
