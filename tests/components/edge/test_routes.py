"""Routing: the more specific pattern wins, priorities are stable, ALB's limits hold."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.edge.routes import Route, listener_rules
from model.patterns import overlap

#: A change here means that every deployed rule is moved: intended only with a migration.
GOLDEN = {"wallet": ("wallet-1w", 35149), "auth": ("auth-1w", 38711), "scoring": ("scoring-1w", 38724)}


def route(name, *patterns, **changes):
    return Route(name=name, patterns=patterns or (f"/{name}/*",), **{"port": 8080, **changes})


def answers(rules, path):
    """Who answers `path`: what an ALB does with these rules."""
    for rule in sorted(rules, key=lambda rule: rule.priority):
        if any(matches(pattern, path) for pattern in rule.patterns):
            return "refused" if rule.internal else rule.route
    return None


def matches(pattern, path):
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), path) is not None


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/wallet/balance", "wallet"),
        ("/wallet", "wallet"),
        ("/wallet/admin/keys", "admin"),
        ("/wallet/status", "status"),
        ("/elsewhere", "site"),
        ("/", "site"),
    ],
)
def test_the_more_specific_pattern_wins(path, service):
    routes = [
        route("site", "/*"),
        route("wallet", "/wallet/*", "/wallet"),
        route("admin", "/wallet/admin/*"),
        route("status", "/wallet/status"),
    ]
    for order in (routes, routes[::-1]):
        assert answers(listener_rules(order), path) == service


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/wallet/internal/credits", "refused"),
        ("/wallet/internal/", "refused"),
        ("/wallet/internals", "wallet"),
        ("/wallet/balance", "wallet"),
        ("/auth/token", "refused"),
        ("/auth/tokens", "auth"),
        ("/auth/token/x", "auth"),
    ],
)
def test_internal_paths_are_refused(path, service):
    routes = [route("wallet", internal=["/wallet/internal/*"]), route("auth", internal=["/auth/token"])]
    assert answers(listener_rules(routes), path) == service


def test_internal_patterns_move_no_rule_that_exists():
    pairs: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
        ({}, {"internal": ["/wallet/internal/*", "/wallet/x"]}),
    )
    for one, other in pairs:
        before, after = (listener_rules([route("wallet", **more), route("auth")]) for more in (one, other))
        assert set(before) < set(after)


@pytest.mark.parametrize("open_", ["/wallet/internal/public", "/wallet/internal/*"])
def test_no_route_is_asked_before_an_internal_pattern_of_the_same_paths(open_):
    with pytest.raises(ValueError, match="is no more specific than"):
        listener_rules([route("wallet", internal=["/wallet/internal/*"]), route("other", open_)])


names = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12)
services = st.lists(names, unique=True, min_size=1, max_size=20)


@given(services)
def test_priorities_are_unique_and_in_albs_range(found):
    rules = listener_rules([route(name, f"/{name}/*", f"/{name}", f"/{name}/v1/*") for name in found])
    priorities = [rule.priority for rule in rules]
    assert len(set(priorities)) == len(priorities)
    assert all(1 <= priority <= 50_000 for priority in priorities)
    assert len({rule.key for rule in rules}) == len(rules)


@given(services, names)
def test_adding_a_service_moves_no_other_unless_their_slots_meet(found, new):
    before = {rule.key: rule.priority for rule in listener_rules([route(name) for name in found if name != new])}
    rules = listener_rules([route(name) for name in {*found, new}])
    moved = [rule.key for rule in rules if before.get(rule.key, rule.priority) != rule.priority]
    alone = {rule.priority for name in {*found, new} for rule in listener_rules([route(name)])}
    assert not moved or len(alone) < len({*found, new})


def test_known_priorities_do_not_change_by_accident():
    rules = listener_rules([route("auth"), route("wallet"), route("scoring")])
    assert {rule.route: (rule.key, rule.priority) for rule in rules} == GOLDEN


@given(
    st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), unique=True, min_size=1),
    st.sampled_from(["", "*", "*/x*", "?"]),
)
def test_rules_hold_albs_limits_and_lose_no_pattern(letters, end):
    patterns = [f"/{letter}{end}" for letter in letters]
    rules = listener_rules([route("many", *patterns)])
    assert sorted(p for rule in rules for p in rule.patterns) == sorted(patterns)
    for rule in rules:
        assert len(rule.patterns) <= 5
        assert sum(len(re.findall(r"[*?]", pattern)) for pattern in rule.patterns) <= 5


globs = st.text("ab/*?", min_size=0, max_size=6)


@given(globs, globs, st.text("ab/", max_size=6))
def test_overlap_finds_every_common_path(first, second, path):
    if fnmatch.fnmatchcase(path, first) and fnmatch.fnmatchcase(path, second):
        assert overlap(first, second)


@given(globs, globs)
def test_overlap_is_symmetric_and_reflexive(first, second):
    assert overlap(first, second) == overlap(second, first)
    assert overlap(first, first)


@pytest.mark.parametrize(
    ("first", "second"), [("/a/*", "/b/*"), ("/a", "/a/"), ("/a?", "/a"), ("*a", "*b"), ("/a*c", "/a*d")]
)
def test_disjoint_patterns_do_not_overlap(first, second):
    assert not overlap(first, second)


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        ([route("wallet"), route("wallet", "/w/*")], "route 'wallet' is given twice"),
        ([Route(name="wallet", patterns=[], port=8080)], "route 'wallet' has no path pattern; accepted: .*/wallet/\\*"),
        ([route("wallet", "wallet/*")], "'wallet/\\*' is no ALB path pattern"),
        ([route("wallet", "/" + "w" * 128)], "is no ALB path pattern"),
        ([route("wallet", "/größe/*")], "is no ALB path pattern"),
        ([route("wallet", "/a*b*c*d*e*f*")], "at most 5 wildcards"),
        ([route("wallet", port=0)], "port 0; accepted: 1 to 65535"),
        ([route("wallet", drain_seconds=3601)], "drain_seconds 3601; accepted: 0 to 3600"),
        ([route("a", "/x/*"), route("b", "/x/*")], "routes 'a' and 'b': '/x/\\*' and '/x/\\*' match the same paths"),
        ([route("a", "/x*"), route("b", "/xy*")], "neither is more specific"),
    ],
)
def test_bad_routes_are_named(routes, message):
    with pytest.raises(ValueError, match=message):
        listener_rules(routes)
