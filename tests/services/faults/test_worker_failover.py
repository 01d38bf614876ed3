"""PostgreSQL fails over under a running worker: messages are done once, by the same process, from the promoted standby."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from localcloud.dataplane.stores.postgres import PostgresServer
from services.common.bootstrap import Passwords, bootstrap
from services.common.migrate import migrate
from tests.ports import free_port
from tests.services.faults.background import stage
from tests.services.faults.standby import standby_of
from tests.services.support import MASTER, Cloud

pytestmark = [pytest.mark.postgres, pytest.mark.nightly]


@pytest.fixture
async def primary(cloud: Cloud, tmp_path: Path) -> AsyncIterator[Cloud]:
    """The same environment on a PostgreSQL of its own, with wallet's database."""
    with PostgresServer(tmp_path / "primary", "127.0.0.1", free_port()) as server:
        mine = replace(cloud, postgres=server)
        server.set_master(MASTER, cloud.secrets["master"])
        given = Passwords(
            owner_password=SecretStr(cloud.secrets["owner"]), app_password=SecretStr(cloud.secrets["app"])
        )
        await bootstrap("wallet", mine.settings("wallet", "wallet", "master"), given)
        await migrate("wallet", mine.settings("wallet", "wallet", "owner"))
        yield mine
    server.remove()


async def test_a_worker_goes_on_after_a_failover(primary: Cloud, tmp_path: Path) -> None:
    old = primary.postgres
    async with stage(primary, tmp_path) as at:
        with standby_of(old, tmp_path / "standby") as standby:
            try:
                await at.move(150)
                await asyncio.sleep(0.3)  # some are done, some are under way, some wait
                os.kill(old.pid or 0, signal.SIGQUIT)
                await asyncio.sleep(0.5)
                await asyncio.to_thread(standby.execute, "SELECT pg_promote()")
                await alone(standby)
                at.postgres.target = (standby.host, standby.port)
                primary.postgres = standby
                await at.connect()
                await at.move(3)
                await at.settled()
                await at.job_done()
                await at.check()
            finally:
                await at.worker.end()
        # For whoever tidies up: the old primary is there again.
        primary.postgres = old
        await asyncio.to_thread(old.stop)
        await asyncio.to_thread(old.start)
        await alone(old)
        await at.connect()


async def alone(server: PostgresServer) -> None:
    """Nobody follows it: a commit would wait for ever."""
    await asyncio.to_thread(server.execute, "ALTER SYSTEM RESET synchronous_standby_names")
    await asyncio.to_thread(server.execute, "SELECT pg_reload_conf()")
