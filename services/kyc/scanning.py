"""The hook for a scanner of malware: the port, and clamd's protocol behind it. Files from outside come by before a decoder.

Nothing of a file survives but its pixels, so what a scanner finds is a picture that is refused, not one that spreads. Which
scanner there is, the environment says (`CLAMD_ADDRESS`); without one files are not scanned.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import Field

from services.common.settings import Settings, load

#: From connecting to the answer.
SECONDS = 20.0

_CHUNK, _ANSWER_BYTES = 64 * 1024, 1024


class ScannerAwayError(RuntimeError):
    """The scanner says neither: the file is looked at later, and meanwhile not taken."""


class Scanner(Protocol):
    """Who looks for malware."""

    async def infected(self, content: bytes) -> bool:
        """Whether something was found. Raises ScannerAwayError."""
        ...


class ScannerSettings(Settings):
    """Where clamd listens, as host:port; empty: there is none."""

    clamd_address: Annotated[str, Field(pattern=r"^([a-z0-9.-]+:[0-9]{1,5})?$")] = ""


def open_scanner() -> Scanner | None:
    """The environment's. Raises SettingsError."""
    host, _, port = load(ScannerSettings).clamd_address.rpartition(":")
    return Clamd(host, int(port)) if host else None


@dataclass(frozen=True)
class Clamd:
    """ClamAV's daemon, by INSTREAM: the file in chunks after their lengths, an empty one at the end."""

    host: str
    port: int
    seconds: float = SECONDS

    async def infected(self, content: bytes) -> bool:
        """As the port says; an error of clamd's is no answer."""
        try:
            async with asyncio.timeout(self.seconds):
                answer = await self._ask(content)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise ScannerAwayError(type(error).__name__) from None
        if answer == "stream: OK":
            return False
        if answer.startswith("stream: ") and answer.endswith(" FOUND"):
            return True
        raise ScannerAwayError(answer[:60])

    async def _ask(self, content: bytes) -> str:
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=_ANSWER_BYTES)
        try:
            writer.write(b"zINSTREAM\0")
            for at in range(0, len(content), _CHUNK):
                part = content[at : at + _CHUNK]
                writer.write(len(part).to_bytes(4) + part)
                await writer.drain()
            writer.write(bytes(4))
            await writer.drain()
            return (await reader.readuntil(b"\0"))[:-1].decode(errors="replace")
        finally:
            writer.close()
