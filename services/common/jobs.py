"""Background work of a service: handlers of outbox messages and of the clock, free of Celery, so that tests call them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.common import logs, outbox
from services.common.clock import Clock
from services.common.database import Sessions
from services.common.ids import uuid7

#: No job takes longer; one that does is cancelled and its transaction rolled back.
TIMEOUT_SECONDS = 120

MessageHandler = Callable[[AsyncSession, Clock, dict[str, Any]], Awaitable[None]]
ClockHandler = Callable[[AsyncSession, Clock], Awaitable[None]]

log = logging.getLogger(__name__)


@dataclass
class Jobs:
    """A service's background work by task name. Each handler runs in a transaction of its own that is committed after it."""

    messages: dict[str, MessageHandler] = field(default_factory=dict)
    scheduled: dict[str, tuple[str, ClockHandler]] = field(default_factory=dict)

    def on_message(self, task: str) -> Callable[[MessageHandler], MessageHandler]:
        """Decorator: does the outbox messages of `task`. Its effect in the database happens once for each message."""

        def register(handler: MessageHandler) -> MessageHandler:
            self.messages[task] = handler
            return handler

        return register

    def on_schedule(self, task: str, cron: str) -> Callable[[ClockHandler], ClockHandler]:
        """Decorator: runs at the times of `cron` (minute hour day month weekday, UTC). It must bear to run twice."""

        def register(handler: ClockHandler) -> ClockHandler:
            self.scheduled[task] = (cron, handler)
            return handler

        return register

    async def handle_message(self, sessions: Sessions, clock: Clock, task: str, message_id: UUID) -> bool:
        """Do one message; False if it was done before."""
        async with asyncio.timeout(TIMEOUT_SECONDS), sessions() as session, session.begin():
            claimed = await outbox.claim(session, message_id, clock.now())
            if claimed is None:
                return False
            logs.request_id.set(claimed.request_id)
            await self.messages[task](session, clock, claimed.payload)
        return True

    async def run_scheduled(self, sessions: Sessions, clock: Clock, task: str) -> None:
        """Run one scheduled job."""
        logs.request_id.set(str(uuid7()))
        async with asyncio.timeout(TIMEOUT_SECONDS), sessions() as session, session.begin():
            await self.scheduled[task][1](session, clock)
