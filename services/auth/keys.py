"""Signing keys: made here, kept encrypted in the database, rotated by the clock.

There is always one `current` key, which signs, and one `next`, already published. A rotation makes next current, current
retired, and a new next. Retired keys stay published until nothing they signed is still valid.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
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
from services.auth.settings import PUBLISHED_FIRST, RETIRED_KEPT, SIGNING_PERIOD
from services.common.database import Sessions
from services.common.ids import uuid7
from services.common.sealing import Sealer, UnsealError
from services.common.tokens import ALGORITHM

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PrivateKey:
    """A key to sign with."""

    kid: str
    key: ec.EllipticCurvePrivateKey


def sealer_of(keks: Sequence[str]) -> Sealer:
    """What private keys are encrypted with: the current SIGNING_KEK, then the previous one if there is one."""
    return Sealer(keks[0], "auth/signing-keys", keks[1:])


async def ensure(session: AsyncSession, sealer: Sealer, now: datetime) -> None:
    """See to it that there are a current and a next key that can be opened: at every start of a web process.

    A key that SIGNING_KEK does not open (the secret was replaced, not rotated) is retired: it signs no more, but tokens that it
    signed stay valid. Only a process that starts may conclude that: one that has run for long may have the old secret.
    """
    await repository.lock_keys(session)
    for key in await _unopened(session, sealer):
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
    """Rotate if the current key has signed for SIGNING_PERIOD, and forget keys that are retired long enough.

    A key signs when it has been published for PUBLISHED_FIRST. Keys that the previous SIGNING_KEK opens are sealed anew.
    """
    await repository.lock_keys(session)
    if foreign := await _unopened(session, sealer):
        kids = ", ".join(key.kid for key in foreign)
        log.error("signing keys cannot be opened here", extra={"kids": kids, "runbook": "auth-signing-keys"})
        return False
    await repository.forget_retired_keys(session, now - RETIRED_KEPT)
    (current,) = await repository.keys(session, KeyState.CURRENT)
    (following,) = await repository.keys(session, KeyState.NEXT)
    assert current.activated_at is not None
    if now - current.activated_at < SIGNING_PERIOD or now - following.created_at < PUBLISHED_FIRST:
        return False
    await repository.retire_key(session, current.kid, now)
    await repository.promote_next_key(session, now)
    await _make(session, sealer, KeyState.NEXT, now)
    log.info("signing keys rotated")
    return True


async def _unopened(session: AsyncSession, sealer: Sealer) -> list[SigningKey]:
    """Of the current and the next key those that do not open; what a previous secret opens is sealed with the current one."""
    found = []
    for key in await repository.keys(session, KeyState.CURRENT, KeyState.NEXT):
        try:
            if sealer.is_older(key.private_sealed, key.kid):
                sealed = sealer.seal(sealer.open(key.private_sealed, key.kid), key.kid)
                await repository.seal_key_anew(session, key.kid, sealed)
        except UnsealError:
            found.append(key)
    return found


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
    """The keys as a web process has them, which is also auth's own KeySource.

    They are read from the database in the background: no request waits for that, and while the database does not answer, what
    was read last is used. Only a key that is not known here is asked for, by one request at a time, not more often than every
    LOOK_AGAIN_SECONDS: another task may have just made it.
    """

    READ_SECONDS = 15.0
    LOOK_AGAIN_SECONDS = 1.0

    def __init__(self, sessions: Sessions, sealer: Sealer) -> None:
        self._sessions, self._sealer = sessions, sealer
        self._public: dict[str, dict[str, Any]] = {}
        self._verifying: dict[str, jwt.PyJWK] = {}
        self._signing: PrivateKey | None = None
        self._looked = float("-inf")

    async def signing_key(self) -> PrivateKey:
        """The current key."""
        assert self._signing is not None, "refresh() comes first"
        return self._signing

    async def public(self) -> list[dict[str, Any]]:
        """The JWKS's keys."""
        return list(self._public.values())

    async def find(self, kid: str) -> jwt.PyJWK | None:
        now = time.monotonic()
        if kid not in self._verifying and now - self._looked >= self.LOOK_AGAIN_SECONDS:
            self._looked = now
            await self._try_refresh()
        return self._verifying.get(kid)

    async def run(self) -> None:
        """Read the keys again and again."""
        while True:
            await asyncio.sleep(self.READ_SECONDS)
            await self._try_refresh()

    async def _try_refresh(self) -> None:
        try:
            async with asyncio.timeout(self.READ_SECONDS):
                await self.refresh()
        except Exception as error:
            log.warning("signing keys not read", extra={"reason": f"{type(error).__name__}: {error}"})

    async def refresh(self) -> None:
        """Read the keys. Raises what the database raises."""
        async with self._sessions() as session:
            rows = await repository.keys(session, *KeyState)
        public = {row.kid: row.public_jwk for row in rows}
        (current,) = [row for row in rows if row.state == KeyState.CURRENT]
        if self._signing is None or self._signing.kid != current.kid:
            self._signing = self._open(current)
        self._public = public
        self._verifying = {kid: jwt.PyJWK(jwk, ALGORITHM) for kid, jwk in public.items()}

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
