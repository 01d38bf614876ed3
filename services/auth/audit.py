"""The trail of security events: what happened to an account, who did it and from where. Rows are only added."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import repository
from services.auth.models import SecurityEvent
from services.auth.visitor import Visitor
from services.common.ids import uuid7

#: Who did it, where it was the owner of the account, or nobody in particular.
OWNER, SYSTEM = "owner", "system"

NOWHERE = Visitor("", "", "")


class Happened(StrEnum):
    """Kinds of security event. A kind never changes its meaning."""

    REGISTERED = "registered"
    REGISTRATION_REPEATED = "registration-repeated"
    LOGGED_IN = "logged-in"
    LOG_IN_REFUSED = "log-in-refused"
    STEPPED_UP = "stepped-up"
    FACTOR_REFUSED = "factor-refused"
    TOKEN_REUSED = "token-reused"  # noqa: S105 - the name of an event
    SESSION_ENDED = "session-ended"
    SESSIONS_ENDED = "sessions-ended"
    CONTACT_VERIFIED = "contact-verified"
    CONTACT_CHANGED = "contact-changed"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - the name of an event
    RESET_REQUESTED = "reset-requested"
    FACTOR_ADDED = "factor-added"
    FACTOR_REMOVED = "factor-removed"
    RECOVERY_CODES_MADE = "recovery-codes-made"
    PROVIDER_LINKED = "provider-linked"
    FROZEN = "frozen"
    UNFROZEN = "unfrozen"
    CLOSING_REQUESTED = "closing-requested"
    CLOSING_WITHDRAWN = "closing-withdrawn"
    CLOSED = "closed"
    EXCLUDED = "excluded"
    ROLES_CHANGED = "roles-changed"
    READ_BY_STAFF = "read-by-staff"


async def record(
    session: AsyncSession,
    now: datetime,
    kind: Happened,
    user_id: UUID | None,
    visitor: Visitor = NOWHERE,
    *,
    actor: str = OWNER,
    session_id: UUID | None = None,
    **detail: str | int | list[str],
) -> None:
    """Add an event. `detail` holds nothing that identifies a person, and no secret. Without `user_id` it is of nobody known."""
    event = SecurityEvent(
        id=uuid7(),
        user_id=user_id,
        kind=kind,
        occurred_at=now,
        actor=actor,
        session_id=session_id,
        network=visitor.network,
        agent=visitor.agent,
        detail=detail,
    )
    await repository.add(session, event)
