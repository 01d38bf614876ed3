"""The relay: hands due messages to the queue, a batch at a time, and never more than the workers are about to take.

It publishes when the queue is empty, and only then. So what waits there is never published a second time, however long it
waits; a backlog waits in PostgreSQL, where it is counted; and what the broker lost is seen to be lost. Nothing is published
within a transaction: a broker that is slow or away holds no lock and no connection.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from services.common import metrics
from services.common.database import Sessions
from services.common.outbox import messages

#: How many batches a relay puts into an empty queue: one for each thread of a worker.
BATCHES = 4
BATCH = 100

#: So often a message is published in a batch with others; from then on by itself. One that ends its worker's process would
#: otherwise take the others along until all of them are dead letters.
TOGETHER_ATTEMPTS = 2

#: A message that is older than this and still not done makes a ticket, once in REPEAT.
LATE_SECONDS = 300.0
REPEAT_SECONDS = 600.0
MEASURE_SECONDS = 60.0

#: One round may take no longer: each of its steps has a time limit of its own, below this.
ROUND_SECONDS = 15.0

#: How long until the next round: messages are gathered into batches, unless there is more than a round takes.
PAUSE_SECONDS = 0.5
BUSY_PAUSE_SECONDS = 0.05

log = logging.getLogger(__name__)


class Queue(Protocol):
    """The queue of a service's messages."""

    async def depth(self) -> int:
        """How many batches wait in it."""
        ...

    async def publish(self, task: str, ids: Sequence[UUID]) -> None:
        """Put a batch into it."""
        ...


class Relay:
    """The relay of one worker. `batch_sizes` says for which tasks a batch is smaller than BATCH."""

    def __init__(self, sessions: Sessions, queue: Queue, batch_sizes: Mapping[str, int] | None = None) -> None:
        self._sessions, self._queue, self._sizes = sessions, queue, batch_sizes or {}
        self._measured = self._complained = float("-inf")
        self._more = False

    async def round(self) -> int:
        """Publish what is due, if the queue is empty; returns how many messages. Raises what the database or broker raises."""
        self._more = await self._queue.depth() > 0
        if self._more:
            return 0
        async with self._sessions() as session, session.begin():
            dead = await messages.bury(session)
            handed = await messages.hand_out(session, BATCHES * BATCH)
        for message_id, task, error in dead:
            fields = {"message_id": message_id, "task": task, "reason": error, "runbook": "outbox-stuck"}
            log.error("dead letter: published for the last time and not done", extra=fields)
        await self._publish(self._batches(handed))
        self._more = len(handed) == BATCHES * BATCH
        return len(handed)

    def _batches(self, handed: Sequence[messages.Handed]) -> list[tuple[str, list[UUID]]]:
        """Each task's messages together, oldest first; one by one what has failed before: it may be what kills its batch."""
        groups: dict[tuple[str, int], list[UUID]] = {}
        for message in handed:
            size = 1 if message.attempts > TOGETHER_ATTEMPTS else self._sizes.get(message.task, BATCH)
            groups.setdefault((message.task, size), []).append(message.id)
        return [
            (task, sorted(ids)[first : first + size])
            for (task, size), ids in groups.items()
            for first in range(0, len(ids), size)
        ]

    async def _publish(self, batches: list[tuple[str, list[UUID]]]) -> None:
        left = list(batches)
        try:
            while left:
                await self._queue.publish(*left[0])
                left.pop(0)
        finally:
            if left:  # the broker refused: these wait for nobody. If this fails too they wait for their pause.
                async with self._sessions() as session, session.begin():
                    await messages.take_back(session, [message_id for _, ids in left for message_id in ids])

    async def measure(self) -> None:
        """Once in a while say how much waits and how old it is: as metrics, and as a ticket when it is late."""
        now = time.monotonic()
        if now - self._measured < MEASURE_SECONDS:
            return
        self._measured = now
        async with self._sessions() as session:
            found = await messages.backlog(session)
        metrics.emit(
            OutboxDepth=(found.waiting, "Count"),
            OutboxAge=(found.oldest_seconds, "Seconds"),
            OutboxDeadLetters=(found.dead, "Count"),
        )
        if found.oldest_seconds > LATE_SECONDS and now - self._complained >= REPEAT_SECONDS:
            self._complained = now
            fields = {
                "waiting": found.waiting,
                "oldest_seconds": round(found.oldest_seconds),
                "runbook": "outbox-stuck",
            }
            log.error("outbox is late", extra=fields)

    async def run(self, moved: Callable[[], None]) -> None:
        """Publish for ever. `moved` is called after every round that the database and the broker answered."""
        while True:
            self._more = False
            try:
                async with asyncio.timeout(ROUND_SECONDS):
                    await self.round()
                    await self.measure()
                moved()
            except Exception as error:  # the database or the broker is away: the messages wait
                log.warning("outbox not published", extra={"reason": f"{type(error).__name__}: {error}"})
                await asyncio.sleep(2)
            await asyncio.sleep(BUSY_PAUSE_SECONDS if self._more else PAUSE_SECONDS)
