"""Cases of policies/controls/security_groups.py."""

from __future__ import annotations

from typing import Any

from policies.controls.security_groups import DEFAULT_GROUP, EGRESS, GROUP, HIGH_RISK_PORTS, INGRESS, RULE
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

OTHER = [res("aws:sqs/queue:Queue")]
TAGS = {"Project": "matchday"}


def rule(port: int, *blocks: str, to: int | None = None, protocol: Any = "tcp", **props: Any) -> dict[str, Any]:
    """An inline rule."""
    four, six = [b for b in blocks if ":" not in b], [b for b in blocks if ":" in b]
    last = port if to is None else to
    given = {"protocol": protocol, "fromPort": port, "toPort": last, "cidrBlocks": four, "ipv6CidrBlocks": six}
    return given | {"description": "for the test"} | props


def group(*ingress: dict[str, Any], **props: Any) -> list[Any]:
    return [res(GROUP, "group", **({"vpcId": "vpc", "ingress": list(ingress), "tags": TAGS} | props))]


def single(port: int, block: str, kind: str = INGRESS, **props: Any) -> list[Any]:
    """A rule that is a resource of its own."""
    key = "cidrIpv6" if ":" in block else "cidrIpv4"
    given = {"securityGroupId": "group", "ipProtocol": "tcp", "fromPort": port, "toPort": port, key: block}
    return [res(kind, "rule", **(given | {"description": "for the test"} | props))]


def old(port: int, *blocks: str, **props: Any) -> list[Any]:
    return [res(RULE, "rule", **({"type": "ingress", "securityGroupId": "group"} | rule(port, *blocks) | props))]


WORLD, WORLD6 = "0.0.0.0/0", "::/0"
HTTPS = group(rule(443, WORLD, WORLD6), egress=[rule(443, WORLD)])
OPEN_EGRESS = single(0, WORLD, EGRESS, ipProtocol="-1", fromPort=None, toPort=None)


def closed(port: int, *, block: str = WORLD, also: frozenset[str] = frozenset(), udp: bool = False) -> Case:
    """The cases of a port that stays closed to the world."""
    return Case(
        good=[
            HTTPS,
            group(rule(port, "10.0.0.0/8")),
            group(rule(port, WORLD, protocol="icmp")),
            group(),
            single(port, "10.0.0.0/8"),
            old(443, WORLD),
            [res(DEFAULT_GROUP)],
        ],
        bad=[
            Change({"ingress": [rule(443, WORLD), rule(port, "10.0.0.0/8", block)]}),
            group(rule(port - 1, block, to=port + 1)),
            group(rule(0, block, to=0, protocol="-1")),
            group(rule(443, WORLD, protocol=UNKNOWN), rule(port, block)),
            group(rule(port, block, securityGroups=[UNKNOWN])),
            group(rule(port, cidrBlocks=[UNKNOWN, block])),
            single(port, block),
            single(port, block, ipProtocol="-1", fromPort=None, toPort=None),
            old(port, block),
            [res(DEFAULT_GROUP, ingress=[rule(port, block)])],
            *([group(rule(port, block, protocol="udp"))] if udp else []),
        ],
        na=[OTHER, old(port, block, type="egress"), single(port, block, EGRESS)],
        unknown=[Change({"ingress": UNKNOWN}), single(port, "10.0.0.0/8", cidrIpv4=UNKNOWN)],
        also=also,
    )


CASES = {
    "EC2.13": closed(22, also=frozenset({"EC2.18", "EC2.19", "EC2.53"})),
    "EC2.14": closed(3389, also=frozenset({"EC2.18", "EC2.19", "EC2.53"})),
    "EC2.18": Case(
        good=[
            HTTPS,
            group(rule(80, WORLD)),
            group(rule(5432, "10.0.0.0/8")),
            group(rule(8, WORLD, to=0, protocol="icmp")),
            single(443, WORLD6),
        ],
        bad=[
            Change({"ingress.0.fromPort": 9001, "ingress.0.toPort": 9001}),
            group(rule(80, WORLD, to=443)),
            group(rule(443, WORLD, protocol="udp")),
            group(rule(0, WORLD, to=0, protocol="-1")),
            single(9001, WORLD6),
            old(9001, WORLD),
        ],
        na=[OTHER, single(9001, WORLD, EGRESS)],
        unknown=[Change({"ingress.0.fromPort": UNKNOWN})],
    ),
    "EC2.19": Case(
        good=[HTTPS, group(*(rule(port, "10.0.0.0/8") for port in HIGH_RISK_PORTS))],
        bad=[
            Change({"ingress.0.fromPort": 5432, "ingress.0.toPort": 5432}),
            *(single(port, WORLD) for port in HIGH_RISK_PORTS),
        ],
        na=[OTHER, single(5432, WORLD, EGRESS)],
        unknown=[Change({"ingress.0.toPort": UNKNOWN})],
        also=frozenset({"EC2.18"}),
    ),
    "EC2.53": closed(22, also=frozenset({"EC2.13", "EC2.18", "EC2.19"}), udp=True),
    "EC2.54": closed(3389, block=WORLD6, also=frozenset({"EC2.14", "EC2.18", "EC2.19"}), udp=True),
    "MD.EC2.20": closed(445, also=frozenset({"EC2.18", "EC2.19"})),
    "MD.EC2.21": Case(
        good=[
            HTTPS,
            single(443, WORLD, EGRESS),
            single(0, "10.0.0.0/8", EGRESS, ipProtocol="-1"),
            old(443, WORLD, type="egress"),
        ],
        bad=[
            Change({"egress": [rule(0, WORLD, to=0, protocol="-1")]}),
            Change({"egress": [rule(0, WORLD6, to=65535)]}),
            OPEN_EGRESS,
            old(0, WORLD, type="egress", protocol="-1", toPort=0),
        ],
        na=[OTHER, single(0, WORLD, INGRESS, ipProtocol="-1"), old(443, WORLD)],
        unknown=[Change({"egress": UNKNOWN})],
    ),
    "MD.EC2.22": Case(
        good=[HTTPS, single(443, WORLD), single(443, WORLD, EGRESS), old(443, WORLD), group()],
        bad=[
            Change({"ingress.0.description": ABSENT}),
            Change({"egress.0.description": ""}),
            single(443, WORLD, description=None),
            old(443, WORLD, description=None),
        ],
        na=[OTHER],
        unknown=[Change({"ingress.0.description": UNKNOWN})],
    ),
}
