"""PostgreSQL fails over while a service works: a real standby is promoted, the name points to it, and all goes on.

RDS Multi-AZ as a client sees it: the primary dies, for a while nobody answers, then the same name leads to another server
that has everything that was committed. The short form, a server that is away and back, is in the fault matrix.
"""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest

from localcloud.dataplane.stores.postgres import PostgresServer
from services.common import settings
from services.common.bootstrap import Passwords, bootstrap
from services.common.migrate import migrate
from services.wallet.app import create_app
from tests.ports import free_port
from tests.services.auth.fixtures import Auth
from tests.services.faults.proxy import Fault, proxy
from tests.services.faults.standby import standby_of
from tests.services.support import MASTER, Clock, Cloud, environ, running
from tests.services.wallet.fixtures import Player, wallet_of

pytestmark = [pytest.mark.postgres, pytest.mark.nightly]


async def test_a_standby_is_promoted_under_load(
    cloud: Cloud, clock: Clock, cheap_passwords: None, auth: Auth, tmp_path: Path
) -> None:
    """Whoever repeats what was not answered has it done once; nothing that was answered is lost."""
    with (
        PostgresServer(tmp_path / "primary", "127.0.0.1", free_port(), settings={"fsync": "off"}) as primary,
        standby_of(primary, tmp_path / "standby") as standby,
    ):
        there = Cloud(primary, cloud.broker, cloud.cache, cloud.secrets)
        primary.set_master(MASTER, cloud.secrets["master"])
        with environ(there.environment("wallet", "wallet", role="master")):
            given = settings.load(Passwords)
        await bootstrap("wallet", there.settings("wallet", "wallet", "master"), given)
        await migrate("wallet", there.settings("wallet", "wallet", "owner"))
        async with proxy(primary.host, primary.port) as name:
            variables = there.environment("wallet", "wallet", DATABASE_HOST=name.host, DATABASE_PORT=str(name.port))
            app = create_app(clock, httpx.ASGITransport(auth.app))
            async with running(app, variables, full=True) as client:
                wallet = await wallet_of(app, client, "wallet", auth)
                one, other = await wallet.player(1000), await wallet.player()
                done: list[str] = []
                ended = asyncio.Event()
                load = [asyncio.create_task(_transfer(one, other, f"worker-{n}", done, ended)) for n in range(4)]
                await _more(done, 10)
                assert primary.pid is not None
                os.kill(primary.pid, signal.SIGQUIT)  # immediate: no goodbye
                await name.set(Fault.REFUSED)
                await asyncio.sleep(1)
                assert (await client.get("/readyz")).status_code == 503
                await asyncio.to_thread(standby.execute, "SELECT pg_promote(true, 30)")
                await asyncio.to_thread(standby.execute, "ALTER SYSTEM RESET synchronous_standby_names")
                await asyncio.to_thread(standby.execute, "SELECT pg_reload_conf()")
                name.target = (standby.host, standby.port)
                await name.set(Fault.NONE)
                async with asyncio.timeout(30):  # a few seconds on a machine that has nothing else to do
                    await _more(done, 10)
                assert (await client.get("/readyz")).status_code == 200
                ended.set()
                await asyncio.gather(*load)
                assert (await one.balance(), await other.balance()) == (1000 - len(done), len(done))
                limit = {"limit": "200"}
                answer = await client.get("/wallet/entries", headers=other.bearer, params=limit)
                assert len(answer.json()["entries"]) == min(200, len(done))


async def _transfer(one: Player, other: Player, worker: str, done: list[str], ended: asyncio.Event) -> None:
    """Transfers of 1 paisa, each repeated with its key until it is done."""
    number = 0
    while not ended.is_set() and len(done) < 150:
        key = f"{worker}-{(number := number + 1):05}"
        while (answer := await one.transfer(other.account, 1, key=key)).status_code != 201:
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.2)
        done.append(key)
        await asyncio.sleep(0.05)


async def _more(done: list[str], count: int) -> None:
    """Wait until so many more are done."""
    wanted = len(done) + count
    while len(done) < wanted:  # noqa: ASYNC110 - what is waited for is a number
        await asyncio.sleep(0.05)
