"""Envelope encryption of what is known of a person: a data key for each player, made by KMS and kept wrapped beside the data.

KMS binds a data key to its player (encryption context), AES-GCM binds a value to its item and field. Where the wrapped key is
deleted no value opens any more; backups hold both until they end. Plain data keys are cached for a while, so a case costs KMS
few calls.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Protocol
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.common.sealing import opened, seal

#: For so long, and so many, plain data keys are cached.
CACHED_SECONDS, CACHED = 300.0, 1000

Context = Mapping[str, str]


class VaultError(RuntimeError):
    """What was sealed does not open: another player, item or field, another key, or changed bytes."""


class KeysUnavailableError(RuntimeError):
    """KMS does not answer, or refuses at this moment."""


class KeyService(Protocol):
    """KMS, as far as it is needed here. Calls raise KeysUnavailableError."""

    async def make(self, context: Context) -> tuple[bytes, bytes]:
        """A new data key of 32 bytes: plain, wrapped."""
        ...

    async def unwrap(self, wrapped: bytes, context: Context) -> bytes:
        """The plain key. Raises VaultError where it was made for another context."""
        ...


class DataKey:
    """One player's key."""

    def __init__(self, player: UUID, wrapped: bytes, plain: bytes) -> None:
        self.player, self.wrapped = player, wrapped
        self._cipher = AESGCM(plain)

    def seal(self, item: UUID, field: str, value: str) -> bytes:
        """Encrypt a field."""
        return seal(self._cipher, value.encode(), self._label(item, field))

    def open(self, item: UUID, field: str, sealed: bytes) -> str:
        """The value again. Raises VaultError."""
        plain = opened(self._cipher, sealed, self._label(item, field))
        if plain is None:
            raise VaultError(f"the field {field} of {item} does not open")
        return plain.decode()

    def _label(self, item: UUID, field: str) -> str:
        return f"{self.player}/{item}/{field}"


class Vault:
    """Gives out players' keys."""

    def __init__(self, keys: KeyService, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._keys, self._monotonic = keys, monotonic
        self._cache: OrderedDict[tuple[UUID, bytes], tuple[float, DataKey]] = OrderedDict()

    async def new(self, player: UUID) -> DataKey:
        """A key for a player who has none. Raises KeysUnavailableError."""
        plain, wrapped = await self._keys.make(_context(player))
        return self._keep(DataKey(player, wrapped, plain))

    async def open(self, player: UUID, wrapped: bytes) -> DataKey:
        """A player's key. Raises KeysUnavailableError, VaultError."""
        until, found = self._cache.get((player, wrapped), (0.0, None))
        if found is not None and self._monotonic() < until:
            return found
        return self._keep(DataKey(player, wrapped, await self._keys.unwrap(wrapped, _context(player))))

    def _keep(self, key: DataKey) -> DataKey:
        self._cache[key.player, key.wrapped] = self._monotonic() + CACHED_SECONDS, key
        self._cache.move_to_end((key.player, key.wrapped))
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return key


def _context(player: UUID) -> Context:
    return {"service": "kyc", "player": str(player)}
