"""Path routing: which requests go to which service, as ALB listener rules with stable priorities; pure."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

from model.patterns import overlap
from model.vocabulary import Slo

#: What one ALB rule takes (Elastic Load Balancing quotas), counted over all its conditions.
_VALUES_PER_RULE, _WILDCARDS_PER_RULE = 5, 5

#: Rules are asked by ascending priority, 1–50000. Each band of like patterns owns an equal part, so that a rule's priority
#: hangs on its own service and not on which others there are.
_LAST_PRIORITY = 50_000
_DEEPEST = 4
_BAND_WIDTH = _LAST_PRIORITY // (2 * (_DEEPEST + 1))

_PATTERN = re.compile(r"/[A-Za-z0-9_\-.$/~\"'@:+*?&]{0,127}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A service behind the load balancer.

    - patterns: ALB path patterns (``/wallet/*``), any number.
    - internal: patterns that are refused though `patterns` match them; each more specific than those.
    - port: where its tasks listen. health_path: asked on that port; 200 means ready.
    - drain_seconds: 0–3600, how long a task that leaves keeps its open requests.
    - slos: its objectives; what they do not name is watched by fixed limits.
    - shifts: whether its deployments move requests between two target groups; then it has one pattern.
    """

    name: str
    patterns: Sequence[str]
    port: int
    internal: Sequence[str] = ()
    health_path: str = "/readyz"
    drain_seconds: int = 30
    slos: Sequence[Slo] = ()
    shifts: bool = False


@dataclass(frozen=True, slots=True, order=True)
class _Band:
    """How specific a pattern is. A band that sorts first is asked first."""

    shallowness: int
    has_wildcard: bool

    @property
    def number(self) -> int:
        return 2 * self.shallowness + self.has_wildcard

    @property
    def label(self) -> str:
        """Part of a rule's name: how deep, and whether by prefix or exactly."""
        return f"{_DEEPEST - self.shallowness}{'w' if self.has_wildcard else 'x'}"


@dataclass(frozen=True, slots=True)
class ListenerRule:
    """One rule: requests for any of `patterns` go to the service `route`; the lowest priority that fits wins.

    Of an internal rule they are refused instead.
    """

    key: str
    route: str
    patterns: tuple[str, ...]
    priority: int
    internal: bool = False


def listener_rules(routes: Sequence[Route]) -> list[ListenerRule]:
    """The rules for `routes`, by priority.

    An exact path is asked before one with wildcards, a deeper pattern before a shallower one. Two services whose patterns are
    equally specific and match one path are refused: which of them would answer would be chance. So is an internal pattern
    that a route is as specific as: an internal rule is asked before every other that matches its paths.
    """
    _check(routes)
    wanted: dict[_Band, dict[str, ListenerRule]] = defaultdict(dict)
    for route in routes:
        for internal, all_patterns in ((False, route.patterns), (True, route.internal)):
            by_band: dict[_Band, list[str]] = defaultdict(list)
            for pattern in sorted(all_patterns):
                by_band[_band(pattern)].append(pattern)
            for band, patterns in by_band.items():
                for index, chunk in enumerate(_chunks(patterns)):
                    key = f"{route.name}-{band.label}" + ("-internal" if internal else "")
                    key += f"-{index + 1}" if index else ""
                    wanted[band][key] = ListenerRule(key, route.name, chunk, band.number * _BAND_WIDTH, internal)
    rules = [
        replace(rules[key], priority=rules[key].priority + slot + 1)
        for rules in wanted.values()
        for key, slot in _slots(rules).items()
    ]
    return sorted(rules, key=lambda rule: rule.priority)


def _band(pattern: str) -> _Band:
    literal = re.split(r"[*?]", pattern, maxsplit=1)[0]
    depth = min(literal.count("/") - literal.endswith("/"), _DEEPEST)
    return _Band(_DEEPEST - depth, literal != pattern)


def _chunks(patterns: Sequence[str]) -> list[tuple[str, ...]]:
    """`patterns` in as few rules as ALB's limits allow, in order."""
    chunks: list[list[str]] = [[]]
    for pattern in patterns:
        wildcards = sum(len(re.findall(r"[*?]", other)) for other in [*chunks[-1], pattern])
        if chunks[-1] and (len(chunks[-1]) == _VALUES_PER_RULE or wildcards > _WILDCARDS_PER_RULE):
            chunks.append([])
        chunks[-1].append(pattern)
    return [tuple(chunk) for chunk in chunks]


def _slots(keys: Collection[str]) -> dict[str, int]:
    """A slot in its band for each key: by its hash; of two that meet (1 in 5000), the later by name takes the next free one."""
    taken: dict[int, str] = {}
    for key in sorted(keys):
        slot = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % _BAND_WIDTH
        while slot in taken:
            slot = (slot + 1) % _BAND_WIDTH
        taken[slot] = key
    return {key: slot for slot, key in taken.items()}


def _check(routes: Sequence[Route]) -> None:
    seen: set[str] = set()
    for route in routes:
        if route.name in seen:
            raise ValueError(f"route {route.name!r} is given twice")
        seen.add(route.name)
        if not route.patterns:
            raise ValueError(f"route {route.name!r} has no path pattern; accepted: one or more such as /{route.name}/*")
        for pattern in (*route.patterns, *route.internal):
            wildcards = len(re.findall(r"[*?]", pattern))
            if not _PATTERN.fullmatch(pattern) or wildcards > _WILDCARDS_PER_RULE:
                raise ValueError(
                    f"route {route.name!r}: {pattern!r} is no ALB path pattern; accepted: / and up to 127 characters of"
                    f" A-Z a-z 0-9 _-.$/~\"'@:+& with at most {_WILDCARDS_PER_RULE} wildcards * and ?"
                )
        if route.shifts and len(route.patterns) != 1:
            raise ValueError(
                f"route {route.name!r} shifts requests at one rule, and has {len(route.patterns)} patterns; accepted: one"
            )
        if not 1 <= route.port <= 65535:
            raise ValueError(f"route {route.name!r}: port {route.port}; accepted: 1 to 65535")
        if not 0 <= route.drain_seconds <= 3600:
            raise ValueError(f"route {route.name!r}: drain_seconds {route.drain_seconds}; accepted: 0 to 3600")
    for route in routes:
        for hidden, (other_name, pattern) in product(route.internal, _patterns(routes)):
            if overlap(hidden, pattern) and _band(hidden) >= _band(pattern):
                raise ValueError(
                    f"route {route.name!r}: the internal {hidden!r} is no more specific than {pattern!r} of {other_name!r},"
                    " which matches paths of it; accepted: internal patterns deeper than every other that they overlap"
                )
    for one, other in combinations(routes, 2):
        for first in one.patterns:
            for second in other.patterns:
                if _band(first) == _band(second) and overlap(first, second):
                    raise ValueError(
                        f"routes {one.name!r} and {other.name!r}: {first!r} and {second!r} match the same paths and neither is"
                        " more specific; accepted: patterns that differ in depth, or that no path matches both"
                    )


def _patterns(routes: Sequence[Route]) -> list[tuple[str, str]]:
    """Every pattern that is routed, with the name of its route."""
    return [(route.name, pattern) for route in routes for pattern in route.patterns]
