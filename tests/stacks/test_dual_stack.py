"""Environments with both families of addresses: what is promised of them, what the policies and budgets say of them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest

from environments.settings import EnvironmentSettings
from policies import exceptions, levels
from policies.audit.report import audit
from policies.catalog import all_controls
from stacks.budgets import budgets, check
from tests.components.conftest import Recorded
from tests.policies.platform import deployed
from tests.stacks.conftest import catalog_of, compose, registered, settings_of
from tests.stacks.reading import custom, one, shapes

pytestmark = pytest.mark.slow

#: Behind the CDN with endpoints, and on the internet without them.
STACKS = ("prod", "local")


def wanting(stack: str) -> EnvironmentSettings:
    settings = settings_of(stack)
    return settings.model_copy(update={"network": settings.network.model_copy(update={"dual_stack": True})})


@cache
def composed(stack: str) -> Recorded:
    return compose(wanting(stack), catalog_of(stack))


def test_it_adds_and_replaces_nothing() -> None:
    before, after = shapes(registered("local")), shapes(composed("local"))
    assert set(before) < set(after)
    changed = {urn.rsplit("::", 1)[-1] for urn in before if before[urn] != after[urn]}
    zones = settings_of("local").network.zones
    assert changed == {f"network-{tier}-{zone}" for tier in ("public", "private") for zone in zones} | {"load-balancer"}
    assert {item.type for item in custom(composed("local")) if item.urn not in before} == {
        "aws:ec2/vpcIpv6CidrBlockAssociation:VpcIpv6CidrBlockAssociation",
        "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway",
        "aws:ec2/route:Route",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    }


@pytest.mark.parametrize("stack", STACKS)
def test_only_services_with_egress_leave_by_ipv6(stack: str) -> None:
    leaving = {
        item.name
        for item in composed(stack).of("SecurityGroupEgressRule")
        if item.inputs.get("cidrIpv6") == "::/0" and item.inputs["toPort"] == 443
    }
    services = catalog_of(stack).services.values()
    assert leaving == {f"security-{each.name}-egress-internet-ipv6-443" for each in services if each.egress}
    assert 0 < len(leaving) < len(services)


def test_who_comes_by_ipv6() -> None:
    """Players where they reach the load balancer itself; CloudFront calls it by IPv4."""
    entering = {
        stack: [item.name for item in composed(stack).of("SecurityGroupIngressRule") if "cidrIpv6" in item.inputs]
        for stack in STACKS
    }
    assert entering == {"prod": [], "local": ["security-load-balancer-ingress-internet-ipv6-80"]}
    families = {
        stack: one(composed(stack), "aws:lb/loadBalancer:LoadBalancer").get("ipAddressType") for stack in STACKS
    }
    assert families == {"prod": None, "local": "dualstack"}


def test_the_policies_find_nothing_that_is_not_excepted() -> None:
    register = exceptions.load(known={control.id for control in all_controls()})
    state = deployed("prod", composed("prod"))
    report = audit(
        state, source="program", levels=levels.load(), register=register, now=datetime(2026, 11, 21, tzinfo=UTC)
    )
    assert not [f"{answer.control.id} {answer.name}: {answer.message}" for answer in report.mandatory]


@pytest.mark.parametrize("stack", STACKS)
def test_the_budgets_count_rules_of_both_families(stack: str) -> None:
    settings, catalog = wanting(stack), catalog_of(stack)
    check(settings, catalog)
    found = {each.name: each.used for each in budgets(settings, catalog)}
    for direction in ("ingress", "egress"):
        made = composed(stack).of(f"SecurityGroup{direction.capitalize()}Rule")
        for group in (*catalog.services, "load-balancer"):
            rules = [item.name for item in made if item.name.startswith(f"security-{group}-{direction}-")]
            weights = sum(55 if "cloudfront" in name else 1 for name in rules)
            assert found.get(f"{direction} rules of the security group {group}", 0) == weights, (group, direction)
