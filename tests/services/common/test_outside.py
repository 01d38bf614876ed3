"""Calls to the outside from handlers: no transaction while the provider thinks, one key for all tries, UNKNOWN no failure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock as AnyClock
from services.common.database import Sessions, create_engine, create_sessions
from services.common.jobs import Handled, Jobs
from services.common.outbox import Message, enqueue
from services.common.outside import Refused, Try
from tests.services.support import Clock, Cloud

pytestmark = pytest.mark.postgres

TASK = "test.payout"


@pytest.fixture
async def sessions(cloud: Cloud) -> AsyncIterator[Sessions]:
    async with cloud.fresh("wallet") as database:
        engine = create_engine(cloud.settings("wallet", database), "test")
        yield create_sessions(engine)
        await engine.dispose()


@dataclass
class Provider:
    """Pays once for each key, whatever else happens: what answers a try is the next of `fates`."""

    fates: list[str] = field(default_factory=list)
    paid: dict[str, int] = field(default_factory=dict)
    tries: list[Try[int]] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def pay(self, wanted: Try[int]) -> str:
        self.tries.append(wanted)
        self.called.set()
        fate = self.fates.pop(0) if self.fates else "paid"
        if fate == "refused":
            raise Refused("beneficiary_closed")
        if fate == "lost request":
            raise ConnectionError("never arrived")
        self.paid.setdefault(wanted.key, wanted.request)
        if fate == "lost answer":
            await asyncio.sleep(600)
        if fate == "wait":
            await self.go_on.wait()
        return f"paid-{wanted.key[:8]}"


@dataclass
class Payout:
    """The service's side."""

    provider: Provider
    sessions: Sessions
    timeout: timedelta = timedelta(seconds=60)  # above what a busy machine needs; who is to run out of it sets less
    settled: list[str] = field(default_factory=list)
    open_while_calling: list[int] = field(default_factory=list)
    fail_to_settle: int = 0

    async def prepare(self, session: AsyncSession, clock: AnyClock, message: Message) -> int | None:
        return message.payload.get("paise")

    async def call(self, wanted: Try[int]) -> str:
        async with self.sessions() as session:
            held = (
                "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database AND d.datname = current_database()"
                " WHERE relation = 'outbox'::regclass AND pid <> pg_backend_pid()"
            )
            self.open_while_calling.append((await session.execute(text(held))).scalar_one())
        return await self.provider.pay(wanted)

    async def settle(
        self, session: AsyncSession, clock: AnyClock, message: Message, request: int, outcome: str | Refused
    ) -> None:
        if self.fail_to_settle:
            self.fail_to_settle -= 1
            raise RuntimeError("on purpose")
        self.settled.append(outcome.code if isinstance(outcome, Refused) else "paid")


@dataclass
class Stage:
    sessions: Sessions
    provider: Provider
    payout: Payout
    jobs: Jobs
    clock: Clock

    async def enqueue(self, **payload: Any) -> UUID:
        async with self.sessions() as session, session.begin():
            return await enqueue(session, TASK, payload)

    async def work(self, message_id: UUID) -> Handled:
        return await self.jobs.handle(self.sessions, self.clock, TASK, [message_id])

    async def row(self) -> tuple[bool, str | None]:
        async with self.sessions() as session:
            found = (await session.execute(text("SELECT done_at IS NOT NULL, last_error FROM outbox"))).one()
            return found[0], found[1]

    async def publish_again(self) -> None:
        """Let the time of the reservation pass, after which the relay publishes it again."""
        async with self.sessions() as session, session.begin():
            await session.execute(text("UPDATE outbox SET reserved_until = least(reserved_until, now())"))


@pytest.fixture
def stage(sessions: Sessions, clock: Clock) -> Stage:
    provider = Provider()
    payout, jobs = Payout(provider, sessions), Jobs()
    jobs.on_message_outside(TASK, payout)
    return Stage(sessions, provider, payout, jobs, clock)


async def test_claim_call_settle(stage: Stage) -> None:
    message = await stage.enqueue(paise=500)
    assert await stage.work(message) == Handled(done=1)
    assert await stage.work(message) == Handled()
    assert (stage.provider.paid, stage.payout.settled) == ({str(message): 500}, ["paid"])
    assert stage.payout.open_while_calling == [0], "a transaction was open while the provider thought"
    assert await stage.row() == (True, None)


async def test_a_final_no_settles(stage: Stage) -> None:
    stage.provider.fates = ["refused"]
    assert await stage.work(await stage.enqueue(paise=500)) == Handled(done=1)
    assert (stage.provider.paid, stage.payout.settled) == ({}, ["beneficiary_closed"])


async def test_nothing_to_ask_settles(stage: Stage) -> None:
    assert await stage.work(await stage.enqueue()) == Handled(done=1)
    assert (stage.provider.tries, await stage.row()) == ([], (True, None))


@pytest.mark.parametrize("fate", ["lost answer", "lost request"])
async def test_unknown_is_tried_again_with_the_same_key(stage: Stage, fate: str) -> None:
    stage.provider.fates = [fate]
    message = await stage.enqueue(paise=500)
    stage.payout.timeout = timedelta(seconds=2)
    assert await stage.work(message) == Handled(failed=1)
    stage.payout.timeout = timedelta(seconds=60)
    done, error = await stage.row()
    assert not done and error is not None and error.startswith(("TimeoutError", "ConnectionError"))
    assert stage.payout.settled == []
    await stage.publish_again()
    assert await stage.work(message) == Handled(done=1)
    assert [each.repeated for each in stage.provider.tries] == [False, True]
    assert {each.key for each in stage.provider.tries} == {str(message)}
    assert (stage.provider.paid, stage.payout.settled) == ({str(message): 500}, ["paid"])


async def test_a_settlement_that_fails_is_unknown(stage: Stage) -> None:
    """The provider has paid and we could not write it down: the same key again, and paid once."""
    stage.payout.fail_to_settle = 1
    message = await stage.enqueue(paise=500)
    assert await stage.work(message) == Handled(failed=1)
    await stage.publish_again()
    assert await stage.work(message) == Handled(done=1)
    assert (stage.provider.paid, stage.payout.settled) == ({str(message): 500}, ["paid"])


async def test_deliveries_at_the_same_time_call_once(stage: Stage) -> None:
    stage.provider.fates = ["wait"]
    stage.payout.timeout = timedelta(seconds=20)
    message = await stage.enqueue(paise=500)
    first = asyncio.create_task(stage.work(message))
    await stage.provider.called.wait()
    assert await asyncio.gather(*(stage.work(message) for _ in range(5))) == [Handled()] * 5
    stage.provider.go_on.set()
    assert await first == Handled(done=1)
    assert len(stage.provider.tries) == 1


async def test_a_worker_that_dies_in_a_call_leaves_it_to_be_tried_again(stage: Stage) -> None:
    stage.provider.fates = ["wait"]
    stage.payout.timeout = timedelta(seconds=20)
    message = await stage.enqueue(paise=500)
    dying = asyncio.create_task(stage.work(message))
    await stage.provider.called.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert await stage.work(message) == Handled(), "it is reserved for as long as the call might have taken"
    await stage.publish_again()
    assert await stage.work(message) == Handled(done=1)
    assert (stage.provider.paid, stage.payout.settled) == ({str(message): 500}, ["paid"])
