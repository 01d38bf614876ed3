"""Values of a redirect to a provider and back that are derived from the flow's token, so that nothing of them is stored.

Whoever holds the token (the browser that began) can finish, and nobody else: state, nonce and PKCE's verifier follow from it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac


def derived(token: str, purpose: str) -> str:
    """A value that only who holds the flow's token can make: 256 bits, base64url; another one for each purpose."""
    return _encoded(hmac.digest(token.encode(), purpose.encode(), "sha256"))


def challenge(verifier: str) -> str:
    """PKCE's S256 challenge of a verifier (RFC 7636)."""
    return _encoded(hashlib.sha256(verifier.encode()).digest())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
