"""The way from a request to its endpoint: what FastAPI works out anew for each request is worked out once, at the start.

FastAPI walks the tree of an endpoint's dependencies, asks of each what kind of function it is, and validates an answer that was
validated when it was made: a quarter of what a short request costs. A route whose dependencies are of the plain kinds below
becomes a plan, a list of calls. Every other one is left to FastAPI, which the plans follow in all that they do.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, get_type_hints

from fastapi import FastAPI, params
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from fastapi.utils import is_body_allowed_for_status_code
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from starlette.convertors import Convertor, PathConvertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

#: Where `services.common.bodies` leaves the parsed body of a request, in the scope's "state".
BODY = "json"

_PARAMETERS = ("path_params", "query_params", "header_params")
_UNUSUAL = ("cookie_params", "background_tasks_param_name", "security_scopes_param_name", "websocket_param_name",
            "own_oauth_scopes", "parent_oauth_scopes", "concurrency")  # fmt: skip
_UNUSUAL_ANSWERS = ("response_model_include", "response_model_exclude", "response_model_exclude_unset",
                    "response_model_exclude_defaults", "response_model_exclude_none", "stream_item_field",
                    "is_sse_stream", "is_json_stream", "max_body_size")  # fmt: skip


class _NotPlainError(Exception):
    """A route has something that a plan does not do."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One call: a dependency's, or (the last one) the endpoint's."""

    call: Callable[..., Any]
    generator: bool
    given: tuple[tuple[str, int], ...]  # parameter → the step whose result it is
    needs: tuple[int, ...]  # steps without which it is not called
    requests: tuple[str, ...]  # parameters that take the request
    response: str | None  # the parameter that takes the response to be
    fields: tuple[tuple[str, Sequence[Any]], ...]  # where in the request → FastAPI's fields of it


class _Failed:
    """The result of a step whose part of the request is not accepted."""


_FAILED = _Failed()


