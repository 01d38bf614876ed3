"""The consumer's side: ask the producer for what came after our position, and hand each event to our own outbox.

Position and messages are written in one transaction, and a message's id is the event's: an event becomes one message, whatever
fails on the way and however often it is read. From then on it is a message like others, with retries, dead letters and batches.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.common import database, metrics
from services.common.database import Sessions
from services.common.events.endpoint import MOST, EventPage, EventView
from services.common.events.schema import task
from services.common.machine_tokens import Credentials, MachineTokens
from services.common.outbox import messages
from services.common.settings import variable
from services.common.telemetry.carried import ServiceClient

PAUSE_SECONDS = 1.0
ASK_SECONDS = 10.0

#: When a producer could not be asked for so long, that is said with a runbook, again after REPEAT_SECONDS.
LATE_SECONDS = 300.0
REPEAT_SECONDS = 600.0

log = logging.getLogger(__name__)


class EventOffset(database.Base):
    """How far this service has read the events of one producer."""

    metadata = database.metadata()

    __tablename__ = "event_offsets"

    producer: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]


@dataclass(frozen=True)
class Subscription:
    """What is read of one producer: its name, where it is, and which events (`<name>.v<version>`); others are passed over."""

    producer: str
    url: str
    tasks: frozenset[str]


_OFFSET = text("SELECT position FROM event_offsets WHERE producer = :producer")
_BEGIN = text("INSERT INTO event_offsets (producer, position) VALUES (:producer, 0) ON CONFLICT DO NOTHING")
_ADVANCE = text("UPDATE event_offsets SET position = :to WHERE producer = :producer AND position = :after")


async def _offset(session: AsyncSession, producer: str) -> int:
    await session.execute(_BEGIN, {"producer": producer})
    return int((await session.execute(_OFFSET, {"producer": producer})).scalar_one())


class Reader:
    """Reads one subscription."""

    def __init__(
        self, wanted: Subscription, sessions: Sessions, http: httpx.AsyncClient, tokens: MachineTokens
    ) -> None:
        self._wanted, self._sessions, self._http, self._tokens = wanted, sessions, http, tokens
        self._read = time.monotonic()
        self._complained = float("-inf")

    async def round(self) -> int:
        """Read one page; returns how many events it had. Raises httpx.HTTPError, ValueError, and what the database raises."""
        producer = self._wanted.producer
        async with self._sessions() as session, session.begin():
            after = await _offset(session, producer)
        page = await self._ask(after)  # no transaction is open meanwhile
        if page.first > after + 1:
            fields = {"producer": producer, "after": after, "first": page.first, "runbook": "events-late"}
            log.error("events were forgotten before they were read", extra=fields)
        if page.events:
            async with self._sessions() as session, session.begin():
                values = {"producer": producer, "after": after, "to": page.events[-1].position}
                advanced: Any = await session.execute(_ADVANCE, values)
                if advanced.rowcount:  # else another worker of ours has just read this page
                    await self._hand_on(session, page.events)
        self._read = time.monotonic()
        return len(page.events)

    async def _ask(self, after: int) -> EventPage:
        bearer = {"Authorization": f"Bearer {await self._tokens.token()}"}
        url = f"{self._wanted.url}/{self._wanted.producer}/internal/events"
        answer = await self._http.get(url, params={"after": after, "count": MOST}, headers=bearer)
        answer.raise_for_status()
        return EventPage.model_validate_json(answer.content)

    async def _hand_on(self, session: AsyncSession, events: Sequence[EventView]) -> None:
        for event in events:
            name = task(event.name, event.version)
            if name in self._wanted.tasks:
                await messages.receive(session, event.id, name, event.data, event.request_id, event.trace)

    async def run(self) -> None:
        """Read for ever."""
        while True:
            found = 0
            try:
                async with asyncio.timeout(30):
                    found = await self.round()
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                log.warning("events not read", extra={"producer": self._wanted.producer, "reason": reason})
                self._complain(reason)
            if found < MOST:
                await asyncio.sleep(PAUSE_SECONDS)

    def _complain(self, reason: str) -> None:
        now = time.monotonic()
        if now - self._read > LATE_SECONDS and now - self._complained >= REPEAT_SECONDS:
            self._complained = now
            metrics.emit(EventsUnread=(now - self._read, "Seconds"))
            fields = {"producer": self._wanted.producer, "reason": reason, "runbook": "events-late"}
            log.error("a producer's events cannot be read", extra=fields)


class Reading:
    """All subscriptions of a service. Raises SettingsError if a producer has no address, or the client no secret.

    `client` is the manifest's client that asks; `reads` says which events of which producer.
    """

    def __init__(self, client: str, reads: Mapping[str, Iterable[str]]) -> None:
        self._credentials = Credentials.of(client)
        self._wanted = [
            Subscription(producer, variable(f"{producer.upper().replace('-', '_')}_URL"), frozenset(events))
            for producer, events in reads.items()
        ]

    async def run(self, sessions: Sessions) -> None:
        """Read for ever."""
        async with ServiceClient(timeout=ASK_SECONDS, trust_env=False) as http:
            tokens = MachineTokens(self._credentials, http)
            await asyncio.gather(*(Reader(each, sessions, http, tokens).run() for each in self._wanted))
