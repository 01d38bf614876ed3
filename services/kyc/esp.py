"""The one call to an eSign provider (ESP): what became of a transaction whose response no browser brought.

It is a read. Form and path are those of the reference page and of a provider's library, not of a text of CCA's that could be
read here: to be settled with the provider before launch (docs/runbooks/kyc-providers.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from services.common.telemetry.carried import PartnerClient
from services.kyc.esign import RESPONSE_BYTES
from services.kyc.settings import EsignAddress

#: To connect and to answer.
SECONDS = 10.0


class EspAwayError(RuntimeError):
    """It does not answer, or with something else than it should: nothing is known."""


@dataclass(frozen=True)
class Esp:
    """The provider, for the worker."""

    address: EsignAddress

    async def status(self, query: str) -> bytes:
        """Its answer to a signed query; whether it is to be believed is not looked at. Raises EspAwayError."""
        try:
            async with (
                PartnerClient(timeout=SECONDS, trust_env=False, follow_redirects=False) as http,
                http.stream(
                    "POST", self.address.status, content=query.encode(), headers={"Content-Type": "application/xml"}
                ) as answer,
            ):
                body = b""
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > RESPONSE_BYTES:
                        raise EspAwayError(f"more than {RESPONSE_BYTES} bytes")
        except httpx.HTTPError as error:
            raise EspAwayError(type(error).__name__) from None
        if answer.status_code != 200 or "xml" not in answer.headers.get("content-type", ""):
            raise EspAwayError(f"status {answer.status_code}")
        return body
