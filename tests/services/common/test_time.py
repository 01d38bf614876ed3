"""Clocks of tasks that differ by five minutes, either way, change nothing in outbox, jobs and reservations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from services.common.broker import BrokerQueue
from services.common.clock import DatabaseClock
from services.common.database import Sessions, create_engine, create_sessions
from services.common.jobs import Handled
from services.common.outbox import enqueue, messages
from services.common.outbox.relay import Relay
from services.common.scheduler import Watch
from services.common.vitals import Vitals
from services.common.worker import pulse
from services.wallet.tasks import jobs
from tests.services.common.test_outbox import Broker
from tests.services.support import Clock, Cloud

pytestmark = pytest.mark.postgres

SKEWS = (timedelta(minutes=5), timedelta(minutes=-5))


@pytest.fixture
async def sessions(cloud: Cloud) -> AsyncIterator[Sessions]:
    async with cloud.fresh("wallet") as database:
        engine = create_engine(cloud.settings("wallet", database), "test")
        yield create_sessions(engine)
        await engine.dispose()


@pytest.mark.parametrize("skew", SKEWS, ids=str)
async def test_messages_are_due_at_once_and_done_once(sessions: Sessions, skew: timedelta) -> None:
    """Whoever enqueues, relays or handles: none of them is asked what time it is."""
    ahead, behind = Clock(datetime.now(UTC) + skew), Clock(datetime.now(UTC) - skew)
    async with sessions() as session, session.begin():
        payload = {"transaction": "00000000-0000-7000-8000-000000000009"}
        await enqueue(session, "wallet.notify", payload)
    broker = Broker()
    assert await Relay(sessions, broker).round() == 1
    ((task, ids),) = broker.waiting
    handled = await asyncio.gather(*(jobs.handle(sessions, clock, task, ids) for clock in (ahead, behind)))
    assert sum(handled, Handled()) == Handled(done=1)


@pytest.mark.parametrize("skew", SKEWS, ids=str)
async def test_a_job_is_late_by_the_databases_clock(sessions: Sessions, skew: timedelta) -> None:
    assert await jobs.run_scheduled(sessions, Clock(datetime.now(UTC) + skew), "wallet.forget_messages")
    async with sessions() as session:
        query = "SELECT abs(extract(epoch FROM clock_timestamp() - succeeded_at)) < 60 FROM job_runs"
        assert (await session.execute(text(query))).scalar_one()
    assert await Watch(sessions, jobs.scheduled).look() == []


async def test_a_reservation_ends_by_the_databases_clock(sessions: Sessions) -> None:
    async with sessions() as session, session.begin():
        message = await enqueue(session, "wallet.notify", {})
    async with sessions() as session, session.begin():
        assert await messages.reserve(session, message, timedelta(minutes=1)) is not None
    async with sessions() as session, session.begin():
        assert await messages.reserve(session, message, timedelta(minutes=1)) is None
        await session.execute(text("UPDATE outbox SET reserved_until = now()"))
    async with sessions() as session, session.begin():
        again = await messages.reserve(session, message, timedelta(minutes=1))
        assert again is not None and again[1] is True


@pytest.mark.parametrize("skew", SKEWS, ids=str)
async def test_a_worker_whose_machine_is_wrong_takes_the_databases_time(sessions: Sessions, skew: timedelta) -> None:
    clock = DatabaseClock(Clock(datetime.now(UTC) + skew))

    class Queue(BrokerQueue):
        def __init__(self) -> None:
            pass

        async def depth(self) -> int:
            return 0

    beating = asyncio.create_task(pulse(sessions, Queue(), Vitals("postgres", "broker"), clock))
    async with asyncio.timeout(20):
        while abs(clock.now() - datetime.now(UTC)) > timedelta(seconds=5):  # noqa: ASYNC110 - the pulse has no event for it
            await asyncio.sleep(0.05)
    beating.cancel()


def test_a_part_that_does_not_move_stops_the_heart_and_is_said_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a monotonic clock: a machine whose time is stepped by an hour is not stuck."""
    now, beats = [0.0], []
    monkeypatch.setattr("services.common.heartbeat.beat", lambda: beats.append(now[0]))
    vitals = Vitals("relay", "broker", now=lambda: now[0])
    for moment in range(0, 60, 3):
        now[0] = float(moment)
        vitals.moved("broker")
        if moment <= 15 or moment >= 51:
            vitals.moved("relay")
        assert vitals.check() is (moment <= 35 or moment >= 51)
    assert beats == [float(moment) for moment in range(0, 60, 3) if moment <= 35 or moment >= 51]
    (record,) = [record for record in caplog.records if "stuck" in record.message]
    assert (record.levelname, record.__dict__["parts"], record.__dict__["runbook"]) == (
        "ERROR",
        "relay",
        "worker-stuck",
    )
