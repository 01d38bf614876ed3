"""Background work of a service: handlers of outbox messages and of the clock, free of Celery, so that tests call them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from services.common import job_runs, logs
from services.common.clock import Clock
from services.common.database import Sessions
from services.common.events.schema import task as event_task
from services.common.ids import uuid7
from services.common.outbox import Message, messages
from services.common.outside import OutsideCall, Refused, Try
from services.common.telemetry import spans

#: No job and no transaction of one takes longer; one that does is cancelled and rolled back.
TIMEOUT_SECONDS = 120

#: A clean-up may go on for so long, batch by batch.
CLEAN_UP_SECONDS = 900

#: What a reservation of a message for a call to the outside is longer than the call.
_RESERVE_LONGER = timedelta(seconds=60)

MessageHandler = Callable[[AsyncSession, Clock, dict[str, Any]], Awaitable[None]]
BatchHandler = Callable[[AsyncSession, Clock, Sequence[Message]], Awaitable[None]]
ClockHandler = Callable[[AsyncSession, Clock], Awaitable[None]]
CleanUp = Callable[[AsyncSession, Clock], Awaitable[int]]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A job of the clock. Without a success for `late_after`, and at every failure, a line with `runbook` is logged."""

    cron: str
    late_after: timedelta
    runbook: str
    run: ClockHandler | None = None
    clean_up: CleanUp | None = None


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of a batch: how many were done now, how many failed. The rest was done before or is being done elsewhere."""

    done: int = 0
    failed: int = 0

    def __add__(self, other: Handled) -> Handled:
        return Handled(self.done + other.done, self.failed + other.failed)


@dataclass
class Jobs:
    """A service's background work by task name.

    `emits`: it has events of its own. `client`: the name of the manifest's client that asks other services for theirs.
    `reads`: which events of which producer.
    """

    emits: bool = False
    client: str = ""
    reads: dict[str, set[str]] = field(default_factory=dict)
    messages: dict[str, BatchHandler] = field(default_factory=dict)
    outside: dict[str, OutsideCall[Any, Any]] = field(default_factory=dict)
    scheduled: dict[str, Scheduled] = field(default_factory=dict)

    def on_message(self, task: str) -> Callable[[MessageHandler], MessageHandler]:
        """Decorator: does the outbox messages of `task`, one at a time. Its effect in the database happens once for each.

        Messages that come together share a transaction; where one fails, each gets its own. It must not call outside.
        """

        def register(handler: MessageHandler) -> MessageHandler:
            async def each(session: AsyncSession, clock: Clock, batch: Sequence[Message]) -> None:
                for message in batch:
                    logs.request_id.set(message.request_id)
                    with _traced(task, message):
                        await handler(session, clock, message.payload)

            self.messages[self._free(task)] = each
            return handler

        return register

    def on_messages(self, task: str) -> Callable[[BatchHandler], BatchHandler]:
        """Decorator: does the outbox messages of `task` that came together, in one go: statements over sets are cheaper."""

        def register(handler: BatchHandler) -> BatchHandler:
            async def together(session: AsyncSession, clock: Clock, batch: Sequence[Message]) -> None:
                first, *others = batch
                with _traced(task, first, others) as span:
                    await handler(session, clock, batch)
                if span:
                    spans.shared(span, [message.trace for message in others])

            self.messages[self._free(task)] = together
            return handler

        return register

    def on_event(self, producer: str, name: str, version: int) -> Callable[[MessageHandler], MessageHandler]:
        """Decorator: does the events `name` of `producer`, as `on_message` does messages: each has its effect once.

        They arrive in order and are handed out in order, but one that fails comes later than its successors.
        """
        event = event_task(name, version)
        self.reads.setdefault(producer, set()).add(event)
        return self.on_message(event)

    def on_message_outside(self, task: str, call: OutsideCall[Any, Any]) -> None:
        """The outbox messages of `task` are calls to the outside, each by itself."""
        self.outside[self._free(task)] = call

    def on_schedule(
        self, task: str, cron: str, *, late_after: timedelta, runbook: str = "job-late"
    ) -> Callable[[ClockHandler], ClockHandler]:
        """Decorator: runs at the times of `cron` (minute hour day month weekday, UTC), in a transaction.

        It may run twice, and must then have the effect of one run.
        """

        def register(handler: ClockHandler) -> ClockHandler:
            self.scheduled[self._free(task)] = Scheduled(cron, late_after, runbook, run=handler)
            return handler

        return register

    def clean_up(
        self, task: str, cron: str, *, late_after: timedelta, runbook: str = "job-late"
    ) -> Callable[[CleanUp], CleanUp]:
        """Decorator: runs at the times of `cron` again and again, each time in a transaction of its own, until it returns 0.

        It does a batch that is small against the time limit of a statement, and returns how many rows that was.
        """

        def register(handler: CleanUp) -> CleanUp:
            self.scheduled[self._free(task)] = Scheduled(cron, late_after, runbook, clean_up=handler)
            return handler

        return register

    def _free(self, task: str) -> str:
        """The broker has one task of a name. Raises ValueError where two jobs want it."""
        if task in self.messages or task in self.outside or task in self.scheduled:
            raise ValueError(f"two jobs are called {task!r}: give each a name of its own")
        return task

    @property
    def tasks(self) -> list[str]:
        """The tasks of messages."""
        return [*self.messages, *self.outside]

    async def handle(self, sessions: Sessions, clock: Clock, task: str, ids: Sequence[UUID]) -> Handled:
        """Do the messages `ids`. Raises if the database is away; what a handler raises is noted at its message."""
        if task in self.outside:
            return sum([await self._call(sessions, clock, task, message_id) for message_id in ids], Handled())
        try:
            return await self._together(sessions, clock, task, ids)
        except Exception as error:
            if _database_away(error):
                raise
            if len(ids) == 1:
                return await _failed(sessions, task, ids[0], error)
        async with sessions() as session, session.begin():
            await messages.postpone(session, ids, timedelta(seconds=TIMEOUT_SECONDS))
        return sum([await self.handle(sessions, clock, task, [message_id]) for message_id in ids], Handled())

    async def _together(self, sessions: Sessions, clock: Clock, task: str, ids: Sequence[UUID]) -> Handled:
        async with asyncio.timeout(TIMEOUT_SECONDS), sessions() as session, session.begin():
            claimed = await messages.claim(session, ids)
            if claimed:
                logs.request_id.set(claimed[0].request_id)
                await self.messages[task](session, clock, claimed)
        return Handled(done=len(claimed))

    async def _call(self, sessions: Sessions, clock: Clock, task: str, message_id: UUID) -> Handled:
        """Claim, call, settle (`services.common.outside`)."""
        with ExitStack() as traced:
            return await self._call_traced(sessions, clock, task, message_id, traced)

    async def _call_traced(
        self, sessions: Sessions, clock: Clock, task: str, message_id: UUID, traced: ExitStack
    ) -> Handled:
        outside = self.outside[task]
        try:
            async with sessions() as session, session.begin():
                reserved = await messages.reserve(session, message_id, outside.timeout + _RESERVE_LONGER)
                if reserved is None:
                    return Handled()
                message, repeated = reserved
                logs.request_id.set(message.request_id)
                traced.enter_context(_traced(task, message))
                request = await outside.prepare(session, clock, message)
                if request is None:
                    await messages.claim(session, [message_id])
                    return Handled(done=1)
            try:
                async with asyncio.timeout(outside.timeout.total_seconds()):
                    outcome = await outside.call(Try(request, str(message_id), repeated))
            except Refused as refusal:
                outcome = refusal
            async with sessions() as session, session.begin():
                if not await messages.claim(session, [message_id]):
                    return Handled()
                await outside.settle(session, clock, message, request, outcome)
        except Exception as error:
            if isinstance(error, DBAPIError) and _database_away(error):
                raise
            spans.failed(error)
            return await _failed(sessions, task, message_id, error)
        return Handled(done=1)

    async def run_scheduled(self, sessions: Sessions, clock: Clock, task: str) -> bool:
        """Run one scheduled job; whether it succeeded. A failure is logged with its runbook."""
        logs.request_id.set(str(uuid7()))
        with spans.root(f"job {task}", "", {"messaging.system": "celery", "messaging.destination.name": task}):
            return await self._run_scheduled(sessions, clock, task)

    async def _run_scheduled(self, sessions: Sessions, clock: Clock, task: str) -> bool:
        job = self.scheduled[task]
        try:
            if job.run:
                async with asyncio.timeout(TIMEOUT_SECONDS), sessions() as session, session.begin():
                    await job.run(session, clock)
                # Not in the job's own: one that looks at a snapshot would fail for another run's success.
                async with sessions() as session, session.begin():
                    await job_runs.succeeded(session, task)
            if job.clean_up:
                await _clean_up(sessions, clock, task, job.clean_up)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            log.exception("job failed", extra={"task": task, "reason": reason, "runbook": job.runbook})
            spans.failed(error)
            await _note_failure(sessions, task, reason)
            return False
        return True


def _traced(task: str, message: Message, others: Sequence[Message] = ()) -> spans.root:
    """The work on a message goes on in the trace that caused it; each try of it is a span of its own there."""
    attributes: dict[str, str | int] = {
        "messaging.system": "celery",
        "messaging.destination.name": task,
        "messaging.message.id": str(message.id),
    }
    if others:
        attributes["messaging.batch.message_count"] = 1 + len(others)
    return spans.root(f"process {task}", message.trace, attributes, [each.trace for each in others])


async def _clean_up(sessions: Sessions, clock: Clock, task: str, clean_up: CleanUp) -> None:
    done = 0
    async with asyncio.timeout(CLEAN_UP_SECONDS):
        while True:
            async with sessions() as session, session.begin():
                batch = await clean_up(session, clock)
                if not batch:
                    await job_runs.succeeded(session, task)
                    break
            done += batch
    log.info("cleaned up", extra={"task": task, "rows": done})


async def _note_failure(sessions: Sessions, task: str, reason: str) -> None:
    try:
        async with asyncio.timeout(10), sessions() as session, session.begin():
            await job_runs.failed(session, task, reason)
    except Exception as error:  # then the log alone says so
        log.warning("failure not noted", extra={"task": task, "reason": type(error).__name__})


async def _failed(sessions: Sessions, task: str, message_id: UUID, error: Exception) -> Handled:
    reason = f"{type(error).__name__}: {error}"
    log.warning("message not done", extra={"task": task, "message_id": message_id, "reason": reason}, exc_info=error)
    async with sessions() as session, session.begin():
        await messages.fail(session, message_id, logs.scrub(reason))
    return Handled(failed=1)


#: SQLSTATE classes of a server that is away or ending: connection exceptions, operator intervention.
_AWAY = ("08", "57P")


def _database_away(error: Exception) -> bool:
    """Whether the same would happen to every message now."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        return error.connection_invalidated or state.startswith(_AWAY)
    return isinstance(error, OSError) and not isinstance(error, TimeoutError)
