"""Network flows: who may open a connection to whom, on which port, and why; pure, and the only source of group rules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

#: EC2 allows 255 of these characters in a rule's description.
_DESCRIPTION_LIMIT = 255
_DESCRIPTION_EXTRA = " ._-:/()#,@[]+=&;{}!$*"

#: The peer that stands for every IPv4 address.
INTERNET = "internet"

#: The peer that stands for every IPv6 address: another one, since a rule for the one family opens nothing for the other.
INTERNET_IPV6 = "internet-ipv6"


class Direction(StrEnum):
    """Seen from the security group that holds the rule."""

    INGRESS = "ingress"
    EGRESS = "egress"


@dataclass(frozen=True, slots=True)
class Flow:
    """`source` may open TCP connections to `target` on `port`, because of `why` (one phrase: the rule's description).

    `source` and `target` are names: of a security group, of a prefix list (`s3`), INTERNET or
    INTERNET_IPV6. At least one is a group.
    """

    source: str
    target: str
    port: int
    why: str


@dataclass(frozen=True, slots=True)
class SecurityGroupRule:
    """One rule of one security group: `group` admits `peer` (ingress) or may reach it (egress) on `port`."""

    group: str
    direction: Direction
    peer: str
    port: int
    why: str

    @property
    def key(self) -> str:
        """What names the rule: unique, and independent of the other rules."""
        return f"{self.group}-{self.direction}-{self.peer}-{self.port}"


def rules(flows: Sequence[Flow], groups: Collection[str], others: Collection[str] = ()) -> list[SecurityGroupRule]:
    """The rules that open exactly `flows`: egress at the source and ingress at the target, where those are groups.

    `others` are the names of peers that hold no rules (prefix lists); INTERNET and INTERNET_IPV6 always are.
    """
    peers = {*others, INTERNET, INTERNET_IPV6}
    both = sorted(peers & set(groups))
    if both:
        raise ValueError(f"{both[0]!r} names both a security group and a prefix list or network")
    found: dict[str, SecurityGroupRule] = {}
    for flow in flows:
        _check(flow, groups, peers)
        for group, direction, peer in (
            (flow.source, Direction.EGRESS, flow.target),
            (flow.target, Direction.INGRESS, flow.source),
        ):
            if group in groups:
                rule = SecurityGroupRule(group, direction, peer, flow.port, flow.why)
                if rule.key in found:
                    raise ValueError(f"flow {flow.source} → {flow.target}:{flow.port} is given twice")
                found[rule.key] = rule
    return [found[key] for key in sorted(found)]


def _check(flow: Flow, groups: Collection[str], peers: Collection[str]) -> None:
    what = f"flow {flow.source} → {flow.target}:{flow.port}"
    for end in (flow.source, flow.target):
        if end not in groups and end not in peers:
            known = ", ".join(sorted({*groups, *peers}))
            raise ValueError(f"{what}: there is no security group, prefix list or network {end!r}; accepted: {known}")
    if flow.source not in groups and flow.target not in groups:
        raise ValueError(f"{what}: neither end is a security group, so no rule could hold it")
    if not 1 <= flow.port <= 65535:
        raise ValueError(f"{what}: port {flow.port} is not between 1 and 65535")
    refused = sorted({c for c in flow.why if not (c.isascii() and c.isalnum()) and c not in _DESCRIPTION_EXTRA})
    if not flow.why or len(flow.why) > _DESCRIPTION_LIMIT or refused:
        problem = f"holds {refused[0]!r}" if refused else f"has {len(flow.why)} characters"
        raise ValueError(
            f"{what}: why {flow.why!r} {problem}; EC2 takes 1–{_DESCRIPTION_LIMIT} letters, digits and {_DESCRIPTION_EXTRA!r}"
        )
