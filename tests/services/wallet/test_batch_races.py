"""Batches of one id that two processes post at once: the later waits and gets the first's answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.wallet import ledger
from services.wallet.app import create_app
from services.wallet.kinds import KINDS
from services.wallet.ledger import NO_CAP, house
from tests.services.support import Clock, running
from tests.services.wallet.fixtures import Wallet

pytestmark = pytest.mark.postgres


@pytest.fixture
async def other(wallet: Wallet, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    """A second process of the same wallet."""
    app = create_app(clock, httpx.ASGITransport(wallet.auth.app))
    async with running(app, wallet.auth.cloud.environment("wallet", wallet.database)) as client:
        yield client


@pytest.fixture
async def token(wallet: Wallet) -> dict[str, str]:
    return await wallet.machine("all", {kind.scope for kind in KINDS.values()} | {"wallet:read"})


def deposit(player: str, amount: int, **more: Any) -> dict[str, Any]:
    body = {"id": str(uuid4()), "kind": "deposit", "player": player, "provider": "razorpay", "amount": amount}
    return body | {"reference": uuid4().hex} | more


async def post(client: httpx.AsyncClient, token: dict[str, str], mode: str, movements: list[Any]) -> httpx.Response:
    return await client.post("/wallet/internal/batches", json={"mode": mode, "movements": movements}, headers=token)


def statuses(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["status"] for each in answer.json()["results"]]


async def deposited(wallet: Wallet, token: dict[str, str], players: list[str]) -> list[int]:
    answer = await wallet.client.post("/wallet/internal/balances", json={"players": players}, headers=token)
    return [each["deposit"] for each in answer.json()["balances"]]


async def test_the_later_of_two_waits_and_gets_the_firsts_answer(
    wallet: Wallet, other: httpx.AsyncClient, token: dict[str, str]
) -> None:
    """The first is held open, in a transaction of its own: one batch has its id for another player, one its reference."""
    one, two, three, fourth = (str(uuid4()) for _ in range(4))
    taken, named = uuid4(), uuid4().hex
    await post(wallet.client, token, "all", [deposit(player, 1) for player in (one, two, three, fourth)])
    app = await wallet.auth.cloud.connect(wallet.database, role="app", service="wallet")
    account = await app.fetchval("SELECT id FROM accounts WHERE owner_id = $1 AND bucket = 'deposit'", UUID(one))
    first = ledger.move(
        id=taken, kind="deposit", by="first", hash=b"first", sources=[(house("psp:razorpay", 7), NO_CAP)],
        destinations=[(account, 5)], reference=named,
    )  # fmt: skip
    async with app.transaction():
        (outcome,) = await ledger.post(app, [first], wallet.app.state.clock.now())
        assert outcome.status == "posted"
        waiting = [
            asyncio.create_task(post(client, token, "each", [deposit(player, 1, id=of_shard(shard)), later]))
            for shard, client, player, later in (
                (0, wallet.client, three, deposit(two, 10, id=str(taken))),
                (1, other, fourth, deposit(fourth, 20, reference=named)),
            )
        ]
        await _blocked(wallet, 2)
        assert not any(task.done() for task in waiting)
    by_id, by_reference = await asyncio.gather(*waiting)
    assert statuses(by_id) == ["posted", "id_reused"]
    assert statuses(by_reference) == ["posted", "reference_taken"]
    assert await deposited(wallet, token, [one, two, three, fourth]) == [6, 1, 2, 2]
    await app.close()


def of_shard(shard: int) -> str:
    """An id; that of a batch's first movement says which of the house's accounts it uses."""
    return str(UUID(int=(uuid4().int & ~7) | shard))


async def _blocked(wallet: Wallet, many: int) -> None:
    watch = await wallet.auth.cloud.connect(wallet.database)
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(1_000):
        if await watch.fetchval(statement) >= many:
            break
        await asyncio.sleep(0.02)
    await watch.close()


@pytest.mark.parametrize("mode", ["all", "each"])
async def test_batches_that_overlap_are_done_once(
    wallet: Wallet, other: httpx.AsyncClient, token: dict[str, str], mode: str
) -> None:
    """Eight at once over two processes, the same movements in the same and in the opposite order."""
    for _ in range(4):
        players = [str(uuid4()) for _ in range(6)]
        movements = [deposit(player, 10) for player in players]
        orders = [movements, movements[::-1], movements, movements[::-1]]
        answers = await asyncio.gather(
            *(post(client, token, mode, order) for order in orders for client in (wallet.client, other))
        )
        found = [Counter(statuses(answer)) for answer in answers]
        assert sum(each["posted"] for each in found) == len(players), found
        assert sum(each["replayed"] for each in found) == len(players) * (len(answers) - 1), found
        moments = [{each["id"]: each["created_at"] for each in answer.json()["results"]} for answer in answers]
        assert all(each == moments[0] for each in moments)
        assert await deposited(wallet, token, players) == [10] * len(players)
