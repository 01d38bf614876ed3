"""Auth's queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.models import (
    Base,
    Exclusion,
    KeyState,
    LoginSession,
    RefreshToken,
    SecurityEvent,
    SigningKey,
    State,
    User,
)

#: Whoever changes signing keys holds this lock, within auth's own database.
_KEYS_LOCK = 0x6B657973  # "keys"


@dataclass(frozen=True)
class Holder:
    """A session and the person who holds it, as their tokens say it."""

    session_id: UUID
    user_id: UUID
    session_expires_at: datetime
    amr: Sequence[str]
    acr: str
    authenticated_at: datetime
    state: str
    roles: Sequence[str]
    verified: bool
    birth_date: date | None
    excluded: bool


#: The columns of a Holder, of `session` and `person`.
_HOLDER = """
    session.id AS session_id, person.id AS user_id, session.expires_at AS session_expires_at, session.amr, session.acr,
    coalesce(session.authenticated_at, session.created_at) AS authenticated_at, person.state, person.roles,
    (person.email_verified_at IS NOT NULL OR person.phone_verified_at IS NOT NULL) AS verified, person.birth_date,
    EXISTS (
        SELECT FROM exclusions WHERE user_id = person.id AND begins_at <= :now AND ends_at > :now
    ) AS excluded
"""


def _of_holder(statement: str) -> TextClause:
    """`statement`, with the columns of a Holder where it says HOLDER."""
    return text(statement.replace("HOLDER", _HOLDER))


async def add(session: AsyncSession, row: Base) -> None:
    """Insert a row that nothing else can have inserted."""
    session.add(row)
    await session.flush()


async def add_user(session: AsyncSession, user: User) -> bool:
    """Add a person; False if the address or the number has an account."""
    values = {column.key: getattr(user, column.key) for column in User.__table__.columns}
    statement = insert(User).values(**values).on_conflict_do_nothing().returning(User.id)
    return await session.scalar(statement) is not None


async def user_by_digest(session: AsyncSession, digest: bytes) -> User | None:
    """The person with that address or number; the digests of both kinds are keyed differently."""
    found = select(User).where((User.email_digest == digest) | (User.phone_digest == digest))
    return (await session.scalars(found)).one_or_none()


async def user_by_id(session: AsyncSession, user_id: UUID, *, lock: bool = False) -> User | None:
    """The person with that id, as it is now; with `lock` nobody else changes it until the transaction ends."""
    return await session.get(User, user_id, populate_existing=True, with_for_update=lock or None)


async def set_password_hash(session: AsyncSession, user_id: UUID, *, old: str | None, new: str) -> bool:
    """Replace a hash, unless it has changed meanwhile; whether it did."""
    unchanged = User.password_hash.is_not_distinct_from(old)
    statement = update(User).where(User.id == user_id, unchanged).values(password_hash=new).returning(User.id)
    return await session.scalar(statement) is not None


async def change_user(session: AsyncSession, user_id: UUID, **values: Any) -> None:
    """Set columns of a person."""
    await session.execute(update(User).where(User.id == user_id).values(**values))


async def due_to_close(session: AsyncSession, now: datetime, count: int) -> Sequence[User]:
    """Accounts whose time to change their mind is over, locked."""
    due = select(User).where(User.state == State.CLOSING, User.closes_at <= now).limit(count)
    return (await session.scalars(due.with_for_update(skip_locked=True))).all()


async def erase(session: AsyncSession, user_id: UUID) -> None:
    """Leave of a person an id and the states of their account: no contact, no password, no factor, no provider."""
    for table in ("totp", "passkeys", "recovery_codes", "identities", "flows"):
        await session.execute(text(f"DELETE FROM {table} WHERE user_id = :id"), {"id": user_id})  # noqa: S608 - names from the line above
    emptied = dict.fromkeys(
        ("email_digest", "email_sealed", "email_verified_at", "phone_digest", "phone_sealed", "phone_verified_at",
         "password_hash", "birth_date", "closes_at")
    )  # fmt: skip
    await change_user(session, user_id, state=State.CLOSED, roles=[], **emptied)


_HOLDER_BY_SESSION = _of_holder("""
    SELECT HOLDER FROM sessions AS session JOIN users AS person ON person.id = session.user_id
    WHERE session.id = :session AND session.revoked_at IS NULL AND session.expires_at > :now
""")


async def holder(session: AsyncSession, session_id: UUID, now: datetime) -> Holder | None:
    """Who holds a session; None if it has ended."""
    row = (await session.execute(_HOLDER_BY_SESSION, {"session": session_id, "now": now})).one_or_none()
    return Holder(*row) if row else None


_USE = _of_holder("""
    UPDATE refresh_tokens AS token SET used_at = :now, successor_sealed = :sealed
    FROM sessions AS session JOIN users AS person ON person.id = session.user_id
    WHERE token.digest = :digest AND token.used_at IS NULL AND token.expires_at > :now
      AND session.id = token.session_id AND session.revoked_at IS NULL AND session.expires_at > :now
    RETURNING HOLDER
""")


async def use_refresh_token(
    session: AsyncSession, digest: bytes, successor_sealed: bytes, now: datetime
) -> Holder | None:
    """Use a token: one conditional UPDATE, so that of any number of presenters exactly one wins. None for all others."""
    row = (await session.execute(_USE, {"digest": digest, "sealed": successor_sealed, "now": now})).one_or_none()
    return Holder(*row) if row else None


_FIND = _of_holder("""
    SELECT token.expires_at AS token_expires_at, token.used_at, token.successor_sealed, token.created_at,
           session.revoked_at IS NULL AND session.expires_at > :now AS goes_on, HOLDER
    FROM refresh_tokens AS token JOIN sessions AS session ON session.id = token.session_id
    JOIN users AS person ON person.id = session.user_id
    WHERE token.digest = :digest
