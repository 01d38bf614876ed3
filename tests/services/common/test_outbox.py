"""The outbox: what was committed is done, once, whatever dies on the way; what was not committed is not."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.common.jobs import Handled
from services.common.outbox import MAX_ATTEMPTS, messages, relay
from services.common.outbox.relay import BATCH, BATCHES, Relay
from services.wallet.tasks import jobs
from tests.eventually import eventually
from tests.services.support import ROOT, Clock
from tests.services.wallet.fixtures import Player, Wallet

pytestmark = pytest.mark.postgres


class Broker:
    """Stands where Celery's queue stands: keeps what is published until a worker takes it, and fails when told to."""

    def __init__(self) -> None:
        self.published: list[tuple[str, list[UUID]]] = []
        self.waiting: list[tuple[str, list[UUID]]] = []
        self.fail_after: int | None = None

    async def depth(self) -> int:
        return len(self.waiting)

    async def publish(self, task: str, ids: Sequence[UUID]) -> None:
        if self.fail_after is not None and len(self.published) >= self.fail_after:
            raise ConnectionError("the broker is away")
        self.published.append((task, list(ids)))
        self.waiting.append((task, list(ids)))

    @property
    def ids(self) -> list[UUID]:
        return [message_id for _, ids in self.published for message_id in ids]


async def publish(wallet: Wallet, broker: Broker) -> int:
    return await Relay(wallet.app.state.sessions, broker).round()


async def work(wallet: Wallet, clock: Clock, broker: Broker) -> Handled:
    """What a worker does with everything that waits."""
    handled = Handled()
    while broker.waiting:
        handled += await jobs.handle(wallet.app.state.sessions, clock, *broker.waiting.pop(0))
    return handled


async def told(player: Player) -> list[str]:
    answer = await player.wallet.client.get("/wallet/notifications", headers=player.bearer)
    return [each["message"] for each in answer.json()["notifications"]]


async def execute(wallet: Wallet, statement: str, *values: object) -> None:
    owner = await wallet.auth.cloud.connect(wallet.database, role="owner", service="wallet")
    await owner.execute(statement, *values)
    await owner.close()


async def fetch(wallet: Wallet, statement: str, *values: object) -> list[tuple[object, ...]]:
    owner = await wallet.auth.cloud.connect(wallet.database, role="owner", service="wallet")
    rows = await owner.fetch(statement, *values)
    await owner.close()
    return [tuple(row) for row in rows]


async def pass_time(wallet: Wallet, **by: float) -> None:
    """The outbox goes by the database's clock: as much later for it as if this time had passed."""
    await execute(wallet, "UPDATE outbox SET next_attempt_at = next_attempt_at - $1::interval", timedelta(**by))


async def enqueue(wallet: Wallet, count: int, task: str = "wallet.notify") -> None:
    """Messages about a transaction that does not exist: their handler has nothing to tell."""
    await execute(
        wallet,
        "INSERT INTO outbox (id, task, payload, request_id)"
        " SELECT gen_random_uuid(), $1, jsonb_build_object('transaction', gen_random_uuid()), 'r' FROM generate_series(1, $2)",
        task,
        count,
    )


async def test_a_committed_movement_is_told(wallet: Wallet, clock: Clock) -> None:
    player, broker = await wallet.player(98_765_00), Broker()
    assert await publish(wallet, broker) == 1
    assert await told(player) == []
    assert await work(wallet, clock, broker) == Handled(done=1)
    assert await told(player) == ["You received ₹98,765.00. Your balance was then ₹98,765.00."]


async def test_a_refused_movement_leaves_no_message(wallet: Wallet) -> None:
    one, other = await wallet.player(), await wallet.player()
    assert (await one.transfer(other.account, 5)).status_code == 409
    assert await publish(wallet, Broker()) == 0


async def test_messages_that_arrive_twice_have_one_effect(wallet: Wallet, clock: Clock) -> None:
    player, broker = await wallet.player(100), Broker()
    await publish(wallet, broker)
    broker.waiting *= 3
    assert await work(wallet, clock, broker) == Handled(done=1)
    assert len(await told(player)) == 1


async def test_parallel_deliveries_have_one_effect(wallet: Wallet, clock: Clock) -> None:
    player, broker = await wallet.player(100), Broker()
    await publish(wallet, broker)
    ((task, ids),) = broker.published
    sessions = wallet.app.state.sessions
    done = await asyncio.gather(*(jobs.handle(sessions, clock, task, ids) for _ in range(8)))
    assert sorted(each.done for each in done) == [0] * 7 + [1]
    assert len(await told(player)) == 1


