"""A worker process whose ways to PostgreSQL and to the broker lead through proxies, and money that moves past it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from celery import Celery

from services.common.broker import access_rules, create_celery
from services.common.settings import BrokerSettings, load
from tests.services.common.processes import Process, process
from tests.services.faults.proxy import Proxy, proxy
from tests.services.support import Cloud, environ

HOUSE = "00000000-0000-7000-8000-000000000001"

#: How long after a fault's end everything may take, on a machine with other work.
RECOVERY_SECONDS = 60


@dataclass
class Stage:
    """The worker, its dependencies, and who looks at them directly. `moved` counts the movements that are to be told."""

    cloud: Cloud
    worker: Process
    postgres: Proxy
    broker: Proxy
    database: str
    celery: Celery
    moved: int = 0
    owner: Any = field(default=None)

    async def connect(self) -> None:
        self.owner = await self.cloud.connect(self.database, role="owner", service="wallet")

    async def move(self, count: int = 1) -> None:
        """Credit new players with 5 paise, as wallet does it: with a message in the same transaction."""
        async with self.owner.transaction():
            for _ in range(count):
                self.moved += 1
                player, transaction = uuid4(), uuid4()
                await self.owner.execute("INSERT INTO accounts VALUES ($1, $1, now())", player)
                await self.owner.execute("INSERT INTO balances VALUES ($1, true, 5, 1)", player)
                await self.owner.execute(
                    "INSERT INTO transactions VALUES ($1, 'credit', $2, '', 't', now())", transaction, str(transaction)
                )
                for account, sequence, amount, after in ((player, 1, 5, 5), (HOUSE, self.moved, -5, -5 * self.moved)):
                    await self.owner.execute(
                        "INSERT INTO entries VALUES ($1, $2, $3, $4, $5, now())",
                        account, sequence, transaction, amount, after,
                    )  # fmt: skip
                await self.owner.execute(
                    "UPDATE balances SET amount = $1, entries = $2 WHERE account_id = $3",
                    -5 * self.moved,
                    self.moved,
                    HOUSE,
                )
                await self.owner.execute(
                    "INSERT INTO outbox (id, task, payload, request_id) VALUES ($1, 'wallet.notify', $2, 'r')",
                    uuid4(), json.dumps({"transaction": str(transaction)}),
                )  # fmt: skip

    async def send_job(self) -> None:
        """What the scheduler does every minute."""
        await asyncio.to_thread(self.celery.send_task, "wallet.reconcile")

    async def settled(self, seconds: float = RECOVERY_SECONDS) -> None:
        """Wait until every player was told. What waits for its next publication is made due: nobody waits 30 s here."""
        deadline = time.monotonic() + seconds
        while await self.owner.fetchval("SELECT count(*) FROM outbox WHERE done_at IS NULL"):
            assert time.monotonic() < deadline, (await self.state(), self.worker.text()[-3000:])
            await self.owner.execute("UPDATE outbox SET next_attempt_at = now() WHERE done_at IS NULL")
            await asyncio.sleep(0.5)

    async def job_done(self, seconds: float = RECOVERY_SECONDS) -> None:
        """Wait until a job that is sent now has succeeded."""
        begun, deadline = await self.owner.fetchval("SELECT clock_timestamp()"), time.monotonic() + seconds
        query = "SELECT succeeded_at > $1 FROM job_runs WHERE task = 'wallet.reconcile'"
        await self.send_job()
        while not await self.owner.fetchval(query, begun):
            assert time.monotonic() < deadline, (await self.state(), self.worker.text()[-3000:])
            await asyncio.sleep(0.2)

    async def state(self) -> list[str]:
        rows = await self.owner.fetch(
            "SELECT attempts, next_attempt_at - now() AS due, last_error FROM outbox WHERE done_at IS NULL"
        )
        jobs = await self.owner.fetch("SELECT * FROM job_runs")
        return [str(dict(row)) for row in (*rows, *jobs)]

    async def check(self) -> None:
        """What holds whenever all is settled: told once each, nothing dead, books that balance, the same process, healthy."""
        told, players = await self.owner.fetchrow("SELECT count(*), count(DISTINCT account_id) FROM notifications")
        assert (told, players) == (self.moved, self.moved)
        assert await self.owner.fetchval("SELECT count(*) FROM outbox WHERE dead_at IS NOT NULL") == 0
        assert json.loads(await self._report()) == []
        assert self.worker.popen.poll() is None
        await self.worker.wait_healthy()

    async def _report(self) -> str:
        """The newest report's discrepancies. A job that found another at work has succeeded before the first one ends."""
        query = "SELECT discrepancies FROM reconciliation_reports ORDER BY created_at DESC LIMIT 1"
        deadline = time.monotonic() + RECOVERY_SECONDS
        while (report := await self.owner.fetchval(query)) is None:
            assert time.monotonic() < deadline, (await self.state(), self.worker.text()[-3000:])
            await asyncio.sleep(0.2)
        return str(report)


@asynccontextmanager
async def stage(cloud: Cloud, directory: Path) -> AsyncIterator[Stage]:
    """A worker of wallet with a broker user of its own."""
    cloud.broker.command("FLUSHALL")
    cloud.broker.command("ACL", "SETUSER", "wallet", "reset", "on", ">wallets-password", *access_rules("wallet"))
    async with (
        cloud.fresh("wallet") as database,
        proxy(cloud.postgres.host, cloud.postgres.port) as before_postgres,
        proxy(cloud.broker.host, cloud.broker.port) as before_broker,
    ):
        direct = {"BROKER_USER": "wallet", "BROKER_PASSWORD": "wallets-password"}
        variables = cloud.process_environment(
            "wallet", database, directory, process="worker", **direct,
            DATABASE_HOST=before_postgres.host, DATABASE_PORT=str(before_postgres.port),
            BROKER_HOST=before_broker.host, BROKER_PORT=str(before_broker.port),
        )  # fmt: skip
        with environ(cloud.environment("wallet", database, **direct)):
            celery = create_celery("wallet", load(BrokerSettings))
        with process("worker", variables, directory) as worker:
            made = Stage(cloud, worker, before_postgres, before_broker, database, celery)
            await made.connect()
            await worker.wait_healthy()
            try:
                yield made
            finally:
                await made.owner.close()
    cloud.broker.command("ACL", "DELUSER", "wallet")
