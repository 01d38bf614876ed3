"""Access tokens are made here: ES256 JWTs after RFC 9068, signed with the ring's current key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt

from services.auth.keys import KeyRing
from services.auth.repository import Holder
from services.auth.schemas import AccessToken, TokenPair
from services.auth.scopes import scopes_of
from services.auth.settings import ACCESS_LIFE
from services.common.clock import Clock
from services.common.ids import uuid7
from services.common.tokens import ALGORITHM, AUDIENCE, PLAYERS_CLIENT, TYPE, issuer


class Minter:
    """Signs access tokens of one environment."""

    def __init__(self, environment: str, clock: Clock, ring: KeyRing) -> None:
        self._issuer, self._clock, self._ring = issuer(environment), clock, ring

    async def pair(self, holder: Holder, refresh_token: str) -> TokenPair:
        """A person's tokens."""
        return TokenPair(**(await self.person(holder)).model_dump(), refresh_token=refresh_token)

    async def person(self, holder: Holder) -> AccessToken:
        """A person's access token, for as much as their account and their session allow now."""
        scopes = scopes_of(holder, self._clock.now().date())
        session = {
            "sid": str(holder.session_id),
            "acr": holder.acr,
            "amr": sorted(holder.amr),
            "auth_time": int(holder.authenticated_at.timestamp()),
        }
        return await self._sign(str(holder.user_id), PLAYERS_CLIENT, " ".join(sorted(scopes)), session)

    async def client(self, name: str, scope: str, limits: Mapping[str, int]) -> AccessToken:
        """A client's own access token."""
        return await self._sign(name, name, scope, {"limits": dict(limits)} if limits else {})

    async def _sign(self, subject: str, client: str, scope: str, more: Mapping[str, Any]) -> AccessToken:
        key = await self._ring.signing_key()
        now, life = int(self._clock.now().timestamp()), int(ACCESS_LIFE.total_seconds())
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + life,
            "jti": str(uuid7()),
            "client_id": client,
            "scope": scope,
            **more,
        }
        token = jwt.encode(claims, key.key, algorithm=ALGORITHM, headers={"kid": key.kid, "typ": TYPE})
        return AccessToken(access_token=token, expires_in=life, scope=scope)
