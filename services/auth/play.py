"""Responsible play: the age gate, time-outs and self-exclusion. They show in the scopes of the next access token.

An exclusion is never shortened. It ends every session, so no token that allows play is good a minute later; who logs in
during it can take out money and look, and has no scope to play (docs/adr/0091-excluded-players-log-in.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import audit, repository
from services.auth.accounts import AccountService
from services.auth.audit import Happened
from services.auth.errors import AuthCode
from services.auth.models import Exclusion
from services.auth.schemas import ExclusionRequest
from services.auth.sessions import SessionService
from services.auth.visitor import Visitor
from services.common.clock import Clock
from services.common.errors import ServiceError
from services.common.ids import uuid7


@dataclass(frozen=True)
class PlayService:
    """What a person says about their own play."""

    clock: Clock
    accounts: AccountService
    sessions: SessionService

    async def exclude(self, session: AsyncSession, user_id: UUID, wanted: ExclusionRequest, visitor: Visitor) -> None:
        """Begin a time-out or a self-exclusion, now; one that is on goes on beside it, so the longest counts."""
        await self.accounts.user(session, user_id)
        now = self.clock.now()
        ends_at = now + timedelta(days=wanted.days)
        row = Exclusion(id=uuid7(), user_id=user_id, kind=wanted.kind, begins_at=now, ends_at=ends_at)
        await repository.add(session, row)
        await audit.record(session, now, Happened.EXCLUDED, user_id, visitor, exclusion=wanted.kind, days=wanted.days)
        await self.sessions.end_all(session, user_id, wanted.kind, visitor)

    async def set_birth(self, session: AsyncSession, user_id: UUID, birth_date: date) -> None:
        """Store the date of birth, once: who could change it could grow up. Raises ServiceError (state_refused)."""
        user = await self.accounts.user(session, user_id, lock=True)
        if user.birth_date not in (None, birth_date):
            raise ServiceError(AuthCode.STATE_REFUSED, "It is known already; support can correct it.")
        await repository.change_user(session, user_id, birth_date=birth_date)
