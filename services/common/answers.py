"""What a request is answered that an exception ended: refusals, what the framework refuses, a database that is away."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute

from services.common.admission import RETRY_AFTER, busy_or_unknown
from services.common.errors import Code, ErrorCode, ServiceError, Violation
from services.common.middleware import MAX_VIOLATIONS, problem_response
from services.common.postgres import LOST

#: PostgreSQL's conditions (SQLSTATE classes and codes) that pass: the same request may succeed a moment later. 28 is a log-in
#: that was refused (a password is being rotated), 25006 a server that has become a standby.
_PASSING = ("08", "25006", "28", "40", "53", "55P03", "57")

#: Of these it is not sure what became of a COMMIT that was on its way; of all others PostgreSQL itself says it did nothing.
_CUT_OFF = ("08", "57")

#: What the network says of a peer that is away. Other errors of the operating system (a file that is missing) are ours.
_AWAY = frozenset(
    {
        errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN,
        errno.ENETUNREACH, errno.EPIPE, errno.ETIMEDOUT,
    }
)  # fmt: skip

_BY_STATUS: Mapping[int, ErrorCode] = {
    400: Code.MALFORMED,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.BODY_TOO_LARGE,
}

#: Kinds of violation whose message repeats what was sent.
_REPEATING = frozenset({"union_tag_invalid", "union_tag_not_found"})

log = logging.getLogger(__name__)


def register(app: FastAPI) -> None:
    """Have `app` answer with what is here."""
    app.exception_handler(ServiceError)(_service_error)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http_error)
    for passing in (PoolTimeout, DBAPIError, OSError, asyncpg.PostgresError, *LOST):
        app.exception_handler(passing)(_busy)


async def _service_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return problem_response(error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        return problem_response(ServiceError(Code.MALFORMED, "The body is not JSON."))
    known = _names(request.app)
    violations = [
        Violation(field=_field(problem["loc"], known), message=_message(problem))
        for problem in problems[:MAX_VIOLATIONS]
    ]
    fields = ", ".join(dict.fromkeys(violation.field for violation in violations))
    return problem_response(ServiceError(Code.INVALID, f"Not accepted: {fields}.", violations=violations))


def _field(location: Iterable[int | str], known: frozenset[str]) -> str:
    """Where it is, in names of ours: a name that the caller invented is shown as a question mark."""
    return ".".join(str(part) if isinstance(part, int) or part in known else "?" for part in location)


def _message(problem: Mapping[str, Any]) -> str:
    return "The kind that it names is not known" if problem["type"] in _REPEATING else str(problem["msg"])[:200]


#: The ids of an application's routes → the routes, which keep the ids their own, and the names that requests to them can have.
_NAMES: dict[tuple[int, ...], tuple[Sequence[BaseRoute], frozenset[str]]] = {}


def _names(app: FastAPI) -> frozenset[str]:
    """Every name that a request can have, from the OpenAPI document; once for all applications that share their routes."""
    routes = list(app.routes)
    key = tuple(map(id, routes))
    if key not in _NAMES:
        _NAMES[key] = routes, frozenset({"body", "query", "header", "path", "cookie", *_named(app.openapi())})
    return _NAMES[key][1]


def _named(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        yield from node.get("properties", {})
        if isinstance(node.get("name"), str):
            yield node["name"]
        for value in node.values():
            yield from _named(value)
    elif isinstance(node, list):
        for value in node:
            yield from _named(value)


async def _http_error(_: Request, error: Exception) -> Response:
    """What the framework refuses by itself, in our form."""
    assert isinstance(error, HTTPException)
    code = _BY_STATUS.get(error.status_code, Code.INTERNAL)
    return problem_response(ServiceError(code, f"{code.summary}.", headers=error.headers))


async def _busy(request: Request, error: Exception) -> Response:
    """The database is overloaded or away. What it did refuse for good is a failure of ours, and is raised on."""
    state = _state(error)
    if state is None:
        raise error
    log.warning("database busy", extra={"reason": f"{type(error).__name__} {state}".strip()})
    if state.startswith("28"):
        log.error("the database refuses the log-in", extra={"runbook": "service-tasks"})
    if state.startswith(_CUT_OFF) or not state:
        return problem_response(busy_or_unknown(request.scope))
    detail = "The database did not take it at this moment; nothing was done."
    return problem_response(ServiceError(Code.BUSY, detail, headers=RETRY_AFTER))


def _state(error: Exception) -> str | None:
    """The SQLSTATE of a condition that passes, empty where the server said nothing any more; None for one that stays."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return ""
        error = error.orig if isinstance(error.orig, Exception) else error
    if isinstance(error, (PoolTimeout, TimeoutError, socket.gaierror, *LOST)):
        return ""
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return state if state.startswith(_PASSING) else None
    if isinstance(error, OSError) and (error.errno in _AWAY or str(error).startswith("Multiple exceptions")):
        return ""
    return None
