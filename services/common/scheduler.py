"""The scheduler: `python -m services.common.scheduler` hands the scheduled jobs of $SERVICE to its worker at their times.

Celery's beat, a singleton. The schedule is in the code and what was done is in the database, so it needs no disk: a job whose
time passed while no scheduler ran is sent when one starts.

It also watches: a job that has not succeeded for longer than it may is logged with its runbook, whether the worker is dead, the
queue is stuck or the job fails. What it looks at is in the database, so no broken worker can hide it. And writes a metric for
each job, the age of its last success, on which each has an alarm (`schedules` in the manifest).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from time import monotonic

from celery import Celery
from celery.beat import Scheduler
from celery.schedules import crontab

from services.common import database, heartbeat, job_runs, logs, metrics
from services.common.broker import SCHEDULED_EXPIRES_SECONDS, create_celery, jobs_of
from services.common.database import Sessions
from services.common.jobs import Jobs, Scheduled
from services.common.loops import Loop
from services.common.settings import AppDatabaseSettings, BrokerSettings, ProcessSettings, SettingsError, load
from services.common.vitals import Vitals

#: How long one look may take, and the pause until the next.
WATCH_SECONDS = 10.0
WATCH_PAUSE_SECONDS = 5.0

#: A line about one late job is repeated after this; and a scheduler that has just started gives jobs as much, as nobody may
#: have sent them before.
REPEAT_SECONDS = 600.0

#: How often the metrics are written.
METRICS_SECONDS = 60.0

#: When jobs could not be looked at for so long, that is said with a runbook.
BLIND_SECONDS = 300.0

log = logging.getLogger(__name__)


def set_schedule(celery: Celery, jobs: Jobs) -> None:
    """Tell `celery` when each scheduled job of `jobs` runs."""
    celery.conf.beat_schedule = {
        task: {
            "task": task,
            "schedule": crontab.from_string(job.cron),
            "options": {"expires": SCHEDULED_EXPIRES_SECONDS},
        }
        for task, job in jobs.scheduled.items()
    }


def run(celery: Celery, ended: threading.Event, vitals: Vitals, last: Mapping[str, datetime]) -> None:
    """Hand out due jobs until `ended` is set. While the broker is away, a due job is logged and waits for its next time.

    `last` says when jobs last succeeded: what should have run since is due at once.
    """
    scheduler = Scheduler(celery, max_interval=heartbeat.INTERVAL_SECONDS)
    for task, succeeded in last.items():
        if task in scheduler.schedule:
            scheduler.schedule[task].last_run_at = succeeded
    while not ended.is_set():
        vitals.moved("beat")
        vitals.check()
        ended.wait(scheduler.tick())
    scheduler.close()


async def last_successes(sessions: Sessions) -> dict[str, datetime]:
    """When each job last succeeded; nothing if the database does not say: then jobs wait for their next times."""
    try:
        async with asyncio.timeout(WATCH_SECONDS), sessions() as session:
            return await job_runs.last_successes(session)
    except Exception as error:
        log.warning("not known which jobs were missed", extra={"reason": f"{type(error).__name__}: {error}"})
        return {}


class Watch:
    """Looks when each job last succeeded, and says which are late."""

    def __init__(self, sessions: Sessions, scheduled: Mapping[str, Scheduled]) -> None:
        self._sessions, self._scheduled = sessions, scheduled
        self._seen = self._started = monotonic()
        self._written = float("-inf")
        self._reported: dict[str, float] = {}

    async def look(self) -> list[str]:
        """The tasks that are late; each is logged, again after a while."""
        async with self._sessions() as session, session.begin():
            ages = await job_runs.seconds_since_success(session)
            unknown = self._scheduled.keys() - ages.keys()
            await job_runs.know(session, sorted(unknown))
        now = self._seen = monotonic()
        if now - self._written >= METRICS_SECONDS:
            self._written = now
            for task in self._scheduled:
                metrics.emit({"job": task}, JobAge=(round(ages.get(task, 0.0)), "Seconds"))
        late = []
        for task, job in self._scheduled.items():
            seconds, allowed = ages.get(task, 0.0), job.late_after.total_seconds()
            if seconds <= allowed or now - self._started < min(allowed, REPEAT_SECONDS):
                continue
            late.append(task)
            self._say(task, "job is late", runbook=job.runbook, seconds=round(seconds), allowed=round(allowed))
        return late

    async def run(self, vitals: Vitals) -> None:
        """Look for ever."""
        while True:
            try:
                async with asyncio.timeout(WATCH_SECONDS):
                    await self.look()
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                log.warning("jobs not looked at", extra={"reason": reason})
                if monotonic() - self._seen > BLIND_SECONDS:
                    self._say("", "jobs cannot be watched", runbook="job-late", reason=reason)
            vitals.moved("watch")
            await asyncio.sleep(WATCH_PAUSE_SECONDS)

    def _say(self, task: str, message: str, **fields: object) -> None:
        now = monotonic()
        if now - self._reported.get(task, float("-inf")) >= REPEAT_SECONDS:
            self._reported[task] = now
            log.error(message, extra={"task": task, **fields})


def main() -> int:
    """Schedule until told to end."""
    try:
        process, settings, broker = load(ProcessSettings), load(AppDatabaseSettings), load(BrokerSettings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(
        service=process.service, process=process.process, environment=process.environment, level=process.log_level
    )
    Path(heartbeat.path()).unlink(missing_ok=True)
    celery = create_celery(process.service, broker)
    jobs = jobs_of(process.service)
    set_schedule(celery, jobs)
    ended, vitals, loop = threading.Event(), Vitals("beat", "watch"), Loop()
    engine = database.create_engine(settings, f"{process.service}-{process.process}", connections=2)
    sessions = database.create_sessions(engine)
    stop_watch = loop.start(Watch(sessions, jobs.scheduled).run(vitals))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    run(celery, ended, vitals, loop.run(last_successes(sessions), WATCH_SECONDS * 2))
    stop_watch()
    with contextlib.suppress(TimeoutError):  # a server that does not answer is not waited for
        loop.run(engine.dispose(), heartbeat.INTERVAL_SECONDS)
    loop.stop()
    log.info("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
