"""CPU per request by layer, and transfers beside pgbench.

CPU time is a process's own, so other work on the machine hardly changes it. A layer is the difference between two servers: a
bare ASGI echo, a service's /healthz (middleware, routing), the shared read and write (benchmarks.services.bare), a balance and
a transfer of the real wallet.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import asyncpg

from benchmarks.figures import Figure
from benchmarks.services.client import Outcome, Players, closed_loop, get, post
from benchmarks.services.servers import MASTER, PASSWORD, Bench, cpu, postmaster_of
from localcloud.dataplane.stores.postgres import PostgresServer, installed_binaries

SECONDS = 4.0
ROUNDS = 4

#: Before this bench existed (docs of the review, commit 12f03ad), on the same machines: milliseconds of CPU.
BEFORE = {"transfer": 7.0, "balance": 1.9, "health": 0.18}


async def cost(port: int, pids: list[int], make: Callable[[], bytes]) -> tuple[list[float], Outcome]:
    """Milliseconds of CPU that each of `pids` uses for a request, and the run. Four clients: no waiting, little queueing.

    The cheapest of ROUNDS: other work on the machine takes caches and turns from a process, and so only adds to its time.
    """
    await closed_loop(port, make, 4, 1.0)  # statements prepared, tokens known
    found: list[list[float]] = []
    whole = Outcome()
    for _ in range(ROUNDS):
        before = [cpu(pid) for pid in pids]
        outcome = await closed_loop(port, make, 4, SECONDS / ROUNDS)
        done = sum(outcome.statuses.values())
        assert not any(status >= 400 for status in outcome.statuses), outcome.statuses
        found.append([(cpu(pid) - was) * 1000 / done for pid, was in zip(pids, before, strict=True)])
        whole.statuses += outcome.statuses
        whole.milliseconds += outcome.milliseconds
    return [min(each) for each in zip(*found, strict=True)], whole


def pgbench(server: PostgresServer, directory: Path) -> tuple[float, float]:
    """pgbench -N on the same server in the same minute: transactions a second, and the server's CPU for one in ms."""
    binary = installed_binaries()[0].path("pgbench")
    place = ["-h", server.host, "-p", str(server.port), "-U", MASTER, "bench"]
    environment = {"PGPASSWORD": PASSWORD, "PATH": os.environ["PATH"], "HOME": str(directory)}

    def run(*arguments: str) -> str:
        made = subprocess.run([binary, *arguments, *place], env=environment, capture_output=True, text=True, check=True)
        return made.stdout

    run("-i", "-q", "-s", "5")
    before, lines = cpu(postmaster_of(server)), run("-N", "-c", "8", "-T", str(int(SECONDS))).splitlines()
    used = cpu(postmaster_of(server)) - before
    rate = next(float(line.split()[2]) for line in lines if line.startswith("tps"))
    done = next(int(line.split()[-1].partition("/")[0]) for line in lines if "actually processed" in line)
    return rate, used * 1000 / done


async def by_layer(run: Bench) -> None:
    """Milliseconds of CPU."""
    players = Players(run)

    async def figure(name: str, server: tuple[int, int], make: Callable[[], bytes]) -> float:
        port, pid = server
        (used,), _ = await cost(port, [pid], make)
        Figure(
            name=f"services.cpu.{name}",
            value=round(used, 3),
            unit="ms",
            reference=echo or None,
            against="bare ASGI echo",
        ).emit()
        return used

    echo = 0.0
    echo = await figure("echo", run.echo, lambda: post("/", "", {"value": 1}))
    health = await figure("health", run.wallet, lambda: get("/healthz"))
    read = await figure("shared_read", run.shared, lambda: get("/shared/read", players.token()))
    write = await figure("shared_write", run.shared, lambda: post("/shared/write", players.token(), {"value": 1}))
    balance = await figure("balance", run.wallet, lambda: get("/wallet/balance", players.token()))
    for name, value, reference, against in (
        ("shared_path.read", read - echo, 0.4, "its bound"),
        ("shared_path.write", write - echo, 1.2, "its bound"),
        ("now.balance", balance, BEFORE["balance"], "before"),
        ("now.health", health, BEFORE["health"], "before"),
    ):
        Figure(name=f"services.{name}", value=round(value, 3), unit="ms", reference=reference, against=against).emit()


async def transfers(run: Bench) -> None:
    """A transfer's CPU, and how many in a second."""
    port, pid = run.wallet
    (web, postgres), outcome = await cost(port, [pid, run.postmaster], Players(run).transfer)
    owner = await asyncpg.connect(
        host=run.postgres.host, port=run.postgres.port, user=MASTER, password=PASSWORD, database="postgres", ssl=False
    )
    await owner.execute("CREATE DATABASE bench")
    await owner.close()
    with tempfile.TemporaryDirectory() as directory:
        rate, transaction = await asyncio.to_thread(pgbench, run.postgres, Path(directory))
    done = sum(outcome.statuses.values()) / SECONDS
    for name, value, unit, reference, against in (
        ("services.cpu.transfer.web", web, "ms", BEFORE["transfer"], "before"),
        ("services.cpu.transfer.postgres", postgres, "ms", transaction, "pgbench -N"),
        ("services.transfers", done, "/s", rate, "pgbench -N"),
    ):
        Figure(name=name, value=round(value, 3), unit=unit, reference=reference, against=against).emit()
