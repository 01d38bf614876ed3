"""kill -9 of who posts, and of PostgreSQL under it, at drawn moments.

What was answered is there, nothing is there by half, and what was sent and not answered is posted once when it is sent again.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from localcloud.dataplane.stores.postgres import PostgresServer
from services.common.database import create_engine, create_sessions
from services.common.ids import uuid7
from services.common.postgres import Pool, Reads, connect
from services.wallet import checks_repository, ledger
from services.wallet.accounts_repository import AccountIndex
from services.wallet.ledger import Status, house
from tests.services.support import ROOT
from tests.services.wallet.crash_client import transfer
from tests.services.wallet.stage import PASSWORD, server_in, settings_of

pytestmark = pytest.mark.postgres

FUNDS = 1_000_000


async def accounts_of(server: PostgresServer) -> tuple[UUID, UUID]:
    pool = Pool(lambda: connect(settings_of(server, "app"), "test"), 1)
    giver, taker = uuid7(), uuid7()
    one, other = await AccountIndex().have(Reads(pool), [(giver, "deposit"), (taker, "deposit")])
    item = ledger.move(
        id=uuid7(), kind="credit", by="test", hash=b"", sources=[(house("house"), FUNDS)], destinations=[(one, FUNDS)],
        reference="funds",
    )  # fmt: skip
    await ledger.post(Reads(pool), [item], datetime.now(UTC))
    await pool.close()
    return one, other


async def look(server: PostgresServer, giver: UUID, taker: UUID, answered: set[UUID], sent: set[UUID]) -> None:
    """After a crash: what is there, what holds, and what becomes of all that was sent when it is sent again."""
    settings = settings_of(server, "app")
    pool = Pool(lambda: connect(settings, "test", limits=False), 1)
    there = {row["id"] for row in await Reads(pool).fetch("SELECT id FROM transactions WHERE created_by = 'crash'")}
    assert answered <= there, "an answered movement is lost"
    assert there <= sent
    for _ in range(2):
        outcomes = await ledger.post(
            Reads(pool), [transfer(giver, taker, each) for each in sorted(sent)], datetime.now(UTC)
        )
        assert {outcome.status for outcome in outcomes} <= {Status.POSTED, Status.REPLAYED}
    row = await Reads(pool).fetchrow("SELECT amount FROM balances WHERE account_id = $1", taker)
    assert row["amount"] == len(sent), "each once"
    await pool.close()
    engine = create_engine(settings, "test", limits=False, connections=1)
    async with create_sessions(engine)() as session:
        assert await checks_repository.found(session, 5) == []
    await engine.dispose()


def crash(
    server: PostgresServer, giver: UUID, taker: UUID, draw: random.Random, *, database: bool
) -> tuple[set[UUID], set[UUID]]:
    """Let a client post, kill it or its backend at a drawn moment; the ids that were answered, and those that were sent."""
    asked = {"port": server.port, "password": PASSWORD, "giver": str(giver), "taker": str(taker)}
    command = [sys.executable, "-m", "tests.services.wallet.crash_client"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=pipe, stdout=pipe) as client:
        assert client.stdin is not None and client.stdout is not None
        client.stdin.write(json.dumps(asked))
        client.stdin.close()
        backend = int(client.stdout.readline())
        lines = [client.stdout.readline() for _ in range(2 * draw.randint(1, 5))]
        time.sleep(draw.random() * 0.02)
        if database:
            os.kill(backend, signal.SIGKILL)  # upon which PostgreSQL ends all others and recovers from its log
            time.sleep(0.5)
        client.kill()
        lines += client.stdout.readlines()
    batches = [{UUID(each) for each in line.split()} for line in lines if line.strip() not in ("done", "")]
    done = sum(line.strip() == "done" for line in lines)
    return set[UUID]().union(*batches[:done]), set[UUID]().union(*batches)


def run(directory: Path, times: int) -> None:
    seed = random.SystemRandom().randrange(2**32)
    draw = random.Random(seed)
    with server_in(directory) as server:  # with fsync, as in earnest
        giver, taker = asyncio.run(accounts_of(server))
        answered, sent = set[UUID](), set[UUID]()
        for number in range(times):
            done, tried = crash(server, giver, taker, draw, database=number % 2 == 1)
            answered, sent = answered | done, sent | tried
            until_ready(server)
            asyncio.run(look(server, giver, taker, answered, sent))
        assert len(answered) > times, f"seed {seed}"


def until_ready(server: PostgresServer) -> None:
    """Wait for the end of the recovery."""

    async def ask() -> None:
        connection = await connect(settings_of(server, "app"), "test")
        await connection.close()

    for _ in range(600):
        try:
            return asyncio.run(ask())
        except (OSError, asyncpg.PostgresError):
            time.sleep(0.1)
    raise TimeoutError("PostgreSQL does not come back")


def test_who_posts_and_postgresql_are_killed(tmp_path: Path) -> None:
    run(tmp_path, 4)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_they_are_killed_often(tmp_path: Path) -> None:
    run(tmp_path, 100)
