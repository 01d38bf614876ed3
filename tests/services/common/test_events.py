"""Events reach other services: all, in order, each with one effect, whoever was away in between. Auth is the producer."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.app import create_app
from services.auth.events import AccountRegistered
from services.common.clock import Clock as AnyClock
from services.common.database import Sessions, create_engine, create_sessions
from services.common.events import Event, Events, log
from services.common.events.__main__ import of, path
from services.common.events.schema import broken_promises, unreadable
from services.common.events.subscription import Reader, Subscription
from services.common.jobs import Handled, Jobs
from services.common.machine_tokens import Credentials, MachineTokens
from services.common.outbox.relay import Relay
from services.common.postgres import Transaction
from services.common.telemetry import spans
from tests.services.auth.fixtures import Auth
from tests.services.support import SERVICES, Clock, Cloud, running

pytestmark = pytest.mark.postgres

SECRET = "a-secret-of-the-consumers-client"
CLIENTS = {"greeter": {"scopes": ["auth:read-events"]}, "stranger": {"scopes": ["wallet:audit"]}}


class Greeted(BaseModel):
    """What the consumer of these tests reads of the event: its own model, not the producer's."""

    account: UUID


@dataclass
class Consumer:
    """A service that greets whoever has an account: in a database of its own, with an outbox."""

    sessions: Sessions
    reader: Reader
    jobs: Jobs
    clock: Clock
    greeted: list[UUID] = field(default_factory=list)
    waiting: list[tuple[str, list[UUID]]] = field(default_factory=list)

    async def depth(self) -> int:
        return 0

    async def publish(self, task: str, ids: Any) -> None:
        self.waiting.append((task, list(ids)))

    async def work(self) -> Handled:
        """What its worker does with what was read."""
        handled = Handled()
        while await Relay(self.sessions, self).round():
            while self.waiting:
                handled += await self.jobs.handle(self.sessions, self.clock, *self.waiting.pop(0))
        return handled


@pytest.fixture
async def auth(cloud: Cloud, clock: Clock, cheap_passwords: None) -> AsyncIterator[Auth]:
    """Auth, with two clients that it knows."""
    cloud.cache.command("FLUSHALL")
    secrets = {f"CLIENT_SECRET_{name.upper()}": SECRET for name in CLIENTS}
    async with cloud.fresh("auth") as database:
        variables = cloud.environment("auth", database, CLIENTS=json.dumps(CLIENTS), **secrets)
        app = create_app(clock)
        async with running(app, variables) as client:
            yield Auth(app, client, database, cloud)


@pytest.fixture
async def consumer(cloud: Cloud, clock: Clock, auth: Auth) -> AsyncIterator[Consumer]:
    async with cloud.fresh("wallet") as database, httpx.AsyncClient(transport=httpx.ASGITransport(auth.app)) as http:
        owner = await cloud.connect(database, role="owner", service="wallet")
        await owner.execute("CREATE TABLE event_offsets (producer text PRIMARY KEY, position bigint NOT NULL)")
        await owner.execute("GRANT UPDATE (position) ON event_offsets TO wallet_app")
        await owner.close()
        jobs, engine = Jobs(client="greeter"), create_engine(cloud.settings("wallet", database), "test")

        @jobs.on_event("auth", "auth.account-registered", 1)
        async def greet(session: AsyncSession, clock: AnyClock, payload: dict[str, Any]) -> None:
            made.greeted.append(Greeted.model_validate(payload).account)

        wanted = Subscription("auth", "http://auth:8080", frozenset(jobs.reads["auth"]))
        tokens = MachineTokens(Credentials("http://auth:8080", "greeter", SECRET), http)
        sessions = create_sessions(engine)
        made = Consumer(sessions, Reader(wanted, sessions, http, tokens), jobs, clock)
        yield made
        await engine.dispose()


async def register(auth: Auth, count: int) -> list[UUID]:
    """New accounts, in order."""
    emails = [f"{uuid4().hex}@example.com" for _ in range(count)]
    for email in emails:
        answer = await auth.client.post("/auth/register", json={"email": email, "password": "correct horse battery"})
        assert answer.status_code == 202, answer.text
    async with auth.app.state.sessions() as session:
        rows = await session.execute(text("SELECT id FROM users ORDER BY id DESC LIMIT :count"), {"count": count})
        return sorted(row.id for row in rows)


