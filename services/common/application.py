"""What every service's web application has: state, error answers, health endpoints, an OpenAPI document with the errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.responses import Response

from services.common import database
from services.common.clock import Clock, SystemClock
from services.common.errors import Code, ErrorCode, Problem, ServiceError, Violation, responses
from services.common.middleware import BodyLimit, RequestContext, problem_response
from services.common.settings import DatabaseSettings, ProcessSettings, load

#: Opens what a service needs besides the database, into `app.state`; what it enters on the stack is closed at the end.
Opener = Callable[[FastAPI, AsyncExitStack], Awaitable[None]]

_READY_SECONDS = 2.0

log = logging.getLogger(__name__)


def create_application(
    *,
    title: str,
    summary: str,
    routers: Sequence[APIRouter],
    opener: Opener,
    codes: type[ErrorCode] | None = None,
    clock: Clock | None = None,
) -> FastAPI:
    """A service's application; `codes` are the errors that it alone has.

    It reads the environment when it starts, not when it is made, so that its OpenAPI document can be had without any.
    `app.state` holds `process`, `clock`, `engine`, `sessions`, `draining`, and what `opener` puts there; an opener sets
    `verifier` (a TokenVerifier).
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.process = load(ProcessSettings)
            settings = load(DatabaseSettings)
            application = f"{app.state.process.service}-{app.state.process.process}"
            app.state.engine = database.create_engine(settings, application)
            stack.push_async_callback(app.state.engine.dispose)
            app.state.sessions = database.create_sessions(app.state.engine)
            await opener(app, stack)
            yield

    app = FastAPI(
        title=title,
        summary=summary,
        version="1",
        lifespan=lifespan,
        docs_url=None,  # the document is public, a page that loads scripts from elsewhere is not served
        redoc_url=None,
        openapi_url=None,
        responses=responses(),
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.clock = clock or SystemClock()
    app.state.draining = False
    app.add_middleware(BodyLimit)
    app.add_middleware(RequestContext)
    app.exception_handler(ServiceError)(_service_error)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http_error)
    for passing in (PoolTimeout, DBAPIError, ConnectionError, TimeoutError):
        app.exception_handler(passing)(_busy)
    app.add_api_route("/healthz", _healthz, include_in_schema=False)
    app.add_api_route("/readyz", _readyz, include_in_schema=False)
    for router in routers:
        app.include_router(router)
    _describe_problems(app, [*Code, *(codes or ())])
    return app


def _describe_problems(app: FastAPI, codes: Sequence[ErrorCode]) -> None:
    """Put the schema that `errors.responses` refers to into the OpenAPI document."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["properties"]["code"] = {"$ref": "#/components/schemas/Code"}
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(schema.pop("$defs"))
        schemas["Code"] = {"type": "string", "title": "Code", "enum": [code.value for code in codes]}
        schemas["Problem"] = schema
        return document

    app.openapi = described  # type: ignore[method-assign]


async def _healthz() -> dict[str, str]:
    return {"status": "ok"}


async def _readyz(request: Request) -> Response:
    """Ready to get requests: not about to end, and PostgreSQL answers.

    The cache and the broker do not count: what needs them refuses by itself, and taking every task out of the load
    balancer would end what works without them.
    """
    if request.app.state.draining:
        return JSONResponse({"status": "draining"}, 503)
    try:
        async with asyncio.timeout(_READY_SECONDS), request.app.state.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except Exception as error:  # whatever it is, the answer is "not ready" and why
        return JSONResponse({"status": "unready", "postgres": type(error).__name__}, 503)
    return JSONResponse({"status": "ready"})


async def _service_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return problem_response(error)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        return problem_response(ServiceError(Code.MALFORMED, "The body is not JSON."))
    violations = [
        Violation(field=".".join(str(part) for part in problem["loc"]), message=problem["msg"]) for problem in problems
    ]
    fields = ", ".join(dict.fromkeys(violation.field for violation in violations))
    return problem_response(ServiceError(Code.INVALID, f"Not accepted: {fields}.", violations=violations))


_BY_STATUS = {
    400: Code.MALFORMED,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    413: Code.BODY_TOO_LARGE,
}


async def _http_error(_: Request, error: Exception) -> Response:
    """What the framework refuses by itself, in our form."""
    assert isinstance(error, HTTPException)
    code = _BY_STATUS.get(error.status_code, Code.INTERNAL)
    return problem_response(ServiceError(code, f"{code.summary}.", headers=error.headers))


#: PostgreSQL's conditions (SQLSTATE classes and codes) that pass: the same request may succeed a moment later.
_PASSING = ("08", "40", "53", "55P03", "57")


async def _busy(_: Request, error: Exception) -> Response:
    """The database is overloaded or away. What it did refuse for good is a failure of ours, and is raised on."""
    state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if isinstance(error, DBAPIError) and not lost and not state.startswith(_PASSING):
        raise error
    log.warning("database busy", extra={"reason": f"{type(error).__name__} {state}".strip()})
    return problem_response(
        ServiceError(Code.BUSY, "The database did not answer in time.", headers={"Retry-After": "1"})
    )
