"""What surrounds every request: its id, the bounds of its head, its access-log line, and the answer when a service fails."""

from __future__ import annotations

import logging
import re
import time
from urllib.parse import unquote_to_bytes

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common import logs
from services.common.errors import MEDIA_TYPE, Code, ServiceError
from services.common.ids import uuid7
from services.common.telemetry import spans
from services.common.telemetry.endpoints import Endpoints

#: Of a request's head. The load balancer lets more pass (64 KiB of headers); nothing of ours needs it.
MAX_PATH_BYTES = 1024
MAX_QUERY_BYTES = 2048
MAX_HEADERS = 64

#: Of a problem's body: a detail is a sentence, and twenty violations are enough to mend a request by.
MAX_DETAIL = 500
MAX_VIOLATIONS = 20

_POLICY = b"content-security-policy"

#: Of every answer: none may load anything or be framed, but a page that says its own policy; none is asked for in clear text.
SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (_POLICY, b"default-src 'none'; frame-ancestors 'none'"),
    (b"strict-transport-security", b"max-age=63072000"),
)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
QUIET_PATHS = frozenset({"/healthz", "/readyz"})

#: What a load balancer puts on each request that it forwards, and nobody can take off: a request with both is from outside.
#: One of them is not enough: whoever traces may pass X-Amzn-Trace-Id on, and services reach each other through proxies
#: of AWS's (docs/adr/0048-inside-and-outside.md).
OUTSIDE_HEADERS = (b"x-amzn-trace-id", b"x-forwarded-port")

#: The methods that a span names; any other is OTHER_METHOD, as in OpenTelemetry's conventions.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD = "_OTHER"

access = logging.getLogger("access")
log = logging.getLogger(__name__)


def header(scope: Scope, name: bytes) -> bytes:
    """The first header of that (lower-case) name; empty if there is none."""
    for found, value in scope["headers"]:
        if found == name:
            return bytes(value)
    return b""


def from_outside(scope: Scope) -> bool:
    """Whether the request came through the load balancer."""
    return all(header(scope, name) for name in OUTSIDE_HEADERS)


def problem_response(error: ServiceError) -> Response:
    """`error` as an HTTP answer, of bounded size."""
    problem = error.problem(logs.request_id.get())
    problem.detail = problem.detail[:MAX_DETAIL]
    problem.violations = problem.violations[:MAX_VIOLATIONS]
    content = problem.model_dump_json(exclude=None if error.violations else {"violations"})
    return Response(content, error.status, headers=error.headers, media_type=MEDIA_TYPE)


class RequestContext:
    """Gives the request an id (the caller's, if it is well-formed), logs its end, and answers for a failure."""

    def __init__(self, app: ASGIApp, endpoints: Endpoints) -> None:
        self._app, self._endpoints = app, endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = header(scope, b"x-request-id").decode("latin-1")
        own = uuid7()
        identity = given if _REQUEST_ID.fullmatch(given) else str(own)
        logs.request_id.set(identity)
        logs.user_id.set("")
        scope.setdefault("state", {})
        added = [(b"x-request-id", identity.encode()), *SECURITY_HEADERS]
        started = time.perf_counter()
        root = _begin(scope, own.int)
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                page = any(name == _POLICY for name, _ in message["headers"])  # which says itself what it may load
                more = [each for each in added if each[0] != _POLICY] if page else added
                message["headers"] = [*message["headers"], *more]
                if not any(name == b"cache-control" for name, _ in message["headers"]):
                    message["headers"].append((b"cache-control", b"no-store"))
                if getattr(scope["app"].state, "draining", False):
                    # So that no request follows on a connection that is about to end.
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            if refusal := head_refusal(scope):
                await problem_response(refusal)(scope, receive, sending)
            else:
                await self._app(scope, receive, sending)
        except Exception as error:
            log.exception("request failed")
            spans.failed(error)
            if status:
                raise  # the answer has begun: the server must cut it off
            answer = ServiceError(Code.INTERNAL, "Something went wrong; the request id helps to find out what.")
            await problem_response(answer)(scope, receive, sending)
        finally:
            self._log(scope, status, time.perf_counter() - started, root)

    def _log(self, scope: Scope, status: int, seconds: float, root: spans.Span | None) -> None:
        quiet = scope["path"] in QUIET_PATHS
        milliseconds = round(seconds * 1000, 1)
        route: str = getattr(scope.get("route"), "path", "")
        if not quiet:
            kept = root is not None and _end(root, scope["method"], route, status)
            self._endpoints.add(
                scope["method"], route, status, milliseconds, root.recording.trace if root and kept else 0
            )
        level = logging.DEBUG if quiet and status < 500 else logging.INFO
        if not access.isEnabledFor(level):
            return
        # The path only: a query string may hold what a log must not.
        fields = {
            "method": scope["method"],
            "path": scope["path"][:MAX_PATH_BYTES],
            "route": route,
            "status": status,
            "milliseconds": milliseconds,
        }
        access.log(level, "request", extra=fields)


def _begin(scope: Scope, trace: int) -> spans.Span | None:
    """The request's span. The trace of a caller outside is only a link: it would choose what is kept."""
    spans.current.set(None)
    if scope["path"] in QUIET_PATHS:
        return None
    given = spans.parse(header(scope, b"traceparent").decode("latin-1"))
    outside = from_outside(scope)
    root = spans.begin(None if outside else given, scope["method"], spans.SpanKind.SERVER, trace)
    if root and outside and given:
        root.links = [given]
    return root


def _end(root: spans.Span, method: str, route: str, status: int) -> bool:
    """End the request's span; whether it is kept."""
    known = method if method in _METHODS else _OTHER_METHOD
    root.name = f"{known} {route}" if route else known
    attributes: dict[str, str | int] = {"http.request.method": known, "http.response.status_code": status}
    root.attributes = attributes
    if route:
        attributes["http.route"] = route
    if not root.error and (status >= 500 or status == 0):
        root.error = str(status)
    return spans.end(root, spans.SLOW_REQUEST_NS)


def head_refusal(scope: Scope) -> ServiceError | None:
    """What is wrong with the path, the query or the headers, before anything looks into them; None if nothing is."""
    query: bytes = scope["query_string"]
    if len(scope["path"]) > MAX_PATH_BYTES:
        return ServiceError(Code.MALFORMED, f"A path may have {MAX_PATH_BYTES} bytes.")
    if len(query) > MAX_QUERY_BYTES:
        return ServiceError(Code.MALFORMED, f"A query may have {MAX_QUERY_BYTES} bytes.")
    if len(scope["headers"]) > MAX_HEADERS:
        return ServiceError(Code.MALFORMED, f"A request may have {MAX_HEADERS} headers.")
    # A NUL cannot be stored, and U+FFFD is what the server makes of bytes that are not UTF-8.
    if "\0" in scope["path"] or "\ufffd" in scope["path"] or not is_text(query):
        return ServiceError(Code.MALFORMED, "The path and the query have to be UTF-8 without NUL characters.")
    return None


def is_text(encoded: bytes) -> bool:
    """Whether percent-encoded text is UTF-8 without NUL."""
    if b"%" not in encoded:
        return encoded.isascii() and b"\0" not in encoded
    try:
        return "\0" not in unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        return False
