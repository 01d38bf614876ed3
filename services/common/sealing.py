"""Sealing: small secrets encrypted (AES-256-GCM) before they are stored, with keys derived from a service's secret."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class UnsealError(RuntimeError):
    """What was sealed cannot be opened: another key, another label, or changed bytes."""


class Sealer:
    """Seals and opens with a key derived from `secret` for one `purpose`, so that no two purposes share a key.

    `label` binds a sealed value to where it stands (a row's id): moved elsewhere, it does not open. What was sealed with one of
    the `previous` secrets opens too.
    """

    def __init__(self, secret: str, purpose: str, previous: Sequence[str] = ()) -> None:
        self._cipher, *self._older = (AESGCM(_derive(each, f"{purpose}/seal")) for each in (secret, *previous))
        self._digest_key = _derive(secret, f"{purpose}/digest")

    def seal(self, value: bytes, label: str) -> bytes:
        """Encrypt `value`."""
        return seal(self._cipher, value, label)

    def open(self, sealed: bytes, label: str) -> bytes:
        """The value again. Raises UnsealError."""
        for cipher in (self._cipher, *self._older):
            value = opened(cipher, sealed, label)
            if value is not None:
                return value
        raise UnsealError(f"{label} cannot be opened with the present key")

    def is_older(self, sealed: bytes, label: str) -> bool:
        """Whether only a previous secret opens it: time to seal it anew. Raises UnsealError if none does."""
        if opened(self._cipher, sealed, label) is not None:
            return False
        self.open(sealed, label)
        return True

    def digest(self, value: str) -> bytes:
        """A keyed digest by which an equal value can be found again without being readable."""
        return hmac.digest(self._digest_key, value.encode(), "sha256")


def seal(cipher: AESGCM, value: bytes, label: str) -> bytes:
    """Encrypt `value` for where `label` says: nonce, then ciphertext with its tag."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, value, label.encode())


def opened(cipher: AESGCM, sealed: bytes, label: str) -> bytes | None:
    """What `seal` was given; None for another key, another label or changed bytes."""
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label.encode())
    except (InvalidTag, ValueError):
        return None


def _derive(secret: str, info: str) -> bytes:
    # No salt: the input is a random secret of at least 16 characters, not a password.
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info.encode()).derive(secret.encode())
