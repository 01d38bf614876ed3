"""Auth's queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.models import Base, KeyState, LoginSession, RefreshToken, SigningKey, User

#: Whoever changes signing keys holds this lock, within auth's own database.
_KEYS_LOCK = 0x6B657973  # "keys"


@dataclass(frozen=True)
class Rotation:
    """A refresh token that was used for the first time: whose session it belongs to."""

    session_id: UUID
    user_id: UUID
    session_expires_at: datetime


async def add(session: AsyncSession, row: Base) -> None:
    """Insert a row that nothing else can have inserted."""
    session.add(row)
    await session.flush()


async def add_user(session: AsyncSession, user: User) -> bool:
    """Add a person; False if the address has an account."""
    values = {column.key: getattr(user, column.key) for column in User.__table__.columns}
    statement = insert(User).values(**values).on_conflict_do_nothing(index_elements=["email_digest"]).returning(User.id)
    return await session.scalar(statement) is not None


async def user_by_digest(session: AsyncSession, digest: bytes) -> User | None:
    """The person with that address."""
    return (await session.scalars(select(User).where(User.email_digest == digest))).one_or_none()


async def user_by_id(session: AsyncSession, user_id: UUID) -> User | None:
    """The person with that id."""
    return await session.get(User, user_id)


async def set_password_hash(session: AsyncSession, user_id: UUID, *, old: str, new: str) -> None:
    """Replace a hash by one with newer parameters, unless it has changed meanwhile."""
    await session.execute(update(User).where(User.id == user_id, User.password_hash == old).values(password_hash=new))


async def use_refresh_token(
    session: AsyncSession, digest: bytes, successor_sealed: bytes, now: datetime
) -> Rotation | None:
    """Use a token: one conditional UPDATE, so that of any number of presenters exactly one wins. None for all others."""
    row = (
        await session.execute(
            update(RefreshToken)
            .where(
                RefreshToken.digest == digest,
                RefreshToken.used_at.is_(None),
                RefreshToken.expires_at > now,
                RefreshToken.session_id == LoginSession.id,
                LoginSession.revoked_at.is_(None),
                LoginSession.expires_at > now,
            )
            .values(used_at=now, successor_sealed=successor_sealed)
            .returning(LoginSession.id, LoginSession.user_id, LoginSession.expires_at)
        )
    ).one_or_none()
    return Rotation(row.id, row.user_id, row.expires_at) if row else None


async def find_refresh_token(session: AsyncSession, digest: bytes) -> tuple[RefreshToken, LoginSession] | None:
    """A token and its session, as they are now."""
    row = (
        await session.execute(
            select(RefreshToken, LoginSession)
            .join(LoginSession, LoginSession.id == RefreshToken.session_id)
            .where(RefreshToken.digest == digest)
            .execution_options(populate_existing=True)
        )
    ).one_or_none()
    return (row[0], row[1]) if row else None


async def tokens_made(session: AsyncSession, session_id: UUID, since: datetime) -> int:
    """How many refresh tokens a session has got since then."""
    counted = select(func.count()).where(RefreshToken.session_id == session_id, RefreshToken.created_at > since)
    return int(await session.scalar(counted) or 0)


async def tokens_since(session: AsyncSession, session_id: UUID, moment: datetime) -> dict[bytes, RefreshToken]:
    """The refresh tokens that a session has got at that moment and since, by their digests."""
    found = await session.scalars(
        select(RefreshToken).where(RefreshToken.session_id == session_id, RefreshToken.created_at >= moment)
    )
    return {token.digest: token for token in found}


async def revoke(session: AsyncSession, session_id: UUID, reason: str, now: datetime) -> None:
    """End a session; the first reason stays."""
    await session.execute(
        update(LoginSession)
        .where(LoginSession.id == session_id, LoginSession.revoked_at.is_(None))
        .values(revoked_at=now, revoked_reason=reason)
    )


#: Each session takes its refresh tokens along.
_FORGET_BATCH = 500
_FORGET_TOKENS_BATCH = 5000


async def forget_sessions(session: AsyncSession, before: datetime) -> int:
    """Delete a batch of sessions, and with them their tokens, that ended before that moment; returns how many sessions."""
    ended = (
        select(LoginSession.id)
        .where((LoginSession.expires_at < before) | (LoginSession.revoked_at < before))
        .limit(_FORGET_BATCH)
        .with_for_update(skip_locked=True)
    )
    statement = delete(LoginSession).where(LoginSession.id.in_(ended))
    return (await session.execute(statement)).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult


async def forget_used_tokens(session: AsyncSession, before: datetime) -> int:
    """Delete a batch of refresh tokens that were used before that moment; returns how many."""
    used = (
        select(RefreshToken.digest)
        .where(RefreshToken.used_at < before)
        .limit(_FORGET_TOKENS_BATCH)
        .with_for_update(skip_locked=True)
    )
    statement = delete(RefreshToken).where(RefreshToken.digest.in_(used))
    return (await session.execute(statement)).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult


async def lock_keys(session: AsyncSession) -> None:
    """Let nobody else change the signing keys until the transaction ends."""
    await session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _KEYS_LOCK})


async def keys(session: AsyncSession, *states: KeyState) -> Sequence[SigningKey]:
    """The signing keys in one of `states`."""
    found = await session.scalars(select(SigningKey).where(SigningKey.state.in_(states)))
    return found.all()


async def retire_key(session: AsyncSession, kid: str, now: datetime) -> None:
    """A key signs no more."""
    await session.execute(
        update(SigningKey).where(SigningKey.kid == kid).values(state=KeyState.RETIRED, retired_at=now)
    )


async def seal_key_anew(session: AsyncSession, kid: str, sealed: bytes) -> None:
    """Store a key's private half as it is encrypted now."""
    await session.execute(update(SigningKey).where(SigningKey.kid == kid).values(private_sealed=sealed))


async def promote_next_key(session: AsyncSession, now: datetime) -> None:
    """The next key, if there is one, signs from now on."""
    await session.execute(
        update(SigningKey).where(SigningKey.state == KeyState.NEXT).values(state=KeyState.CURRENT, activated_at=now)
    )


async def forget_retired_keys(session: AsyncSession, before: datetime) -> None:
    """Delete keys that were retired before that moment."""
    await session.execute(
        delete(SigningKey).where(SigningKey.state == KeyState.RETIRED, SigningKey.retired_at < before)
    )
