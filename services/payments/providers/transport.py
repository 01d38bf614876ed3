"""HTTP to a provider: what its answer, or the lack of one, means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from services.common.exchange import exchange
from services.common.outside import Refused, Unknown
from services.common.telemetry.carried import PartnerClient

#: No proxy and no .netrc of the surroundings; connecting is short, so that a provider that is away is known soon.
TIMEOUT = httpx.Timeout(4.0, connect=1.5, pool=1.0)

#: From the first byte sent to the last one read, whatever trickles in.
CALL_SECONDS = 6.0


def client(base_url: str, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """A client of one provider."""
    limits = httpx.Limits(max_connections=20, max_keepalive_connections=5)
    return PartnerClient(base_url=base_url, timeout=TIMEOUT, limits=limits, transport=transport, trust_env=False)


async def ask(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    params: Mapping[str, str] | None = None,
    absent: bool = False,
) -> Any:
    """The JSON of a good answer; None for a 404 if `absent` is an answer. Raises Refused, NotDone, Unknown.

    A 409 is Unknown, as providers say so of a request that is under way.
    """
    status, document = await exchange(
        http, method, path, seconds=CALL_SECONDS, headers=headers, json=json, params=params
    )
    if status == 409:
        raise Unknown(f"status {status}")
    if status == 404 and absent:
        return None
    if status >= 400:
        raise Refused(_code(document) or f"status {status}")
    return document


def _code(document: Any) -> str:
    """The provider's own code of a refusal, short and without what a person typed."""
    if not isinstance(document, dict):
        return ""
    error = document.get("error")
    found = error.get("reason") or error.get("code") if isinstance(error, dict) else document.get("code")
    return str(found)[:80] if found else ""
