"""What holds for every component of network, security, edge and observability: names, tags, parents, transform, docstring."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pulumi
import pytest

from components.base import Component
from components.edge.cdn import Cdn, CdnArgs
from components.edge.load_balancer import LoadBalancer, LoadBalancerArgs
from components.edge.routes import Route
from components.edge.web_acl import Scope, WebAcl, WebAclArgs
from components.network.vpc import Vpc, VpcArgs
from components.observability.log_group import LogGroup, LogGroupArgs
from components.observability.monitoring import Monitoring, MonitoringArgs
from components.security.flows import INTERNET, Flow
from components.security.groups import SecurityGroups, SecurityGroupsArgs
from components.security.keys import Keys, KeysArgs
from components.security.secrets import GeneratedSecret, GeneratedSecretArgs
from model.vocabulary import Nat

ACCOUNT, REGION, KEY = "123456789012", "ap-south-1", "arn:aws:kms:ap-south-1:123456789012:key/1"

VPC = VpcArgs(
    cidr="10.20.0.0/16",
    availability_zones=["ap-south-1a", "ap-south-1b"],
    account_id=ACCOUNT,
    logs_key_arn=KEY,
    nat=Nat.PER_ZONE,
)
GROUPS = SecurityGroupsArgs(
    vpc_id="vpc-1",
    groups={"balancer": "Load balancer", "wallet": "Wallet"},
    flows=[Flow(INTERNET, "balancer", 443, "viewers"), Flow("balancer", "wallet", 8080, "requests")],
)
BALANCER = LoadBalancerArgs(
    vpc_id="vpc-1",
    subnet_ids=["subnet-a", "subnet-b"],
    security_group_id="sg-1",
    routes=[
        Route(name="wallet", patterns=["/wallet/*"], port=8080),
        Route(name="auth", patterns=["/auth/*"], port=8080),
    ],
    certificate_arn="arn:certificate",
    access_logs_bucket="logs",
)
ACL = WebAclArgs(scope=Scope.REGIONAL, region=REGION, logs_key_arn=KEY, resource_arn="arn:balancer")
CDN = CdnArgs(
    region=REGION,
    site_bucket_domain="site.s3.ap-south-1.amazonaws.com",
    api_domain="balancer.example.com",
    api_patterns=["/wallet/*"],
    web_acl_arn="arn:acl",
    log_bucket_arn="arn:aws:s3:::logs",
    aliases=["play.example.com"],
    certificate_arn="arn:certificate",
)
SECRET = GeneratedSecretArgs(secret_name="matchday/dev/x/Y", description="Opens x", key_arn=KEY)
GROUP = LogGroupArgs(log_group_name="/matchday/dev/wallet", key_arn=KEY)


def monitoring(name, transform):
    LoadBalancer("watched", BALANCER)
    args = MonitoringArgs(account_id=ACCOUNT, region=REGION, key_arn=KEY, page_emails=["on-call@example.com"])
    return Monitoring(name, args, transform=transform)


BUILDERS: Mapping[type[Component], Callable[..., Component]] = {
    Vpc: lambda name, transform: Vpc(name, VPC, transform=transform),
    SecurityGroups: lambda name, transform: SecurityGroups(name, GROUPS, transform=transform),
    Keys: lambda name, transform: Keys(
        name, KeysArgs(account_id=ACCOUNT, region=REGION, edge=True), transform=transform
    ),
    GeneratedSecret: lambda name, transform: GeneratedSecret(name, SECRET, transform=transform),
    LoadBalancer: lambda name, transform: LoadBalancer(name, BALANCER, transform=transform),
    WebAcl: lambda name, transform: WebAcl(name, ACL, transform=transform),
    Cdn: lambda name, transform: Cdn(name, CDN, transform=transform),
    LogGroup: lambda name, transform: LogGroup(name, GROUP, transform=transform),
    Monitoring: monitoring,
}

every_component = pytest.mark.parametrize("kind", BUILDERS, ids=lambda kind: kind.__name__)

#: Components whose physical names are arguments.
NAMED_BY_CALLER = {LogGroup, GeneratedSecret}

#: Resource types that AWS cannot tag.
UNTAGGABLE = frozenset(
    {
        "Alias",
        "Dashboard",
        "OriginAccessControl",
        "RandomPassword",
        "ResponseHeadersPolicy",
        "RolePolicy",
        "Route",
        "RouteTableAssociation",
        "SecretVersion",
        "TopicPolicy",
        "TopicSubscription",
        "WebAclAssociation",
        "WebAclLoggingConfiguration",
    }
)

#: Longest physical name by type, as AWS says it: written out anew so that the components' own table is not its own judge.
LIMITS = {
    "Alias": ("name", 256),
    "LoadBalancer": ("name", 32),
    "TargetGroup": ("name", 32),
    "Role": ("name", 64),
    "OriginAccessControl": ("name", 64),
    "LogDeliverySource": ("name", 60),
    "LogDeliveryDestination": ("name", 60),
    "WebAcl": ("name", 128),
    "ResponseHeadersPolicy": ("name", 128),
    "Topic": ("name", 256),
    "SecurityGroup": ("name", 255),
    "MetricAlarm": ("name", 255),
    "CompositeAlarm": ("alarmName", 255),
    "LogGroup": ("name", 512),
}


def made_by(kind, run, *, transform=None, stack_name="dev"):
    """The component called ``subject`` and what was registered below it."""
    recorded = run(lambda: BUILDERS[kind]("subject", transform), stack_name=stack_name)
    (component,) = [
        item
        for item in recorded.registrations
        if item.type.endswith(f":{kind.__name__}") and item.name == "subject" and not item.custom
    ]
    children = [item for item in recorded.registrations if item.parent == component.urn]
    return component, children


@every_component
def test_children_are_named_after_it(run, kind):
    component, children = made_by(kind, run)
    assert component.type == f"matchday:{kind.__module__.split('.')[1]}:{kind.__name__}"
    assert children
    assert all(child.name == "subject" or child.name.startswith("subject-") for child in children)


@every_component
def test_what_can_be_tagged_is(run, kind):
    _, children = made_by(kind, run)
    for child in children:
        if child.custom and child.type.rsplit(":", 1)[-1] not in UNTAGGABLE:
            tags = child.inputs["tags"]
            assert tags["Component"] == "subject" and tags["Environment"] == "dev" and tags["ManagedBy"] == "pulumi"


@every_component
def test_transform_reaches_every_child_that_it_makes(run, kind):
    _, children = made_by(kind, run)
    roles = {child.name.removeprefix("subject").removeprefix("-") for child in children if child.custom}

    def protect(args, opts):
        return args, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=True))

    _, transformed = made_by(kind, run, transform=dict.fromkeys(roles, protect))
    assert {child.urn for child in transformed if child.protect} == {child.urn for child in children if child.custom}


@every_component
def test_names_fit_even_in_a_stack_with_a_long_name(run, kind):
    _, children = made_by(kind, run, stack_name="a-very-long-name-for-one-engineer-s-own-environment-of-november")
    for child in children:
        key, limit = LIMITS.get(child.type.rsplit(":", 1)[-1], ("name", 10_000))
        assert len(child.inputs.get(key, "")) <= limit, child.urn


@pytest.mark.parametrize(
    "kind", sorted(BUILDERS.keys() - NAMED_BY_CALLER, key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__
)
def test_two_stacks_share_no_physical_name(run, kind):
    def names(stack_name):
        _, children = made_by(kind, run, stack_name=stack_name)
        return {
            child.inputs["name"]
            for child in children
            if child.type.rsplit(":", 1)[-1] in LIMITS and "name" in child.inputs
        }

    long = "a-very-long-name-for-one-engineer-s-own-environment-of-november"
    assert not names(long + "-1") & names(long + "-2")


@every_component
def test_the_docstring_lists_what_it_makes(run, kind):
    _, children = made_by(kind, run)
    listed = kind.__doc__ or ""
    for child in children:
        name = child.type.rsplit(":", 1)[-1]
        assert name in listed, f"{kind.__name__} makes a {name} and does not say so"
