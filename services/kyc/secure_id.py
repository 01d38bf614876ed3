"""Cashfree Secure ID: asks the Income Tax Department whether a PAN, a name and a date of birth belong together ("PAN Lite").

Each question has an id of ours, which Cashfree takes once. Asked again it answers 409, charges nothing, and does not repeat
what it had answered: a refusal here, and a person looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx

from services.common.exchange import exchange
from services.common.outside import Refused, Unknown
from services.common.telemetry.carried import PartnerClient
from services.kyc.verdicts import Verdict

#: More is no answer.
_ANSWER_BYTES = 64 * 1024

#: Connecting is short, so that a provider that is away is known soon; the department behind it takes its time.
TIMEOUT = httpx.Timeout(15.0, connect=2.0, pool=1.0)

#: From the first byte sent to the last one read, whatever trickles in.
CALL_SECONDS = 20.0

#: Of the department's codes of a PAN: it exists, it is a person's who lives, it was not deactivated.
_EXISTS = "E"


@dataclass(frozen=True)
class SecureIdKeys:
    """What Cashfree knows us by; our addresses are on its list, so requests are not signed besides."""

    client_id: str
    secret: str = field(repr=False)


class SecureId:
    """`services.kyc.verdicts.PanProvider`. `seconds`: of a whole call."""

    def __init__(self, http: httpx.AsyncClient, keys: SecureIdKeys, seconds: float = CALL_SECONDS) -> None:
        self._http, self._keys, self._seconds = http, keys, seconds

    async def confirm(self, key: str, number: str, name: str, birth_date: date) -> Verdict:
        """As the port says."""
        body = {"verification_id": key, "pan": number, "name": name, "dob": birth_date.isoformat()}
        status, document = await self._ask("/verification/pan-lite", body)
        if status >= 400:
            raise Refused(_code(document, status))
        if document.get("verification_id") != key or document.get("pan") != number:
            raise Unknown("an answer to another question")
        reference = document.get("reference_id")
        if not isinstance(reference, int | str) or isinstance(reference, bool):
            raise Unknown("answer without reference_id")
        valid = document.get("status")
        if valid not in ("VALID", "INVALID"):
            raise Unknown("answer without status")
        return Verdict(
            reference=str(reference)[:40],
            valid=valid == "VALID" and document.get("pan_status") == _EXISTS,
            name=document.get("name_match") == "Y",
            birth_date=document.get("dob_match") == "Y",
        )

    async def _ask(self, path: str, body: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        headers = {"x-client-id": self._keys.client_id, "x-client-secret": self._keys.secret}
        status, document = await exchange(
            self._http, "POST", path, seconds=self._seconds, most=_ANSWER_BYTES, json=body, headers=headers
        )
        if not isinstance(document, dict):
            raise Unknown("answer is no JSON object")
        return status, document


def _code(document: Mapping[str, Any], status: int) -> str:
    """The provider's own code of a refusal, short, and without what a person typed."""
    found = document.get("code")
    return (
        found[:60]
        if isinstance(found, str) and found.replace("_", "").replace("-", "").isalnum()
        else f"status {status}"
    )


def client(url: str, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A client of it; no proxy and no .netrc of the surroundings."""
    return PartnerClient(base_url=url.rstrip("/"), timeout=TIMEOUT, transport=transport, trust_env=False)
