"""HTTP to a provider: what its answer, or the lack of one, means."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from json import loads as json_of
from typing import Any

import httpx

from services.common.outside import Refused
from services.common.telemetry.carried import PartnerClient
from services.payments.providers.port import NotDone, Unknown

#: A provider's answer is read up to here; more is no answer.
MAX_ANSWER_BYTES = 2 * 1024 * 1024

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
    conflicts: bool = False,
) -> Any:
    """The JSON of a good answer; None for a 404 if `absent` is an answer. Raises Refused, NotDone, Unknown.

    A 409 is Unknown, as providers say so of a request that is under way; it is a refusal where one `conflicts`.
    """
    try:
        async with asyncio.timeout(CALL_SECONDS):
            request = http.build_request(method, path, headers=headers, json=json, params=params)
            answer = await http.send(request, stream=True)
            try:
                body = await _read(answer)
            finally:
                await answer.aclose()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise NotDone(type(error).__name__) from None
    except (httpx.HTTPError, TimeoutError) as error:
        raise Unknown(type(error).__name__) from None
    status = answer.status_code
    if status == 429:
        raise NotDone("rate limited")
    if status >= 500 or (status == 409 and not conflicts) or 300 <= status < 400:
        raise Unknown(f"status {status}")
    document = _parsed(body)
    if status == 404 and absent:
        return None
    if status >= 400:
        raise Refused(_code(document) or f"status {status}")
    return document


async def _read(answer: httpx.Response) -> bytes:
    parts, size = [], 0
    async for part in answer.aiter_bytes():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise Unknown("answer too large")
        parts.append(part)
    return b"".join(parts)


def _parsed(body: bytes) -> Any:
    """A page of HTML is what a proxy on the way says: it says nothing of what the provider did."""
    try:
        document = json_of(body, parse_float=Decimal)  # amounts are exact
    except (ValueError, RecursionError):
        raise Unknown("answer is no JSON") from None
    if not isinstance(document, dict | list):
        raise Unknown("answer is no JSON object")
    return document


def _code(document: Any) -> str:
    """The provider's own code of a refusal, short and without what a person typed."""
    if not isinstance(document, dict):
        return ""
    error = document.get("error")
    found = error.get("reason") or error.get("code") if isinstance(error, dict) else document.get("code")
    return str(found)[:80] if found else ""
