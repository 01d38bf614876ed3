"""Statements of a WAF rule as Caddy's matchers: pure, so that each one's meaning can be tested without a server.

A statement becomes a list of matcher sets, any of which has to hold. Source: AWS WAF Developer Guide, "Rule statements".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localcloud.dataplane.model import Json

Matcher = dict[str, Any]
#: A match of a rule is a match of any of these.
Matchers = list[Matcher]

#: Where this machine is length which country a viewer is in: what CloudFront would add.
COUNTRY_HEADER = "CloudFront-Viewer-Country"

#: The connection's address. Caddy's `client_ip` would believe what the client says.
CONNECTION = "{http.request.remote.host}"

#: The path as it was sent, which Caddy has no placeholder for.
_SENT_PATH = "{http.request.uri}.split('?')[0]"

_COMPARISONS = {"EQ": "==", "NE": "!=", "LE": "<=", "LT": "<", "GE": ">=", "GT": ">"}
#: Transformations that a matcher's own form stands for; any other is not judged.
_TRANSFORMED = frozenset({"NONE", "LOWERCASE", "URL_DECODE", "NORMALIZE_PATH"})


class Unjudged(Exception):
    """A statement that needs what one machine does not have, and what that is."""


class Sets:
    """What statements refer to: the addresses of IP sets and the expressions of pattern sets, by ARN."""

    def __init__(self, addresses: Mapping[str, Sequence[str]], patterns: Mapping[str, Sequence[str]]) -> None:
        self.addresses, self.patterns = addresses, patterns


def label(name: str) -> str:
    """The variable that says that a rule has put the label on a request."""
    return f"waf_label_{name}"


def matchers(statement: Json, sets: Sets) -> Matchers:
    """`statement` as matchers; Unjudged if it cannot be one. Rate-based statements and groups are the rule's own affair."""
    ((kind, given),) = statement.items()
    form = _FORMS.get(kind)
    if form is None:
        raise Unjudged(f"{kind} is not judged here")
    return form(given, sets)


def negated(found: Matchers) -> Matchers:
    """What matches where `found` does not."""
    return [{"not": found}]


def both(parts: Sequence[Matchers]) -> Matchers:
    """What matches where each of `parts` does; a set holds each of Caddy's matchers once, hence the double negation."""
    return parts[0] if len(parts) == 1 else [{"not": [{"not": part} for part in parts]}]


def _and(given: Json, sets: Sets) -> Matchers:
    return both([matchers(part, sets) for part in given["Statements"]])


def _or(given: Json, sets: Sets) -> Matchers:
    return [one for part in given["Statements"] for one in matchers(part, sets)]


def _not(given: Json, sets: Sets) -> Matchers:
    return negated(matchers(given["Statement"], sets))


def _label(given: Json, sets: Sets) -> Matchers:
    if given["Scope"] != "LABEL":
        raise Unjudged("labels are judged by their whole name, not by a namespace")
    return [{"vars": {label(given["Key"]): ["1"]}}]


def _address_set(given: Json, sets: Sets) -> Matchers:
    if given.get("IPSetForwardedIPConfig"):
        raise Unjudged("an IP set is held against the connection's address, not against a header")
    if (known := sets.addresses.get(given["ARN"])) is None:
        raise Unjudged(f"there is no IP set {given['ARN']}")
    return [{"remote_ip": {"ranges": list(known)}}] if known else negated([{}])


def _country(given: Json, sets: Sets) -> Matchers:
    """By the header that CloudFront would add; a viewer of whom nothing is known is in no country."""
    return [{"header": {COUNTRY_HEADER: list(given["CountryCodes"])}}]


def _bytes(given: Json, sets: Sets) -> Matchers:
    raw = given["SearchString"]
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    before, after = _POSITIONS[given["PositionalConstraint"]]
    return _expression(given, before + re.escape(text) + after)


def _regex(given: Json, sets: Sets) -> Matchers:
    return _expression(given, given["RegexString"])


