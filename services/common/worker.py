"""The worker: `python -m services.common.worker` does the background work of $SERVICE until SIGTERM.

One process. Celery's threads pool takes tasks; the work itself is asynchronous and runs on one event loop in a thread of
its own, where the outbox relay lives too. A prefork pool would cost an interpreter for each child and gain nothing, as
handlers wait for PostgreSQL.

The heart beats while all of it moves: Celery's consumer, the relay, the database's and the broker's answers. What is stuck is
replaced within a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from celery import Celery, signals
from sqlalchemy import text

from services.common import database, heartbeat, logs
from services.common.broker import BrokerQueue, create_celery, jobs_of
from services.common.clock import Clock, DatabaseClock
from services.common.database import Sessions
from services.common.events import log as events_log
from services.common.events.subscription import Reading
from services.common.jobs import CLEAN_UP_SECONDS, TIMEOUT_SECONDS, Jobs
from services.common.loops import Loop
from services.common.outbox.relay import Relay
from services.common.settings import AppDatabaseSettings, BrokerSettings, ProcessSettings, SettingsError, load
from services.common.telemetry.exporter import close_exporter, open_exporter
from services.common.vitals import Vitals

CONCURRENCY = 4
PULSE_SECONDS = 3.0
NUMBERING_PAUSE_SECONDS = 0.5
CLOSING_SECONDS = 5.0

#: A job's own time limit, and some for what cannot be cancelled.
LONGEST_SECONDS = TIMEOUT_SECONDS + 15

log = logging.getLogger(__name__)


async def pulse(sessions: Sessions, queue: BrokerQueue, vitals: Vitals, clock: DatabaseClock) -> None:
    """For ever ask the database and the broker for a sign of life: a worker that does not reach them is stuck.

    The database says what time it is, too.
    """

    async def ask(part: str, question: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                async with asyncio.timeout(PULSE_SECONDS * 2):
                    await question()
                vitals.moved(part)
            except Exception as error:
                log.warning("no answer", extra={"part": part, "reason": f"{type(error).__name__}: {error}"})
            await asyncio.sleep(PULSE_SECONDS)

    async def query() -> None:
        async with sessions() as session:
            asked = time.monotonic()
            clock.follow((await session.execute(text("SELECT clock_timestamp()"))).scalar_one(), asked)

    await asyncio.gather(ask("postgres", query), ask("broker", queue.depth))


async def relay(sessions: Sessions, queue: BrokerQueue, jobs: Jobs, vitals: Vitals) -> None:
    """Publish the outbox for ever."""
    batch_sizes = dict.fromkeys(jobs.outside, 1)  # a call to the outside is long: it shares its thread with no other
    await Relay(sessions, queue, batch_sizes).run(lambda: vitals.moved("relay"))


async def number_events(sessions: Sessions, vitals: Vitals) -> None:
    """Give committed events their positions for ever."""
    while True:
        numbered = 0
        try:
            async with asyncio.timeout(PULSE_SECONDS * 2), sessions() as session, session.begin():
                numbered = await events_log.number(session)
            vitals.moved("events")
        except Exception as error:  # the database is away: they wait
            log.warning("events not numbered", extra={"reason": f"{type(error).__name__}: {error}"})
        if not numbered:
            await asyncio.sleep(NUMBERING_PAUSE_SECONDS)


def register(celery: Celery, jobs: Jobs, loop: Loop, sessions: Sessions, patient: Sessions, clock: Clock) -> None:
    """Make each handler a Celery task; jobs of the clock get the `patient` sessions, as a statement of theirs may take long."""

    def message_task(task: str) -> Callable[[list[str]], None]:
        def work(ids: list[str]) -> None:
            batch = [UUID(each) for each in ids]
            # Should the batch fail, each of its messages is tried by itself.
            limit = LONGEST_SECONDS * (1 + len(batch))
            handled = loop.run(jobs.handle(sessions, clock, task, batch), limit)
            duplicates = len(batch) - handled.done - handled.failed
            fields = {"task": task, "done": handled.done, "failed": handled.failed, "duplicates": duplicates}
            log.info("messages", extra=fields)

        return work

    def scheduled_task(task: str) -> Callable[[], None]:
        def work() -> None:
            loop.run(jobs.run_scheduled(patient, clock, task), CLEAN_UP_SECONDS + LONGEST_SECONDS)

        return work

    for task in jobs.tasks:
        celery.task(name=task)(message_task(task))
    for task in jobs.scheduled:
        celery.task(name=task)(scheduled_task(task))


def follow_consumer(vitals: Vitals) -> None:
    """Have Celery's consumer say that it moves: by a timer of its own loop, which it clears when it loses the broker."""

    def ready(sender: Any, **_: object) -> None:
        vitals.moved("consumer")
        sender.timer.call_repeatedly(heartbeat.INTERVAL_SECONDS, vitals.moved, args=("consumer",))

    signals.worker_ready.connect(ready, weak=False)


def main() -> int:
    """Work until told to end."""
    try:
        process, settings, broker = load(ProcessSettings), load(AppDatabaseSettings), load(BrokerSettings)
        jobs = jobs_of(process.service)
        reading = Reading(jobs.client, jobs.reads) if jobs.reads else None
        exporter = open_exporter(process)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(
        service=process.service, process=process.process, environment=process.environment, level=process.log_level
    )
    Path(heartbeat.path()).unlink(missing_ok=True)
    celery = create_celery(process.service, broker)
    name = f"{process.service}-{process.process}"
    engine = database.create_engine(settings, name, connections=settings.connections - CONCURRENCY)
    patient_engine = database.create_engine(settings, name, seconds=TIMEOUT_SECONDS, connections=CONCURRENCY)
    sessions = database.create_sessions(engine)
    loop, clock = Loop(), DatabaseClock()
    register(celery, jobs, loop, sessions, database.create_sessions(patient_engine), clock)
    queue = BrokerQueue(process.service, broker, celery)
    # A service without messages has no outbox.
    vitals = Vitals(
        "consumer", "postgres", "broker", *(["relay"] if jobs.tasks else []), *(["events"] if jobs.emits else [])
    )
    follow_consumer(vitals)
    stops = [loop.start(pulse(sessions, queue, vitals, clock))]
    if jobs.tasks:
        stops.append(loop.start(relay(sessions, queue, jobs, vitals)))
    if jobs.emits:
        stops.append(loop.start(number_events(sessions, vitals)))
    if reading:
        stops.append(loop.start(reading.run(sessions)))
    ended = threading.Event()
    vitals.watch(ended)

    async def close() -> None:
        await queue.close()
        await engine.dispose()
        await patient_engine.dispose()

    worker = celery.Worker(
        pool="threads",
        concurrency=CONCURRENCY,
        hostname=f"{process.service}@{socket.gethostname()}",
        loglevel=process.log_level,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    try:
        worker.start()  # until SIGTERM; tasks under way finish
    finally:
        ended.set()
        for stop in stops:
            stop()
        with contextlib.suppress(TimeoutError):  # a server that does not answer is not waited for
            loop.run(close(), CLOSING_SECONDS)
        loop.stop()
        close_exporter(exporter)
    log.info("ended")
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
