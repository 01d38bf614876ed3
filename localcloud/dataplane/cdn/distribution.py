"""A distribution as it is deployed: what each path's behavior is, where it asks, and how long what it gets is kept; pure.

Source: Amazon CloudFront Developer Guide, "Cache behavior settings", "Managing how long content stays in the cache",
"Using managed cache policies".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from localcloud.dataplane.model import Firewall
from localcloud.runtime.wildcards import expression

Json = Mapping[str, Any]

_YEAR = 31_536_000


@dataclass(frozen=True, kw_only=True)
class CachePolicy:
    """How long objects are kept (seconds), and what of a request tells one object from another.

    A choice is CloudFront's word (`none`, `whitelist`, `allExcept`, `all`) and the names that it is about.
    """

    minimum: float = 0
    default: float = 0
    maximum: float = 0
    queries: tuple[str, frozenset[str]] = ("none", frozenset())
    cookies: tuple[str, frozenset[str]] = ("none", frozenset())
    headers: frozenset[str] = frozenset()
    gzip: bool = False

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""
        return self.maximum > 0


#: AWS's own policies by their published ids.
MANAGED: Mapping[str, CachePolicy] = {
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": CachePolicy(),  # CachingDisabled
    "658327ea-f89d-4fab-a63d-7e88639e58f6": CachePolicy(minimum=1, default=86_400, maximum=_YEAR, gzip=True),
    "b2884449-e4de-46a7-ac36-70bc7f1ddd6d": CachePolicy(minimum=1, default=86_400, maximum=_YEAR),
}


@dataclass(frozen=True, kw_only=True)
class Behavior:
    """What is done with the requests for a path pattern (empty: the default)."""

    pattern: str = ""
    origin: str
    methods: frozenset[str] = frozenset({"GET", "HEAD"})
    cache: CachePolicy = field(default_factory=CachePolicy)
    headers: Json = field(default_factory=dict)  #: a response headers policy, as Pulumi writes one
    functions: Mapping[str, str] = field(default_factory=dict)  #: event (`viewer-request`) → JavaScript
    compress: bool = False


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a distribution asks: a bucket, by its name, or (bucket empty) a server. `policy`: the bucket's, if it has one."""

    domain: str
    path: str = ""
    bucket: str = ""
    policy: Json | None = None


@dataclass(frozen=True, kw_only=True)
class ErrorPage:
    """What viewers get for a status of the origin: `path` (empty: as it is) with `status`; kept for `ttl` seconds."""

    path: str = ""
    status: int = 0
    ttl: float = 10


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """One enabled distribution."""

    identity: str
    arn: str
    domain: str
    behaviors: Sequence[Behavior]  #: by precedence; the default is the last
    origins: Mapping[str, Origin]
    groups: Mapping[str, tuple[Sequence[str], frozenset[int]]] = field(default_factory=dict)
    errors: Mapping[int, ErrorPage] = field(default_factory=dict)
    root: str = ""
    firewall: Firewall | None = None
    invalidations: Mapping[str, Sequence[str]] = field(default_factory=dict)  #: paths by invalidation
    unjudged: Sequence[str] = ()  #: what of it has no effect here

    def behavior(self, path: str) -> Behavior:
        """The first whose pattern matches; patterns tell capital letters from small ones."""
        return next(each for each in self.behaviors if not each.pattern or re.fullmatch(matched(each.pattern), path))

    def asked(self, origin: str) -> tuple[Sequence[str], frozenset[int]]:
        """The origins that are asked in turn, and the statuses with which the next one is."""
        return self.groups.get(origin, ((origin,), frozenset()))


def matched(pattern: str) -> str:
    """A path pattern as a regular expression; its first slash may be left out."""
    return expression(pattern if pattern.startswith(("/", "*")) else f"/{pattern}")


def lifetime(policy: CachePolicy, headers: Mapping[str, str], now: float, expires: float | None) -> float:
    """For how many seconds an answer with `headers` (names in lower case) stays fresh; `expires`: its Expires, if it has one.

    What says no-store, no-cache or private is kept for the minimum, which is usually 0.
    """
    words = dict(_directives(headers.get("cache-control", "")))
    if {"no-store", "no-cache", "private"} & words.keys():
        return policy.minimum
    for name in ("s-maxage", "max-age"):
        if words.get(name, "").isdigit():
            return min(max(float(words[name]), policy.minimum), policy.maximum)
    if expires is not None:
        return min(max(expires - now, policy.minimum), policy.maximum)
    return max(policy.default, policy.minimum)


def _directives(text: str) -> Sequence[tuple[str, str]]:
    parts = (part.partition("=") for part in text.lower().split(","))
    return [(name.strip(), value.strip().strip('"')) for name, _, value in parts]


def chosen(choice: tuple[str, frozenset[str]], given: Mapping[str, Any]) -> dict[str, Any]:
    """Of what a request carries, what a choice of a cache policy lets through, by name."""
    kind, names = choice
    if kind == "all":
        return dict(given)
    if kind in ("whitelist", "allExcept"):
        return {name: value for name, value in given.items() if (name in names) == (kind == "whitelist")}
    return {}
