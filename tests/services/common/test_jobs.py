"""Jobs of the clock are accounted for: each success and failure is noted, and who is late is said, whatever the worker does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from components.compute.log_events import job_signals
from components.observability.signals import MissingData, Signal
from services.common import broker, job_runs, scheduler
from services.common import jobs as jobs_module
from services.common.clock import Clock as AnyClock
from services.common.database import Sessions, create_engine, create_sessions
from services.common.jobs import Jobs
from services.common.scheduler import Watch
from services.common.vitals import Vitals
from tests.services.support import CATALOG, Clock, Cloud

pytestmark = pytest.mark.postgres


@pytest.fixture
async def engine(cloud: Cloud) -> AsyncIterator[AsyncEngine]:
    async with cloud.fresh("wallet") as database:
        made = create_engine(cloud.settings("wallet", database), "test")
        yield made
        await made.dispose()


@pytest.fixture
def sessions(engine: AsyncEngine) -> Sessions:
    return create_sessions(engine)


async def rows(sessions: Sessions, statement: str) -> list[tuple[object, ...]]:
    async with sessions() as session:
        return [tuple(row) for row in await session.execute(text(statement))]


async def age(sessions: Sessions, **by: float) -> None:
    """Let this time pass for what is known of jobs."""
    async with sessions() as session, session.begin():
        statement = "UPDATE job_runs SET succeeded_at = succeeded_at - CAST(:by AS interval)"
        await session.execute(text(statement), {"by": timedelta(**by)})


def with_runbook(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, object]]:
    """Level, runbook and task of each line that calls a person."""
    return [
        (record.levelname, record.__dict__["runbook"], record.__dict__.get("task"))
        for record in caplog.records
        if "runbook" in record.__dict__
    ]


def nightly(cron: str = "0 3 * * *", late_after: timedelta = timedelta(hours=26)) -> tuple[Jobs, list[str]]:
    """One job; what is in the list decides what it does."""
    jobs, fate = Jobs(), ["succeed"]

    @jobs.on_schedule("test.nightly", cron, late_after=late_after)
    async def run(session: AsyncSession, clock: AnyClock) -> None:
        statement = "INSERT INTO idempotency_keys (caller, key, request_hash, created_at) VALUES ('c', 'k', 'h', now())"
        await session.execute(text(statement))
        if fate[0] == "fail":
            raise RuntimeError("on purpose")

    return jobs, fate


async def test_a_failing_job_is_undone_noted_and_calls_a_person(
    sessions: Sessions, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    jobs, fate = nightly()
    fate[0] = "fail"
    assert not await jobs.run_scheduled(sessions, clock, "test.nightly")
    assert with_runbook(caplog) == [("ERROR", "job-late", "test.nightly")]
    assert await rows(sessions, "SELECT count(*) FROM idempotency_keys") == [(0,)]
    assert await rows(sessions, "SELECT task, succeeded_at, error FROM job_runs") == [
        ("test.nightly", None, "RuntimeError: on purpose")
    ]
    fate[0] = "succeed"
    assert await jobs.run_scheduled(sessions, clock, "test.nightly")
    assert await rows(sessions, "SELECT succeeded_at >= failed_at FROM job_runs") == [(True,)]


async def test_a_run_that_looks_at_a_snapshot_stands_another_runs_success(sessions: Sessions, clock: Clock) -> None:
    """As wallet's reconciliation: of two at once one finds the other at work, and succeeds before it."""
    jobs, looks, may_end = Jobs(), asyncio.Event(), asyncio.Event()

    @jobs.on_schedule("test.snapshot", "* * * * *", late_after=timedelta(minutes=5))
    async def run(session: AsyncSession, clock: AnyClock) -> None:
        if looks.is_set():
            return
        await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        await session.execute(text("SELECT count(*) FROM job_runs"))
        looks.set()
        await may_end.wait()

    first = asyncio.create_task(jobs.run_scheduled(sessions, clock, "test.snapshot"))
    await looks.wait()
    assert await jobs.run_scheduled(sessions, clock, "test.snapshot")
    may_end.set()
    assert await first


async def test_a_job_that_hangs_is_cut_off(
    sessions: Sessions, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jobs_module, "TIMEOUT_SECONDS", 0.2)
    jobs = Jobs()

    @jobs.on_schedule("test.hanging", "* * * * *", late_after=timedelta(minutes=5))
    async def run(session: AsyncSession, clock: AnyClock) -> None:
        await session.execute(text("SELECT pg_sleep(4)"))

    assert not await jobs.run_scheduled(sessions, clock, "test.hanging")
    assert with_runbook(caplog) == [("ERROR", "job-late", "test.hanging")]
    assert await rows(sessions, "SELECT 1") == [(1,)]


