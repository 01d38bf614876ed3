"""Signing keys: made here, kept encrypted in the database, rotated by the clock.

There is always one `current` key, which signs, and one `next`, already published. A rotation makes next current, current
retired, and a new next. Retired keys stay published until nothing they signed is still valid.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import repository
from services.auth.models import KeyState, SigningKey
from services.auth.settings import RETIRED_KEPT, SIGNING_PERIOD
from services.common.clock import Clock
from services.common.database import Sessions
from services.common.ids import uuid7
from services.common.sealing import Sealer, UnsealError
from services.common.tokens import ALGORITHM

_READ_AGAIN = timedelta(seconds=60)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PrivateKey:
    """A key to sign with."""

    kid: str
    key: ec.EllipticCurvePrivateKey


def sealer_of(kek: str) -> Sealer:
    """What private keys are encrypted with."""
    return Sealer(kek, "auth/signing-keys")


async def ensure(session: AsyncSession, sealer: Sealer, now: datetime) -> None:
    """See to it that there are a current and a next key that can be opened: at every start, and at every rotation.

    A key that the present SIGNING_KEK does not open (the secret was replaced) is retired: it signs no more, but tokens that it
    signed stay valid.
    """
    await repository.lock_keys(session)
    for key in await repository.keys(session, KeyState.CURRENT, KeyState.NEXT):
        try:
            sealer.open(key.private_sealed, key.kid)
        except UnsealError:
            log.error(
                "signing key cannot be opened and is retired",
                extra={"kid": key.kid, "state": key.state, "runbook": "auth-signing-keys"},
            )
            await repository.retire_key(session, key.kid, now)
    if not await repository.keys(session, KeyState.CURRENT):
        await repository.promote_next_key(session, now)
    if not await repository.keys(session, KeyState.CURRENT):
        await _make(session, sealer, KeyState.CURRENT, now)
    if not await repository.keys(session, KeyState.NEXT):
        await _make(session, sealer, KeyState.NEXT, now)


async def rotate(session: AsyncSession, sealer: Sealer, now: datetime) -> bool:
    """Rotate if the current key has signed for SIGNING_PERIOD, and forget keys that are retired long enough."""
    await ensure(session, sealer, now)
    await repository.forget_retired_keys(session, now - RETIRED_KEPT)
    (current,) = await repository.keys(session, KeyState.CURRENT)
    assert current.activated_at is not None
    if now - current.activated_at < SIGNING_PERIOD:
        return False
    await repository.retire_key(session, current.kid, now)
    await repository.promote_next_key(session, now)
    await _make(session, sealer, KeyState.NEXT, now)
    log.info("signing keys rotated")
    return True


async def _make(session: AsyncSession, sealer: Sealer, state: KeyState, now: datetime) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    kid = str(uuid7())
    public = json.loads(ECAlgorithm.to_jwk(private.public_key()))
    encoded = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    key = SigningKey(
        kid=kid,
        state=state,
        public_jwk={**public, "kid": kid, "alg": ALGORITHM, "use": "sig"},
        private_sealed=sealer.seal(encoded, kid),
        created_at=now,
        activated_at=now if state is KeyState.CURRENT else None,
        retired_at=None,
    )
    await repository.add(session, key)


class KeyRing:
    """The keys as a web process has them: read from the database, again every minute. Also auth's own KeySource."""

    def __init__(self, sessions: Sessions, sealer: Sealer, clock: Clock) -> None:
        self._sessions, self._sealer, self._clock = sessions, sealer, clock
        self._public: dict[str, dict[str, Any]] = {}
        self._verifying: dict[str, jwt.PyJWK] = {}
        self._signing: PrivateKey | None = None
        self._read_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def signing_key(self) -> PrivateKey:
        """The current key. It may be read from the database: ask before the request's own first query."""
        await self._refresh()
        assert self._signing is not None
        return self._signing

    async def public(self) -> list[dict[str, Any]]:
        """The JWKS's keys."""
        await self._refresh()
        return list(self._public.values())

    async def find(self, kid: str) -> jwt.PyJWK | None:
        await self._refresh()
        return self._verifying.get(kid)

    async def _refresh(self) -> None:
        async with self._lock:
            now = self._clock.now()
            if self._read_at is not None and now - self._read_at < _READ_AGAIN:
                return
            async with self._sessions() as session:
                rows = await repository.keys(session, *KeyState)
            public = {row.kid: row.public_jwk for row in rows}
            (current,) = [row for row in rows if row.state == KeyState.CURRENT]
            if self._signing is None or self._signing.kid != current.kid:
                self._signing = self._open(current)
            self._public = public
            self._verifying = {kid: jwt.PyJWK(jwk, ALGORITHM) for kid, jwk in public.items()}
            self._read_at = now

    def _open(self, key: SigningKey) -> PrivateKey:
        try:
            private = load_der_private_key(self._sealer.open(key.private_sealed, key.kid), None)
        except UnsealError:
            # SIGNING_KEK was replaced and a task with the new one made this key: sign on with ours until we are replaced.
            if self._signing is None:
                raise
            return self._signing
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        return PrivateKey(key.kid, private)
