"""The providers' own word on whether payments fail there at the moment; routing passes over who says so."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.clock import Clock
from services.common.outbox import Message
from services.common.outside import Refused, Try
from services.payments import repository
from services.payments.outside import Lost, Reach, outcome_of
from services.payments.providers.port import ProviderName

#: Outbox task: ask a provider.
ASK = "payments.ask_downtime"


class AskDowntime:
    """Ask a provider; one that does not answer says nothing, and its calls will tell."""

    timeout = timedelta(seconds=10)

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def prepare(self, session: AsyncSession, clock: Clock, message: Message) -> ProviderName:
        """Whom."""
        name: ProviderName = message.payload["provider"]
        return name

    async def call(self, wanted: Try[ProviderName]) -> bool | Refused | Lost:
        """Its word."""
        outside = await self._reach()
        return await outcome_of(outside, wanted.request, outside.providers[wanted.request].is_down())

    async def settle(
        self,
        session: AsyncSession,
        clock: Clock,
        message: Message,
        request: ProviderName,
        outcome: bool | Refused | Lost,
    ) -> None:
        """Keep it."""
        if isinstance(outcome, bool):
            await repository.note_downtime(session, request, outcome)
