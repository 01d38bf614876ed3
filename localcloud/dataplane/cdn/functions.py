"""CloudFront Functions: a distribution's JavaScript, run for each viewer's request and answer within CloudFront's bounds.

Source: CloudFront Developer Guide, "CloudFront Functions event structure", "Restrictions on CloudFront Functions" (2 MB of
memory, no network, no files). Modules (`cloudfront`, `crypto`, key value stores) are not here: a function that imports one
fails, as one with an error does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import quickjs

#: Of our own: the engine and what it holds of a function before that does anything take half of it.
_MEMORY = 8 * 1024 * 1024
#: Processor time (seconds). CloudFront's own bound is about a millisecond, on machines that nobody else uses.
_SECONDS = 0.1

_CALL = """
globalThis.matchday = {};
(function (text) {
  Promise.resolve().then(function () { return handler(JSON.parse(text)); }).then(
    function (result) { matchday.result = JSON.stringify(result); },
    function (error) { matchday.error = String(error); });
})
"""


class FunctionFailed(Exception):
    """A function that threw, took too long, or returned neither a request nor a response; with what it said."""


class ViewerFunction:
    """One function. For one thread, the one that made it."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._context: quickjs.Context | None = None

    def __call__(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """What it returns for an event: a request or a response. Raises FunctionFailed."""
        try:
            context = self._begun()
            context.set_time_limit(_SECONDS)
            context.eval(_CALL)(json.dumps(event))
            while context.execute_pending_job():
                pass
            outcome = json.loads(context.eval("JSON.stringify(matchday)"))
        except (quickjs.JSException, quickjs.StackOverflow) as error:
            self._context = None  # whatever state it is in
            raise FunctionFailed(str(error)) from error
        if "error" in outcome:
            raise FunctionFailed(outcome["error"])
        result = json.loads(outcome.get("result") or "null")
        if not isinstance(result, dict) or not ({"uri", "statusCode"} & result.keys()):
            raise FunctionFailed("it returned neither a request nor a response")
        return result

    def _begun(self) -> quickjs.Context:
        if self._context is None:
            context = quickjs.Context()
            context.set_memory_limit(_MEMORY)
            context.set_time_limit(_SECONDS)
            context.eval("globalThis.console = { log() {}, error() {} };")
            context.eval(self._code)
            self._context = context
        return self._context


@lru_cache(maxsize=32)
def function(code: str) -> ViewerFunction:
    """The function of a code, made once."""
    return ViewerFunction(code)


def request_event(method: str, path: str, query: str, headers: Mapping[str, str], viewer: str) -> dict[str, Any]:
    """A viewer's request, as a function gets it."""
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        values.setdefault(name, []).append(value)
    return {
        "version": "1.0",
        "context": {"eventType": "viewer-request"},
        "viewer": {"ip": viewer},
        "request": {
            "method": method,
            "uri": path,
            "querystring": {name: _valued(given) for name, given in values.items()},
            "headers": {name: {"value": value} for name, value in headers.items() if name != "cookie"},
            "cookies": {name: {"value": value} for name, value in cookies(headers.get("cookie", "")).items()},
        },
    }


def _valued(given: list[str]) -> dict[str, Any]:
    one = {"value": given[0]}
    return one if len(given) == 1 else {**one, "multiValue": [{"value": value} for value in given]}


def cookies(text: str) -> dict[str, str]:
    """The cookies of a request's header."""
    pairs = (part.strip().partition("=") for part in text.split(";") if part.strip())
    return {name: value for name, _, value in pairs}
