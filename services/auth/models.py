"""Auth's tables: users, sessions, refresh tokens, second factors, flows, security events, exclusions, signing keys."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.common import database
from services.common.events.log import EventRow
from services.common.job_runs import JobRun
from services.common.outbox import OutboxMessage


class Base(database.Base):
    """Base of auth's models."""

    __abstract__ = True
    metadata = database.metadata()


class State(StrEnum):
    """What an account may do: all; nothing (staff froze it); all but play (its owner closes it); nothing, for ever."""

    ACTIVE = "active"
    FROZEN = "frozen"
    CLOSING = "closing"
    CLOSED = "closed"


class User(Base):
    """A person. Addresses and numbers are stored encrypted, and found by a keyed digest of their normal form.

    `password_hash` is None of who logs in by a provider only. A closed account has neither contacts nor a password.
    """

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email_digest: Mapped[bytes | None]
    email_sealed: Mapped[bytes | None]
    email_verified_at: Mapped[datetime | None]
    phone_digest: Mapped[bytes | None]
    phone_sealed: Mapped[bytes | None]
    phone_verified_at: Mapped[datetime | None]
    password_hash: Mapped[str | None]
    created_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(server_default=text("'active'"))
    closes_at: Mapped[datetime | None]
    birth_date: Mapped[date | None]
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default=text("'{}'"))

    __table_args__ = (
        UniqueConstraint("email_digest"),
        UniqueConstraint("phone_digest"),
        CheckConstraint("state IN ('active', 'frozen', 'closing', 'closed')", name="state"),
        CheckConstraint("state = 'closed' OR email_digest IS NOT NULL OR phone_digest IS NOT NULL", name="contact"),
        Index("ix_users_closes_at", "closes_at", postgresql_where=text("closes_at IS NOT NULL")),
    )

    @property
    def is_verified(self) -> bool:
        """Whether somebody has proved that a contact is theirs: until then nobody logs in."""
        return self.email_verified_at is not None or self.phone_verified_at is not None


class LoginSession(Base):
    """One log-in: the family of the refresh tokens that follow from it.

    `agent` and `network` (a prefix of the address) are what its owner knows a device by. `amr`, `acr` and
    `authenticated_at` go into its access tokens.
    """

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str | None]
    agent: Mapped[str] = mapped_column(server_default=text("''"))
    network: Mapped[str] = mapped_column(server_default=text("''"))
    last_seen_at: Mapped[datetime | None]
    amr: Mapped[list[str]] = mapped_column(ARRAY(Text()), server_default=text("'{pwd}'"))
    acr: Mapped[str] = mapped_column(server_default=text("'aal1'"))
    authenticated_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_sessions_revoked_at", "revoked_at", postgresql_where=text("revoked_at IS NOT NULL")),)


class RefreshToken(Base):
    """One refresh token, by its hash.

    `successor_sealed` is the token that took its place, encrypted with a key that only the holder of this token has (it is
    derived from the token itself): how a second presenter within the grace time can be given the same successor.
    """

    __tablename__ = "refresh_tokens"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    successor_sealed: Mapped[bytes | None]

    __table_args__ = (
        Index("ix_refresh_tokens_session_id_created_at", "session_id", "created_at"),
        Index("ix_refresh_tokens_used_at", "used_at", postgresql_where=text("used_at IS NOT NULL")),
    )


class Totp(Base):
    """A person's authenticator app. `last_step` is the newest time step whose code was taken: none is taken twice."""

    __tablename__ = "totp"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    secret_sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(server_default=text("0"))


class Passkey(Base):
    """A WebAuthn credential; `id` and `public_key` as the authenticator gave them."""

    __tablename__ = "passkeys"

    id: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    public_key: Mapped[bytes]
    sign_count: Mapped[int]
    name: Mapped[str]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """A code that stands for a second factor once, by its keyed digest."""

    __tablename__ = "recovery_codes"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Identity(Base):
    """A person as a provider (OpenID Connect) knows them."""

    __tablename__ = "identities"

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject_digest: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]


class Flow(Base):
    """Something begun that has to be finished in time, once: a code to enter, a link to follow, a challenge to sign.

    `digest` is of what the other side holds; `attempts` counts wrong codes.
    """

    __tablename__ = "flows"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    digest: Mapped[bytes] = mapped_column(index=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    data: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_flows_user_id_kind", "user_id", "kind"),)


class SecurityEvent(Base):
    """What happened to an account: never changed, and deleted only where it concerns none (a trigger sees to both)."""

    __tablename__ = "security_events"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID | None]
    kind: Mapped[str]
    occurred_at: Mapped[datetime]
    actor: Mapped[str]
    session_id: Mapped[UUID | None]
    network: Mapped[str]
    agent: Mapped[str]
    detail: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_security_events_user_id_id", "user_id", "id"),)


class Exclusion(Base):
    """A time in which a person does not want to play. It is never shortened: rows are only added."""

    __tablename__ = "exclusions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str]
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("kind IN ('time-out', 'self-exclusion')", name="kind"),
        CheckConstraint("ends_at > begins_at", name="period"),
        Index("ix_exclusions_user_id_ends_at", "user_id", "ends_at"),
    )


class KeyState(StrEnum):
    """A signing key is published before it signs, and after."""

    NEXT = "next"
    CURRENT = "current"
    RETIRED = "retired"


class SigningKey(Base):
    """A key pair; the private half is encrypted with SIGNING_KEK."""

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSONB())
    private_sealed: Mapped[bytes]
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state IN ('next', 'current', 'retired')", name="state"),
        Index("uq_signing_keys_next", "state", unique=True, postgresql_where=text("state = 'next'")),
        Index("uq_signing_keys_current", "state", unique=True, postgresql_where=text("state = 'current'")),
    )


#: The outbox alone: auth has no idempotency keys, whose table stands in the same metadata.
_OUTBOX = database.metadata()
cast(Table, OutboxMessage.__table__).to_metadata(_OUTBOX)

METADATA = (Base.metadata, JobRun.metadata, EventRow.metadata, _OUTBOX)
