"""Security groups as the engine sees them."""

from __future__ import annotations

import pytest

from components.security.flows import INTERNET, INTERNET_IPV6, Flow
from components.security.groups import SecurityGroups, SecurityGroupsArgs

FLOWS = [
    Flow(INTERNET, "balancer", 443, "viewers"),
    Flow("balancer", "wallet", 8080, "requests"),
    Flow("wallet", "endpoints", 443, "secrets"),
    Flow("wallet", "s3", 443, "image layers"),
]


def groups(**changes):
    args = {
        "vpc_id": "vpc-1",
        "groups": {"balancer": "Load balancer", "wallet": "Service wallet"},
        "flows": FLOWS,
        "existing": {"endpoints": "sg-endpoints"},
        "prefix_lists": {"s3": "pl-s3"},
        **changes,
    }
    return lambda: SecurityGroups("groups", SecurityGroupsArgs(**args))


def test_every_rule_is_one_port_between_named_peers(run):
    recorded = run(groups())
    peers = {}
    for item in recorded.of("SecurityGroupIngressRule") + recorded.of("SecurityGroupEgressRule"):
        assert item.inputs["ipProtocol"] == "tcp"
        assert item.inputs["fromPort"] == item.inputs["toPort"]
        kinds = {"cidrIpv4", "prefixListId", "referencedSecurityGroupId"} & set(item.inputs)
        peers[item.name.removeprefix("groups-")] = kinds
    assert peers == {
        "balancer-ingress-internet-443": {"cidrIpv4"},
        "balancer-egress-wallet-8080": {"referencedSecurityGroupId"},
        "wallet-ingress-balancer-8080": {"referencedSecurityGroupId"},
        "wallet-egress-endpoints-443": {"referencedSecurityGroupId"},
        "endpoints-ingress-wallet-443": {"referencedSecurityGroupId"},
        "wallet-egress-s3-443": {"prefixListId"},
    }


def test_groups_hold_no_rules_of_their_own(run):
    for item in run(groups()).of("aws:ec2/securityGroup:SecurityGroup"):
        assert "ingress" not in item.inputs and "egress" not in item.inputs


def test_existing_groups_get_rules_but_are_not_made(run):
    recorded = run(groups())
    assert {item.name for item in recorded.of("aws:ec2/securityGroup:SecurityGroup")} == {
        "groups-balancer",
        "groups-wallet",
    }
    assert recorded.named("groups-endpoints-ingress-wallet-443").inputs["securityGroupId"] == "sg-endpoints"
    assert set(recorded.result.ids) == {"balancer", "wallet", "endpoints"}


def test_a_group_is_made_or_exists(run):
    with pytest.raises(ValueError, match="'endpoints' is to be made and exists already"):
        run(groups(groups={"endpoints": "twice"}))


def test_a_rule_for_the_internet_is_of_one_family(run):
    recorded = run(groups(flows=[*FLOWS, Flow("wallet", INTERNET_IPV6, 443, "partners")]))
    rule = recorded.named("groups-wallet-egress-internet-ipv6-443").inputs
    assert rule["cidrIpv6"] == "::/0" and "cidrIpv4" not in rule
    assert not any("cidrIpv6" in item.inputs for item in run(groups()).of("SecurityGroupIngressRule"))
