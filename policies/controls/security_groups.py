"""Controls on security groups: what the world may reach, inline rules and rules that are resources of their own alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from policies.lang.links import among
from policies.lang.networks import world
from policies.lang.resources import Resource, Stack
from policies.lang.values import UNKNOWN, CannotTell, View
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import decide

GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"
PREFIX_LIST_ENTRY = "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry"

_GUIDE = "https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html"
_EVERY_PROTOCOL = ("-1", "all")
_TCP = ("tcp", "6")
_UDP = ("udp", "17")
_OPEN_PORTS = (80, 443)
_ADMIN_PORTS = (22, 3389)

#: Security Hub's list for EC2.19 (blockedPorts, not customisable).
HIGH_RISK_PORTS = (
    20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389,
    4333, 5000, 5432, 5500, 5601, 8080, 8088, 8888, 9200, 9300,
)  # fmt: skip


@dataclass(frozen=True)
class Opening:
    """One rule of one group: the blocks it names (those of its prefix lists, too) and the ports; `view` is where it stands,
    `unread` what is not known yet."""

    view: View
    blocks: tuple[tuple[str, str], ...]
    protocol: str
    first: float | None
    last: float | None
    unread: str = ""

    def to_world(self, family: str = "") -> tuple[str, str] | None:
        """(property, blocks) that are the whole Internet, of one family ("4", "6") or of any; taken together."""
        found = world([block for _, block in self.blocks], family)
        if found:
            first = found.split(",")[0]
            return next((path for path, block in self.blocks if block == first), self.blocks[0][0]), found
        if self.unread:
            raise CannotTell(self.unread, UNKNOWN.words)
        return None

    def covers(self, ports: Sequence[int], *protocols: str) -> list[int]:
        """Those of `ports` that it opens for one of `protocols`."""
        if self.protocol in _EVERY_PROTOCOL:
            return list(ports)
        return among(ports, self.first, self.last) if self.protocol in protocols else []

    @property
    def ports(self) -> str:
        """The ports in words."""
        if self.protocol in _EVERY_PROTOCOL or self.first is None:
            return "every port"
        first, last = self.first, self.last if self.last is not None else self.first
        return f"{self.protocol} port {first:g}" if first == last else f"{self.protocol} ports {first:g}-{last:g}"


def _inline(item: View, stack: Stack) -> Opening:
    blocks: list[tuple[str, str]] = []
    unread = ""
    for key in ("cidrBlocks", "ipv6CidrBlocks"):
        texts, complete = item.known_texts(key)
        blocks += [(item.at(key), text) for text in texts]
        unread = unread or ("" if complete else item.at(key))
    lists, complete = item.known_texts("prefixListIds")
    blocks += [(item.at("prefixListIds"), block) for one in lists for block in _entries(one, stack)]
    unread = unread or ("" if complete else item.at("prefixListIds"))
    protocol = item.text("protocol", "-1").lower()
    return Opening(item, tuple(blocks), protocol, item.number("fromPort"), item.number("toPort"), unread)


def _single(rule: Resource, stack: Stack) -> Opening:
    blocks = [(key, rule.text(key)) for key in ("cidrIpv4", "cidrIpv6") if rule.text(key)]
    blocks += [
        ("prefixListId", block)
        for found in stack.targets(rule, "prefixListId", PREFIX_LIST)
        for block in _blocks(found, stack)
    ]
    return Opening(
        rule, tuple(blocks), rule.text("ipProtocol", "-1").lower(), rule.number("fromPort"), rule.number("toPort")
    )


def _entries(name: str, stack: Stack) -> list[str]:
    """The blocks of a prefix list of this stack. One from outside is taken to be bounded: AWS's own lists name its services."""
    return [block for found in stack.named(name, PREFIX_LIST) for block in _blocks(found, stack)]


