"""Response headers policies: what a distribution adds to answers, and takes from them.

Source: CloudFront Developer Guide, "Understand response headers policies". Not here: the Server-Timing header.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from localcloud.dataplane.cdn.cache import Response

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Added:
    """A header to add; `override`: instead of the origin's own."""

    name: str
    value: str
    override: bool


def added(policy: Json, origin: str = "") -> list[Added]:
    """The headers that a policy (Pulumi's form; empty: none) adds to an answer; `origin`: the request's, for CORS."""
    return [*_security(policy.get("securityHeadersConfig") or {}), *_custom(policy), *_cors(policy, origin)]


def removed(policy: Json) -> list[str]:
    """The names of the headers that a policy takes away."""
    return [str(each["header"]).lower() for each in (policy.get("removeHeadersConfig") or {}).get("items") or []]


def apply(policy: Json, response: Response, request: Mapping[str, str]) -> Response:
    """An answer as a policy leaves it. `request`: the viewer's headers, names in lower case."""
    gone = removed(policy)
    headers = {name: value for name, value in response.headers.items() if name not in gone}
    for each in added(policy, request.get("origin", "")):
        if each.override or each.name not in headers:
            headers[each.name] = each.value
    return replace(response, headers=headers)


def _security(given: Json) -> Iterator[Added]:
    values = {
        "strictTransportSecurity": ("strict-transport-security", _transport),
        "contentTypeOptions": ("x-content-type-options", lambda _: "nosniff"),
        "frameOptions": ("x-frame-options", lambda each: str(each["frameOption"])),
        "referrerPolicy": ("referrer-policy", lambda each: str(each["referrerPolicy"])),
        "contentSecurityPolicy": ("content-security-policy", lambda each: str(each["contentSecurityPolicy"])),
        "xssProtection": ("x-xss-protection", _scripting),
    }
    for key, (name, value) in values.items():
        if each := given.get(key):
            yield Added(name, value(each), bool(each.get("override")))


def _transport(given: Json) -> str:
    words = [f"max-age={int(given['accessControlMaxAgeSec'])}"]
    words += ["includeSubDomains"] if given.get("includeSubdomains") else []
    return "; ".join([*words, "preload"] if given.get("preload") else words)


def _scripting(given: Json) -> str:
    words = ["1" if given.get("protection") else "0"]
    words += ["mode=block"] if given.get("modeBlock") else []
    return "; ".join([*words, f"report={given['reportUri']}"] if given.get("reportUri") else words)


def _custom(policy: Json) -> Iterator[Added]:
    for each in (policy.get("customHeadersConfig") or {}).get("items") or []:
        yield Added(str(each["header"]).lower(), str(each.get("value") or ""), bool(each.get("override")))


def _cors(policy: Json, origin: str) -> Iterator[Added]:
    given = policy.get("corsConfig")
    if not given or not origin:
        return
    listed = (given.get("accessControlAllowOrigins") or {}).get("items") or []
    if "*" not in listed and origin not in listed:
        return
    override = bool(given.get("originOverride"))
    credentials = bool(given.get("accessControlAllowCredentials"))
    values = {
        "access-control-allow-origin": "*" if "*" in listed and not credentials else origin,
        "access-control-allow-credentials": "true" if credentials else "",
        "access-control-allow-methods": _items(given, "accessControlAllowMethods"),
        "access-control-allow-headers": _items(given, "accessControlAllowHeaders"),
        "access-control-expose-headers": _items(given, "accessControlExposeHeaders"),
        "access-control-max-age": str(given.get("accessControlMaxAgeSec") or ""),
    }
    yield from (Added(name, value, override) for name, value in values.items() if value)


def _items(given: Json, name: str) -> str:
    return ", ".join((given.get(name) or {}).get("items") or [])
