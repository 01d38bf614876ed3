"""What the ledger posts in a second: by SQL and over HTTP in batches, one by one, with more entries, to one account.

Beside each stands what the same PostgreSQL does in the same minute: `pgbench -N` with 16 clients, and a bare plpgsql function
that enters a transfer (one row, two entries, two balances, an overdraft check) a call. All are as fast as the machine is free;
ratios are what to compare. The server keeps what it has committed (fsync and synchronous_commit are on).
"""

from __future__ import annotations

import asyncio
import functools
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
from pydantic import SecretStr

from benchmarks.figures import Figure
from benchmarks.services.client import Client, Players, closed_loop, post, ready
from benchmarks.services.servers import MASTER, PASSWORD, Bench, bench, cpu
from localcloud.dataplane.stores.postgres import installed_binaries
from services.common.ids import uuid7
from services.common.postgres import Pool, Reads, connect
from services.common.settings import AppDatabaseSettings
from services.wallet import ledger
from services.wallet.internal_schemas import MOST_ITEMS
from services.wallet.ledger import NO_CAP, Item

SECONDS = 6.0
BATCH = 100
CLIENTS = 64
WRITERS = 3  # who sends batches: one at PostgreSQL, one in the service, one on its way
POTS = 1000
GROWTH = 10_000_000  # entries: a figure before and after

BARE = """
    CREATE TABLE bare_balances (id int PRIMARY KEY, amount bigint NOT NULL CHECK (amount >= 0));
    CREATE TABLE bare_transactions (id uuid PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE bare_entries (account int, transaction uuid, amount bigint, after bigint, PRIMARY KEY (account, transaction));
    INSERT INTO bare_balances SELECT n, 1000000000 FROM generate_series(1, 1000) n;
    CREATE FUNCTION bare_transfer(giver int, taker int, paise bigint) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE made uuid := gen_random_uuid(); a bigint; b bigint;
    BEGIN
        PERFORM 1 FROM bare_balances WHERE id IN (giver, taker) ORDER BY id FOR UPDATE;
        INSERT INTO bare_transactions (id) VALUES (made);
        UPDATE bare_balances SET amount = amount - paise WHERE id = giver RETURNING amount INTO a;
        UPDATE bare_balances SET amount = amount + paise WHERE id = taker RETURNING amount INTO b;
        INSERT INTO bare_entries VALUES (giver, made, -paise, a), (taker, made, paise, b);
    END $$
"""
BARE_SCRIPT = r"""
\set giver random(1, 500)
\set taker random(501, 1000)
SELECT bare_transfer(:giver, :taker, 1);
"""


#: A transfer of each account to the next one. What each account had it has again, and two entries more.
RING = """
    CREATE TEMP TABLE ring AS SELECT account AS giver, next AS taker
        FROM unnest($1::uuid[], $2::uuid[]) AS given (account, next)
"""
ROUND = """
    WITH made AS (
        SELECT uuid7() AS id, r.giver, r.taker, g.entries AS given, g.amount AS held, t.entries AS taken, t.amount AS had
        FROM ring r JOIN balances g ON g.account_id = r.giver JOIN balances t ON t.account_id = r.taker
    ), moved AS (
        INSERT INTO transactions (id, kind, note, created_by, created_at)
        SELECT id, 'transfer', '', 'bench', now() FROM made
    ), entered AS (
        INSERT INTO entries
        SELECT giver, given + 1, id, -1, held - 1, now() FROM made
        UNION ALL SELECT taker, taken + 2, id, 1, had, now() FROM made
    )
    UPDATE balances SET entries = entries + 2 FROM ring WHERE account_id = giver
"""


def transfers(accounts: Sequence[UUID], number: int, hot: UUID | None = None) -> list[Item]:
    """So many transfers between drawn accounts, or all of them into one."""
    made = []
    for _ in range(number):
        giver, taker = random.sample(accounts, 2)
        made.append(
            ledger.move(
                id=uuid7(), kind="transfer", by="bench", hash=b"bench", sources=[(giver, NO_CAP)],
                destinations=[(hot or taker, 1)],
            )
        )  # fmt: skip
    return made


