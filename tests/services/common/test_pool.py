"""The pool of the hot path: full from the start, no connection left cold, none older than its time."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from services.common import postgres
from services.common.postgres import Pool, open_pool
from tests.services.support import Cloud


class Connection:
    """What a pool knows of one."""

    closed = False

    def is_closed(self) -> bool:
        return self.closed

    def is_in_transaction(self) -> bool:
        return False

    def terminate(self) -> None:
        self.closed = True

    async def close(self) -> None:
        self.closed = True


async def connection() -> Connection:
    return Connection()


async def test_it_is_full_from_the_start_and_none_stays_cold() -> None:
    pool = Pool(connection, 6)
    await pool.fill()
    used: list[Any] = []
    for _ in range(200):
        used.append(await pool.acquire())
        pool.release(used[-1])
    assert len(set(used)) == 6, "each has its turn"
    changes = sum(one is not other for one, other in itertools.pairwise(used))
    assert changes <= 200 / Pool.TURN, "and mostly the one that was used last"


async def test_connections_that_were_made_together_do_not_end_together() -> None:
    pool = Pool(connection, 6)
    await pool.fill()
    ends = sorted(pool._ends.values())
    assert ends[-1] - ends[0] > postgres.CONNECTION_LIFE_SECONDS / 1000
    pool._ends = dict.fromkeys(pool._ends, 0.0)
    old = await pool.acquire()
    pool.release(old)
    assert old.closed and await pool.acquire() is not old


async def test_a_database_that_is_away_at_the_start_is_asked_again_when_it_is_needed() -> None:
    away = True

    async def sometimes() -> Connection:
        if away:
            raise ConnectionRefusedError
        return Connection()

    pool = Pool(sometimes, 3)
    await pool.fill()
    away = False
    taken = [await pool.acquire() for _ in range(3)]
    assert len(set(taken)) == 3


@pytest.mark.postgres
async def test_on_a_real_server(cloud: Cloud) -> None:
    async with cloud.fresh("wallet") as database, open_pool(cloud.settings("wallet", database), "pool", 4):
        master = await cloud.connect(database)
        found = await master.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pool' AND datname = $1", database
        )
        await master.close()
        assert found == 4
