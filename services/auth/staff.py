"""What staff do with accounts: look (masked), end sessions, freeze, give roles. Each act is an event of the account."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import audit, factors_repository, repository
from services.auth.accounts import AccountService
from services.auth.audit import Happened
from services.auth.contacts import Contacts, Kind, masked
from services.auth.errors import AuthCode
from services.auth.models import SecurityEvent, State, User
from services.auth.schemas import AccountView, RolesRequest, SecurityEvents, SecurityEventView
from services.auth.sessions import SessionService
from services.auth.visitor import Visitor
from services.common.clock import Clock
from services.common.errors import Code, ServiceError

EVENTS_SHOWN = 50


@dataclass(frozen=True)
class StaffService:
    """`actor` is who does it: the id of a person, or a client's name."""

    clock: Clock
    contacts: Contacts
    accounts: AccountService
    sessions: SessionService

    async def view(self, session: AsyncSession, user_id: UUID, actor: str, visitor: Visitor) -> AccountView:
        """An account, its contacts masked; that it was looked at is noted."""
        user = await self._user(session, user_id)
        await audit.record(session, self.clock.now(), Happened.READ_BY_STAFF, user_id, visitor, actor=actor)
        shown = {
            kind: masked(contact)
            for kind, sealed in ((Kind.EMAIL, user.email_sealed), (Kind.PHONE, user.phone_sealed))
            if (contact := self.contacts.open(kind, sealed, user.id)) is not None
        }
        devices = await self.sessions.show(session, user_id, "")
        return AccountView(
            id=user.id,
            email=shown.get(Kind.EMAIL),
            phone=shown.get(Kind.PHONE),
            verified=user.email_verified_at is not None or user.phone_verified_at is not None,
            state=State(user.state),
            roles=user.roles,
            factors=sorted(await factors_repository.factors_of(session, user_id)),
            sessions=len(devices.sessions),
            created_at=user.created_at,
        )

    async def events(
        self, session: AsyncSession, user_id: UUID, before: UUID | None, actor: str, visitor: Visitor
    ) -> SecurityEvents:
        """Events of an account, without networks and devices; that they were looked at is noted."""
        await self._user(session, user_id)
        found = await events_of(session, user_id, before, mask=True)
        await audit.record(session, self.clock.now(), Happened.READ_BY_STAFF, user_id, visitor, actor=actor)
        return found

    async def own_events(self, session: AsyncSession, user_id: UUID, before: UUID | None) -> SecurityEvents:
        """The same for their owner, with everything."""
        return await events_of(session, user_id, before)

    async def end_sessions(
        self, session: AsyncSession, user_id: UUID, reason: str, actor: str, visitor: Visitor
    ) -> None:
        """Log a person out everywhere."""
        await self._user(session, user_id)
        await self.sessions.end_all(session, user_id, f"staff: {reason}", visitor, actor)

    async def freeze(self, session: AsyncSession, user_id: UUID, reason: str, actor: str, visitor: Visitor) -> None:
        """Nobody logs in to the account, and every session ends. Raises ServiceError (state_refused)."""
        user = await self._user(session, user_id, lock=True)
        if user.state == State.FROZEN:
            raise ServiceError(AuthCode.STATE_REFUSED, "The account is frozen already.")
        self._not_oneself(user_id, actor)
        await repository.change_user(session, user_id, state=State.FROZEN, closes_at=None)
        await audit.record(session, self.clock.now(), Happened.FROZEN, user_id, visitor, actor=actor, reason=reason)
        await self.sessions.end_all(session, user_id, "frozen", visitor, actor)

    async def unfreeze(self, session: AsyncSession, user_id: UUID, reason: str, actor: str, visitor: Visitor) -> None:
        """The account is as any other again. Raises ServiceError (state_refused)."""
        user = await self._user(session, user_id, lock=True)
        if user.state != State.FROZEN:
            raise ServiceError(AuthCode.STATE_REFUSED, f"The account is {user.state}; accepted: frozen.")
        await repository.change_user(session, user_id, state=State.ACTIVE)
        await audit.record(session, self.clock.now(), Happened.UNFROZEN, user_id, visitor, actor=actor, reason=reason)

    async def set_roles(
        self, session: AsyncSession, user_id: UUID, wanted: RolesRequest, actor: str, visitor: Visitor
    ) -> None:
        """Give a person all of these roles and no others. Every session ends: tokens say what they said when they were made."""
        user = await self._user(session, user_id, lock=True)
        self._not_oneself(user_id, actor)
        roles = sorted({role.value for role in wanted.roles})
        await repository.change_user(session, user_id, roles=roles)
        now = self.clock.now()
        await audit.record(
            session, now, Happened.ROLES_CHANGED, user_id, visitor, actor=actor, reason=wanted.reason,
            before=user.roles, after=roles,
        )  # fmt: skip
        await self.sessions.end_all(session, user_id, "roles", visitor, actor)

    async def find(self, session: AsyncSession, digest: bytes) -> UUID:
        """The account of a contact. Raises ServiceError (not_found)."""
        user = await repository.user_by_digest(session, digest)
        if user is None:
            raise ServiceError(Code.NOT_FOUND, "No account has that contact.")
        return user.id

    async def _user(self, session: AsyncSession, user_id: UUID, *, lock: bool = False) -> User:
        return await self.accounts.user(session, user_id, lock=lock)

    @staticmethod
    def _not_oneself(user_id: UUID, actor: str) -> None:
        if str(user_id) == actor:
            raise ServiceError(AuthCode.STATE_REFUSED, "Somebody else has to do that for you.")


async def events_of(session: AsyncSession, user_id: UUID, before: UUID | None, *, mask: bool = False) -> SecurityEvents:
    """Events of an account, the newest first."""
    found = await repository.security_events(session, user_id, before, EVENTS_SHOWN + 1)
    shown, more = found[:EVENTS_SHOWN], len(found) > EVENTS_SHOWN
    return SecurityEvents(events=[_view(each, mask) for each in shown], next_before=shown[-1].id if more else None)


def _view(row: SecurityEvent, mask: bool) -> SecurityEventView:
    return SecurityEventView(
        id=row.id,
        kind=row.kind,
        occurred_at=row.occurred_at,
        actor=row.actor,
        session_id=None if mask else row.session_id,
        network="" if mask else row.network,
        agent="" if mask else row.agent,
        detail=row.detail,
    )