class Plan:
    """How one route is answered. An ASGI application that raises what the endpoint and its dependencies raise."""

    def __init__(self, route: RouteContext) -> None:
        self.route = route
        dependant: Dependant = route.dependant
        _plain_answer(route)
        self._steps: list[_Step] = []
        self._add(dependant, {}, last=True)
        self._body = _body_field(route, dependant)
        self._generators = any(step.generator for step in self._steps)
        self._shows = any(step.response for step in self._steps)
        self._status: int = route.status_code or 200
        self._empty = not is_body_allowed_for_status_code(self._status)
        self._field = route.response_field
        model = route.response_model
        self._model = model if isinstance(model, type) and issubclass(model, BaseModel) else None

    def _add(self, dependant: Dependant, seen: dict[Any, int], *, last: bool = False) -> int:
        """The number of `dependant`'s step, which is added, after those it depends on, unless there is one."""
        if dependant.use_cache and dependant.call in seen:
            return seen[dependant.call]
        if any(getattr(dependant, name) for name in _UNUSUAL) or (dependant.body_params and not last):
            raise _NotPlainError
        below = [(child.name, self._add(child, seen)) for child in dependant.dependencies]
        call = dependant.call
        assert call is not None
        self._steps.append(
            _Step(
                call=asynccontextmanager(call) if inspect.isasyncgenfunction(call) else call,
                generator=_is_generator(call, dependant),
                given=tuple((name, number) for name, number in below if name is not None),
                needs=tuple(number for _, number in below),
                requests=tuple(filter(None, (dependant.request_param_name, dependant.http_connection_param_name))),
                response=dependant.response_param_name,
                fields=tuple((where, found) for where in _PARAMETERS if (found := getattr(dependant, where))),
            )
        )
        return seen.setdefault(call, len(self._steps) - 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        if self._generators:
            async with AsyncExitStack() as stack:
                response = await self._respond(request, stack)
        else:
            response = await self._respond(request, None)
        await response(scope, receive, send)

    async def _respond(self, request: Request, stack: AsyncExitStack | None) -> Response:
        shown: Response | None = None
        if self._shows:
            shown = Response()
            del shown.headers["content-length"]
            shown.status_code = 0
        errors: list[Any] = []
        results: list[Any] = []
        *dependencies, endpoint = self._steps
        for step in dependencies:
            arguments = _arguments(step, request, shown, results, errors)
            if arguments is None:
                results.append(_FAILED)
            elif step.generator:
                assert stack is not None
                results.append(await stack.enter_async_context(step.call(**arguments)))
            else:
                results.append(await step.call(**arguments))
        arguments = _arguments(endpoint, request, shown, results, errors) or {}
        body: Any = PydanticUndefined
        if self._body is not None:
            body = await self._read(request)
            arguments[self._body.name], wrong = await self._accept(body)
            errors.extend(wrong)
        if errors:
            raise RequestValidationError(errors, body=None if body is PydanticUndefined else body)
        return self._answer(await endpoint.call(**arguments), shown)

    async def _read(self, request: Request) -> Any:
        state = request.scope["state"]
        if BODY in state:
            return state[BODY]
        return await request.body() or PydanticUndefined

    async def _accept(self, body: Any) -> tuple[Any, Sequence[Any]]:
        field = self._body
        assert field is not None
        if body is not PydanticUndefined:
            accepted: tuple[Any, Sequence[Any]] = field.validate(body, {}, loc=("body",))
            return accepted
        values, errors = await request_body_to_args([field], body, embed_body_fields=False)
        return values.get(field.name), errors

    def _answer(self, made: Any, shown: Response | None) -> Response:
        if isinstance(made, Response):
            return made
        status = shown.status_code if shown and shown.status_code else self._status
        response: Response
        if self._empty:
            response = Response(None, status, None, _JSON)
        elif self._model is not None and type(made) is self._model:  # it was validated when it was made
            response = Response(made.__pydantic_serializer__.to_json(made, by_alias=True), status, None, _JSON)
        elif self._field is None:
            response = JSONResponse(jsonable_encoder(made), status)
        else:
            value, wrong = self._field.validate(made, {}, loc=("response",))
            if wrong:
                raise ResponseValidationError(errors=wrong, body=made)
            response = Response(self._field.serialize_json(value), status, None, _JSON)
        if shown is not None:
            response.headers.raw.extend(shown.headers.raw)
        return response


_JSON = "application/json"


def _arguments(
    step: _Step, request: Request, shown: Response | None, results: list[Any], errors: list[Any]
) -> dict[str, Any] | None:
    """What `step` is called with; None, and more in `errors`, where the request does not say what it has to."""
    failed = any(results[number] is _FAILED for number in step.needs)
    arguments = {name: results[number] for name, number in step.given}
    for where, fields in step.fields:
        values, wrong = request_params_to_args(fields, _received(request, where))
        arguments |= values
        if wrong:
            errors.extend(wrong)
            failed = True
    for name in step.requests:
        arguments[name] = request
    if step.response is not None:
        arguments[step.response] = shown
    return None if failed else arguments


def _received(request: Request, where: str) -> Mapping[str, Any]:
    if where == "header_params":
        return request.headers
    return request.query_params if where == "query_params" else request.path_params


def _plain_answer(route: RouteContext) -> None:
    response_class = getattr(route.response_class, "value", route.response_class)
    # An endpoint that says that it makes the answer itself (a file) is asked for nothing more.
    own = response_class is Response and get_type_hints(route.endpoint).get("return") is Response
    if not (own or response_class is JSONResponse) or any(getattr(route, name) for name in _UNUSUAL_ANSWERS):
        raise _NotPlainError


def _is_generator(call: Any, dependant: Dependant) -> bool:
    if inspect.isasyncgenfunction(call):
        if dependant.scope != "function":  # ended after the answer was sent
            raise _NotPlainError
        return True
    if not (inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))):  # noqa: B004 - not whether it can be called, but whether as a coroutine
        raise _NotPlainError
    return False


def _body_field(route: RouteContext, dependant: Dependant) -> Any:
    """The one field that is the whole body; None if there is none."""
    if not dependant.body_params:
        return None
    (field, *more) = dependant.body_params
    information = field.field_info
    if more or isinstance(information, params.Form) or getattr(information, "embed", False) or route._embed_body_fields:
        raise _NotPlainError
    return field


def depends_on(dependant: Dependant, call: Callable[..., Any]) -> bool:
    """Whether `call` is `dependant`'s or one of its dependencies'."""
    return dependant.call is call or any(depends_on(each, call) for each in dependant.dependencies)


