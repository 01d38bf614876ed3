"""What a load above what the wallet can carry does to it: a curve from a tenth of that to ten times.

The generator and PostgreSQL need the cores of the machine too, so the curve is taken twice: as the kernel places them, and
with the service alone on a core. Rounds alternate, since other work on the machine comes and goes; a figure is the median of
them, a p99 that of all their requests together.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
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

    def p99(self, factor: float) -> float:
        """Milliseconds of the accepted ones of all rounds."""
        together = [each for outcome in self.outcomes[factor] for each in outcome.milliseconds]
        return Outcome(milliseconds=together).percentile(0.99)


async def curves(run: Bench) -> None:
    """Goal at 10×: ≥ 80 % of the best throughput, p99 of the accepted ≤ 3× the unloaded, no failed health check."""
    cores = sorted(os.sched_getaffinity(0))
    _emit("", await curve(run, FACTORS))
    if len(cores) > 1:
        run.pin(cores[:1], cores[1:])
        _emit(".pinned", await curve(run, (UNLOADED, FACTORS[-1]), cores[1:]))
        run.pin(cores, cores)
    await _recovery(run)


async def curve(run: Bench, factors: Sequence[float], cores: list[int] | None = None, rounds: int = ROUNDS) -> Curve:
    """Measure; the last factor is the overload of which the cost of a refusal is taken. The generator runs on `cores`."""
    port, pid = run.wallet
    players = Players(run)
    best: list[float] = []
    outcomes: dict[float, list[Outcome]] = defaultdict(list)
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
            before = cpu(pid)
            outcome = await open_loop(job(run, factor * best[-1], SECONDS), cores)
            used = cpu(pid) - before
            unhealthy += await checks
            outcomes[factor].append(outcome)
        refused.append((used - len(outcome.milliseconds) * served[-1]) / max(1, outcome.statuses[503]))
    return Curve(best, outcomes, median(served), median(refused), unhealthy)


def _emit(name: str, found: Curve) -> None:
    def figure(what: str, value: float, unit: str, reference: float | None, against: str) -> None:
        Figure(
            name=f"services.overload{name}.{what}", value=round(value, 1), unit=unit,
            reference=None if reference is None else round(reference, 1), against=against,
        ).emit()  # fmt: skip

    for factor in found.outcomes:
        rate = found.rate(factor)
        figure(f"{factor:g}x.accepted", rate, "/s", rate / found.share(factor), "its best")
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