async def sql(run: Bench, pool: Pool, writers: int, work: Callable[[], list[Item]]) -> tuple[float, float]:
    """Transfers a second that `writers` post, a batch of BATCH after the other; PostgreSQL's CPU for one in ms."""
    end, done = time.perf_counter() + SECONDS, 0

    async def one() -> None:
        nonlocal done
        while time.perf_counter() < end:
            outcomes = await ledger.post(Reads(pool), work(), datetime.now(UTC))
            done += sum(outcome.status.done for outcome in outcomes)

    begun, used = time.perf_counter(), cpu(run.postmaster)
    await asyncio.gather(*(one() for _ in range(writers)))
    return done / (time.perf_counter() - begun), (cpu(run.postmaster) - used) * 1000 / done


async def bare(run: Bench, directory: Path) -> tuple[float, float, float]:
    """Transactions a second of `pgbench -N` and of the bare function, with 16 clients each; PostgreSQL's CPU for the latter."""
    owner = await asyncpg.connect(
        host=run.postgres.host, port=run.postgres.port, user=MASTER, password=PASSWORD, database="postgres", ssl=False
    )
    await owner.execute("CREATE DATABASE bench")
    await owner.close()
    owner = await asyncpg.connect(
        host=run.postgres.host, port=run.postgres.port, user=MASTER, password=PASSWORD, database="bench", ssl=False
    )
    await owner.execute(BARE)
    await owner.close()
    script = directory / "bare.sql"
    await asyncio.to_thread(script.write_text, BARE_SCRIPT)
    await _pgbench(run, "-i", "-q", "-s", "5")
    plain = await _pgbench(run, "-N", "-c", "16", "-T", "10")
    used = cpu(run.postmaster)
    function = await _pgbench(run, "-n", "-f", str(script), "-c", "16", "-T", "10")
    processed = next(line for line in function.splitlines() if "actually processed" in line)
    made = int(processed.split()[-1].partition("/")[0])
    return _rate(plain), _rate(function), (cpu(run.postmaster) - used) * 1000 / made


async def _pgbench(run: Bench, *arguments: str) -> str:
    server = ["-h", run.postgres.host, "-p", str(run.postgres.port), "-U", MASTER, "bench"]
    command = [installed_binaries()[0].path("pgbench"), *arguments, *server]
    made = await asyncio.to_thread(
        subprocess.run,
        command,
        env={"PGPASSWORD": PASSWORD, "HOME": "/tmp"},
        capture_output=True,
        text=True,
        check=True,
    )
    return str(made.stdout)


def _rate(output: str) -> float:
    found = [float(line.split()[2]) for line in output.splitlines() if line.startswith("tps")]
    assert found, f"pgbench did nothing in its time: {output}"
    return found[0]


async def _all() -> None:
    async with bench() as run:
        with tempfile.TemporaryDirectory() as directory:
            reference, function, call = await bare(run, Path(directory))
        settings = AppDatabaseSettings(
            host=run.postgres.host, port=run.postgres.port, name="wallet", user="wallet_app",
            password=SecretStr(PASSWORD), tls="disable",
        )  # fmt: skip
        pool = Pool(lambda: connect(settings, "bench", limits=False), 8)

        def figure(name: str, rate: float) -> None:
            for against, other in (("pgbench -N", reference), ("bare plpgsql function", function)):
                Figure(
                    name=f"wallet.{name}", value=round(rate, 1), unit="/s", reference=round(other, 1), against=against
                ).emit()

        async def posted(name: str, writers: int, work: Callable[[], list[Item]]) -> None:
            rate, used = await sql(run, pool, writers, work)
            figure(name, rate)
            against = "bare plpgsql function"
            Figure(name=f"wallet.{name}.cpu", value=round(used, 4), unit="ms", reference=call, against=against).emit()

        for writers in (1, 4):
            await posted(f"sql.batch.{writers}", writers, lambda: transfers(run.accounts, BATCH))
        await posted("sql.batch_of_1000.2", 2, lambda: transfers(run.accounts, MOST_ITEMS))
        hot, *others = run.accounts
        await posted("sql.hot_account", 1, lambda: transfers(others, BATCH, hot))
        await _http(run, figure)
        await _growth(run, pool)
        await pool.close()