def _regex_set(given: Json, sets: Sets) -> Matchers:
    if (known := sets.patterns.get(given["ARN"])) is None:
        raise Unjudged(f"there is no pattern set {given['ARN']}")
    return [one for pattern in known for one in _expression(given, pattern)]


def _size(given: Json, sets: Sets) -> Matchers:
    field, comparison, size = given["FieldToMatch"], _COMPARISONS[given["ComparisonOperator"]], int(given["Size"])
    if "Body" in field or "JsonBody" in field:
        # Of a body that comes in pieces nobody knows the length before it is read.
        length = "{http.request.header.Content-Length}"
        return [{"expression": f"{length}.matches('^[0-9]{{1,15}}$') && int({length}) {comparison} {size}"}]
    if "SingleHeader" in field:
        name = field["SingleHeader"]["Name"]
        there = {"header": {name: ["*"]}}  # a header that is not there has no size
        return both([[there], [{"expression": f"size({{http.request.header.{name}}}) {comparison} {size}"}]])
    if "UriPath" in field:
        return [{"expression": f"size({_SENT_PATH}) {comparison} {size}"}]
    if "QueryString" in field or "AllQueryArguments" in field:
        return [{"expression": f"size({{http.request.uri.query}}) {comparison} {size}"}]
    raise Unjudged(f"the size of {_named(field)} is not judged here")


def _expression(given: Json, pattern: str) -> Matchers:
    """`pattern` looked for in the statement's field, after its transformations."""
    transformed = {item["Type"] for item in given.get("TextTransformations") or ()}
    if unknown := sorted(transformed - _TRANSFORMED):
        raise Unjudged(f"the transformation {unknown[0]} is not judged here")
    if "LOWERCASE" in transformed:
        # What is searched for in a text of small letters is found only if it is in small letters itself.
        pattern = f"(?i){pattern}" if pattern == pattern.lower() else r"[^\x00-\x{10FFFF}]"
    field = given["FieldToMatch"]
    decoded = transformed & {"URL_DECODE", "NORMALIZE_PATH"}
    if "UriPath" in field and "NORMALIZE_PATH" in transformed:
        return [{"path_regexp": {"pattern": pattern}}]  # Caddy cleans the path for it
    if decoded and "UriPath" not in field:
        raise Unjudged(f"{sorted(decoded)[0]} is judged of the path alone")
    if "SingleHeader" in field:
        return [{"header_regexp": {field["SingleHeader"]["Name"]: {"pattern": pattern}}}]
    if "Method" in field:
        return [{"vars_regexp": {"{http.request.method}": {"pattern": pattern}}}]
    if "QueryString" in field or "AllQueryArguments" in field:
        return [{"vars_regexp": {"{http.request.uri.query}": {"pattern": pattern}}}]
    if "UriPath" in field and decoded:
        return [{"vars_regexp": {"{http.request.uri.path}": {"pattern": pattern}}}]
    if "UriPath" in field:
        return [{"expression": f"{_SENT_PATH}.matches({json.dumps(pattern)})"}]
    raise Unjudged(f"{_named(field)} is not looked into here")


def _named(field: Json) -> str:
    return next(iter(field), "a field")


#: What stands before and after a text that is searched for.
_POSITIONS = {
    "EXACTLY": ("^", "$"),
    "STARTS_WITH": ("^", ""),
    "ENDS_WITH": ("", "$"),
    "CONTAINS": ("", ""),
    "CONTAINS_WORD": (r"\b", r"\b"),
}

_FORMS: Mapping[str, Callable[[Json, Sets], Matchers]] = {
    "AndStatement": _and,
    "OrStatement": _or,
    "NotStatement": _not,
    "LabelMatchStatement": _label,
    "IPSetReferenceStatement": _address_set,
    "GeoMatchStatement": _country,
    "ByteMatchStatement": _bytes,
    "RegexMatchStatement": _regex,
    "RegexPatternSetReferenceStatement": _regex_set,
    "SizeConstraintStatement": _size,
}