def _blocks(prefixes: Resource, stack: Stack) -> list[str]:
    entries = [entry.text("cidr") for entry in prefixes.each("entries")]
    return entries + [entry.text("cidr") for entry in stack.referrers(prefixes, PREFIX_LIST_ENTRY, "prefixListId")]


def _items(subject: Resource, direction: str) -> Iterator[View] | None:
    """What holds the rules of a direction; None when the resource can have none of that direction."""
    if subject.type in (GROUP, DEFAULT_GROUP):
        return iter(subject.each_known(direction)[0])
    wanted = {
        RULE: subject.text("type", direction) if subject.type == RULE else "",
        INGRESS: "ingress",
        EGRESS: "egress",
    }
    return iter([subject]) if wanted[subject.type] == direction else None


def _opening(item: View, stack: Stack) -> Opening:
    if isinstance(item, Resource) and item.type in (INGRESS, EGRESS):
        return _single(item, stack)
    return _inline(item, stack)


def _judge(direction: str, check: Callable[[Opening], Verdict]) -> Related:
    """`check` over every rule of a direction; the groups and rules that can have one are the subjects.

    Rules of one group for the same ports are taken together, so that two halves of the Internet are the Internet.
    """
    own = INGRESS if direction == "ingress" else EGRESS

    def judged(subject: Resource, stack: Stack) -> Verdict:
        items = _items(subject, direction)
        if items is None:
            return na(f"no {direction} rule")
        checks = [partial(_one, check, item, stack) for item in items]
        if subject.type in (GROUP, DEFAULT_GROUP):
            checks.append(partial(_together, check, subject, direction, stack))
            checks.append(partial(_all_read, subject, direction))
        return decide(*checks)

    return Related((GROUP, DEFAULT_GROUP, RULE, own), judged, alone=True)


def _all_read(group: Resource, direction: str) -> Verdict:
    """Raises `CannotTell` for rules that are not known yet, once those that are have been judged."""
    _, undecided = group.each_known(direction)
    if undecided:
        raise undecided
    return ok()


def _one(check: Callable[[Opening], Verdict], item: View, stack: Stack) -> Verdict:
    return check(_opening(item, stack))


def _together(check: Callable[[Opening], Verdict], group: Resource, direction: str, stack: Stack) -> Verdict:
    """The rules of a group with the same protocol and ports as if they were one: inline ones and resources of their own."""
    own = INGRESS if direction == "ingress" else EGRESS
    items: list[View] = list(group.each_known(direction)[0])
    try:
        items += stack.referrers(group, own, "securityGroupId")
        items += [rule for rule in stack.referrers(group, RULE, "securityGroupId") if rule.text("type") == direction]
    except CannotTell:
        pass  # a rule of some group, not yet known which: it is judged by itself
    sets: dict[tuple[str, float | None, float | None], list[Opening]] = defaultdict(list)
    for item in items:
        try:
            opening = _opening(item, stack)
        except CannotTell:
            continue  # judged by itself
        sets[(opening.protocol, opening.first, opening.last)].append(opening)
    for (protocol, first, last), openings in sets.items():
        if len(openings) < 2:
            continue
        blocks = tuple(block for opening in openings for block in opening.blocks)
        verdict = check(Opening(openings[0].view, blocks, protocol, first, last))
        if verdict != ok():
            return verdict
    return ok()


def _closed_to_world(ports: Sequence[int], *protocols: str, family: str = "") -> Related:
    def check(opening: Opening) -> Verdict:
        reached = opening.covers(ports, *protocols)
        world = opening.to_world(family) if reached else None
        if world:
            path, block = world
            return bad(
                path,
                f"{block} for {opening.ports}",
                f"name blocks or groups: port {reached[0]} is not for the Internet",
            )
        return ok()

    return _judge("ingress", check)


def _authorised_only(opening: Opening) -> Verdict:
    world = opening.to_world()
    if not world or opening.protocol not in (*_EVERY_PROTOCOL, *_TCP, *_UDP):
        return ok()
    ranged = opening.protocol in _TCP and opening.first is not None and opening.last is not None
    if ranged and all(
        port in _OPEN_PORTS for port in range(int(opening.first or 0), min(int(opening.last or 0), 65535) + 1)
    ):
        return ok()
    path, block = world
    return bad(path, f"{block} for {opening.ports}", "open TCP 80 and 443 alone to the world")


