"""Signatures of webhooks and callbacks: keyed digests, compared in constant time, by the current and the previous secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence


def hex_digest(secret: str, message: bytes) -> str:
    """HMAC-SHA256 in hexadecimal digits."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def base64_digest(secret: str, message: bytes) -> str:
    """HMAC-SHA256 in Base64."""
    return base64.b64encode(hmac.digest(secret.encode(), message, "sha256")).decode()


def matches(given: str, expected: Sequence[str]) -> bool:
    """Whether `given` is one of `expected`; each is compared, so that the time says nothing of which it is."""
    found = False
    for each in expected:
        found |= hmac.compare_digest(given.encode(errors="replace"), each.encode())
    return found
