"""Identifiers: UUIDv7 (RFC 9562), which sort by the time they were made, so that index pages fill in order."""

from __future__ import annotations

import os
import time
from uuid import UUID


def uuid7() -> UUID:
    """A new UUIDv7: 48 bits of Unix milliseconds, version, 12 + 62 random bits, variant."""
    milliseconds = time.time_ns() // 1_000_000 & _48_BITS
    return UUID(int=milliseconds << 80 | int.from_bytes(os.urandom(10)) & _RANDOM | _VERSION_AND_VARIANT)


_48_BITS = 2**48 - 1
_RANDOM = (2**12 - 1) << 64 | 2**62 - 1
_VERSION_AND_VARIANT = 0x7 << 76 | 0b10 << 62