async def test_a_relay_that_dies_while_it_publishes_loses_nothing(wallet: Wallet, clock: Clock) -> None:
    """A batch was handed over, then the broker refused the next: that one is due again at once, and all are done once."""
    player, broker = await wallet.player(), Broker()
    await enqueue(wallet, BATCH)
    for _ in range(4):
        await wallet.credit(player.account, 1)
    broker.fail_after = 1
    with pytest.raises(ConnectionError):
        await publish(wallet, broker)
    broker.fail_after = None
    assert await publish(wallet, broker) == 0  # the first batch still waits
    assert await work(wallet, clock, broker) == Handled(done=BATCH)
    assert await publish(wallet, broker) == 4
    assert await work(wallet, clock, broker) == Handled(done=4)
    assert len(broker.ids) == len(set(broker.ids)) == BATCH + 4
    assert len(await told(player)) == 4


async def test_nothing_is_published_within_a_transaction(wallet: Wallet) -> None:
    """While a broker takes its time no row is locked and no connection is held (a slow broker meant duplicates for ever)."""
    await enqueue(wallet, 1)

    class Slow(Broker):
        async def publish(self, task: str, ids: Sequence[UUID]) -> None:
            assert await fetch(wallet, "SELECT attempts FROM outbox FOR UPDATE NOWAIT") == [(1,)]
            open_ones = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND state LIKE 'idle in transaction%'"

            async def closed() -> bool:
                return bool(await fetch(wallet, open_ones, wallet.database) == [(0,)])

            await eventually(
                closed, 30
            )  # of what the service does in the background one may just be open: not for long
            await super().publish(task, ids)

    broker = Slow()
    assert await publish(wallet, broker) == 1
    assert len(broker.published) == 1


