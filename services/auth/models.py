"""Auth's tables: users, sessions, refresh tokens, signing keys."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.common import database
from services.common.events.log import EventRow
from services.common.job_runs import JobRun


class Base(database.Base):
    """Base of auth's models."""

    __abstract__ = True
    metadata = database.metadata()


class User(Base):
    """A person. The address is stored encrypted, and found by a keyed digest of its normal form."""

    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email_digest: Mapped[bytes]
    email_sealed: Mapped[bytes]
    password_hash: Mapped[str]
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("email_digest"),)


class LoginSession(Base):
    """One log-in: the family of the refresh tokens that follow from it."""

    __tablename__ = "sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str | None]


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


METADATA = (Base.metadata, JobRun.metadata, EventRow.metadata)