class Dispatch:
    """Finds the plan of a request and follows it; the innermost of an application's middleware.

    Exceptions are answered by the handlers that the application has for them, as Starlette would.
    """

    def __init__(self, app: ASGIApp, owner: FastAPI) -> None:
        self._app = app
        self._handlers: Mapping[Any, Any] = owner.exception_handlers
        self._plans = _plans_of(owner)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._plans.find(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        plan, scope["path_params"] = found
        scope["route"] = plan.route
        try:
            await plan(scope, receive, send)
        except Exception as error:
            handler = next((self._handlers[kind] for kind in type(error).__mro__ if kind in self._handlers), None)
            if handler is None:
                raise
            response = await handler(Request(scope, receive, send), error)
            await response(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A route that takes the paths of a pattern; without a plan they are FastAPI's."""

    pattern: re.Pattern[str]
    convertors: Mapping[str, Convertor[Any]]
    plan: Plan | None


class Plans:
    """The plans of an application: of a request, that of the first route that takes its method and path, as Starlette goes."""

    def __init__(self, app: FastAPI) -> None:
        self._fixed: dict[tuple[str, str], Plan] = {}
        entries: list[tuple[Collection[str], int | None, _Candidate]] = []
        for route in iter_route_contexts(app.routes):
            candidate = _candidate(route)
            path, methods = route.path or "", route.methods or ()
            if candidate.plan is None or candidate.convertors:
                entries.append((methods, _length(route), candidate))
            elif not any(each.pattern.match(path) for _, _, each in entries):  # else a route before it takes its path
                for method in methods:
                    self._fixed.setdefault((method, path), candidate.plan)
        verbs = {method for methods, _, _ in entries for method in methods}
        lengths = {length for _, length, _ in entries if length is not None}
        #: (method, how many slashes a path has) → the routes that may take it, in their order.
        self._candidates: dict[tuple[str, int], tuple[_Candidate, ...]] = {
            (verb, slashes): tuple(
                candidate
                for methods, length, candidate in entries
                if (not methods or verb in methods) and length in (None, slashes)
            )
            for verb in verbs
            for slashes in lengths
        }

    def find(self, method: str, path: str) -> tuple[Plan, dict[str, Any]] | None:
        """The plan of a request and the parameters in its path; None where it is left to FastAPI."""
        plan = self._fixed.get((method, path))
        if plan is not None:
            return plan, {}
        for candidate in self._candidates.get((method, path.count("/")), ()):
            found = candidate.pattern.match(path)
            if found:
                if candidate.plan is None:
                    return None
                convertors = candidate.convertors
                return candidate.plan, {
                    name: convertors[name].convert(value) for name, value in found.groupdict().items()
                }
        return None

    def routes(self) -> set[tuple[str, str]]:
        """Method and path of each route that has a plan."""
        return set(self._fixed) | {
            (method, each.plan.route.path or "")
            for (method, _), candidates in self._candidates.items()
            for each in candidates
            if each.plan is not None
        }


_EVERYTHING = re.compile("")


def _candidate(route: RouteContext) -> _Candidate:
    pattern = getattr(route, "path_regex", None)
    if pattern is None or not isinstance(route.original_route, APIRoute):
        return _Candidate(pattern or _EVERYTHING, {}, None)
    try:
        return _Candidate(pattern, route.param_convertors, Plan(route))
    except _NotPlainError:
        return _Candidate(pattern, route.param_convertors, None)


def _length(route: RouteContext) -> int | None:
    """How many slashes each path has that a route takes; None if that differs."""
    convertors = getattr(route, "param_convertors", None)
    if convertors is None or any(isinstance(each, PathConvertor) for each in convertors.values()):
        return None
    return (route.path or "").count("/")


#: The ids of an application's routes → the routes, which keep their ids, and their plans.
_MADE: dict[tuple[int, ...], tuple[list[BaseRoute], Plans]] = {}


def _plans_of(app: FastAPI) -> Plans:
    """The plans of an application, made once in a process for all that have the same routes."""
    key = tuple(map(id, app.routes))
    if key not in _MADE:
        _MADE[key] = list(app.routes), Plans(app)
    return _MADE[key][1]