""")


async def find_refresh_token(
    session: AsyncSession, digest: bytes, now: datetime
) -> tuple[RefreshToken, Holder | None] | None:
    """A token as it is now, and who holds its session; without a holder the session has ended."""
    row = (await session.execute(_FIND, {"digest": digest, "now": now})).one_or_none()
    if row is None:
        return None
    expires_at, used_at, sealed, created_at, goes_on, *rest = row
    held = Holder(*rest)
    token = RefreshToken(
        digest=digest,
        session_id=held.session_id,
        created_at=created_at,
        expires_at=expires_at,
        used_at=used_at,
        successor_sealed=sealed,
    )
    return token, held if goes_on else None


async def tokens_made(session: AsyncSession, session_id: UUID, since: datetime) -> int:
    """How many refresh tokens a session has got since then."""
    counted = select(func.count()).where(RefreshToken.session_id == session_id, RefreshToken.created_at > since)
    return int(await session.scalar(counted) or 0)


_SEEN = text("UPDATE sessions SET last_seen_at = :now WHERE id = :session")


async def seen(session: AsyncSession, session_id: UUID, now: datetime) -> None:
    """Note that a session is in use."""
    await session.execute(_SEEN, {"session": session_id, "now": now})


async def step_up(session: AsyncSession, session_id: UUID, amr: Sequence[str], acr: str, now: datetime) -> None:
    """Note how a person has proved themselves in a session, just now."""
    values = {"amr": sorted(amr), "acr": acr, "authenticated_at": now}
    await session.execute(update(LoginSession).where(LoginSession.id == session_id).values(**values))


async def sessions_of(session: AsyncSession, user_id: UUID, now: datetime, count: int) -> Sequence[LoginSession]:
    """A person's sessions that go on, the newest first."""
    live = (LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None), LoginSession.expires_at > now)
    return (
        await session.scalars(select(LoginSession).where(*live).order_by(LoginSession.id.desc()).limit(count))
    ).all()


async def revoke_all(session: AsyncSession, user_id: UUID, reason: str, now: datetime) -> int:
    """End all sessions of a person; how many that were."""
    live = (LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None), LoginSession.expires_at > now)
    ended = update(LoginSession).where(*live).values(revoked_at=now, revoked_reason=reason).returning(LoginSession.id)
    return len((await session.scalars(ended)).all())


async def ended_since(session: AsyncSession, moment: datetime) -> Sequence[UUID]:
    """The sessions that were ended since then."""
    return (await session.scalars(select(LoginSession.id).where(LoginSession.revoked_at > moment))).all()


async def tokens_since(session: AsyncSession, session_id: UUID, moment: datetime) -> dict[bytes, RefreshToken]:
    """The refresh tokens that a session has got at that moment and since, by their digests."""
    found = await session.scalars(
        select(RefreshToken).where(RefreshToken.session_id == session_id, RefreshToken.created_at >= moment)
    )
    return {token.digest: token for token in found}


async def revoke(
    session: AsyncSession, session_id: UUID, reason: str, now: datetime, *, of: UUID | None = None
) -> bool:
    """End a session, only one `of` that person if named; whether it did. The first reason stays."""
    live = [LoginSession.id == session_id, LoginSession.revoked_at.is_(None)]
    live += [LoginSession.user_id == of] if of is not None else []
    ended = update(LoginSession).where(*live).values(revoked_at=now, revoked_reason=reason).returning(LoginSession.id)
    return await session.scalar(ended) is not None


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


async def excluded_until(session: AsyncSession, user_id: UUID, now: datetime) -> Exclusion | None:
    """The exclusion of a person that is on now and ends last."""
    on = (Exclusion.user_id == user_id, Exclusion.begins_at <= now, Exclusion.ends_at > now)
    return (await session.scalars(select(Exclusion).where(*on).order_by(Exclusion.ends_at.desc()).limit(1))).first()


async def security_events(
    session: AsyncSession, user_id: UUID, before: UUID | None, count: int
) -> Sequence[SecurityEvent]:
    """Events of a person, the newest first; `before` goes on from there."""
    found = select(SecurityEvent).where(SecurityEvent.user_id == user_id)
    if before is not None:
        found = found.where(SecurityEvent.id < before)
    return (await session.scalars(found.order_by(SecurityEvent.id.desc()).limit(count))).all()


_FORGET_GUESSES = text("""
    DELETE FROM security_events WHERE id IN (
        SELECT id FROM security_events WHERE user_id IS NULL AND occurred_at < :before LIMIT 5000 FOR UPDATE SKIP LOCKED
    )
""")


async def forget_guesses(session: AsyncSession, before: datetime) -> int:
    """Delete a batch of events that concern no account; returns how many."""
    return (await session.execute(_FORGET_GUESSES, {"before": before})).rowcount  # type: ignore[attr-defined,no-any-return] # a CursorResult


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


async def written_to(session: AsyncSession, accounts: Sequence[UUID]) -> list[tuple[UUID, bytes]]:
    """Those of `accounts` that have a verified e-mail address, and the address as it is stored."""
    verified = User.id.in_(accounts) & User.email_sealed.is_not(None) & User.email_verified_at.is_not(None)
    found = await session.execute(select(User.id, User.email_sealed).where(verified).order_by(User.id))
    return [(row.id, row.email_sealed) for row in found]