async def test_what_waits_in_the_queue_is_never_published_again(wallet: Wallet, clock: Clock) -> None:
    """3,000 messages, a worker that takes hours: 3,000 publications, and never more in the queue than a worker has threads."""
    await enqueue(wallet, 3000)
    broker, rounds = Broker(), 0
    while True:
        for _ in range(3):
            await publish(wallet, broker)
            await pass_time(wallet, hours=2)
        assert len(broker.waiting) <= BATCHES
        if not broker.waiting:
            break
        rounds += 1
        await work(wallet, clock, broker)
    assert len(broker.ids) == len(set(broker.ids)) == 3000
    assert rounds == -(-3000 // (BATCH * BATCHES))
    assert await fetch(wallet, "SELECT count(*) FROM outbox WHERE done_at IS NULL") == [(0,)]


async def test_a_message_that_the_broker_forgot_is_published_again_ever_later(wallet: Wallet, clock: Clock) -> None:
    player, broker = await wallet.player(100), Broker()
    assert await publish(wallet, broker) == 1
    for pause in (30, 60, 120):
        broker.waiting.clear()  # Redis failed over without it
        await pass_time(wallet, seconds=pause - 15)
        assert await publish(wallet, broker) == 0
        await pass_time(wallet, seconds=15)
        assert await publish(wallet, broker) == 1
    await work(wallet, clock, broker)
    assert len(await told(player)) == 1
    await pass_time(wallet, days=1)
    assert await publish(wallet, broker) == 0


async def bury_one(wallet: Wallet) -> int:
    """Lose a message until nobody tries it any more; how often it was published."""
    published = 0
    for _ in range(20):
        published += await publish(wallet, Broker())
        await pass_time(wallet, hours=1)
    return published


async def test_a_message_that_never_succeeds_becomes_a_dead_letter(
    wallet: Wallet, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    await wallet.player(100)
    assert await bury_one(wallet) == MAX_ATTEMPTS
    (record,) = [record for record in caplog.records if "last time" in record.message]
    assert (record.levelname, getattr(record, "runbook", None)) == ("ERROR", "outbox-stuck")


async def outbox_command(wallet: Wallet, *arguments: str) -> tuple[int, str]:
    variables = wallet.auth.cloud.environment("wallet", wallet.database)
    argv = [sys.executable, "-m", "services.common.outbox", *arguments]
    done = await asyncio.to_thread(
        subprocess.run, argv, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


async def test_dead_letters_are_listed_and_redriven_by_a_command(wallet: Wallet, clock: Clock) -> None:
    player = await wallet.player(100)
    assert await outbox_command(wallet, "list") == (0, "")
    await bury_one(wallet)
    status, output = await outbox_command(wallet, "list")
    letter = json.loads(output)
    assert (status, letter["task"], letter["attempts"]) == (0, "wallet.notify", MAX_ATTEMPTS)
    assert "payload" not in letter
    status, output = await outbox_command(wallet, "redrive")
    assert (status, "is required" in output) == (2, True), f"it must not take no ids for all ids: {output}"
    other = str(uuid4())
    assert await outbox_command(wallet, "redrive", other) == (1, f"no dead letters: {other}\n")
    assert await outbox_command(wallet, "redrive", letter["id"]) == (0, f"{letter['id']}\n")
    broker = Broker()
    assert await publish(wallet, broker) == 1
    assert await work(wallet, clock, broker) == Handled(done=1)
    assert len(await told(player)) == 1


async def test_a_handler_that_fails_leaves_the_message_to_be_done(
    wallet: Wallet, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    player, broker = await wallet.player(100), Broker()
    await publish(wallet, broker)

    async def failing(*_: object) -> None:
        raise RuntimeError("on purpose, for player@example.com")

    with monkeypatch.context() as patch:
        patch.setitem(jobs.messages, "wallet.notify", failing)
        assert await work(wallet, clock, broker) == Handled(failed=1)
    assert await fetch(wallet, "SELECT last_error, done_at FROM outbox") == [
        ("RuntimeError: on purpose, for [email]", None)
    ]
    assert await publish(wallet, broker) == 0
    await pass_time(wallet, seconds=31)
    assert await publish(wallet, broker) == 1
    assert await work(wallet, clock, broker) == Handled(done=1)
    assert len(await told(player)) == 1


async def test_one_bad_message_does_not_hold_up_its_batch(
    wallet: Wallet, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    player, broker = await wallet.player(), Broker()
    for _ in range(5):
        await wallet.credit(player.account, 1)
    await execute(wallet, "UPDATE outbox SET payload = '{}' WHERE id = (SELECT id FROM outbox LIMIT 1)")
    assert await publish(wallet, broker) == 5
    assert len(broker.published) == 1
    assert await work(wallet, clock, broker) == Handled(done=4, failed=1)
    assert len(await told(player)) == 4
    assert await fetch(wallet, "SELECT last_error FROM outbox WHERE done_at IS NULL") == [("KeyError: 'transaction'",)]


async def test_a_message_that_ends_its_worker_takes_no_other_along(wallet: Wallet, clock: Clock) -> None:
    """Nothing is noted of it, as the process is gone: twice it is published with the others, then each by itself."""
    await enqueue(wallet, 5)
    (deadly,) = (row[0] for row in await fetch(wallet, "SELECT id FROM outbox LIMIT 1"))
    left = []
    for _ in range(MAX_ATTEMPTS):
        broker = Broker()
        await publish(wallet, broker)
        while broker.waiting:
            task, ids = broker.waiting.pop(0)
            if deadly not in ids:
                await jobs.handle(wallet.app.state.sessions, clock, task, ids)
        left.append(await fetch(wallet, "SELECT count(*) FROM outbox WHERE done_at IS NULL"))
        await pass_time(wallet, hours=1)
    assert left == [[(5,)]] * 2 + [[(1,)]] * (MAX_ATTEMPTS - 2)


async def test_two_relays_do_not_publish_the_same(wallet: Wallet, clock: Clock) -> None:
    player = await wallet.player()
    for _ in range(30):
        await wallet.credit(player.account, 1)
    brokers = [Broker() for _ in range(4)]
    counts = await asyncio.gather(*(publish(wallet, broker) for broker in brokers))
    assert sum(counts) == 30
    assert len({message_id for broker in brokers for message_id in broker.ids}) == 30


async def test_depth_and_age_are_metrics_and_an_old_message_a_ticket(
    wallet: Wallet, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    await enqueue(wallet, 3)
    outbox = Relay(wallet.app.state.sessions, Broker())
    await outbox.measure()
    (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines() if "OutboxDepth" in each]
    assert line["OutboxDepth"] == 3
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"] for metric in directive["Metrics"]} == {"OutboxDepth", "OutboxAge", "OutboxDeadLetters"}
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    await execute(wallet, "UPDATE outbox SET created_at = created_at - $1::interval", timedelta(hours=1))
    late = Relay(wallet.app.state.sessions, Broker())
    await late.measure()
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert getattr(record, "runbook", None) == "outbox-stuck"
    assert getattr(record, "oldest_seconds", 0) >= relay.LATE_SECONDS


async def test_what_was_done_long_ago_is_forgotten_in_batches(wallet: Wallet, clock: Clock) -> None:
    await enqueue(wallet, 12_000)
    await execute(wallet, "UPDATE outbox SET done_at = now() - interval '8 days'")
    await enqueue(wallet, 1)
    async with wallet.app.state.sessions() as session, session.begin():
        assert await messages.forget(session) == 5_000
    assert await jobs.run_scheduled(wallet.app.state.sessions, clock, "wallet.forget_messages")
    assert await fetch(wallet, "SELECT count(*) FROM outbox") == [(1,)]
