"""One HTTP request that somebody outside answers: what the answer, or the lack of one, says of whether it was done."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from json import loads as json_of
from typing import Any

import httpx

from services.common.outside import NotDone, Unknown

#: An answer is read up to here; more is no answer.
MAX_ANSWER_BYTES = 2 * 1024 * 1024


async def exchange(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    *,
    seconds: float,
    most: int = MAX_ANSWER_BYTES,
    **request: Any,
) -> tuple[int, dict[str, Any] | list[Any]]:
    """Status (2xx or 4xx) and JSON of the answer; its numbers with a point are Decimal. `request`: as httpx has it.

    `seconds`: from the first byte sent to the last one read, whatever trickles in; `most`: bytes of an answer. Raises NotDone
    where it was not reached or wants fewer requests, and Unknown where it may have been done.
    """
    try:
        async with asyncio.timeout(seconds):
            answer = await http.send(http.build_request(method, path, **request), stream=True)
            try:
                body = await _read(answer, most)
            finally:
                await answer.aclose()
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise NotDone(type(error).__name__) from None
    except (httpx.HTTPError, TimeoutError) as error:
        raise Unknown(type(error).__name__) from None
    status = answer.status_code
    if status == 429:
        raise NotDone("rate limited")
    if status >= 500 or 300 <= status < 400:
        raise Unknown(f"status {status}")
    return status, _parsed(body)


async def _read(answer: httpx.Response, most: int) -> bytes:
    parts, size = [], 0
    async for part in answer.aiter_bytes():
        size += len(part)
        if size > most:
            raise Unknown("answer too large")
        parts.append(part)
    return b"".join(parts)


def _parsed(body: bytes) -> dict[str, Any] | list[Any]:
    """A page of HTML is what a proxy on the way says: it says nothing of what the provider did."""
    try:
        document = json_of(body, parse_float=Decimal)  # amounts are exact
    except (ValueError, RecursionError):
        raise Unknown("answer is no JSON") from None
    if not isinstance(document, dict | list):
        raise Unknown("answer is no JSON object")
    return document
