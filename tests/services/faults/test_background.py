"""The fault matrix of jobs and messages: dependency × fault × {job, message}; and servers that restart, fail over and freeze.

Whatever goes wrong: a message waits and is done once when the fault has ended; a job fails with its runbook, or waits, and its
next time does its work; the worker is the same process and healthy again; the books balance.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from valkey import Valkey
from valkey.exceptions import ResponseError

from model.broker import access_string
from services.common import heartbeat
from services.common.broker import access_rules
from tests.services.faults.background import Stage, stage
from tests.services.faults.proxy import Fault, Proxy
from tests.services.support import Cloud

pytestmark = pytest.mark.postgres

#: Fault → whether a job that comes while PostgreSQL fails may fail (it then logs its runbook), or must wait and succeed.
POSTGRES = {
    Fault.REFUSED: "fails",
    Fault.RESET: "fails",
    Fault.HALF: "fails",
    Fault.CUT_AT_COMMIT: "fails",
    Fault.SILENT: "waits",
    Fault.SLOW: "succeeds",
}
BROKER = (Fault.REFUSED, Fault.RESET, Fault.SILENT, Fault.SLOW, Fault.HALF)


async def cell(at: Stage, way: Proxy, fault: Fault, seconds: float) -> None:
    """Messages and a job that come during `fault` on the way to a dependency; then all of it is done, once."""
    await way.set(fault)
    await at.move(3)
    await at.send_job()
    await asyncio.sleep(seconds)
    await way.set(Fault.NONE)
    await at.settled()
    await at.job_done()
    await at.check()


async def frozen_cell(at: Stage, dependency: str, seconds: float) -> None:
    """The same while a dependency is frozen (SIGSTOP): messages and a job come, and nothing answers the worker."""
    frozen = [at.cloud.broker.pid or 0] if dependency == "broker" else await backends(at)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        await at.move(3)
        job = asyncio.create_task(at.send_job())  # a frozen broker answers its sender later
        await asyncio.sleep(seconds)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    await job
    await at.settled()
    await at.job_done()
    await at.check()


def failures(at: Stage) -> list[dict[str, Any]]:
    return [line for line in at.worker.lines() if line.get("message") == "job failed"]


async def test_the_matrix_in_short(cloud: Cloud, tmp_path: Path) -> None:
    async with stage(cloud, tmp_path) as at:
        await at.move(3)
        await at.settled()
        await at.job_done()
        for fault in (Fault.RESET, Fault.CUT_AT_COMMIT, Fault.SILENT):
            await cell(at, at.postgres, fault, 1.0)
        for fault in (Fault.RESET, Fault.SILENT):
            await cell(at, at.broker, fault, 1.0)
        for dependency in ("postgres", "broker"):
            await frozen_cell(at, dependency, 1.0)
        await asyncio.to_thread(cloud.postgres.stop)
        await asyncio.to_thread(cloud.postgres.start)
        await at.connect()
        await cell(at, at.postgres, Fault.NONE, 0)
        for line in failures(at):
            assert (line["level"], line["runbook"], line["task"]) == ("ERROR", "job-late", "wallet.reconcile")
        assert await at.worker.end() == 0


@pytest.mark.nightly
@pytest.mark.parametrize("fault", POSTGRES, ids=str)
async def test_postgres(cloud: Cloud, tmp_path: Path, fault: Fault) -> None:
    async with stage(cloud, tmp_path) as at:
        await at.move(3)
        await at.settled()
        await at.job_done()
        await cell(at, at.postgres, fault, 8)
        if POSTGRES[fault] != "fails":
            assert failures(at) == []
        elif fault is not Fault.CUT_AT_COMMIT:
            assert [line["runbook"] for line in failures(at)] == ["job-late"]
        await cell(at, at.postgres, fault, 1)


@pytest.mark.nightly
@pytest.mark.parametrize("fault", BROKER, ids=str)
async def test_broker(cloud: Cloud, tmp_path: Path, fault: Fault) -> None:
    async with stage(cloud, tmp_path) as at:
        await at.move(3)
        await at.settled()
        for seconds in (8, 1):
            await cell(at, at.broker, fault, seconds)
        assert failures(at) == []


@pytest.mark.nightly
async def test_peers_that_freeze_for_longer_than_a_statement_may_take(cloud: Cloud, tmp_path: Path) -> None:
    async with stage(cloud, tmp_path) as at:
        await frozen_cell(at, "postgres", 12)
        await frozen_cell(at, "broker", 4)


@pytest.mark.nightly
async def test_servers_that_restart_under_a_worker(cloud: Cloud, tmp_path: Path) -> None:
    """PostgreSQL and the broker end and come back while messages are being done; the broker has forgotten its queues."""
    async with stage(cloud, tmp_path) as at:
        for server in (cloud.postgres, cloud.broker):
            await at.move(300)
            await asyncio.to_thread(server.stop)
            await asyncio.sleep(1)
            await asyncio.to_thread(server.start)
            await at.connect()
            if server is cloud.broker:
                cloud.broker.command("FLUSHALL")
                cloud.broker.command("ACL", "SETUSER", "wallet", "on", ">wallets-password", "~wallet:*", "+@all")
            await at.settled()
            await at.job_done()
            await at.check()


@pytest.mark.nightly
async def test_a_worker_that_is_killed_is_continued_by_the_next(cloud: Cloud, tmp_path: Path) -> None:
    async with stage(cloud, tmp_path) as at:
        for _ in range(3):
            await at.move(200)
            await asyncio.sleep(0.3)
            at.worker.popen.send_signal(signal.SIGKILL)
            at.worker.popen.wait()
            at.worker.start()
            await at.worker.wait_healthy()
        await at.settled()
        await at.job_done()
        await at.check()


@pytest.mark.nightly
@pytest.mark.parametrize("dependency", ["postgres", "broker"])
async def test_a_frozen_server_has_the_worker_replaced_within_a_minute(
    cloud: Cloud, tmp_path: Path, dependency: str
) -> None:
    """SIGSTOP: connections stay open and nothing answers. The health check fails in time, and says why with a runbook."""
    async with stage(cloud, tmp_path) as at:
        frozen = [cloud.broker.pid] if dependency == "broker" else await backends(at)
        await at.move(3)
        await at.settled()
        for pid in frozen:
            os.kill(pid or 0, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            while at.worker.healthy():
                assert time.monotonic() - begun < 60 - 15, "three failed checks, five seconds apart, come on top"
                await asyncio.sleep(1)
            stuck = [line for line in at.worker.lines() if line.get("runbook") == "worker-stuck"]
            assert stuck and dependency in str(stuck[0]["parts"])
        finally:
            for pid in frozen:
                os.kill(pid or 0, signal.SIGCONT)
        await at.move(3)
        await at.settled()
        await at.job_done()
        await at.check()


async def backends(at: Stage) -> list[int]:
    """The server processes of PostgreSQL that serve the worker, and the one that would serve new connections."""
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'wallet-worker'"
    return [row["pid"] for row in await at.owner.fetch(query)] + [at.cloud.postgres.pid or 0]


def test_a_stuck_part_is_noticed_in_time() -> None:
    """PART_SECONDS, STALE_SECONDS and three health checks five seconds apart are a minute at most."""
    assert heartbeat.PART_SECONDS + heartbeat.STALE_SECONDS + 3 * 5 + 1.5 * heartbeat.INTERVAL_SECONDS <= 60


async def test_a_service_reaches_no_other_services_queues(cloud: Cloud) -> None:
    """The broker's user of a service: its own keys, and no command that reaches further; the stack makes this very user."""
    assert {*access_string("wallet").split()} == {"on", *access_rules("wallet")} - {"resetkeys"}
    cloud.broker.command("ACL", "SETUSER", "intruder", "reset", "on", ">pw", *access_rules("wallet"))
    try:
        with Valkey(host=cloud.broker.host, port=cloud.broker.port, username="intruder", password="pw") as client:
            client.lpush("wallet:of-a-test", "mine")
            client.delete("wallet:of-a-test")
            for words in (
                ("LPUSH", "auth:auth", "{}"),
                ("LRANGE", "auth:auth", 0, -1),
                ("PUBLISH", "auth:events", "x"),
                ("KEYS", "*"),
                ("FLUSHALL",),
                ("CONFIG", "GET", "*"),
                ("ACL", "LIST"),
                ("EVAL", "return redis.call('LLEN', 'auth:auth')", 0),
            ):
                with pytest.raises(ResponseError, match=r"(?i)permission|acl"):
                    client.execute_command(*words)
    finally:
        cloud.broker.command("ACL", "DELUSER", "intruder")
