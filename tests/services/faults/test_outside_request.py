"""A request that calls a provider: no connection is held meanwhile, and whatever dies, what was asked for happens once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.common import outside_request
from services.common.postgres import open_pool
from tests.eventually import eventually
from tests.ports import free_port
from tests.services.faults.payouts import PayOut, create_app
from tests.services.support import ROOT, Cloud, running

pytestmark = pytest.mark.postgres


@dataclass
class Provider:
    """Pays once for each idempotency key, like any provider worth its name; `answers` says what it does about a call."""

    paid: dict[str, int] = field(default_factory=dict)
    calls: list[tuple[str, bool]] = field(default_factory=list)
    port: int = 0
    hang: asyncio.Event | None = None
    refuse: bool = False
    called: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            key = headers["idempotency-key"]
            self.calls.append((key, headers["repeated"] == "true"))
            if not self.refuse:
                self.paid.setdefault(key, body["amount"])
            self.called.set()
            if self.hang is not None:
                await self.hang.wait()
            content = json.dumps({"id": f"pay-{key[:8]}"})
            status = "402 No" if self.refuse else "200 OK"
            writer.write(
                f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n{content}".encode()
            )
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the caller has gone
        finally:
            writer.close()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made
        if made.hang is not None:
            made.hang.set()


@asynccontextmanager
async def database_of(cloud: Cloud) -> AsyncIterator[tuple[str, Any]]:
    """A wallet's database, for its idempotency keys, with a table of payouts."""
    async with cloud.fresh("wallet") as name:
        owner = await cloud.connect(name, role="owner", service="wallet")
        await owner.execute("CREATE TABLE payouts (id uuid PRIMARY KEY, amount bigint, state text)")
        await owner.execute("GRANT UPDATE ON payouts TO wallet_app")
        yield name, owner
        await owner.close()


@asynccontextmanager
async def service(cloud: Cloud, provider: Provider) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    async with database_of(cloud) as (name, owner):
        app = create_app(f"http://127.0.0.1:{provider.port}")
        async with running(app, cloud.environment("wallet", name), full=True) as client:
            yield client, owner


async def pay(client: httpx.AsyncClient, key: str = "intent-0001", amount: int = 5) -> httpx.Response:
    headers = {"Authorization": "Bearer somebody", "Idempotency-Key": key}
    return await client.post("/payouts", json={"amount": amount}, headers=headers)


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code") or answer.json()["state"]


async def test_it_is_done_once_and_answered_the_same(cloud: Cloud, provider: Provider) -> None:
    async with service(cloud, provider) as (client, owner):
        first, again = await pay(client), await pay(client)
        assert told(first) == told(again) == (201, "paid")
        assert first.content == again.content
        assert again.headers["idempotency-replayed"] == "true"
        assert told(await pay(client, amount=6)) == (422, "idempotency_key_reused")
        assert [repeated for _, repeated in provider.calls] == [False]
        assert await owner.fetchval("SELECT count(*) FROM payouts WHERE state = 'paid'") == 1


async def test_a_final_no_is_an_answer_too(cloud: Cloud, provider: Provider) -> None:
    provider.refuse = True
    async with service(cloud, provider) as (client, owner):
        assert told(await pay(client)) == (409, "failed")
        assert told(await pay(client)) == (409, "failed")
        assert len(provider.calls) == 1
        assert await owner.fetchval("SELECT state FROM payouts") == "failed"


async def test_no_transaction_is_open_while_the_provider_thinks(cloud: Cloud, provider: Provider) -> None:
    provider.hang = asyncio.Event()
    async with service(cloud, provider) as (client, owner):
        task = asyncio.create_task(pay(client))
        await provider.called.wait()
        busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE '%transaction%'"

        async def closed() -> bool:
            return not await owner.fetchval(busy)

        await eventually(closed, 4)  # of what the service does in the background one may just be open: not for long
        # A twin of it is told to come again, and does not wait for the provider.
        twin = await pay(client)
        assert told(twin) == (409, "idempotency_key_in_use")
        assert 1 <= int(twin.headers["retry-after"]) <= 6
        provider.hang.set()
        assert told(await task) == (201, "paid")
        assert told(await pay(client)) == (201, "paid")
        assert len(provider.calls) == 1


