"""The outbox: what was committed is done, once, whatever dies on the way; what was not committed is not."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from services.common import outbox
from services.wallet.tasks import jobs
from tests.services.support import Clock
from tests.services.wallet.fixtures import Player, Wallet

pytestmark = pytest.mark.postgres


class Broker:
    """Stands where Celery stands: keeps what is published, and fails when told to."""

    def __init__(self) -> None:
        self.published: list[tuple[UUID, str]] = []
        self.fail_after: int | None = None

    async def publish(self, message_id: UUID, task: str) -> None:
        if self.fail_after is not None and len(self.published) >= self.fail_after:
            raise ConnectionError("the broker is away")
        self.published.append((message_id, task))


async def relay(wallet: Wallet, clock: Clock, broker: Broker) -> int:
    return await outbox.publish_due(wallet.app.state.sessions, clock, broker.publish)


async def work(wallet: Wallet, clock: Clock, broker: Broker) -> list[bool]:
    """What a worker does with everything that was published."""
    sessions = wallet.app.state.sessions
    return [await jobs.handle_message(sessions, clock, task, message_id) for message_id, task in broker.published]


async def told(player: Player) -> list[str]:
    answer = await player.wallet.client.get("/wallet/notifications", headers=player.bearer)
    return [each["message"] for each in answer.json()["notifications"]]


async def test_a_committed_movement_is_told(wallet: Wallet, clock: Clock) -> None:
    player, broker = await wallet.player(123_456_00), Broker()
    assert await relay(wallet, clock, broker) == 1
    assert await told(player) == []
    assert await work(wallet, clock, broker) == [True]
    assert await told(player) == ["You received ₹1,23,456.00. Your balance was then ₹1,23,456.00."]


async def test_a_refused_movement_leaves_no_message(wallet: Wallet, clock: Clock) -> None:
    one, other = await wallet.player(), await wallet.player()
    assert (await one.transfer(other.account, 5)).status_code == 409
    assert await relay(wallet, clock, Broker()) == 0


async def test_a_message_that_arrives_twice_has_one_effect(wallet: Wallet, clock: Clock) -> None:
    player, broker = await wallet.player(100), Broker()
    await relay(wallet, clock, broker)
    broker.published *= 3
    assert await work(wallet, clock, broker) == [True, False, False]
    assert len(await told(player)) == 1


async def test_parallel_deliveries_have_one_effect(wallet: Wallet, clock: Clock) -> None:
    player, broker = await wallet.player(100), Broker()
    await relay(wallet, clock, broker)
    ((message_id, task),) = broker.published
    sessions = wallet.app.state.sessions
    done = await asyncio.gather(*(jobs.handle_message(sessions, clock, task, message_id) for _ in range(8)))
    assert sorted(done) == [False] * 7 + [True]
    assert len(await told(player)) == 1


async def test_a_relay_that_dies_while_it_publishes_loses_nothing(wallet: Wallet, clock: Clock) -> None:
    """Some messages were handed over, then the process ended before it could note it: they come again, and all are done."""
    player, broker = await wallet.player(), Broker()
    for _ in range(4):
        await wallet.credit(player.account, 1)
    broker.fail_after = 2
    with pytest.raises(ConnectionError):
        await relay(wallet, clock, broker)
    broker.fail_after = None
    assert await relay(wallet, clock, broker) == 4
    assert sorted(await work(wallet, clock, broker)) == [False] * 2 + [True] * 4
    assert len(await told(player)) == 4


async def test_a_message_that_the_broker_forgot_is_published_again_ever_later(wallet: Wallet, clock: Clock) -> None:
    player, broker = await wallet.player(100), Broker()
    assert await relay(wallet, clock, broker) == 1
    for pause in (30, 60, 120):
        broker.published.clear()  # Redis failed over without it
        clock.move(seconds=pause - 1)
        assert await relay(wallet, clock, broker) == 0
        clock.move(seconds=1)
        assert await relay(wallet, clock, broker) == 1
    await work(wallet, clock, broker)
    assert len(await told(player)) == 1
    clock.move(days=1)
    assert await relay(wallet, clock, broker) == 0


async def test_a_message_that_never_succeeds_is_left_alone_in_the_end(
    wallet: Wallet, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await wallet.player(100)
    published = 0
    for _ in range(20):
        published += await relay(wallet, clock, Broker())
        clock.move(hours=1)
    assert published == outbox.MAX_ATTEMPTS
    assert [record.levelname for record in caplog.records if "last time" in record.message] == ["ERROR"]


async def test_a_handler_that_fails_leaves_the_message_to_be_done(
    wallet: Wallet, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    player, broker = await wallet.player(100), Broker()
    await relay(wallet, clock, broker)

    async def failing(*_: object) -> None:
        raise RuntimeError("on purpose")

    with monkeypatch.context() as patch:
        patch.setitem(jobs.messages, "wallet.notify", failing)
        with pytest.raises(RuntimeError):
            await work(wallet, clock, broker)
    assert await work(wallet, clock, broker) == [True]
    assert len(await told(player)) == 1


async def test_two_relays_do_not_publish_the_same(wallet: Wallet, clock: Clock) -> None:
    player, broker = await wallet.player(), Broker()
    for _ in range(30):
        await wallet.credit(player.account, 1)
    counts = await asyncio.gather(*(relay(wallet, clock, broker) for _ in range(4)))
    assert sum(counts) == 30
    assert len(set(broker.published)) == 30