async def number(auth: Auth) -> int:
    """What auth's worker does all the time."""
    async with auth.app.state.sessions() as session, session.begin():
        return await log.number(session)


async def execute(auth: Auth, statement: str, **values: Any) -> None:
    async with auth.app.state.sessions() as session, session.begin():
        await session.execute(text(statement), values)


async def test_an_event_has_its_effect_once_however_often_it_is_read(auth: Auth, consumer: Consumer) -> None:
    accounts = await register(auth, 3)
    assert await consumer.reader.round() == 0, "what is not numbered cannot be read"
    assert await number(auth) == 3
    assert await consumer.reader.round() == 3
    assert await consumer.reader.round() == 0
    assert await consumer.work() == Handled(done=3)
    assert sorted(consumer.greeted) == sorted(accounts)
    async with consumer.sessions() as session, session.begin():
        await session.execute(text("UPDATE event_offsets SET position = 0"))  # restored from yesterday's backup
    assert await consumer.reader.round() == 3
    assert await consumer.work() == Handled()
    assert len(consumer.greeted) == 3


async def test_a_consumer_that_was_down_for_a_day_gets_all_in_order(auth: Auth, consumer: Consumer) -> None:
    first = await register(auth, 1)
    await number(auth)
    await consumer.reader.round()
    later = await register(auth, 5)
    await number(auth)
    await execute(auth, "UPDATE events SET position = position")  # nothing else touches them
    assert await consumer.reader.round() == 5
    async with consumer.sessions() as session:
        rows = await session.execute(text("SELECT payload ->> 'account' FROM outbox ORDER BY id"))
        assert [UUID(row[0]) for row in rows] == first + later
    assert await consumer.work() == Handled(done=6)


async def test_a_transaction_that_commits_late_is_not_overlooked(auth: Auth, consumer: Consumer, clock: Clock) -> None:
    """It wrote its event first and commits after others were numbered and read: it comes after them."""
    account = UUID(int=7)
    async with auth.app.state.sessions() as slow, slow.begin():
        await log.emit(slow, AccountRegistered(account=account, registered_at=clock.now()))
        await register(auth, 2)
        await number(auth)
        assert await consumer.reader.round() == 2
    await number(auth)
    assert await consumer.reader.round() == 1
    await consumer.work()
    assert account in consumer.greeted and len(consumer.greeted) == 3


async def test_numberings_and_readers_at_the_same_time(auth: Auth, consumer: Consumer) -> None:
    """Positions have no gaps and no doubles; workers that read the same page hand it on once."""
    await register(auth, 20)
    assert sum(await asyncio.gather(*(number(auth) for _ in range(4)))) == 20
    async with auth.app.state.sessions() as session:
        rows = await session.execute(text("SELECT position FROM events ORDER BY position"))
        assert [row[0] for row in rows] == list(range(1, 21))
    await asyncio.gather(*(consumer.reader.round() for _ in range(4)))
    assert await consumer.work() == Handled(done=20)