async def test_a_silent_provider_is_unknown_and_asked_again_with_the_same_key(cloud: Cloud, provider: Provider) -> None:
    provider.hang = asyncio.Event()
    async with service(cloud, provider) as (client, owner):
        assert told(await pay(client)) == (503, "outcome_unknown")
        assert await owner.fetchval("SELECT state FROM payouts") == "sending"
        provider.hang = None
        assert told(await pay(client)) == (201, "paid")
        assert len({key for key, _ in provider.calls}) == 1
        assert [repeated for _, repeated in provider.calls] == [False, True]
        assert list(provider.paid.values()) == [5]


async def test_of_many_at_once_one_calls(cloud: Cloud, provider: Provider) -> None:
    async with service(cloud, provider) as (client, _):
        answers = await asyncio.gather(*(pay(client) for _ in range(12)))
        assert {told(answer) for answer in answers} <= {(201, "paid"), (409, "idempotency_key_in_use")}
        assert len(provider.calls) == 1
        assert told(await pay(client)) == (201, "paid")


@contextmanager
def _process(cloud: Cloud, database: str, provider: Provider, port: int, directory: Path) -> Any:
    import subprocess

    environment = cloud.process_environment("wallet", database, directory, PORT=str(port)) | {"PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        str(Path(__file__).with_name("payouts.py")),
        str(port),
        f"http://127.0.0.1:{provider.port}",
    ]
    made = subprocess.Popen(command, env=environment, cwd=ROOT)
    try:
        yield made
    finally:
        if made.poll() is None:
            made.kill()
        made.wait()


async def _up(port: int) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        while True:
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("by", ["the caller", "a job"])
async def test_kill_9_while_the_provider_is_called(
    cloud: Cloud, provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """The provider has paid and the process is dead. Whoever carries on finds that out, and nothing is paid twice."""
    provider.hang, port = asyncio.Event(), free_port()
    async with database_of(cloud) as (name, owner):
        with _process(cloud, name, provider, port, tmp_path) as made:
            await _up(port)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                task = asyncio.create_task(pay(client))
                await provider.called.wait()
                os.kill(made.pid, signal.SIGKILL)
                with pytest.raises(httpx.TransportError):
                    await task
        provider.hang.set()
        provider.hang = None
        assert await owner.fetchval("SELECT state FROM payouts") == "sending"
        async with running(
            create_app(f"http://127.0.0.1:{provider.port}"), cloud.environment("wallet", name)
        ) as client:
            # Its deadline has not passed: that it was set is what counts here, and not how long a busy machine took until now.
            await owner.execute("UPDATE idempotency_keys SET deadline = deadline + interval '10 minutes'")
            assert told(await pay(client)) == (409, "idempotency_key_in_use")
            await owner.execute("UPDATE idempotency_keys SET deadline = now() WHERE deadline IS NOT NULL")
            if by == "a job":
                http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{provider.port}", trust_env=False)
                async with http, open_pool(cloud.settings("wallet", name), "job", 2) as pool:
                    assert await outside_request.resume(pool, PayOut(http), idle=timedelta(0)) == 1
                    assert await outside_request.resume(pool, PayOut(http), idle=timedelta(0)) == 0
            answer = await pay(client)
            assert told(answer) == (201, "paid")
            assert (answer.headers.get("idempotency-replayed") == "true") is (by == "a job")
        assert list(provider.paid.values()) == [5]
        assert [repeated for _, repeated in provider.calls] == [False, True]
        assert await owner.fetch("SELECT amount, state FROM payouts") == [(5, "paid")]


async def test_a_pending_key_is_not_forgotten(cloud: Cloud, provider: Provider) -> None:
    """However old: nobody knows its end yet."""
    from services.common import idempotency
    from services.common.database import create_engine, create_sessions

    async with database_of(cloud) as (name, owner):
        await owner.execute(
            "INSERT INTO idempotency_keys (caller, key, request_hash, created_at, deadline) VALUES"
            " ('a', 'pending1', '', now() - interval '99 days', now()), ('a', 'done0001', '', now() - interval '99 days', NULL)"
        )
        engine = create_engine(cloud.settings("wallet", name), "test")
        async with create_sessions(engine)() as session, session.begin():
            now = await owner.fetchval("SELECT now()")
            assert await idempotency.forget(session, now) == 1
        await engine.dispose()
        assert await owner.fetch("SELECT key FROM idempotency_keys") == [("pending1",)]
