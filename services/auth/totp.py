"""One-time passwords by time (RFC 6238): SHA-1, 30 seconds, six digits, as every authenticator app has them."""

from __future__ import annotations

import base64
import hmac
import secrets
import struct
from datetime import datetime
from urllib.parse import quote, urlencode

PERIOD, DIGITS, SECRET_BYTES = 30, 6, 20

#: How far an app's clock may be off, in periods.
DRIFT = 1


def new_secret() -> bytes:
    """160 random bits, as RFC 4226 wants."""
    return secrets.token_bytes(SECRET_BYTES)


def base32(secret: bytes) -> str:
    """A secret as apps take it."""
    return base64.b32encode(secret).decode().rstrip("=")


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of a time step (RFC 4226, 5.3)."""
    digest = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    offset = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}}"


def step_of(moment: datetime) -> int:
    """The time step of a moment."""
    return int(moment.timestamp()) // PERIOD


def matching_step(secret: bytes, code: str, moment: datetime) -> int | None:
    """The time step that `code` is of, within DRIFT; None if it is of none. All are compared: time says nothing."""
    now = step_of(moment)
    found = [step for step in range(now - DRIFT, now + DRIFT + 1) if hmac.compare_digest(code_at(secret, step), code)]
    return found[-1] if found else None


def uri(secret: bytes, account: str) -> str:
    """What an app reads from a QR code."""
    issuer = "Matchday"
    return f"otpauth://totp/{quote(f'{issuer}:{account}')}?{urlencode({'secret': base32(secret), 'issuer': issuer})}"
