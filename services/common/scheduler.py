"""The scheduler: `python -m services.common.scheduler` hands the scheduled jobs of $SERVICE to its worker at their times.

Celery's beat, a singleton. The schedule is in the code, so it needs no disk: a job whose time passed while no scheduler ran is
left out, and its next time does its work.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from pathlib import Path

from celery import Celery
from celery.beat import Scheduler
from celery.schedules import crontab

from services.common import heartbeat, logs
from services.common.broker import SCHEDULED_EXPIRES_SECONDS, create_celery, jobs_of
from services.common.jobs import Jobs
from services.common.settings import BrokerSettings, ProcessSettings, SettingsError, load

log = logging.getLogger(__name__)


def set_schedule(celery: Celery, jobs: Jobs) -> None:
    """Tell `celery` when each scheduled job of `jobs` runs."""
    celery.conf.beat_schedule = {
        task: {
            "task": task,
            "schedule": crontab.from_string(cron),
            "options": {"expires": SCHEDULED_EXPIRES_SECONDS},
        }
        for task, (cron, _) in jobs.scheduled.items()
    }


def run(celery: Celery, ended: threading.Event) -> None:
    """Hand out due jobs until `ended` is set. While the broker is away, a due job is logged and waits for its next time."""
    scheduler = Scheduler(celery, max_interval=heartbeat.INTERVAL_SECONDS)
    while not ended.is_set():
        heartbeat.beat()
        ended.wait(scheduler.tick())
    scheduler.close()


def main() -> int:
    """Schedule until told to end."""
    try:
        process, broker = load(ProcessSettings), load(BrokerSettings)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(
        service=process.service, process=process.process, environment=process.environment, level=process.log_level
    )
    Path(heartbeat.path()).unlink(missing_ok=True)
    celery = create_celery(process.service, broker)
    set_schedule(celery, jobs_of(process.service))
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    run(celery, ended)
    log.info("ended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