async def test_a_producer_that_is_away_loses_nothing(
    auth: Auth, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(auth, 2)
    await number(auth)

    async def broken(*_: object) -> Any:
        raise httpx.ConnectError("refused")

    with monkeypatch.context() as patch:
        patch.setattr(consumer.reader, "_ask", broken)
        with pytest.raises(httpx.ConnectError):
            await consumer.reader.round()
    assert await consumer.reader.round() == 2


async def test_what_was_forgotten_before_it_was_read_is_said(
    auth: Auth, consumer: Consumer, caplog: pytest.LogCaptureFixture
) -> None:
    await register(auth, 3)
    await number(auth)
    owner = await auth.cloud.connect(auth.database, role="owner", service="auth")
    await owner.execute("UPDATE events SET occurred_at = now() - $1::interval WHERE position < 3", timedelta(days=15))
    await owner.close()
    async with auth.app.state.sessions() as session, session.begin():
        assert await log.forget(session) == 2
    assert await consumer.reader.round() == 1
    (record,) = [record for record in caplog.records if "forgotten" in record.message]
    assert record.__dict__["runbook"] == "events-late"


@pytest.mark.parametrize(("client", "status"), [("greeter", 200), ("stranger", 403), (None, 401)])
async def test_only_who_may_read_events_reads_them(auth: Auth, client: str | None, status: int) -> None:
    headers = {}
    if client:
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": SECRET}
        headers = {
            "Authorization": f"Bearer {(await auth.client.post('/auth/token', data=form)).json()['access_token']}"
        }
    assert (await auth.client.get("/auth/internal/events", headers=headers)).status_code == status


async def test_both_kinds_of_transaction_emit(auth: Auth, consumer: Consumer, clock: Clock) -> None:
    plain = Transaction(auth.app.state.pool)
    await log.emit(plain, AccountRegistered(account=UUID(int=1), registered_at=clock.now()))
    await plain.commit()
    async with auth.app.state.sessions() as session, session.begin():
        await log.emit(session, AccountRegistered(account=UUID(int=2), registered_at=clock.now()))
    await number(auth)
    await consumer.reader.round()
    await consumer.work()
    assert consumer.greeted == [UUID(int=1), UUID(int=2)]


class FailsOnce(list[UUID]):
    """Greets nobody at the first try."""

    failed = False

    def append(self, account: UUID) -> None:
        if not self.failed:
            self.failed = True
            raise ValueError("as a test wants")
        super().append(account)


async def test_one_trace_leads_from_a_request_to_another_services_work_and_to_each_try_of_it(
    auth: Auth, consumer: Consumer
) -> None:
    kept: list[spans.Recording] = []
    consumer.greeted = FailsOnce()
    spans.start(kept.append, 1.0)
    try:
        (account,) = await register(auth, 1)
        await number(auth)
        await consumer.reader.round()
        assert await consumer.work() == Handled(failed=1)
        async with consumer.sessions() as session, session.begin():
            await session.execute(text("UPDATE outbox SET next_attempt_at = now()"))
        assert await consumer.work() == Handled(done=1)
        async with consumer.sessions() as session:
            stored = str(await session.scalar(text("SELECT request_id FROM outbox")))
    finally:
        spans.stop()
    assert consumer.greeted == [account]
    (request,) = [each for each in kept if each.spans[0].name == "POST /auth/register"]
    tries = [each for each in kept if each.spans[0].name == "process auth.account-registered.v1"]
    assert [each.trace for each in tries] == [request.trace] * 2
    assert [each.spans[0].error for each in tries] == ["ValueError", ""]
    assert {each.spans[0].parent for each in tries} <= {span.id for span in request.spans}
    assert stored.endswith(f" {spans.Context(request.trace, tries[0].spans[0].parent, sampled=True)}")


async def test_what_did_not_happen_is_no_event(auth: Auth, consumer: Consumer) -> None:
    body = {"email": "twice@example.com", "password": "correct horse battery"}
    for _ in range(2):  # the second time there is an account already, and the answer does not say so
        assert (await auth.client.post("/auth/register", json=body)).status_code == 202
    assert await number(auth) == 1


def emitting() -> list[str]:
    return [service for service in SERVICES if importlib.util.find_spec(f"services.{service}.events")]


@pytest.mark.parametrize("service", emitting())
def test_the_schemas_that_are_kept_are_current(service: str) -> None:
    current = of(service).document()
    kept = path(service).read_text(encoding="utf-8")
    assert broken_promises(json.loads(kept), json.loads(current)) == [], "make a new version of the event"
    assert kept == current, f"run `python -m services.common.events {service}` and look at the difference"


def test_a_promise_is_not_broken_unnoticed() -> None:
    class Before(Event):
        name: ClassVar[str] = "test.happened"
        one: int
        two: str

    class After(Event):
        name: ClassVar[str] = "test.happened"
        two: int
        three: str | None = None

    def schemas(kind: type[Event]) -> Mapping[str, Any]:
        document: Mapping[str, Any] = json.loads(Events("test", kind).document())
        return document

    before, after = schemas(Before), schemas(After)
    assert broken_promises(before, before) == []
    assert broken_promises(before, after) == ["test.happened.v1: one is gone", "test.happened.v1: two changed"]
    assert broken_promises(before, {}) == ["test.happened.v1 is gone: consumers still read it"]


def test_a_consumer_can_test_that_it_reads_what_is_promised() -> None:
    schema = json.loads(path("auth").read_text(encoding="utf-8"))["auth.account-registered.v1"]
    assert unreadable(Greeted, schema) == []

    class Hopeful(BaseModel):
        account: int
        email: str

    found = unreadable(Hopeful, schema)
    assert found[0] == "email is not promised"
    assert "account is" in found[1]
