"""Controls on network ACLs: in use, closed to the Internet at the ports of administration, defaults closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from policies.controls.ec2 import DEFAULT_VPC, VPC
from policies.lang.links import among
from policies.lang.networks import Space, world
from policies.lang.resources import Resource, Stack
from policies.lang.values import View
from policies.model import Control, Related, Severity, Verdict, bad, na, ok

ACL = "aws:ec2/networkAcl:NetworkAcl"
DEFAULT_ACL = "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl"
ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
ACL_ASSOCIATION = "aws:ec2/networkAclAssociation:NetworkAclAssociation"
_DEFAULT_ACL_PAGE = "https://docs.aws.amazon.com/vpc/latest/userguide/default-network-acl.html"
_ADMIN_PORTS = (22, 3389)
_TCP = ("tcp", "6")


def _acl_in_use(acl: Resource, stack: Stack) -> Verdict:
    if acl.has("subnetIds") or stack.referrers(acl, ACL_ASSOCIATION, "networkAclId"):
        return ok()
    return bad("subnetIds", None, "associate it with subnets or remove it")


def _acl_entries(acl: Resource, stack: Stack) -> Iterator[tuple[float, str, str, View]]:
    """(number, action, block, entry) of every inbound entry, inline or a resource of its own."""
    for entry in acl.each("ingress"):
        block = entry.text("cidrBlock") or entry.text("ipv6CidrBlock")
        yield entry.number("ruleNo", 0) or 0, entry.text("action"), block, entry
    for rule in stack.referrers(acl, ACL_RULE, "networkAclId"):
        if not rule.flag("egress"):
            block = rule.text("cidrBlock") or rule.text("ipv6CidrBlock")
            yield rule.number("ruleNumber", 0) or 0, rule.text("ruleAction"), block, rule


def _acl_closed(acl: Resource, stack: Stack) -> Verdict:
    return _first_match(_acl_entries(acl, stack))


def _first_match(entries: Iterator[tuple[float, str, str, View]]) -> Verdict:
    """Network ACLs take the first entry that matches, by number: a deny to the world before an allow closes the port, and
    several narrow allows can together be the world."""
    spaces: dict[tuple[int, str], Space] = {}
    allowed: dict[tuple[int, str], int] = defaultdict(int)
    for _, action, block, entry in sorted(entries, key=lambda item: item[0]):
        protocol = entry.text("protocol").lower()
        everything = protocol in ("-1", "all")
        if not everything and protocol not in _TCP:
            continue
        bounds = (None, None) if everything else (entry.number("fromPort"), entry.number("toPort"))
        for port in among(_ADMIN_PORTS, *bounds):
            key = (port, "6" if ":" in block else "4")
            space = spaces.setdefault(key, Space(key[1]))
            taken = space.take(block)
            if action.lower() == "allow":
                allowed[key] += taken
            if space.is_world(allowed[key]):
                return bad(
                    entry.at("cidrBlock"),
                    f"{block} to port {port}",
                    "deny or narrow it: SSH and RDP are not for the Internet",
                )
    return ok()


def _acl_rule_closed(rule: Resource, stack: Stack) -> Verdict:
    if rule.flag("egress"):
        return na("an outbound rule")
    if stack.target(rule, "networkAclId", ACL, DEFAULT_ACL):
        return na("judged with its network ACL")
    block = rule.text("cidrBlock") or rule.text("ipv6CidrBlock")
    return _first_match(iter([(0.0, rule.text("ruleAction"), block, rule)]))


def _admin_ports_closed(subject: Resource, stack: Stack) -> Verdict:
    return _acl_rule_closed(subject, stack) if subject.type == ACL_RULE else _acl_closed(subject, stack)


def _default_acl_closed(subject: Resource, stack: Stack) -> Verdict:
    """The default ACL lets nothing in from the Internet; one that nobody adopted has AWS's entries, which let everything in."""
    fix = "adopt it with an ec2.DefaultNetworkAcl without ingress entries"
    if subject.type == DEFAULT_ACL:
        for _, action, block, entry in _acl_entries(subject, stack):
            if action.lower() == "allow" and world([block]):
                return bad(entry.at("cidrBlock"), block, "remove the entry")
        return ok()
    adopted = stack.referrers(subject, DEFAULT_ACL, "vpcId") or stack.targets(
        subject, "defaultNetworkAclId", DEFAULT_ACL
    )
    if adopted or (len(stack.of(VPC, DEFAULT_VPC)) == 1 and stack.of(DEFAULT_ACL)):
        return ok()
    return bad("DefaultNetworkAcl", None, fix)


CONTROLS: tuple[Control, ...] = (
    Control(
        id="EC2.16",
        severity=Severity.LOW,
        remediation="Give the ec2.NetworkAcl its subnet_ids, or remove it.",
        rule=Related((ACL,), _acl_in_use),
    ),
    Control(
        id="EC2.21",
        severity=Severity.MEDIUM,
        remediation="Narrow or deny the inbound entry for 0.0.0.0/0 or ::/0 that covers port 22 or 3389.",
        rule=Related((ACL, ACL_RULE), _admin_ports_closed),
    ),
    Control(
        id="MD.EC2.4",
        title="Default network ACLs should not allow ingress from 0.0.0.0/0 to port 22 or port 3389",
        severity=Severity.MEDIUM,
        remediation="Narrow or deny the inbound entry of the ec2.DefaultNetworkAcl that covers port 22 or 3389.",
        link=_DEFAULT_ACL_PAGE,
        rule=Related((DEFAULT_ACL,), _acl_closed),
    ),
    Control(
        id="MD.EC2.12",
        title="Default network ACLs of VPCs allow no inbound traffic from the Internet",
        severity=Severity.HIGH,
        remediation="Adopt each VPC's default ACL with an ec2.DefaultNetworkAcl that has no ingress entries.",
        link=_DEFAULT_ACL_PAGE,
        rule=Related((VPC, DEFAULT_VPC, DEFAULT_ACL), _default_acl_closed),
    ),
)