async def test_the_scheduler_says_who_is_late(
    sessions: Sessions, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker runs here at all: what is looked at is in the database."""
    jobs, _ = nightly()
    watch = Watch(sessions, jobs.scheduled)
    assert await watch.look() == []  # it is known from now on
    await jobs.run_scheduled(sessions, clock, "test.nightly")
    await age(sessions, hours=25)
    later = time.monotonic() + 1000
    monkeypatch.setattr(scheduler, "monotonic", lambda: later)
    assert await watch.look() == []
    await age(sessions, hours=2)
    assert await watch.look() == await watch.look() == ["test.nightly"]
    assert with_runbook(caplog) == [("ERROR", "job-late", "test.nightly")], "once, and again only after a while"


def alarms(written: str, watched: Sequence[Signal]) -> set[str]:
    """The jobs whose alarms fire by what a scheduler wrote, as CloudWatch reads it: dimensions, statistic, threshold."""
    lines = [json.loads(line) for line in written.splitlines() if '"_aws"' in line]
    found = set()
    for signal in watched:
        (namespace, dimensions) = signal.namespace, dict(signal.dimensions)
        values = [
            line[signal.metric]
            for line in lines
            for directive in line["_aws"]["CloudWatchMetrics"]
            if directive["Namespace"] == namespace
            and signal.metric in {metric["Name"] for metric in directive["Metrics"]}
            and any({name: line[name] for name in names} == dimensions for names in directive["Dimensions"])
        ]
        if (min(values) > signal.threshold) if values else signal.missing is MissingData.BREACHING:
            found.add(dimensions["job"])
    return found


async def test_a_job_that_stops_succeeding_raises_its_alarm_and_no_other(
    sessions: Sessions, clock: Clock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wallet's own jobs and alarms, and what its scheduler writes of a real table; AWS is all that is missing."""
    variables = {"SERVICE": "wallet", "ENVIRONMENT": "prod"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    manifest = CATALOG.services["wallet"]
    watched = job_signals("wallet", "prod", manifest.schedules)
    jobs = broker.jobs_of("wallet")

    async def firing(**passed: dict[str, float]) -> set[str]:
        async with sessions() as session, session.begin():
            for task in jobs.scheduled:
                await job_runs.succeeded(session, task)
            for task, by in passed.items():
                statement = "UPDATE job_runs SET succeeded_at = succeeded_at - CAST(:by AS interval) WHERE task = :task"
                await session.execute(text(statement), {"by": timedelta(**by), "task": f"wallet.{task}"})
        capsys.readouterr()
        await Watch(sessions, jobs.scheduled).look()
        return alarms(capsys.readouterr().out, watched)

    assert await firing() == set()
    assert await firing(reconcile={"minutes": 9}, forget_keys={"hours": 25}) == set()
    assert await firing(reconcile={"minutes": 11}, forget_keys={"hours": 25}) == {"wallet.reconcile"}
    assert await firing(forget_keys={"hours": 27}) == {"wallet.forget_keys"}
    assert alarms("", watched) == set(jobs.scheduled), "a scheduler that says nothing is as bad"


async def test_a_scheduler_that_has_just_started_gives_jobs_time(sessions: Sessions, clock: Clock) -> None:
    jobs, _ = nightly("* * * * *", timedelta(minutes=10))
    await jobs.run_scheduled(sessions, clock, "test.nightly")
    await age(sessions, days=3)  # the platform was down
    assert await Watch(sessions, jobs.scheduled).look() == []


async def test_a_clean_up_is_done_in_batches(sessions: Sessions, clock: Clock) -> None:
    """Each batch in a transaction of its own: what a failure interrupts stays done, and the next run does the rest."""
    jobs, left = Jobs(), [4]

    @jobs.clean_up("test.forget", "0 3 * * *", late_after=timedelta(hours=26))
    async def run(session: AsyncSession, clock: AnyClock) -> int:
        statement = (
            "INSERT INTO idempotency_keys (caller, key, request_hash, created_at) VALUES ('c', :key, 'h', now())"
        )
        await session.execute(text(statement), {"key": uuid4().hex})
        left[0] -= 1
        if left[0] == 1:
            raise RuntimeError("on purpose")
        return left[0]

    count = "SELECT count(*), (SELECT succeeded_at IS NULL FROM job_runs) FROM idempotency_keys"
    assert not await jobs.run_scheduled(sessions, clock, "test.forget")
    assert await rows(sessions, count) == [(2, True)]
    assert await jobs.run_scheduled(sessions, clock, "test.forget")
    assert await rows(sessions, count) == [(3, False)]


async def test_a_database_that_is_away_is_said_with_a_runbook(
    sessions: Sessions, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> dict[str, float]:
        raise ConnectionError("away")

    monkeypatch.setattr(job_runs, "seconds_since_success", away)
    monkeypatch.setattr(scheduler, "BLIND_SECONDS", 0.0)
    watch = Watch(sessions, nightly()[0].scheduled)
    looks = asyncio.create_task(watch.run(Vitals("watch")))
    async with asyncio.timeout(20):
        while not with_runbook(caplog):  # noqa: ASYNC110 - a line of the log is waited for
            await asyncio.sleep(0.02)
    looks.cancel()
    assert with_runbook(caplog) == [("ERROR", "job-late", "")]


def test_two_jobs_do_not_share_a_name() -> None:
    """A message and a schedule of one name were one task of the broker, and the later of them took the other's calls."""
    jobs = Jobs()
    jobs.on_schedule("one.look", "* * * * *", late_after=timedelta(minutes=5))(_nothing)
    for again in (
        lambda: jobs.on_message("one.look")(_nothing_said),
        lambda: jobs.clean_up("one.look", "* * * * *", late_after=timedelta(minutes=5))(_none_left),
    ):
        with pytest.raises(ValueError, match=r"two jobs are called .one\.look."):
            again()


async def _nothing(session: AsyncSession, clock: Any) -> None:
    """A schedule's."""


async def _nothing_said(session: AsyncSession, clock: Any, payload: dict[str, Any]) -> None:
    """A message's."""


async def _none_left(session: AsyncSession, clock: Any) -> int:
    return 0
