"""ELBv2 listeners and rules as a Caddy configuration: pure, so that each rule's meaning can be tested without a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.dataplane.ingress import resolver
from localcloud.dataplane.ingress.pages import own
from localcloud.dataplane.model import Json, Listener, ListenerRule, TargetGroup
from localcloud.dataplane.watch import traffic
from localcloud.runtime.wildcards import expression

Route = dict[str, Any]
#: ELBv2's redirect placeholders in Caddy's words, in the order of replacement: #{path} comes without its first slash.
_PLACEHOLDERS = (
    ("/#{path}", "{http.request.uri.path}"),
    ("#{path}", "{http.request.uri.path}"),
    ("?#{query}", "{http.request.uri.prefixed_query}"),
    ("#{query}", "{http.request.uri.query}"),
    ("#{protocol}", "{http.request.scheme}"),
    ("#{host}", "{http.request.host}"),
    ("#{port}", "{http.request.port}"),
)
#: An ALB takes headers of 64 kB in all.
_HEADER_BYTES = 65_536
#: A target's answer goes on as it was sent: without Caddy's marks.
_AS_SENT: Route = {
    "handle": [
        {"handler": "headers", "response": {"deferred": True, "delete": ["Via"]}},
        {
            "handler": "headers",
            "response": {"deferred": True, "delete": ["Server"], "require": {"headers": {"Server": ["Caddy"]}}},
        },
    ]
}
_STATUS = {"HTTP_301": 301, "HTTP_302": 302}
_DEFAULT_PORTS = {"HTTP": "80", "HTTPS": "443"}


class Unroutable(Exception):
    """A rule that this ingress cannot serve, and why."""


def config(
    *,
    admin: str,
    listeners: Mapping[str, Listener],
    groups: Mapping[str, TargetGroup],
    resolver_host: str,
    refresh: float,
    fronts: Mapping[str, Sequence[Route]] | None = None,
    watcher: str = "",
    firewalls: Mapping[str, Sequence[Route]] | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Caddy's whole configuration for `listeners` by the address they are served on, and what it cannot serve.

    `fronts`: by address, the routes of the distribution that is before the listener there (localcloud/dataplane/cdn).
    `watcher`: the address at which requests are counted (localcloud/dataplane/watch/traffic.py), if they are.
    `firewalls`: by listener's ARN, the routes that come before its own (localcloud/dataplane/firewall).
    """
    problems: list[str] = []
    servers = {}
    for number, (address, listener) in enumerate(sorted(listeners.items())):
        routes = []
        for rule in sorted(listener.rules, key=_precedence):
            try:
                routes.append(_route(rule, groups, resolver_host, refresh, listener.idle_timeout))
            except Unroutable as problem:
                problems.append(
                    f"listener {listener.port} of {listener.load_balancer}, rule {rule.priority}: {problem}"
                )
                routes.append({**_matched(rule), "handle": [_fixed(502, str(problem))], "terminal": True})
        watched = [{"handle": traffic.handlers(listener)}] if watcher else []
        before = (firewalls or {}).get(listener.arn, ())
        front = (fronts or {}).get(address, ())
        made = server(address, [*front, *watched, *before, *routes], listener.idle_timeout)
        servers[f"listener{number}"] = {**made, "logs": {"default_logger_name": traffic.LOGGER}} if watcher else made
    return {
        "admin": {"listen": admin, "origins": [admin], "config": {"persist": False}},
        "logging": traffic.logging(watcher) if watcher else {"logs": {"default": {"level": "ERROR"}}},
        "apps": {"http": {"servers": servers, "grace_period": "5s"}},
    }, problems


def server(address: str, routes: Sequence[Route], idle_timeout: float = 60) -> dict[str, Any]:
    """One HTTP server of the configuration: what an ALB does to every request and with its own answers, and the routes."""
    trace = {"match": [{"method": ["TRACE"]}], "handle": [own(405)], "terminal": True}
    return {
        "listen": [address],
        "automatic_https": {"disable": True},
        "protocols": ["h1"],
        "idle_timeout": f"{idle_timeout:g}s",
        "max_header_bytes": _HEADER_BYTES,
        # An ALB appends to X-Forwarded-For whatever the client sent in it.
        "trusted_proxies": {"source": "static", "ranges": ["0.0.0.0/0"]},
        "routes": [_AS_SENT, trace, *routes],
        "errors": {"routes": [{"handle": [own("{http.error.status_code}", "{http.error.status_text}")]}]},
    }


def unavailable(address: str) -> dict[str, Any]:
    """The server of an address for which no listener is deployed."""
    return server(address, [{"handle": [_fixed(503, "no listener is deployed here")]}])


def _precedence(rule: ListenerRule) -> float:
    return float("inf") if rule.priority == "default" else int(rule.priority)


def _route(
    rule: ListenerRule, groups: Mapping[str, TargetGroup], resolver_host: str, refresh: float, idle: float
) -> Route:
    actions = sorted(rule.actions, key=lambda action: int(action.get("Order", 1)))
    if not actions:
        raise Unroutable("it has no action")
    return {**_matched(rule), "handle": _handle(actions[-1], groups, resolver_host, refresh, idle), "terminal": True}


def _matched(rule: ListenerRule) -> Route:
    """The rule's conditions, all of which must hold."""
    matchers: dict[str, Any] = {}
    for condition in rule.conditions:
        ((kind, value),) = _condition(condition).items()
        if kind not in matchers:
            matchers[kind] = value
        else:
            # A matcher set holds each kind once. `not` of several sets is "none of them": so NOT (NOT a OR NOT b) is "both".
            matchers.setdefault("not", []).append({"not": [{kind: value}]})
    return {"match": [matchers]} if matchers else {}


