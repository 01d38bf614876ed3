"""The worker: `python -m services.common.worker` does the background work of $SERVICE until SIGTERM.

One process. Celery's threads pool takes tasks; the work itself is asynchronous and runs on one event loop in a thread of
its own, where the outbox relay lives too. A prefork pool would cost an interpreter for each child and gain nothing, as
handlers wait for PostgreSQL.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from uuid import UUID

from celery import Celery, signals

from services.common import database, heartbeat, logs, outbox
from services.common.broker import create_celery, jobs_of
from services.common.clock import SystemClock
from services.common.database import Sessions
from services.common.jobs import Jobs
from services.common.settings import BrokerSettings, DatabaseSettings, ProcessSettings, SettingsError, load

CONCURRENCY = 4
RELAY_PAUSE_SECONDS = 0.5

log = logging.getLogger(__name__)


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loop", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run `work` there and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def start(self, work: Coroutine[Any, Any, None]) -> Callable[[], None]:
        """Start `work` there; the function that is returned cancels it and waits for its end."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)

        def stop() -> None:
            future.cancel()
            with contextlib.suppress(BaseException):
                future.result(5)

        return stop

    def stop(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


async def relay(sessions: Sessions, celery: Celery) -> None:
    """Publish the outbox for ever."""
    clock = SystemClock()

    async def publish(message_id: UUID, task: str) -> None:
        # Celery's client blocks: not on this loop.
        await asyncio.to_thread(celery.send_task, task, args=[str(message_id)], task_id=str(message_id))

    while True:
        try:
            published = await outbox.publish_due(sessions, clock, publish)
        except Exception as error:  # the database or the broker is away: the messages wait
            log.warning("outbox not published", extra={"reason": f"{type(error).__name__}: {error}"})
            published = 0
            await asyncio.sleep(2)
        if not published:
            await asyncio.sleep(RELAY_PAUSE_SECONDS)


def register(celery: Celery, jobs: Jobs, loop: Loop, sessions: Sessions) -> None:
    """Make each handler a Celery task."""
    clock = SystemClock()

    def message_task(task: str) -> Callable[[str], None]:
        def work(message_id: str) -> None:
            done = loop.run(jobs.handle_message(sessions, clock, task, UUID(message_id)))
            log.info("message", extra={"task": task, "message_id": message_id, "duplicate": not done})

        return work

    def scheduled_task(task: str) -> Callable[[], None]:
        def work() -> None:
            loop.run(jobs.run_scheduled(sessions, clock, task))

        return work

    for task in jobs.messages:
        celery.task(name=task)(message_task(task))
    for task in jobs.scheduled:
        celery.task(name=task)(scheduled_task(task))


def _beat_with(sender: Any, **_: object) -> None:
    # The consumer's own timer: if its loop hangs, or the broker stays away for a minute, the heartbeat ends and the task
    # is replaced. The consumer clears its timer when it loses the broker and sends this signal again when it is back.
    heartbeat.beat()
    sender.timer.call_repeatedly(heartbeat.INTERVAL_SECONDS, heartbeat.beat)


def main() -> int:
    """Work until told to end."""
    try:
        process, settings, broker = load(ProcessSettings), load(DatabaseSettings), load(BrokerSettings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(
        service=process.service, process=process.process, environment=process.environment, level=process.log_level
    )
    Path(heartbeat.path()).unlink(missing_ok=True)
    jobs = jobs_of(process.service)
    celery = create_celery(process.service, broker)
    engine = database.create_engine(settings, f"{process.service}-{process.process}", size=CONCURRENCY)
    sessions = database.create_sessions(engine)
    loop = Loop()
    register(celery, jobs, loop, sessions)
    signals.worker_ready.connect(_beat_with, weak=False)
    # A service without messages has no outbox.
    stop_relay = loop.start(relay(sessions, celery)) if jobs.messages else None
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
        if stop_relay:
            stop_relay()
        loop.run(engine.dispose())
        loop.stop()
    log.info("ended")
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
