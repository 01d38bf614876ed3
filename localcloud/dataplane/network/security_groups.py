"""Which ports of a peer the security groups of both sides let a task connect to; pure.

Groups are stateful, so what is opened decides: an egress rule of one of the caller's groups and an ingress rule of one of the
peer's have to admit the port (Amazon VPC User Guide, "Security group rules"). Which address a task would have in its subnet
is unknown here: a rule by private addresses admits every peer, one by public addresses none.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache

from localcloud.dataplane.model import Permission, SecurityGroup

#: First and last port.
Ports = tuple[int, int]

_EVERY: Ports = (0, 65535)
_TCP = ("tcp", "6", "-1")
_PRIVATE = [ipaddress.IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")]


def reachable(groups: Mapping[str, SecurityGroup], callers: Collection[str], peers: Collection[str]) -> list[Ports]:
    """The ports of a peer in the groups `peers` that a task in the groups `callers` may connect to.

    Whoever is in no group that is known is not held to any: what runs here outside of a VPC has none.
    """
    mine, theirs = ([groups[name] for name in names if name in groups] for names in (callers, peers))
    leaves = [_EVERY] if not mine else _ports((rule for group in mine for rule in group.egress), peers)
    enters = [_EVERY] if not theirs else _ports((rule for group in theirs for rule in group.ingress), callers)
    both = [(max(a, c), min(b, d)) for a, b in leaves for c, d in enters]
    return sorted({(first, last) for first, last in both if first <= last})


def leaves(groups: Mapping[str, SecurityGroup], callers: Collection[str], port: int) -> bool:
    """Whether a task in the groups `callers` may connect to `port` of the internet."""
    mine = [groups[name] for name in callers if name in groups]
    rules = [rule for group in mine for rule in group.egress if rule.protocol in _TCP]
    return not mine or any(_range(rule)[0] <= port <= _range(rule)[1] and _public(rule.ranges) for rule in rules)


def _ports(rules: Iterable[Permission], others: Collection[str]) -> list[Ports]:
    return [
        _range(rule)
        for rule in rules
        if rule.protocol in _TCP and (set(rule.groups) & set(others) or rule.prefix_lists or _private(rule.ranges))
    ]


def _range(rule: Permission) -> Ports:
    return _EVERY if rule.protocol == "-1" or rule.first is None or rule.last is None else (rule.first, rule.last)


def _private(ranges: Sequence[str]) -> bool:
    return any(_has_private(text) for text in ranges)


def _public(ranges: Sequence[str]) -> bool:
    return any(not _is_private(text) for text in ranges)


@cache
def _has_private(network: str) -> bool:
    return any(ipaddress.IPv4Network(network, strict=False).overlaps(private) for private in _PRIVATE)


@cache
def _is_private(network: str) -> bool:
    return any(ipaddress.IPv4Network(network, strict=False).subnet_of(private) for private in _PRIVATE)
