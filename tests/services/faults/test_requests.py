"""The fault matrix of requests: dependency × fault × {read, write} → what the caller is told, and what holds afterwards."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.services.faults.conftest import COMMAND_SECONDS, Faulty, FaultyCache
from tests.services.faults.proxy import Fault

pytestmark = pytest.mark.postgres

#: Above every time-out that a request can meet one after the other, on a machine with other work.
SECONDS = 12

BUSY = (503, "busy")
UNKNOWN = (503, "outcome_unknown")
DONE = (201, None)
READ = (200, None)


def told(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


#: PostgreSQL: fault → what a read and what a write may be answered.
POSTGRES: dict[Fault, tuple[set[tuple[int, str | None]], set[tuple[int, str | None]]]] = {
    Fault.REFUSED: ({BUSY}, {BUSY}),
    Fault.RESET: ({BUSY}, {BUSY}),
    Fault.SILENT: ({BUSY}, {BUSY}),
    Fault.SLOW: ({READ, BUSY}, {DONE, BUSY, UNKNOWN}),
    Fault.HALF: ({BUSY}, {BUSY}),
    Fault.CUT_AT_COMMIT: ({READ, BUSY}, {UNKNOWN}),
}


@pytest.mark.parametrize("fault", POSTGRES, ids=str)
async def test_postgres(faulty: Faulty, fault: Fault) -> None:
    """Afterwards the same request with the same key is done exactly once, whatever had become of it."""
    reads, writes = POSTGRES[fault]
    one, other = await faulty.wallet.player(100), await faulty.wallet.player()
    client, key = faulty.wallet.client, "the-intent-0001"
    await faulty.postgres.set(fault)
    async with asyncio.timeout(2 * SECONDS):
        answer = await client.get("/wallet/balance", headers=one.bearer)
        assert told(answer) in reads
        answer = await one.transfer(other.account, 30, key=key)
        assert told(answer) in writes
        if answer.status_code == 503:
            assert answer.headers["retry-after"] == "1"
        assert (await client.get("/healthz")).status_code == 200
        if fault in (Fault.REFUSED, Fault.RESET, Fault.SILENT, Fault.HALF):
            assert (await client.get("/readyz")).status_code == 503
    await faulty.postgres.set(Fault.NONE)
    await recovered(faulty, one)
    again = await one.transfer(other.account, 30, key=key)
    assert told(again) == DONE
    if fault is Fault.CUT_AT_COMMIT:
        assert again.headers["idempotency-replayed"] == "true"  # it had been done, and the answer was lost
    assert (await one.balance(), await other.balance()) == (70, 30)
    assert len(await one.entries()) == 2


async def recovered(faulty: Faulty, player: Any) -> None:
    """It is itself again within 5 s of the fault's end: counted in questions, which last longer on a machine that is busy."""
    for _ in range(50):
        if (await faulty.wallet.client.get("/wallet/balance", headers=player.bearer)).status_code == 200:
            break
        await asyncio.sleep(0.1)
    else:
        raise AssertionError("it still refuses")
    assert (await faulty.wallet.client.get("/readyz")).status_code == 200


async def test_postgres_frozen_under_parallel_requests(faulty: Faulty) -> None:
    """A frozen server: nobody waits behind somebody else's wait."""
    one, other = await faulty.wallet.player(100), await faulty.wallet.player()
    await asyncio.gather(*(one.balance() for _ in range(8)))
    await faulty.postgres.set(Fault.SILENT)
    async with asyncio.timeout(SECONDS):
        reads = [faulty.wallet.client.get("/wallet/balance", headers=one.bearer) for _ in range(8)]
        writes = [one.transfer(other.account, 1, key=f"parallel-{number}") for number in range(8)]
        assert {told(answer) for answer in await asyncio.gather(*reads, *writes)} == {BUSY}
    await faulty.postgres.set(Fault.NONE)
    await recovered(faulty, one)
    assert await one.balance() == 100


ISSUER = (Fault.REFUSED, Fault.RESET, Fault.SILENT, Fault.SLOW, Fault.HALF)


@pytest.mark.parametrize("fault", ISSUER, ids=str)
async def test_the_issuer_of_keys(faulty: Faulty, fault: Fault) -> None:
    """Keys that are known serve on, read and write, when they are due to be fetched again."""
    one, other = await faulty.wallet.player(100), await faulty.wallet.player()
    await faulty.issuer.set(fault)
    faulty.wallet.auth.app.state.clock.move(minutes=6)
    async with asyncio.timeout(SECONDS):
        for _ in range(2):
            assert await one.balance() == 100
            assert told(await one.transfer(other.account, 100, key="the-intent-0001")) == DONE
            assert told(await other.transfer(one.account, 100, key="the-way-back-1")) == DONE
    await faulty.issuer.set(Fault.NONE)
    assert await one.balance() == 0 + 100


@pytest.mark.parametrize("fault", ISSUER, ids=str)
async def test_the_issuer_of_keys_before_any_key_is_known(faulty: Faulty, fault: Fault) -> None:
    person = await faulty.wallet.auth.person()
    await faulty.issuer.set(fault)
    async with asyncio.timeout(SECONDS):
        answer = await faulty.wallet.client.post("/wallet/account", headers=person.bearer)
        assert told(answer) in ({DONE} if fault is Fault.SLOW else {(503, "keys_unavailable")})
    await asyncio.sleep(COMMAND_SECONDS)  # until the fetch that was under way has ended too
    await faulty.issuer.set(Fault.NONE)
    faulty.wallet.auth.app.state.clock.move(seconds=11)
    answer = await faulty.wallet.client.post("/wallet/account", headers=person.bearer)
    assert answer.status_code in (200, 201)


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.RESET, Fault.SILENT, Fault.SLOW, Fault.HALF], ids=str)
async def test_the_cache(faulty_cache: FaultyCache, fault: Fault) -> None:
    """What counts attempts refuses, soon and for all alike; what does not need the cache goes on."""
    auth = faulty_cache.auth
    person = await auth.person()
    body = {"email": person.email, "password": person.password}
    await faulty_cache.cache.set(fault)
    async with asyncio.timeout(SECONDS):
        begun = time.monotonic()
        answers = await asyncio.gather(*(auth.client.post("/auth/login", json=body) for _ in range(8)))
        assert time.monotonic() - begun < 8 * 1.5 * COMMAND_SECONDS  # not one behind the other
        allowed = {(503, "limiter_unavailable"), (200, None)} if fault is Fault.SLOW else {(503, "limiter_unavailable")}
        assert {told(answer) for answer in answers} <= allowed
        assert told(await auth.client.get("/auth/me", headers=person.bearer)) == READ
        refreshed = await auth.client.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
        assert told(refreshed) == READ
    await faulty_cache.cache.set(Fault.NONE)
    for _ in range(25):  # 5 s, and longer on a machine that is busy
        if told(await auth.client.post("/auth/login", json=body)) == READ:
            break
        await asyncio.sleep(0.2)
    else:
        raise AssertionError("it still refuses")
