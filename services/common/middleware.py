"""What surrounds every request: its id, its access-log line, the bound on its body, and the answer when a service fails."""

from __future__ import annotations

import logging
import re
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common import logs
from services.common.errors import MEDIA_TYPE, Code, ServiceError
from services.common.ids import uuid7

MAX_BODY_BYTES = 256 * 1024

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_QUIET_PATHS = frozenset({"/healthz", "/readyz"})

access = logging.getLogger("access")
log = logging.getLogger(__name__)


def problem_response(error: ServiceError) -> Response:
    """`error` as an HTTP answer."""
    problem = error.problem(logs.request_id.get())
    content = problem.model_dump_json(exclude=None if error.violations else {"violations"})
    return Response(content, error.status, headers=error.headers, media_type=MEDIA_TYPE)


class RequestContext:
    """Gives the request an id (the caller's, if it is well-formed), logs its end, and answers for a failure."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        identity = given if _REQUEST_ID.fullmatch(given) else str(uuid7())
        logs.request_id.set(identity)
        logs.user_id.set("")
        started = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = identity
                headers["X-Content-Type-Options"] = "nosniff"
                if getattr(scope["app"].state, "draining", False):
                    headers["Connection"] = "close"  # so that no request follows on a connection about to end
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            log.exception("request failed")
            if status:
                raise  # the answer has begun: the server must cut it off
            error = ServiceError(Code.INTERNAL, "Something went wrong; the request id helps to find out what.")
            await problem_response(error)(scope, receive, sending)
        finally:
            self._log(scope, status, time.perf_counter() - started)

    def _log(self, scope: Scope, status: int, seconds: float) -> None:
        level = logging.DEBUG if scope["path"] in _QUIET_PATHS and status < 500 else logging.INFO
        route: Any = scope.get("route")
        # The path only: a query string may hold what a log must not.
        fields = {
            "method": scope["method"],
            "path": scope["path"],
            "route": getattr(route, "path", ""),
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
        }
        access.log(level, "request", extra=fields)


class BodyLimit:
    """Refuses a body above MAX_BODY_BYTES, by what it claims and, where it claims nothing, by what arrives."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = ServiceError(Code.BODY_TOO_LARGE, f"At most {MAX_BODY_BYTES} bytes are accepted.")
        claimed = Headers(scope=scope).get("content-length", "0")
        if not claimed.isdecimal() or int(claimed) > MAX_BODY_BYTES:
            await problem_response(refusal)(scope, receive, send)
            return
        received = 0

        async def receiving() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                # An HTTPException, since FastAPI turns any other error while it reads a body into a 400 of its own.
                raise HTTPException(refusal.status)
            return message

        await self._app(scope, receiving, send)
