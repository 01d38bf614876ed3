"""A request's body: read once, in bounded time, and refused before anything else looks at it if it is not fit to be parsed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from typing import Any

from pydantic_core import PydanticUndefined, from_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common.dispatch import BODY
from services.common.errors import Code, ServiceError
from services.common.middleware import header, is_text, problem_response

MAX_BODY_BYTES = 256 * 1024

#: How long a body may take to arrive; no honest client needs that long for MAX_BODY_BYTES.
BODY_SECONDS = 10.0

#: How deep JSON may nest, and how many values (or fields of a form) a body may have: each costs a validator time.
MAX_DEPTH = 32
MAX_VALUES = 2000

#: Of a path that takes batches, which the service names: more bytes, more values.
LARGE_BODY_BYTES = 512 * 1024
LARGE_VALUES = 25_000

_JSON = re.compile(rb"application/(?:[\w.+-]{1,64}\+)?json", re.IGNORECASE)
_FORM = b"application/x-www-form-urlencoded"


class BodyGuard:
    """Reads the whole body and passes it on in one piece; what follows never waits for the client again.

    Refused: more than MAX_BODY_BYTES (413), more than BODY_SECONDS (408); and, as malformed (400), what is neither JSON nor a
    form, is not UTF-8, or holds a NUL, half a surrogate pair, too deep a nesting or too many values.
    """

    def __init__(self, app: ASGIApp, large: Collection[str] = ()) -> None:
        self._app, self._large = app, frozenset(large)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            large = scope["path"] in self._large
            body = await _read(scope, receive, LARGE_BODY_BYTES if large else MAX_BODY_BYTES)
            if body is None:  # the client has gone
                return
            if body:
                value = check(header(scope, b"content-type"), body, LARGE_VALUES if large else MAX_VALUES)
                if value is not PydanticUndefined:
                    scope["state"][BODY] = value
        except ServiceError as refusal:
            await problem_response(refusal)(scope, receive, send)
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


async def _read(scope: Scope, receive: Receive, most: int) -> bytes | None:
    """The body; None if the client went away before its end. Raises ServiceError (body_too_large, body_too_slow)."""
    claimed = header(scope, b"content-length")
    if claimed:
        # Ten digits are far above the bound, and short enough to be made a number for nothing.
        if not claimed.isdigit() or len(claimed) > 10 or int(claimed) > most:
            raise _too_large(most)
        if claimed == b"0":
            return b""
    elif not header(scope, b"transfer-encoding"):
        return b"" if scope["method"] in ("GET", "HEAD", "DELETE", "OPTIONS") else await _collect(receive, most)
    return await _collect(receive, most)


async def _collect(receive: Receive, most: int) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                part = message.get("body", b"")
                size += len(part)
                if size > most:
                    raise _too_large(most)
                parts.append(part)
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError:
        raise ServiceError(
            Code.BODY_TOO_SLOW,
            f"The body has to arrive within {BODY_SECONDS:g} seconds.",
            headers={"Connection": "close"},
        ) from None


def _too_large(most: int) -> ServiceError:
    # The rest of the body is not read, so the connection cannot be used again.
    return ServiceError(Code.BODY_TOO_LARGE, f"At most {most} bytes are accepted.", headers={"Connection": "close"})


def check(content_type: bytes, body: bytes, most: int = MAX_VALUES) -> Any:
    """The value of `body` if it is JSON; undefined for a form. Raises ServiceError (malformed) if it is not either."""
    media = content_type.partition(b";")[0].strip()
    if media == b"application/json" or _JSON.fullmatch(media):
        return check_json(body, most)
    if media.lower() == _FORM:
        check_form(body)
        return PydanticUndefined
    raise malformed("Content-Type has to be application/json or application/x-www-form-urlencoded.")


def check_json(body: bytes, most: int = MAX_VALUES) -> Any:
    """The value of JSON as RFC 8259 has it, without text that PostgreSQL could not store."""
    try:
        value = from_json(body, allow_inf_nan=False)  # bounds nesting, refuses bad UTF-8 and half surrogate pairs
    except ValueError:
        raise malformed("The body is not JSON.") from None
    # Counting bytes is cheap and never too low; only what might be too much is walked through.
    if (
        body.count(b"[") + body.count(b"{") > MAX_DEPTH
        or body.count(b",") + body.count(b":") > most
        or b"\\u0000" in body
    ):
        _walk(value, most)
    return value


def _walk(value: Any, most: int) -> None:
    level, depth, values = [value], 0, 0
    while level:
        depth, values = depth + 1, values + len(level)
        if depth > MAX_DEPTH:
            raise malformed(f"JSON may nest {MAX_DEPTH} levels deep.")
        if values > most:
            raise malformed(f"A body may have {most} values.")
        below: list[Any] = []
        for each in level:
            if isinstance(each, str):
                if "\0" in each:  # which PostgreSQL cannot store
                    raise malformed("Text may not hold a NUL character.")
            elif isinstance(each, list):
                below.extend(each)
            elif isinstance(each, dict):
                below.extend(each)
                below.extend(each.values())
        level = below


def check_form(body: bytes) -> None:
    """A form of UTF-8 without NUL."""
    if body.count(b"&") >= MAX_VALUES:
        raise malformed(f"A body may have {MAX_VALUES} values.")
    if not is_text(body):
        raise malformed("Text has to be UTF-8 without NUL characters.")


def malformed(detail: str) -> ServiceError:
    """The refusal of what cannot be read."""
    return ServiceError(Code.MALFORMED, detail)
