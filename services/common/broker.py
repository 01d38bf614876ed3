"""Celery on the broker's Redis: one application, two queues and a key space for each service.

Scheduled jobs wait in the queue `<service>`, batches of outbox messages in `<service>.messages`.
"""

from __future__ import annotations

import asyncio
import importlib
import ssl
from collections.abc import Sequence
from urllib.parse import quote
from uuid import UUID

from celery import Celery, signals
from kombu import Queue  # type: ignore[attr-defined] # kombu makes its names when they are asked for
from redis.asyncio import Redis

from services.common.jobs import Jobs
from services.common.settings import BrokerSettings

#: A scheduled task that no worker took within this time is dropped: the next one does its work.
SCHEDULED_EXPIRES_SECONDS = 300


def jobs_of(service: str) -> Jobs:
    """The background work of `service`: `services.<service>.tasks.jobs`."""
    jobs = importlib.import_module(f"services.{service.replace('-', '_')}.tasks").jobs
    assert isinstance(jobs, Jobs)
    return jobs


def key_prefix(service: str) -> str:
    """What the names of a service's keys begin with: services share the broker, not their queues."""
    return f"{service}:"


def messages_queue(service: str) -> str:
    """The queue of a service's outbox messages."""
    return f"{service}.messages"


def access_rules(service: str) -> list[str]:
    """What the broker's user of `service` may do, as Redis ACL rules: its own keys, and no command that reaches further."""
    return ["resetkeys", f"~{key_prefix(service)}*", "resetchannels", f"&{key_prefix(service)}*", "-@all", *_COMMANDS]


#: What Celery's transport and the relay use.
_COMMANDS = (
    *("+@connection", "+@list", "+@sortedset", "+@hash", "+@set", "+@transaction", "+info"),
    *(
        "+get",
        "+set",
        "+setnx",
        "+del",
        "+exists",
        "+expire",
        "+pexpire",
        "+watch",
        "+type",
        "+evalsha",
        "+eval",
        "+script|load",
    ),
)


def create_celery(service: str, settings: BrokerSettings) -> Celery:
    """The Celery application of `service`. Nothing is connected yet."""
    scheme, password = "rediss" if settings.tls else "redis", quote(settings.password.get_secret_value(), safe="")
    url = f"{scheme}://{settings.user}:{password}@{settings.host}:{settings.port}/0"
    app = Celery(service, broker=url, set_as_current=False)
    app.conf.update(
        broker_use_ssl={"ssl_cert_reqs": ssl.CERT_REQUIRED} if settings.tls else None,
        broker_transport_options={
            "global_keyprefix": key_prefix(service),
            "visibility_timeout": 1200,  # an unacknowledged task comes again after this: longer than any job may take
            "socket_timeout": 5,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 30,
        },
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        task_default_queue=service,
        task_queues=[Queue(name) for name in (service, messages_queue(service))],  # type: ignore[no-untyped-call] # kombu's
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


class BrokerQueue:
    """The queue of a service's outbox messages: how full it is, and batches put into it. Nothing here waits for long."""

    def __init__(self, service: str, settings: BrokerSettings, celery: Celery) -> None:
        self._name, self._celery = messages_queue(service), celery
        self._key = key_prefix(service) + self._name
        self._redis = Redis(
            host=settings.host,
            port=settings.port,
            username=settings.user or None,
            password=settings.password.get_secret_value(),
            ssl=settings.tls,
            ssl_check_hostname=settings.tls,
            socket_timeout=5,
            socket_connect_timeout=5,
            socket_keepalive=True,
            health_check_interval=30,
        )

    async def depth(self) -> int:
        """How many batches wait."""
        return int(await self._redis.llen(self._key))

    async def publish(self, task: str, ids: Sequence[UUID]) -> None:
        """Put a batch into the queue. Raises what Celery raises when the broker does not take it."""
        # Celery's client blocks: not on this loop. Its socket has time-outs.
        await asyncio.to_thread(self._celery.send_task, task, args=[[str(each) for each in ids]], queue=self._name)

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.aclose()


def _keep_logging(**_: object) -> None:
    pass