async def _growth(run: Bench, pool: Pool) -> None:
    """What one writer posts, and one account's newest entries are read in, with GROWTH entries more than before."""

    async def measured() -> tuple[float, float, float]:
        rate, used = await sql(run, pool, 1, lambda: transfers(run.accounts, BATCH))
        took = []
        for account in random.sample(run.accounts, 200):
            begun = time.perf_counter()
            await Reads(pool).fetch(
                "SELECT * FROM entries WHERE account_id = $1 ORDER BY sequence DESC LIMIT 50", account
            )
            took.append(time.perf_counter() - begun)
        return rate, used, sorted(took)[198] * 1000

    before = await measured()
    owner = await asyncpg.connect(
        host=run.postgres.host,
        port=run.postgres.port,
        user="wallet_owner",
        password=PASSWORD,
        database="wallet",
        ssl=False,
    )
    await owner.execute(RING, run.accounts, [*run.accounts[1:], run.accounts[0]])
    for _ in range(GROWTH // 2 // len(run.accounts)):
        await owner.execute(ROUND)
    await owner.execute("VACUUM (ANALYZE)")  # else autovacuum does it meanwhile, for so many at once
    await owner.close()
    await asyncio.sleep(1)  # until its CPU is the postmaster's: while it ends it is nobody's
    for what, unit, value, was in zip(
        ("", ".cpu", ".statement.p99"), ("/s", "ms", "ms"), await measured(), before, strict=True
    ):
        Figure(
            name=f"wallet.sql.after_{GROWTH}_entries{what}", value=round(value, 4), unit=unit, reference=round(was, 4),
            against="before them",
        ).emit()  # fmt: skip


async def _http(run: Bench, figure: Callable[[str, float], None]) -> None:
    port, _ = run.wallet
    await ready(port, "/readyz")
    await closed_loop(port, Players(run).transfer, CLIENTS, 1.0)  # connections, statements and accounts are there
    single = await closed_loop(port, Players(run).transfer, CLIENTS, SECONDS)
    accepted = sum(many for status, many in single.statuses.items() if status < 400)
    figure("http.single", accepted / SECONDS)
    Figure(name="wallet.http.single.p99", value=round(single.percentile(0.99), 1), unit="ms").emit()
    Figure(name="wallet.http.single.refused", value=sum(single.statuses.values()) - accepted, unit="requests").emit()
    token = run.signer.token("bench-play", "bench-play", "wallet:play")
    players, pots = [str(each) for each in run.players], [str(uuid7()) for _ in range(POTS)]

    def batch(of: Sequence[str], who: Sequence[str] = ()) -> bytes:
        entries = [
            {"id": str(uuid7()), "kind": "contest_entry", "player": player, "pot": random.choice(of), "amount": 1}
            for player in who or random.sample(players, BATCH)
        ]
        return post("/wallet/internal/batches", token, {"mode": "each", "movements": entries})

    first = (players[at : at + BATCH] for at in range(0, len(players), BATCH))  # each player's buckets are made
    client = Client(port)
    for who in first:
        assert await client.send(batch(pots, who)) == 200
    client.close()
    for name, of in (("batch", pots), ("batch_into_one_pot", pots[:1])):
        batches = await closed_loop(port, functools.partial(batch, of), WRITERS, SECONDS)
        figure(f"http.{name}", BATCH * batches.statuses[200] / SECONDS)


def main() -> None:
    """Emit the figures."""
    asyncio.run(_all())
