"""Auth's rules: accounts, log-in, sessions and their tokens. Nothing here commits."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import jwt
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import repository
from services.auth.clients import Client, is_secret
from services.auth.errors import AuthCode
from services.auth.events import AccountRegistered
from services.auth.keys import KeyRing, PrivateKey
from services.auth.limiter import (
    BY_ACCOUNT,
    BY_ADDRESS,
    BY_REFRESH_TOKEN,
    CLIENTS_BY_ADDRESS,
    REGISTRATIONS,
    Limiter,
)
from services.auth.models import LoginSession, RefreshToken, User
from services.auth.passwords import Passwords
from services.auth.schemas import (
    AccessToken,
    ClientCredentials,
    LoginRequest,
    Profile,
    Registered,
    RegisterRequest,
    TokenPair,
)
from services.auth.settings import (
    ACCESS_LIFE,
    GRACE,
    REFRESH_IDLE,
    ROTATION_WINDOW,
    ROTATIONS,
    SESSION_LIFE,
)
from services.common import events
from services.common.clock import Clock
from services.common.database import Sessions
from services.common.errors import Code, ServiceError
from services.common.ids import uuid7
from services.common.sealing import Sealer
from services.common.tokens import ALGORITHM, AUDIENCE, PLAYER, PLAYERS_CLIENT, TYPE, issuer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Authenticated:
    """A person who gave the right password; `new_hash` is to be stored where the old one has outdated parameters."""

    user_id: UUID
    password_hash: str
    new_hash: str | None


class AuthService:
    """What auth does. `clients` may ask for tokens of their own."""

    def __init__(
        self,
        *,
        environment: str,
        clock: Clock,
        ring: KeyRing,
        passwords: Passwords,
        limiter: Limiter,
        emails: Sealer,
        clients: Mapping[str, Client],
    ) -> None:
        self._issuer, self._clock, self._ring = issuer(environment), clock, ring
        self._passwords, self._limiter, self._emails, self._clients = passwords, limiter, emails, clients

    async def register(self, session: AsyncSession, wanted: RegisterRequest, address: str) -> Registered:
        """Make an account where the address has none. Raises ServiceError (rate_limited, limiter_unavailable).

        The answer is the same either way: it does not say who has an account, and who repeats the request after a lost answer
        gets that answer.
        """
        await self._limiter.attempt(REGISTRATIONS, address)
        # Before the first query: hashing must not hold a database connection.
        password_hash = await self._passwords.hash(wanted.password.get_secret_value())
        user_id, now = uuid7(), self._clock.now()
        user = User(
            id=user_id,
            email_digest=self._emails.digest(wanted.email),
            email_sealed=self._emails.seal(wanted.email.encode(), str(user_id)),
            password_hash=password_hash,
            created_at=now,
        )
        if await repository.add_user(session, user):
            await events.emit(session, AccountRegistered(account=user_id, registered_at=now))
            log.info("registered", extra={"subject": str(user_id)})
        return Registered(email=wanted.email)

    async def authenticate(self, sessions: Sessions, given: LoginRequest, address: str) -> Authenticated:
        """Whose address and password these are. Raises ServiceError (rate_limited, limiter_unavailable, credentials_wrong).

        It reads in a session of its own, so that no connection is held while the password is checked. What is to be stored
        goes to `open_session`, into the request's transaction.
        """
        digest = self._emails.digest(given.email)
        await self._limiter.attempt(BY_ADDRESS, address)
        await self._limiter.attempt(BY_ACCOUNT, digest.hex())
        async with sessions() as session:
            user = await repository.user_by_digest(session, digest)
        password = given.password.get_secret_value()
        if not await self._passwords.verify(user.password_hash if user else None, password) or user is None:
            log.warning("log-in refused", extra={"subject": str(user.id) if user else "unknown"})
            raise ServiceError(AuthCode.CREDENTIALS_WRONG, "Check both, or register.")
        await self._limiter.forgive(BY_ACCOUNT, digest.hex())
        await self._limiter.give_back(BY_ADDRESS, address)
        outdated = self._passwords.outdated(user.password_hash)
        new_hash = await self._passwords.hash(password) if outdated else None
        return Authenticated(user.id, user.password_hash, new_hash)

    async def open_session(self, session: AsyncSession, who: Authenticated) -> TokenPair:
        """A new session's first tokens."""
        key = await self._ring.signing_key()
        now, user_id = self._clock.now(), who.user_id
        if who.new_hash is not None:
            await repository.set_password_hash(session, user_id, old=who.password_hash, new=who.new_hash)
        login = LoginSession(
            id=uuid7(),
            user_id=user_id,
            created_at=now,
            expires_at=now + SESSION_LIFE,
            revoked_at=None,
            revoked_reason=None,
        )
        await repository.add(session, login)
        token = _new_refresh_token()
        await self._store(session, token, login.id, login.expires_at, now)
        log.info("logged in", extra={"subject": str(user_id), "session": str(login.id)})
        return self._pair(key, user_id, token)

    async def refresh(self, session: AsyncSession, token: str) -> TokenPair:
        """The next tokens. Raises ServiceError (refresh_refused, rate_limited).

        Whoever presents a token that was used within GRACE gets its successor, the one that is already there: of parallel
        requests with one token all go on with the same session. A token that was used longer ago has been copied: the whole
        session ends. A session rotates at most ROTATIONS times in ROTATION_WINDOW, so no chain within GRACE is long.
        """
        await self._limiter.attempt(BY_REFRESH_TOKEN, _digest(token).hex(), needs_cache=False)
        key = await self._ring.signing_key()
        now = self._clock.now()
        successor = _new_refresh_token()
        sealed = _sealer(token).seal(successor.encode(), "")
        rotation = await repository.use_refresh_token(session, _digest(token), sealed, now)
        if rotation is not None:
            if await repository.tokens_made(session, rotation.session_id, now - ROTATION_WINDOW) >= ROTATIONS:
                wait = str(int(ROTATION_WINDOW.total_seconds()))
                raise ServiceError(
                    Code.RATE_LIMITED, "This session is refreshed too often.", headers={"Retry-After": wait}
                )
            await self._store(session, successor, rotation.session_id, rotation.session_expires_at, now)
            return self._pair(key, rotation.user_id, successor)
        newest, login = await self._follow(session, token, now)
        return self._pair(key, login.user_id, newest)

    async def _follow(self, session: AsyncSession, token: str, now: datetime) -> tuple[str, LoginSession]:
        """The newest token of the chain that `token` begins, if each step of it lies within GRACE."""
        found = await repository.find_refresh_token(session, _digest(token))
        if found is None:
            raise ServiceError(AuthCode.REFRESH_REFUSED, "The refresh token is not known.")
        stored, login = found
        if login.revoked_at is not None or login.expires_at <= now or stored.expires_at <= now:
            raise ServiceError(AuthCode.REFRESH_REFUSED, "The session has expired or was ended.")
        if stored.used_at is not None and now - stored.used_at > GRACE:
            log.error("refresh token used again: session ended", extra={"session": str(login.id)})
            await repository.revoke(session, login.id, "reuse", now)
            detail = "The refresh token was used before; the session is ended."
            raise ServiceError(AuthCode.REFRESH_REFUSED, detail, keeps_changes=True)
        # Its successors in one query: each was made when the one before it was used, so all are later than that.
        chain = {} if stored.used_at is None else await repository.tokens_since(session, login.id, stored.used_at)
        while stored.used_at is not None:
            assert stored.successor_sealed is not None
            token = _sealer(token).open(stored.successor_sealed, "").decode()
            stored = chain[_digest(token)]
        return token, login

    async def log_out(self, session: AsyncSession, token: str) -> None:
        """End the session of a refresh token, whatever state it is in; a token that is not known is no error."""
        if found := await repository.find_refresh_token(session, _digest(token)):
            await repository.revoke(session, found[1].id, "log-out", self._clock.now())

    async def profile(self, session: AsyncSession, user_id: UUID) -> Profile:
        """Who a person is. Raises ServiceError (not_found)."""
        user = await repository.user_by_id(session, user_id)
        if user is None:
            raise ServiceError(Code.NOT_FOUND, "There is no such account any more.")
        email = self._emails.open(user.email_sealed, str(user.id)).decode()
        return Profile(id=user.id, email=email, created_at=user.created_at)

    async def client_token(self, form: ClientCredentials, address: str) -> AccessToken:
        """A client's own token. Raises ServiceError (grant_unsupported, client_refused, scope_refused, rate_limited)."""
        if form.grant_type != "client_credentials":
            raise ServiceError(AuthCode.GRANT_UNSUPPORTED, "Only client_credentials is accepted.")
        await self._limiter.attempt(CLIENTS_BY_ADDRESS, address)
        client = self._clients.get(form.client_id)
        if not is_secret(client, form.client_secret.get_secret_value()) or client is None:
            log.warning("client refused")
            raise ServiceError(
                AuthCode.CLIENT_REFUSED, "Check client_id and client_secret.", headers={"WWW-Authenticate": "Basic"}
            )
        await self._limiter.give_back(CLIENTS_BY_ADDRESS, address)
        wanted = frozenset(form.scope.split()) or client.scopes
        if not wanted <= client.scopes:
            raise ServiceError(AuthCode.SCOPE_REFUSED, f"Accepted: {' '.join(sorted(client.scopes))}.")
        limits = {scope: limit for scope, limit in client.limits.items() if scope in wanted}
        key = await self._ring.signing_key()
        return self._access(key, form.client_id, " ".join(sorted(wanted)), limits, client_id=form.client_id)

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

    def _pair(self, key: PrivateKey, user_id: UUID, refresh_token: str) -> TokenPair:
        access = self._access(key, str(user_id), PLAYER)
        return TokenPair(**access.model_dump(), refresh_token=refresh_token)

    def _access(
        self,
        key: PrivateKey,
        subject: str,
        scope: str,
        limits: Mapping[str, int] | None = None,
        *,
        client_id: str = PLAYERS_CLIENT,
    ) -> AccessToken:
        now = int(self._clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + int(ACCESS_LIFE.total_seconds()),
            "jti": str(uuid7()),
            "client_id": client_id,
            "scope": scope,
        }
        if limits:
            claims["limits"] = dict(limits)
        token = jwt.encode(claims, key.key, algorithm=ALGORITHM, headers={"kid": key.kid, "typ": TYPE})
        return AccessToken(access_token=token, expires_in=int(ACCESS_LIFE.total_seconds()), scope=scope)


def _new_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def _digest(token: str) -> bytes:
    # 256 random bits: nothing to guess, so a plain hash is enough.
    return _sha256(f"refresh/{token}")


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _sealer(token: str) -> Sealer:
    return Sealer(token, "auth/refresh-successor")
