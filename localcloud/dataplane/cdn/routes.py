"""A distribution as routes of the ingress that come before the load balancer's own; pure.

What its buckets answer goes to the edge (edge.py). What the load balancer answers stays in the ingress, so that no request of
the API is any slower: only the method is judged and the headers policy applied. It is not kept, whatever the cache policy
says, and its functions do not run (a distribution's `unjudged` names both).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from localcloud.dataplane.cdn.distribution import Behavior, Distribution, matched
from localcloud.dataplane.cdn.headers import Added, added, removed
from localcloud.dataplane.cdn.origin import pages
from localcloud.dataplane.watch.traffic import DISTRIBUTION

Route = dict[str, Any]
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"})


def before(distributions: Sequence[Distribution], address: str) -> Distribution | None:
    """The distribution that asks the load balancer at an address for some of its paths."""
    return next((each for each in distributions if any(_there(each, one, address) for one in each.behaviors)), None)


def _there(distribution: Distribution, behavior: Behavior, address: str) -> bool:
    origin = distribution.origins.get(behavior.origin)
    return origin is not None and origin.domain == address


def routes(distribution: Distribution, address: str, edge: str, guard: Sequence[Route]) -> list[Route]:
    """The routes of `address`, where the distribution's load balancer is. `edge`: host and port; `guard`: its web ACL's routes.

    The web ACL judges what goes to the edge; what goes to the load balancer meets the load balancer's own.
    """
    made: list[Route] = [{"handle": [{"handler": "log_append", "key": DISTRIBUTION, "value": distribution.identity}]}]
    earlier: list[str] = []
    for behavior in distribution.behaviors:
        match = _match(behavior, earlier)
        if not _there(distribution, behavior, address):
            made.append(
                {**match, "handle": [{"handler": "subroute", "routes": [*guard, _edge(edge)]}], "terminal": True}
            )
        else:
            made.extend(_balanced(behavior, match))
        earlier.append(matched(behavior.pattern))
    return made


def _match(behavior: Behavior, earlier: Sequence[str]) -> Route:
    """Its pattern, and none of those before it."""
    matcher: dict[str, Any] = {}
    if behavior.pattern:
        matcher["path_regexp"] = {"pattern": f"^(?:{matched(behavior.pattern)})$"}
    if earlier:
        matcher["not"] = [{"path_regexp": {"pattern": f"^(?:{'|'.join(earlier)})$"}}]
    return {"match": [matcher]} if matcher else {}


def _edge(edge: str) -> Route:
    return {
        "handle": [
            {
                "handler": "reverse_proxy",
                "upstreams": [{"dial": edge}],
                "transport": {"protocol": "http", "compression": False},
                # The viewer's address as this connection has it: CloudFront believes no header of the viewer's either.
                "headers": {"request": {"set": {"X-Forwarded-For": ["{http.request.remote.host}"]}}},
            }
        ],
        "terminal": True,
    }


def _balanced(behavior: Behavior, match: Route) -> list[Route]:
    found: list[Route] = []
    refused = sorted(_METHODS - behavior.methods)
    if refused:
        only = {**(match.get("match") or [{}])[0], "method": refused}
        page = pages(403, "the distribution is not configured to allow the HTTP request method")
        answer = {
            "handler": "static_response",
            "status_code": page.status,
            "body": page.body.decode(),
            "headers": {name.title(): [value] for name, value in page.headers.items()},
        }
        found.append({"match": [only], "handle": [answer], "terminal": True})
    headers = added(behavior.headers)
    response: dict[str, Any] = {"deferred": True}
    if gone := removed(behavior.headers):
        response["delete"] = gone
    if override := {each.name: [each.value] for each in headers if each.override}:
        response["set"] = override
    handlers: list[Route] = []
    if len(response) > 1:
        handlers.append({"handler": "headers", "response": response})
    handlers.extend(_where_absent(each) for each in headers if not each.override)
    if handlers:
        found.append({**match, "handle": handlers})
    return found


def _where_absent(header: Added) -> Route:
    """Caddy sets a header only where the answer has none by `require`: an absent one."""
    return {
        "handler": "headers",
        "response": {
            "deferred": True,
            "set": {header.name: [header.value]},
            "require": {"headers": {header.name: None}},
        },
    }
