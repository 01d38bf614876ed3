"""Celery on the broker's Redis: one application, queue and key space for each service."""

from __future__ import annotations

import importlib
import ssl
from urllib.parse import quote

from celery import Celery, signals

from services.common.jobs import Jobs
from services.common.settings import BrokerSettings

#: A scheduled task that no worker took within this time is dropped: the next one does its work.
SCHEDULED_EXPIRES_SECONDS = 300


def jobs_of(service: str) -> Jobs:
    """The background work of `service`: `services.<service>.tasks.jobs`."""
    jobs = importlib.import_module(f"services.{service.replace('-', '_')}.tasks").jobs
    assert isinstance(jobs, Jobs)
    return jobs


def create_celery(service: str, settings: BrokerSettings) -> Celery:
    """The Celery application of `service`. Nothing is connected yet."""
    scheme, password = "rediss" if settings.tls else "redis", quote(settings.password.get_secret_value(), safe="")
    url = f"{scheme}://:{password}@{settings.host}:{settings.port}/0"
    app = Celery(service, broker=url, set_as_current=False)
    app.conf.update(
        broker_use_ssl={"ssl_cert_reqs": ssl.CERT_REQUIRED} if settings.tls else None,
        broker_transport_options={
            "global_keyprefix": f"{service}:",  # services share the broker, not their queues
            "visibility_timeout": 600,  # an unacknowledged task comes again after this
            "socket_timeout": 5,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 30,
        },
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        task_default_queue=service,
        task_ignore_result=True,
        task_acks_late=True,  # a task whose worker dies comes again; handlers bear that
        task_reject_on_worker_lost=True,
        task_publish_retry=False,  # who publishes (outbox relay, scheduler) tries again by itself
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        timezone="UTC",
    )
    # Celery would otherwise configure logging by itself; a receiver that does nothing tells it that this has been done.
    signals.setup_logging.connect(_keep_logging, weak=False)
    return app


def _keep_logging(**_: object) -> None:
    pass
