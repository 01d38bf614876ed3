"""Sessions and their refresh tokens: opened by a log-in, carried on by rotation, ended one by one or all at once."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import audit, factors_repository, repository
from services.auth.audit import Happened
from services.auth.errors import AuthCode
from services.auth.limiter import BY_REFRESH_TOKEN, Limiter
from services.auth.minting import Minter
from services.auth.models import LoginSession, RefreshToken
from services.auth.repository import Holder
from services.auth.schemas import Device, Devices, TokenPair
from services.auth.settings import GRACE, RECENT, REFRESH_IDLE, ROTATION_WINDOW, ROTATIONS, SESSION_LIFE
from services.auth.visitor import Visitor
from services.common.callers import step_up_needed
from services.common.clock import Clock
from services.common.errors import Code, ServiceError
from services.common.ids import uuid7
from services.common.sealing import Sealer
from services.common.tokens import STEP_UP_AGE, TWO_FACTORS, Caller, unauthenticated

#: How many sessions a list shows.
SHOWN = 100

log = logging.getLogger(__name__)


class SessionService:
    """What can be done with sessions. Nothing here commits."""

    def __init__(self, clock: Clock, minter: Minter, limiter: Limiter) -> None:
        self._clock, self._minter, self._limiter = clock, minter, limiter

    async def open(
        self, session: AsyncSession, user_id: UUID, visitor: Visitor, amr: Sequence[str], acr: str
    ) -> TokenPair:
        """A new session's first tokens: always a new one, whatever the visitor brought along."""
        now = self._clock.now()
        login = LoginSession(
            id=uuid7(),
            user_id=user_id,
            created_at=now,
            expires_at=now + SESSION_LIFE,
            revoked_at=None,
            revoked_reason=None,
            agent=visitor.agent,
            network=visitor.network,
            last_seen_at=now,
            amr=sorted(amr),
            acr=acr,
            authenticated_at=now,
        )
        await repository.add(session, login)
        token = _new_refresh_token()
        await self._store(session, token, login.id, login.expires_at, now)
        await audit.record(session, now, Happened.LOGGED_IN, user_id, visitor, session_id=login.id, amr=sorted(amr))
        holder = await repository.holder(session, login.id, now)
        assert holder is not None
        log.info("logged in", extra={"subject": str(user_id), "session": str(login.id)})
        return await self._minter.pair(holder, token)

    async def refresh(self, session: AsyncSession, token: str, visitor: Visitor) -> TokenPair:
        """The next tokens. Raises ServiceError (refresh_refused, rate_limited).

        Whoever presents a token that was used within GRACE gets its successor, the one that is already there: of parallel
        requests with one token all go on with the same session. A token that was used longer ago has been copied: the whole
        session ends. A session rotates at most ROTATIONS times in ROTATION_WINDOW, so no chain within GRACE is long.
        """
        await self._limiter.attempt(BY_REFRESH_TOKEN, _digest(token).hex(), needs_cache=False)
        now = self._clock.now()
        successor = _new_refresh_token()
        sealed = _sealer(token).seal(successor.encode(), "")
        holder = await repository.use_refresh_token(session, _digest(token), sealed, now)
        if holder is not None:
            if await repository.tokens_made(session, holder.session_id, now - ROTATION_WINDOW) >= ROTATIONS:
                wait = str(int(ROTATION_WINDOW.total_seconds()))
                raise ServiceError(
                    Code.RATE_LIMITED, "This session is refreshed too often.", headers={"Retry-After": wait}
                )
            await self._store(session, successor, holder.session_id, holder.session_expires_at, now)
            await repository.seen(session, holder.session_id, now)
            return await self._minter.pair(holder, successor)
        newest, holder = await self._follow(session, token, now, visitor)
        return await self._minter.pair(holder, newest)

    async def _follow(self, session: AsyncSession, token: str, now: datetime, visitor: Visitor) -> tuple[str, Holder]:
        """The newest token of the chain that `token` begins, if each step of it lies within GRACE."""
        found = await repository.find_refresh_token(session, _digest(token), now)
        if found is None:
            raise ServiceError(AuthCode.REFRESH_REFUSED, "The refresh token is not known.")
        stored, holder = found
        if holder is None or stored.expires_at <= now:
            raise ServiceError(AuthCode.REFRESH_REFUSED, "The session has expired or was ended.")
        if stored.used_at is not None and now - stored.used_at > GRACE:
            log.error("refresh token used again: session ended", extra={"session": str(holder.session_id)})
            await repository.revoke(session, holder.session_id, "reuse", now)
            who = holder.user_id
            await audit.record(session, now, Happened.TOKEN_REUSED, who, visitor, session_id=holder.session_id)
            detail = "The refresh token was used before; the session is ended."
            raise ServiceError(AuthCode.REFRESH_REFUSED, detail, keeps_changes=True)
        # Its successors in one query: each was made when the one before it was used, so all are later than that.
        since = stored.used_at
        chain = {} if since is None else await repository.tokens_since(session, holder.session_id, since)
        while stored.used_at is not None:
            assert stored.successor_sealed is not None
            token = _sealer(token).open(stored.successor_sealed, "").decode()
            stored = chain[_digest(token)]
        return token, holder

    async def log_out(self, session: AsyncSession, token: str, visitor: Visitor) -> None:
        """End the session of a refresh token, whatever state it is in; a token that is not known is no error."""
        found = await repository.find_refresh_token(session, _digest(token), self._clock.now())
        if found is not None and found[1] is not None:
            await self.end(session, found[1].user_id, found[1].session_id, "log-out", visitor)

    async def show(self, session: AsyncSession, user_id: UUID, current: str) -> Devices:
        """Where a person is logged in."""
        found = await repository.sessions_of(session, user_id, self._clock.now(), SHOWN)
        return Devices(sessions=[_device(each, current) for each in found])

    async def holder(self, session: AsyncSession, caller: Caller) -> Holder:
        """Who holds the caller's session, as the database has it now. Raises ServiceError (unauthenticated)."""
        try:
            found = await repository.holder(session, UUID(caller.session), self._clock.now())
        except ValueError:
            found = None
        if found is None:
            raise unauthenticated("The session has ended.")
        return found

    async def may_change(self, session: AsyncSession, caller: Caller) -> Holder:
        """Whether the caller may change how they log in: after two factors where there are two, else soon after the first.

        Raises ServiceError (unauthenticated, step_up_needed).
        """
        found = await self.holder(session, caller)
        age = self._clock.now() - found.authenticated_at
        if await factors_repository.factors_of(session, found.user_id) & {"totp", "passkey"}:
            good = found.acr == TWO_FACTORS and age <= STEP_UP_AGE
        else:
            good = age <= RECENT
        if not good:
            raise step_up_needed()
        return found

    async def end(
        self, session: AsyncSession, user_id: UUID, session_id: UUID, reason: str, visitor: Visitor, actor: str = ""
    ) -> bool:
        """End a session of a person; whether it went on. Its access tokens are refused everywhere within a minute."""
        now = self._clock.now()
        if not await repository.revoke(session, session_id, reason, now, of=user_id):
            return False
        await audit.record(
            session,
            now,
            Happened.SESSION_ENDED,
            user_id,
            visitor,
            actor=actor or audit.OWNER,
            session_id=session_id,
            reason=reason,
        )
        return True

    async def end_all(
        self, session: AsyncSession, user_id: UUID, reason: str, visitor: Visitor, actor: str = audit.OWNER
    ) -> int:
        """End every session of a person; how many."""
        now = self._clock.now()
        ended = await repository.revoke_all(session, user_id, reason, now)
        await audit.record(
            session, now, Happened.SESSIONS_ENDED, user_id, visitor, actor=actor, reason=reason, ended=ended
        )
        return ended

    async def _store(
        self, session: AsyncSession, token: str, session_id: UUID, session_expires_at: datetime, now: datetime
    ) -> None:
        row = RefreshToken(
            digest=_digest(token),
            session_id=session_id,
            created_at=now,
            expires_at=min(now + REFRESH_IDLE, session_expires_at),
            used_at=None,
            successor_sealed=None,
        )
        await repository.add(session, row)


def _device(row: LoginSession, current: str) -> Device:
    return Device(
        id=row.id,
        agent=row.agent,
        network=row.network,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at or row.created_at,
        amr=row.amr,
        current=str(row.id) == current,
    )


def _new_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def _digest(token: str) -> bytes:
    # 256 random bits: nothing to guess, so a plain hash is enough.
    return hashlib.sha256(f"refresh/{token}".encode()).digest()


def _sealer(token: str) -> Sealer:
    return Sealer(token, "auth/refresh-successor")
