"""Frozen peers of requests (SIGSTOP): the server's kernel still takes what is sent, and nothing ever answers."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
import psutil
import pytest

from services.wallet.app import create_app
from tests.ports import free_port
from tests.services.auth.fixtures import VERIFY_ALL, Auth, Person
from tests.services.common.processes import process
from tests.services.faults.test_requests import BUSY, DONE, READ, SECONDS, told
from tests.services.support import Clock, Cloud, running
from tests.services.wallet.fixtures import Wallet, wallet_of

pytestmark = pytest.mark.postgres


@contextmanager
def frozen(pids: Sequence[int]) -> Iterator[None]:
    """Processes that do not move for a while."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def everything(pid: int | None) -> list[int]:
    """A server's process and those that it has started."""
    assert pid is not None
    server = psutil.Process(pid)
    return [server.pid, *(each.pid for each in server.children(recursive=True))]


async def test_postgres(wallet: Wallet, cloud: Cloud, impatient: None) -> None:
    """Reads and writes are refused in time, also those that wait behind others; afterwards each is done once."""
    one, other = await wallet.player(100), await wallet.player()
    await wallet.app.state.pool.fill()
    await asyncio.gather(*(one.balance() for _ in range(4)))
    with frozen(everything(cloud.postgres.pid)):
        async with asyncio.timeout(2 * SECONDS):
            reads = [wallet.client.get("/wallet/balance", headers=one.bearer) for _ in range(4)]
            slow = [wallet.client.get("/wallet/entries", headers=one.bearer)]  # by SQLAlchemy
            writes = [one.transfer(other.account, 1, key=f"the-intent-{number}") for number in range(4)]
            assert {told(answer) for answer in await asyncio.gather(*reads, *slow, *writes)} == {BUSY}
            assert (await wallet.client.get("/healthz")).status_code == 200
            assert (await wallet.client.get("/readyz")).status_code == 503
    async with asyncio.timeout(SECONDS):
        while (await wallet.client.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - it is polled, as a balancer does
            await asyncio.sleep(0.1)
        for number in range(4):
            assert told(await one.transfer(other.account, 1, key=f"the-intent-{number}")) == DONE
    assert (await one.balance(), await other.balance()) == (96, 4)


async def test_the_cache(auth: Auth, cheap_passwords: None, cloud: Cloud, impatient: None) -> None:
    person = await auth.person()
    body = {"email": person.email, "password": person.password}
    with frozen(everything(cloud.cache.pid)):
        async with asyncio.timeout(SECONDS):
            answers = await asyncio.gather(*(auth.client.post("/auth/login", json=body) for _ in range(4)))
            assert {told(answer) for answer in answers} == {(503, "limiter_unavailable")}
            assert told(await auth.client.get("/auth/me", headers=person.bearer)) == READ
    async with asyncio.timeout(SECONDS):
        while told(await auth.client.post("/auth/login", json=body)) != READ:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.2)


class _Apart(Auth):
    """An auth that is a process of its own: its database is reached by a connection of the test's."""

    async def verify_all(self) -> None:
        await self._execute(VERIFY_ALL)

    async def player(self) -> Person:
        return await self.person(birth_date="1990-01-31")

    async def colleague(self, *roles: str) -> Person:
        person = await self.person()
        await self._execute("UPDATE users SET roles = $1 WHERE id = $2", list(roles), person.id)
        now, session = datetime.now(UTC), UUID(person.claims["sid"])
        await self._execute("UPDATE sessions SET acr = 'aal2', authenticated_at = $1 WHERE id = $2", now, session)
        return await self._refresh(person)

    async def _execute(self, statement: str, *values: object) -> None:
        owner = await self.cloud.connect(self.database, role="owner", service="auth")
        await owner.execute(statement, *values)
        await owner.close()


async def test_the_other_service(cloud: Cloud, clock: Clock, tmp_path: Path, impatient: None) -> None:
    """Auth, as a process of its own, freezes: who has a token goes on; a wallet that has no key yet says so in time."""
    cloud.cache.command("FLUSHALL")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with cloud.fresh("auth") as accounts, cloud.fresh("wallet") as database:
        with process("web", cloud.process_environment("auth", accounts, tmp_path, PORT=str(port)), tmp_path) as web:
            await web.wait_healthy()
            clock.time = datetime.now(UTC)  # the process has a clock of its own, and took a while to start
            variables, app = cloud.environment("wallet", database, AUTH_URL=url), create_app(clock)
            async with httpx.AsyncClient(base_url=url, timeout=30) as client, running(app, variables) as own:
                wallet = await wallet_of(app, own, database, _Apart(app, client, accounts, cloud))
                one, other = await wallet.player(100), await wallet.player()
                with frozen([web.popen.pid]):
                    clock.move(minutes=6)  # the keys are due to be fetched again
                    async with asyncio.timeout(SECONDS):
                        assert await one.balance() == 100
                        assert told(await one.transfer(other.account, 40)) == DONE
                        new = create_app(clock)
                        async with running(new, variables) as fresh:
                            answer = await fresh.get("/wallet/balance", headers=one.bearer)
                            assert told(answer) == (503, "keys_unavailable")
                assert (await one.balance(), await other.balance()) == (60, 40)
            assert await web.end() == 0
