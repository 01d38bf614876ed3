"""Property tests of what is judged on networks: however a rule is written, the answer is the one that AWS's semantics give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.catalog import all_controls
from policies.controls.network_acls import ACL, ACL_RULE
from policies.controls.security_groups import GROUP, HIGH_RISK_PORTS, INGRESS, RULE
from policies.lang.links import among
from policies.lang.networks import world
from policies.model import Status, status_of
from tests.policies.build import res, stack

CONTROLS = {control.id: control for control in all_controls()}
PORTS = st.integers(0, 65535)
RANGES = st.tuples(PORTS, PORTS).map(sorted)
BLOCKS = st.sampled_from(["0.0.0.0/0", "::/0", "10.0.0.0/8", "203.0.113.0/24", "2001:db8::/32"])
PROTOCOLS = st.sampled_from(["tcp", "6", "udp", "icmp", "-1"])


def _answer(control_id: str, resources: list[Any]) -> Status:
    return status_of(CONTROLS[control_id].evaluate(stack(resources)))


def _three_ways(block: str, protocol: str, first: int, last: int) -> list[list[Any]]:
    """One rule: inline, as a SecurityGroupRule, and as a SecurityGroupIngressRule."""
    key = "ipv6CidrBlocks" if ":" in block else "cidrBlocks"
    rule = {"protocol": protocol, "fromPort": first, "toPort": last, key: [block], "description": "x"}
    own = {"cidrIpv6" if ":" in block else "cidrIpv4": block, "ipProtocol": protocol, "fromPort": first, "toPort": last}
    return [
        [res(GROUP, ingress=[rule])],
        [res(RULE, type="ingress", **rule)],
        [res(INGRESS, description="x", **own)],
    ]


@pytest.mark.slow
@given(BLOCKS, PROTOCOLS, RANGES)
def test_a_rule_is_judged_alike_in_each_way_to_write_it(block: str, protocol: str, ports: list[int]) -> None:
    first, last = ports
    world = block in ("0.0.0.0/0", "::/0")
    every = protocol == "-1"
    tcp = protocol in ("tcp", "6")

    def reached(*ports: int, datagrams: bool = True) -> bool:
        carried = every or tcp or (datagrams and protocol == "udp")
        return world and carried and (every or any(first <= port <= last for port in ports))

    wanted = {
        "EC2.13": reached(22, datagrams=False),
        "EC2.14": reached(3389),
        "EC2.19": reached(*HIGH_RISK_PORTS),
        "EC2.18": world and protocol != "icmp" and not (tcp and set(range(first, last + 1)) <= {80, 443}),
        "MD.EC2.20": reached(445),
    }
    for control_id, violated in wanted.items():
        answers = {_answer(control_id, way) for way in _three_ways(block, protocol, first, last)}
        assert answers == {Status.NON_COMPLIANT if violated else Status.COMPLIANT}, control_id


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["allow", "deny"]),
        BLOCKS,
        st.sampled_from(["tcp", "6", "-1", "udp"]),
        st.sampled_from([(22, 22), (0, 1024), (3389, 3389), (443, 443), (0, 65535)]),
    ),
    max_size=6,
)


def _lets_in(entries: list[Any], port: int, family: str) -> bool:
    """What a network ACL does with a TCP packet from a stranger's address of a family: the first entry that matches decides."""
    for action, block, protocol, (first, last) in entries:
        everyone = block == ("::/0" if family == "6" else "0.0.0.0/0")
        covers = protocol == "-1" or (protocol in ("tcp", "6") and first <= port <= last)
        if everyone and covers:
            return bool(action == "allow")
    return False


@given(ENTRIES, st.booleans(), st.randoms(use_true_random=False))
def test_network_acls_are_judged_by_their_first_match(entries: list[Any], separate: bool, random: Any) -> None:
    numbered = list(enumerate(entries, start=100))
    random.shuffle(numbered)  # the number decides, not the place in the list
    inline, rules = [], []
    for number, (action, block, protocol, (first, last)) in numbered:
        key = "ipv6CidrBlock" if ":" in block else "cidrBlock"
        ports = {"protocol": protocol, "fromPort": first, "toPort": last, key: block}
        inline.append({"ruleNo": number, "action": action, **ports})
        rules.append(res(ACL_RULE, f"r{number}", networkAclId="acl", ruleNumber=number, ruleAction=action, **ports))
    acl = res(ACL, "acl", subnetIds=["s"], ingress=[] if separate else inline)
    open_ = any(_lets_in(entries, port, family) for port in (22, 3389) for family in "46")
    answer = _answer("EC2.21", [acl, *(rules if separate else [])])
    assert answer is (Status.NON_COMPLIANT if open_ else Status.COMPLIANT)


@given(st.lists(PORTS, max_size=8), RANGES)
def test_ports_in_a_range(ports: list[int], bounds: list[int]) -> None:
    assert among(ports, *bounds) == [port for port in ports if bounds[0] <= port <= bounds[1]]
    assert among(ports, None, None) == ports


def test_the_whole_internet() -> None:
    assert [text for text in ("0.0.0.0/0", "::/0", "10.0.0.0/8", "0.0.0.0", "", "pl-1/0x") if world([text])] == [
        "0.0.0.0/0",
        "::/0",
    ]
