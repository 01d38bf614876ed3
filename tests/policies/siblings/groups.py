"""Security groups and network ACLs: siblings of the shared sets of group c."""

from __future__ import annotations

from typing import Any

from policies.lang.resources import Resource
from tests.policies.build import UNKNOWN, res
from tests.policies.siblings import BAD, NA, OK, TELL, Sibling, case

_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
_EVERY = ("EC2.13", "EC2.14", "EC2.18", "EC2.19")


def _all(answer: str, *ids: str) -> dict[str, str]:
    return dict.fromkeys(ids or _EVERY, answer)


def _inline(name: str, right: dict[str, str], **rule: Any) -> Sibling:
    given = {"protocol": "tcp", "fromPort": 22, "toPort": 22, "description": "x"} | rule
    return case(f"inline-{name}", right, res(_GROUP, tags={"a": "b"}, ingress=[given]))


def _separate(name: str, right: dict[str, str], *more: Resource, **rule: Any) -> Sibling:
    given = {"securityGroupId": "g", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "description": "x"} | rule
    return case(f"separate-{name}", right, res(_INGRESS, "rule", **given), *more)


_SSH = {"EC2.13": BAD, "EC2.18": BAD, "EC2.19": BAD}
_QUARTERS = ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"]

GROUPS: list[Sibling] = [
    _inline("v6", _SSH | {"EC2.54": BAD, "EC2.53": OK}, ipv6CidrBlocks=["::/0"]),
    _inline("v6-unicast", _SSH | {"EC2.54": BAD}, ipv6CidrBlocks=["2000::/3"]),
    _inline("v6-halves", {"EC2.18": BAD}, ipv6CidrBlocks=["::/1", "8000::/1"]),
    _inline("v6-mapped", {"EC2.18": BAD}, ipv6CidrBlocks=["64:ff9b::/96"]),
    _inline("quarters", _SSH | {"EC2.53": BAD}, cidrBlocks=_QUARTERS),
    _inline("range-around-22", _SSH, cidrBlocks=["0.0.0.0/0"], fromPort=0, toPort=1024),
    _inline("ports-as-text", _SSH, cidrBlocks=["0.0.0.0/0"], fromPort="22", toPort="22"),
    _inline("protocol-number", _SSH, cidrBlocks=["0.0.0.0/0"], protocol="6"),
    _inline("protocol-upper", _SSH, cidrBlocks=["0.0.0.0/0"], protocol="TCP"),
    _inline("every-protocol", _all(BAD), cidrBlocks=["0.0.0.0/0"], protocol="-1", fromPort=0, toPort=0),
    _inline("protocol-all", _all(BAD), cidrBlocks=["0.0.0.0/0"], protocol="all", fromPort=0, toPort=0),
    _inline("one-of-many", _SSH, cidrBlocks=["10.0.0.0/8", "203.0.113.0/24", "0.0.0.0/0"]),
    _inline("host-form", _SSH, cidrBlocks=["8.8.8.8/0"]),
    _inline("beside-an-unknown", _SSH, cidrBlocks=[UNKNOWN, "0.0.0.0/0"]),
    _inline("unknown", {"EC2.13": TELL}, cidrBlocks=[UNKNOWN]),
    _inline("unknown-list", {"EC2.13": TELL}, cidrBlocks=UNKNOWN),
    _inline("private", _all(OK), cidrBlocks=["10.0.0.0/8", "172.16.0.0/12"]),
    _inline("office", _all(OK), cidrBlocks=["203.0.113.0/24"], ipv6CidrBlocks=["2001:db8::/32"]),
    _inline("other-group", _all(OK), securityGroups=["sg-1"]),
    _inline("itself", _all(OK), self=True),
    _inline("https", _all(OK), cidrBlocks=["0.0.0.0/0"], ipv6CidrBlocks=["::/0"], fromPort=443, toPort=443),
    _inline("http", _all(OK), cidrBlocks=["0.0.0.0/0"], fromPort=80, toPort=80),
    _inline("quic", {"EC2.18": BAD, "EC2.19": OK}, cidrBlocks=["0.0.0.0/0"], protocol="udp", fromPort=443, toPort=443),
    _inline("80-to-443", {"EC2.18": BAD, "EC2.19": BAD}, cidrBlocks=["0.0.0.0/0"], fromPort=80, toPort=443),
    _inline(
        "postgres", {"EC2.18": BAD, "EC2.19": BAD, "EC2.13": OK}, cidrBlocks=["0.0.0.0/0"], fromPort=5432, toPort=5432
    ),
    _inline("rdp", {"EC2.14": BAD, "EC2.13": OK, "EC2.53": BAD}, cidrBlocks=["0.0.0.0/0"], fromPort=3389, toPort=3389),
    _inline(
        "udp-3389", {"EC2.53": BAD, "EC2.18": BAD}, cidrBlocks=["0.0.0.0/0"], protocol="udp", fromPort=3389, toPort=3389
    ),
    _inline("ping", {"EC2.13": OK, "EC2.19": OK}, cidrBlocks=["0.0.0.0/0"], protocol="icmp", fromPort=-1, toPort=-1),
    case(
        "inline-open-rule-beside-an-unknown-one",
        _SSH,
        res(_GROUP, ingress=[UNKNOWN, {"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]}]),
    ),
    case("inline-rules-unknown", {"EC2.13": TELL, "EC2.18": TELL}, res(_GROUP, ingress=UNKNOWN)),
    _separate("v4", _SSH, cidrIpv4="0.0.0.0/0"),
    _separate("v6", _SSH | {"EC2.54": BAD}, cidrIpv6="::/0"),
    _separate("every-protocol", _all(BAD), cidrIpv4="0.0.0.0/0", ipProtocol="-1", fromPort=None, toPort=None),
    _separate("unknown", {"EC2.13": TELL}, cidrIpv4=UNKNOWN),
    _separate("group", _all(OK), referencedSecurityGroupId="sg-1"),
    _separate(
        "prefix-list-of-halves",
        _SSH,
        res(
            "aws:ec2/managedPrefixList:ManagedPrefixList",
            "pl",
            id="pl-1",
            entries=[{"cidr": "0.0.0.0/1"}, {"cidr": "128.0.0.0/1"}],
        ),
        prefixListId="pl-1",
    ),
    _separate(
        "prefix-list-with-separate-entry",
        _SSH,
        res("aws:ec2/managedPrefixList:ManagedPrefixList", "pl", id="pl-1"),
        res("aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry", "e", prefixListId="pl-1", cidr="0.0.0.0/0"),
        prefixListId="pl-1",
    ),
    _separate(
        "prefix-list-of-offices",
        _all(OK),
        res("aws:ec2/managedPrefixList:ManagedPrefixList", "pl", id="pl-1", entries=[{"cidr": "203.0.113.0/24"}]),
        prefixListId="pl-1",
    ),
    _separate("prefix-list-of-aws", _all(OK), prefixListId="pl-3b927c52"),
    case(
        "inline-prefix-list-v6",
        {"EC2.18": BAD, "EC2.54": BAD},
        res(
            "aws:ec2/managedPrefixList:ManagedPrefixList",
            "pl",
            id="pl-1",
            addressFamily="IPv6",
            entries=[{"cidr": "::/0"}],
        ),
        res(_GROUP, ingress=[{"protocol": "tcp", "fromPort": 22, "toPort": 22, "prefixListIds": ["pl-1"]}]),
    ),
    case(
        "old-rule-kind",
        _SSH,
        res(
            _RULE, type="ingress", securityGroupId="g", protocol="tcp", fromPort=22, toPort=22, cidrBlocks=["0.0.0.0/0"]
        ),
    ),
    case(
        "old-rule-kind-outbound",
        _all(NA),
        res(
            _RULE, type="egress", securityGroupId="g", protocol="tcp", fromPort=22, toPort=22, cidrBlocks=["0.0.0.0/0"]
        ),
    ),
    case(
        "two-rules-one-half-each",
        {"EC2.13": BAD, "EC2.18": BAD},
        res(_GROUP, "g", id="sg-1"),
        res(_INGRESS, "a", securityGroupId="sg-1", ipProtocol="tcp", fromPort=22, toPort=22, cidrIpv4="0.0.0.0/1"),
        res(_INGRESS, "b", securityGroupId="sg-1", ipProtocol="tcp", fromPort=22, toPort=22, cidrIpv4="128.0.0.0/1"),
    ),
    case(
        "default-group-with-a-rule",
        {"EC2.2": BAD},
        res("aws:ec2/vpc:Vpc", "v", id="vpc-1"),
        res("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "d", id="sg-0", vpcId="vpc-1"),
        res(_INGRESS, "a", securityGroupId="sg-0", ipProtocol="-1", referencedSecurityGroupId="sg-0"),
    ),
    case(
        "default-group-nobody-adopted",
        {"EC2.2": BAD, "EC2.6": BAD, "MD.EC2.12": BAD},
        res("aws:ec2/vpc:Vpc", "v", id="vpc-1"),
    ),
]


def _acl(name: str, answer: str, *entries: dict[str, Any], kind: str = "aws:ec2/networkAcl:NetworkAcl") -> Sibling:
    return case(f"acl-{name}", {"EC2.21": answer}, res(kind, vpcId="v", subnetIds=["s"], ingress=list(entries)))


def _entry(
    number: int, action: str, block: str, first: Any = 22, last: Any = 22, protocol: str = "tcp"
) -> dict[str, Any]:
    where = {"ipv6CidrBlock": block} if ":" in block else {"cidrBlock": block}
    return {"ruleNo": number, "action": action, "fromPort": first, "toPort": last, "protocol": protocol} | where


ACLS: list[Sibling] = [
    _acl("world", BAD, _entry(100, "allow", "0.0.0.0/0")),
    _acl("world-every-protocol", BAD, _entry(100, "allow", "0.0.0.0/0", 0, 0, "-1")),
    _acl("world-v6", BAD, _entry(100, "allow", "::/0", 3389, 3389)),
    _acl("halves", BAD, _entry(100, "allow", "0.0.0.0/1"), _entry(101, "allow", "128.0.0.0/1")),
    _acl("denied-first", OK, _entry(90, "deny", "0.0.0.0/0"), _entry(100, "allow", "0.0.0.0/0")),
    _acl("denied-afterwards", BAD, _entry(110, "deny", "0.0.0.0/0"), _entry(100, "allow", "0.0.0.0/0")),
    _acl("half-denied-first", BAD, _entry(90, "deny", "0.0.0.0/1"), _entry(100, "allow", "0.0.0.0/0")),
    _acl("udp", OK, _entry(100, "allow", "0.0.0.0/0", protocol="udp")),
    _acl("ephemeral", BAD, _entry(100, "allow", "0.0.0.0/0", 1024, 65535)),
    _acl("https", OK, _entry(100, "allow", "0.0.0.0/0", 443, 443)),
    _acl("upper-case-as-text", BAD, _entry(100, "ALLOW", "0.0.0.0/0", "22", "22", "6")),
    case(
        "acl-rule-by-itself",
        {"EC2.21": BAD},
        res(
            "aws:ec2/networkAclRule:NetworkAclRule",
            networkAclId="acl-outside",
            ruleNumber=100,
            ruleAction="allow",
            protocol="-1",
            cidrBlock="0.0.0.0/0",
        ),
    ),
    case(
        "acl-rule-outbound",
        {"EC2.21": NA},
        res(
            "aws:ec2/networkAclRule:NetworkAclRule",
            networkAclId="acl-outside",
            ruleNumber=100,
            ruleAction="allow",
            protocol="-1",
            egress=True,
            cidrBlock="0.0.0.0/0",
        ),
    ),
    case(
        "default-acl-open",
        {"MD.EC2.12": BAD},
        res("aws:ec2/vpc:Vpc", "v", id="vpc-1", defaultNetworkAclId="acl-0"),
        res(
            "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl",
            "d",
            defaultNetworkAclId="acl-0",
            ingress=[_entry(100, "allow", "0.0.0.0/0", 0, 0, "-1")],
        ),
    ),
    case(
        "default-acl-closed",
        {"MD.EC2.12": OK},
        res("aws:ec2/vpc:Vpc", "v", id="vpc-1", defaultNetworkAclId="acl-0"),
        res("aws:ec2/defaultNetworkAcl:DefaultNetworkAcl", "d", defaultNetworkAclId="acl-0"),
    ),
]

CASES: list[Sibling] = [*GROUPS, *ACLS]