def _not_everything_out(opening: Opening) -> Verdict:
    world = opening.to_world()
    whole = opening.protocol in _EVERY_PROTOCOL or (opening.first in (0, 1) and opening.last == 65535)
    if world and whole:
        path, block = world
        return bad(path, f"{block} for {opening.ports}", "name the ports or the destinations that are needed")
    return ok()


def _described(opening: Opening) -> Verdict:
    if opening.view.has("description"):
        return ok()
    return bad(opening.view.at("description"), None, "say what the rule is for")


def _all_described(subject: Resource) -> Verdict:
    checks = [
        lambda item=item: _described(Opening(item, (), "", None, None))
        for direction in ("ingress", "egress")
        for item in _items(subject, direction) or ()
    ]
    if subject.type in (GROUP, DEFAULT_GROUP):
        checks += [lambda direction=direction: _all_read(subject, direction) for direction in ("ingress", "egress")]
    return decide(*checks)


CONTROLS: tuple[Control, ...] = (
    Control(
        id="EC2.13",
        severity=Severity.HIGH,
        remediation="Reach machines through Systems Manager Session Manager; remove the rule for SSH from 0.0.0.0/0 and ::/0.",
        rule=_closed_to_world((22,), *_TCP),
    ),
    Control(
        id="EC2.14",
        severity=Severity.HIGH,
        remediation="Remove the rule for RDP from 0.0.0.0/0 and ::/0.",
        rule=_closed_to_world((3389,), *_TCP, *_UDP),
    ),
    Control(
        id="EC2.18",
        severity=Severity.HIGH,
        remediation="Narrow rules for 0.0.0.0/0 and ::/0 to TCP 80 and 443, or name blocks, prefix lists or groups.",
        rule=_judge("ingress", _authorised_only),
    ),
    Control(
        id="EC2.19",
        severity=Severity.CRITICAL,
        remediation="Remove rules for 0.0.0.0/0 and ::/0 that cover databases, remote control, mail or development ports.",
        rule=_closed_to_world(HIGH_RISK_PORTS, *_TCP, *_UDP),
    ),
    Control(
        id="EC2.53",
        severity=Severity.HIGH,
        remediation="Remove rules for 0.0.0.0/0 that cover port 22 or 3389.",
        rule=_closed_to_world(_ADMIN_PORTS, *_TCP, *_UDP, family="4"),
    ),
    Control(
        id="EC2.54",
        severity=Severity.HIGH,
        remediation="Remove rules for ::/0 that cover port 22 or 3389.",
        rule=_closed_to_world(_ADMIN_PORTS, *_TCP, *_UDP, family="6"),
    ),
    Control(
        id="MD.EC2.20",
        title="EC2 security groups should not allow ingress from 0.0.0.0/0 to port 445 (CIFS)",
        severity=Severity.HIGH,
        remediation="Remove rules for 0.0.0.0/0 and ::/0 that cover port 445.",
        link=_GUIDE,
        rule=_closed_to_world((445,), *_TCP, *_UDP),
    ),
    Control(
        id="MD.EC2.21",
        title="Security groups do not let everything out to everywhere",
        severity=Severity.LOW,
        remediation="Replace the rule for every protocol to 0.0.0.0/0 by the ports or destinations that are needed.",
        link=_GUIDE,
        rule=_judge("egress", _not_everything_out),
    ),
    Control(
        id="MD.EC2.22",
        title="Security group rules say what they are for",
        severity=Severity.LOW,
        remediation="Give every rule a description.",
        link=_GUIDE,
        rule=Each((GROUP, DEFAULT_GROUP, RULE, INGRESS, EGRESS), _all_described),
    ),
)
