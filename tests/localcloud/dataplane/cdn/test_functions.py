"""CloudFront Functions run as they are deployed, within bounds."""

from __future__ import annotations

from typing import Any

import pytest

from components.edge.viewer_functions import API_VIEWER, FUNCTIONS, SITE_PAGES
from components.edge.waf_rules import VIEWER_ADDRESS
from localcloud.dataplane.cdn.functions import FunctionFailed, function, request_event


def _event(path: str = "/", query: str = "", **headers: str) -> dict[str, Any]:
    return request_event("GET", path, query, headers, "198.51.100.7")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/index.html"),
        ("/teams/7/edit", "/index.html"),
        ("/teams/", "/index.html"),
        ("/app.3f2a.js", "/app.3f2a.js"),
        ("/v1.2/teams", "/index.html"),
    ],
)
def test_a_page_of_the_site_is_its_document(path: str, expected: str) -> None:
    assert function(FUNCTIONS[SITE_PAGES][1])(_event(path))["uri"] == expected


def test_the_viewer_s_address_is_the_connection_s_whatever_the_viewer_wrote() -> None:
    result = function(FUNCTIONS[API_VIEWER][1])(_event("/auth/x", **{VIEWER_ADDRESS: "192.0.2.1"}))
    assert result["headers"][VIEWER_ADDRESS] == {"value": "198.51.100.7"}


def test_an_event_has_queries_cookies_and_headers_as_cloudfront_writes_them() -> None:
    request = _event("/a", "x=1&y=&x=2", host="h", cookie="s=1; t=2")["request"]
    assert request["querystring"] == {
        "x": {"value": "1", "multiValue": [{"value": "1"}, {"value": "2"}]},
        "y": {"value": ""},
    }
    assert request["cookies"] == {"s": {"value": "1"}, "t": {"value": "2"}}
    assert request["headers"] == {"host": {"value": "h"}}


def test_an_async_function_and_one_that_answers() -> None:
    code = "async function handler(event) { await null; return { statusCode: 302, headers: { location: { value: '/x' } } }; }"
    assert function(code)(_event()) == {"statusCode": 302, "headers": {"location": {"value": "/x"}}}


@pytest.mark.parametrize(
    "code",
    [
        "function handler(event) { throw new Error('no'); }",
        "function handler(event) { return nothing.at.all; }",
        "function handler(event) { return 7; }",
        "function handler(event) { }",
        "function handler(event) { return {}; }",
        "function handler(event",
        "function other(event) { return event.request; }",
        "function handler(event) { while (true) {} }",
        "function handler(event) { return handler(event); }",
        "function handler(event) { var s = 'x'; while (true) s += s; }",
        "function handler(event) { return new Promise(function () {}); }",
        "import cf from 'cloudfront'; function handler(event) { return event.request; }",
        "function handler(event) { return require('fs'); }",
        "function handler(event) { return fetch('http://127.0.0.1/'); }",
    ],
)
def test_what_fails_is_said_and_the_next_request_is_tried_again(code: str) -> None:
    for _ in range(2):
        with pytest.raises(FunctionFailed):
            function(code)(_event())


def test_one_request_leaves_nothing_for_the_next_but_what_the_function_keeps_itself() -> None:
    code = "function handler(event) { event.request.uri = typeof matchday.result; return event.request; }"
    assert [function(code)(_event())["uri"] for _ in range(2)] == ["undefined", "undefined"]