def _condition(condition: Json) -> dict[str, Any]:
    """One condition as one of Caddy's matchers; its values are alternatives."""
    field = condition["Field"]
    if field == "path-pattern":
        # A regular expression, because Caddy's own path matcher ignores case and ELBv2's does not.
        return {"path_regexp": {"pattern": _any_of(_values(condition, "PathPatternConfig"))}}
    if field == "host-header":
        return {
            "header_regexp": {"Host": {"pattern": "(?i)" + _any_of(_values(condition, "HostHeaderConfig"), port=True)}}
        }
    if field == "http-request-method":
        return {"method": _values(condition, "HttpRequestMethodConfig")}
    if field == "http-header":
        name = condition["HttpHeaderConfig"]["HttpHeaderName"]
        return {"header_regexp": {name: {"pattern": "(?i)" + _any_of(_values(condition, "HttpHeaderConfig"))}}}
    if field == "source-ip":
        return {"remote_ip": {"ranges": _values(condition, "SourceIpConfig")}}
    if field == "query-string":
        pairs = condition["QueryStringConfig"]["Values"]
        either = "|".join(
            f"{expression(pair['Key']) if pair.get('Key') else '[^&=]*'}={expression(pair['Value'])}" for pair in pairs
        )
        return {"vars_regexp": {"{http.request.uri.query}": {"pattern": f"(?i)(?:^|&)(?:{either})(?:&|$)"}}}
    raise Unroutable(f"a condition on {field} is not known")


def _values(condition: Json, config_key: str) -> list[str]:
    return list((condition.get(config_key) or {}).get("Values") or condition.get("Values") or [])


def _any_of(patterns: Sequence[str], *, port: bool = False) -> str:
    """A regular expression for any of some ELBv2 patterns, as a whole."""
    return f"^(?:{'|'.join(expression(pattern) for pattern in patterns)}){'(?::[0-9]+)?' if port else ''}$"


def _handle(
    action: Json, groups: Mapping[str, TargetGroup], resolver_host: str, refresh: float, idle: float
) -> list[Route]:
    kind = action["Type"]
    if kind == "forward":
        return [_forward(action, groups, resolver_host, refresh, idle)]
    if kind == "redirect":
        return _redirect(action["RedirectConfig"])
    if kind == "fixed-response":
        fixed = action["FixedResponseConfig"]
        return [_fixed(int(fixed["StatusCode"]), fixed.get("MessageBody") or "", fixed.get("ContentType"))]
    raise Unroutable(f"an action of type {kind} is not known")


def _fixed(status: int, body: str, content_type: str | None = None) -> Route:
    return {
        "handler": "static_response",
        "status_code": status,
        "body": body,
        "headers": {"Content-Type": [content_type or "text/plain"], "Server": ["awselb/2.0"]},
    }


def _redirect(redirect: Json) -> list[Route]:
    protocol, port = redirect.get("Protocol", "#{protocol}"), redirect.get("Port", "#{port}")
    location = f"{protocol.lower() if protocol in _DEFAULT_PORTS else protocol}://{redirect.get('Host', '#{host}')}"
    location += "" if port == _DEFAULT_PORTS.get(protocol) else f":{port}"
    location += redirect.get("Path", "/#{path}")
    query = redirect.get("Query", "#{query}")
    location += f"?{query}" if query else ""
    for placeholder, here in _PLACEHOLDERS:
        location = location.replace(placeholder, here)
    answer = own(_STATUS[redirect["StatusCode"]])
    return [{**answer, "headers": {**answer["headers"], "Location": [location]}}]


def _forward(action: Json, groups: Mapping[str, TargetGroup], resolver_host: str, refresh: float, idle: float) -> Route:
    weighted = (action.get("ForwardConfig") or {}).get("TargetGroups") or [
        {"TargetGroupArn": action.get("TargetGroupArn")}
    ]
    found = []
    for entry in weighted:
        group = groups.get(entry["TargetGroupArn"])
        if group is None:
            raise Unroutable(f"target group {entry['TargetGroupArn']} does not exist")
        found.append((group, int(entry.get("Weight", 1)) if len(weighted) > 1 else 1))
    ports = sorted({group.port for group, weight in found if weight})
    if not ports:
        return own(503)
    if len(ports) != 1:
        raise Unroutable(f"its target groups use different ports {ports}; here they must share one")
    return {
        "handler": "reverse_proxy",
        "dynamic_upstreams": {
            "source": "a",
            "name": resolver.pool_name([(group.name, weight) for group, weight in found]),
            "port": str(ports[0]),
            "refresh": f"{refresh:g}s",
            "versions": {"ipv4": True},
            "resolver": {"addresses": [f"{resolver_host}:{resolver.PORT}"]},
        },
        # A connection of its own for each request: no request is sent on one that its task is closing, and the connections
        # that are open are the requests that are open (from local_address), which is how a drain knows its end.
        "transport": {
            "protocol": "http",
            "keep_alive": {"enabled": False},
            "local_address": resolver_host,
            "compression": False,  # else it would ask for gzip where the client did not
            "response_header_timeout": f"{idle:g}s",
        },
        # Another target is tried when one takes no connection; a request that was sent is never sent again.
        "load_balancing": {
            "selection_policy": {"policy": "round_robin"},
            "retries": 2,
            "retry_match": [{"method": ["none"]}],
        },
        "flush_interval": -1,
        "headers": {
            "request": {
                "set": {
                    "X-Forwarded-Proto": ["http"],
                    "X-Forwarded-Port": ["{http.request.local.port}"],
                    # An ALB writes it on every request that it forwards; by it a service knows where a request came from.
                    "X-Amzn-Trace-Id": ["Root=1-{http.request.uuid}"],
                },
                "delete": ["X-Forwarded-Host", "Via"],
            }
        },
    }
