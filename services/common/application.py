"""What every service's web application has: state, error answers, health endpoints, an OpenAPI document with the errors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.responses import Response
from starlette.routing import BaseRoute

from services.common import answers, database, idempotency, postgres
from services.common.admission import RUNNING, Admission, Admitted
from services.common.bodies import BodyGuard
from services.common.clock import Clock, DatabaseClock
from services.common.dispatch import Dispatch, depends_on
from services.common.errors import Code, ErrorCode, Problem, responses
from services.common.middleware import RequestContext
from services.common.readiness import Readiness
from services.common.settings import AppDatabaseSettings, ProcessSettings, load
from services.common.sweep import Sweep
from services.common.telemetry.endpoints import Endpoints
from services.common.telemetry.exporter import close_exporter, open_exporter

#: Opens what a service needs besides the database, into `app.state`; what it enters on the stack is closed at the end.
Opener = Callable[[FastAPI, AsyncExitStack], Awaitable[None]]


def create_application(
    *,
    title: str,
    summary: str,
    routers: Sequence[APIRouter],
    opener: Opener,
    codes: type[ErrorCode] | None = None,
    clock: Clock | None = None,
    large: Collection[str] = (),
) -> FastAPI:
    """A service's application; `codes` are the errors that it alone has; `large`: the paths that take batches.

    It reads the environment when it starts, not when it is made, so that its OpenAPI document can be had without any.
    `app.state` holds `process`, `clock`, `engine`, `sessions`, `pool`, `admission`, `readiness`, `draining`, and what
    `opener` puts there; an opener sets `verifier` (a TokenVerifier).
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.process = load(ProcessSettings)
            stack.callback(close_exporter, open_exporter(app.state.process))
            stack.callback(app.state.endpoints.write)
            settings = load(AppDatabaseSettings)
            application = f"{app.state.process.service}-{app.state.process.process}"
            # The pool has one for each request that runs, readiness one of its own, the engine the rest of the budget.
            rest = max(1, settings.connections - RUNNING - 1)
            app.state.engine = database.create_engine(settings, application, connections=rest)
            stack.push_async_callback(app.state.engine.dispose)
            app.state.sessions = database.create_sessions(app.state.engine)
            app.state.pool = await stack.enter_async_context(postgres.open_pool(settings, application, RUNNING))
            app.state.readiness = Readiness(settings, application, app.state.clock)
            stack.callback(app.state.readiness.close)
            await app.state.readiness.problem()  # from now on the clock is PostgreSQL's
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
        telemetry={"tracing": False, "metrics": False, "logs": False},  # looked for anew with each request
        redirect_slashes=False,  # a redirect would name the Host that the caller sent
    )
    app.state.clock = clock or DatabaseClock()
    app.state.draining = False
    app.state.admission, app.state.sweep = Admission(), Sweep(app.state)
    app.state.endpoints = Endpoints()
    # The last one added is the first that a request meets. A body is read before a place is taken: who sends slowly has none.
    app.add_middleware(Dispatch, app)
    app.add_middleware(Admitted, app.state.admission)
    app.add_middleware(BodyGuard, large)
    app.add_middleware(RequestContext, app.state.endpoints)
    answers.register(app)
    for router in (_HEALTH, *routers):
        app.router.routes.extend(_included(router))
    _describe(app, [*Code, *(codes or ())])
    return app


#: A router's id → the router, which keeps the id its own, and what `_included` made of it.
_INCLUDED: dict[int, tuple[APIRouter, Sequence[BaseRoute]]] = {}


def _included(router: APIRouter) -> Sequence[BaseRoute]:
    """A router's routes with what those of every service have, made once in a process.

    FastAPI takes a route's signature apart each time that it is included, milliseconds a route: tests make applications by the
    hundred.
    """
    if id(router) not in _INCLUDED:
        whole = APIRouter(responses=responses(), generate_unique_id_function=lambda route: route.name)
        whole.include_router(router)
        _INCLUDED[id(router)] = router, whole.routes
    return _INCLUDED[id(router)][1]


def _describe(app: FastAPI, codes: Sequence[ErrorCode]) -> None:
    """Complete the OpenAPI document: the schema that `errors.responses` refers to, and headers that are needed."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["properties"]["code"] = {"$ref": "#/components/schemas/Code"}
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(schema.pop("$defs"))
        schemas["Code"] = {"type": "string", "title": "Code", "enum": [code.value for code in codes]}
        schemas["Problem"] = schema
        for route in iter_route_contexts(app.routes):
            if isinstance(route.original_route, APIRoute) and depends_on(route.dependant, idempotency.key_of_request):
                for method in route.methods or ():
                    operation = document["paths"][route.path_format][method.lower()]
                    operation["parameters"] = [*operation.get("parameters", []), idempotency.PARAMETER]
        return document

    app.openapi = described  # type: ignore[method-assign]


_HEALTH = APIRouter()


@_HEALTH.get("/healthz", include_in_schema=False)
async def _healthz() -> dict[str, str]:
    return {"status": "ok"}


@_HEALTH.get("/readyz", include_in_schema=False)
async def _readyz(request: Request) -> Response:
    """Ready to get requests: not about to end, and PostgreSQL answers.

    The cache and the broker do not count: what needs them refuses by itself, and taking every task out of the load
    balancer would end what works without them.
    """
    if request.app.state.draining:
        return JSONResponse({"status": "draining"}, 503)
    if problem := await request.app.state.readiness.problem():
        return JSONResponse({"status": "unready", "postgres": problem}, 503)
    return JSONResponse({"status": "ready"})
