"""Update, replace or no difference where the official provider decides in code (CustomizeDiff, DiffSuppressFunc, the bridge).

Each entry names the code it follows: files are of terraform-provider-aws, internal/service/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Inputs = Mapping[str, Any]

#: Kinds of which only one can be: a replacement deletes first (pulumi-aws, provider/resources.go, DeleteBeforeReplace).
ALONE = frozenset(
    {
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment",
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
        "aws:ec2/route:Route",
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        "aws:ec2/networkAclRule:NetworkAclRule",
        "aws:ec2/eipAssociation:EipAssociation",
        "aws:ec2/volumeAttachment:VolumeAttachment",
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        "aws:appautoscaling/policy:Policy",
        "aws:appautoscaling/target:Target",
        "aws:appautoscaling/scheduledAction:ScheduledAction",
        "aws:wafv2/webAclAssociation:WebAclAssociation",
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        "aws:ec2/flowLog:FlowLog",
    }
)


def version(text: Any) -> tuple[int, ...]:
    """A version as numbers: "16.4" is (16, 4); "6.x" sorts behind every 6."""
    return tuple(int(part) if part != "x" else 1 << 30 for part in re.findall(r"\d+|x", str(text or "")))


Replaces = Callable[[Inputs, Inputs, Inputs], bool]


def _lower(name: str) -> Replaces:
    """A version that goes down."""
    return lambda olds, news, _: bool(news.get(name)) and version(news[name]) < version(olds.get(name))


def _is(name: str, *values: Any) -> Replaces:
    return lambda _, news, __: news.get(name) in values


def _balancer_groups(olds: Inputs, news: Inputs, _: Inputs) -> bool:
    """elbv2/load_balancer.go: a network load balancer keeps having security groups, or none."""
    return news.get("loadBalancerType") == "network" and bool(olds.get("securityGroups")) != bool(
        news.get("securityGroups")
    )


def _balancer_subnets(olds: Inputs, news: Inputs, _: Inputs) -> bool:
    """elbv2/load_balancer.go: a network load balancer takes more subnets only."""
    old, new = olds.get("subnets") or [], news.get("subnets") or []
    return news.get("loadBalancerType") == "network" and len(new) <= len(old)


#: (kind, property) -> whether this change makes a new resource, whatever the schema says of the property.
_FORCES: Mapping[tuple[str, str], Replaces] = {
    # ecs/service.go, capacityProviderStrategyCustomizeDiff, as pulumi-aws patches it
    ("aws:ecs/service:Service", "capacityProviderStrategies"): lambda _, news, __: not news.get("forceNewDeployment"),
    # elasticache/engine_version.go, replication_group.go
    ("aws:elasticache/replicationGroup:ReplicationGroup", "engineVersion"): _lower("engineVersion"),
    ("aws:elasticache/replicationGroup:ReplicationGroup", "engine"): lambda olds, news, _: (
        not (olds.get("engine", "redis") == "redis" and news.get("engine") == "valkey")
    ),
    ("aws:elasticache/replicationGroup:ReplicationGroup", "transitEncryptionEnabled"): lambda olds, _, state: (
        version(state.get("engineVersionActual") or olds.get("engineVersion") or "7.1") < (7, 0, 5)
        and version(state.get("engineVersionActual") or olds.get("engineVersion") or "7.1")[:2] < (7, 1)
    ),
    ("aws:elasticache/replicationGroup:ReplicationGroup", "nodeGroupConfigurations"): lambda *_: True,
    ("aws:elasticache/cluster:Cluster", "engineVersion"): _lower("engineVersion"),
    ("aws:elasticache/cluster:Cluster", "nodeType"): lambda olds, *_: olds.get("engine") == "memcached",
    # ssm/parameter.go
    ("aws:ssm/parameter:Parameter", "tier"): lambda olds, news, _: (
        olds.get("tier") == "Advanced" and news.get("tier", "Standard") == "Standard"
    ),
    # ec2/vpc_.go
    ("aws:ec2/vpc:Vpc", "cidrBlock"): lambda _, news, __: not news.get("ipv4NetmaskLength"),
    ("aws:ec2/vpc:Vpc", "instanceTenancy"): lambda olds, news, _: (
        not (olds.get("instanceTenancy") == "dedicated" and news.get("instanceTenancy", "default") == "default")
    ),
    # ec2/vpc_subnet.go
    ("aws:ec2/subnet:Subnet", "ipv6CidrBlock"): lambda olds, *_: bool(
        olds.get("ipv6CidrBlock") and olds.get("assignIpv6AddressOnCreation")
    ),
    # ec2/vpc_endpoint.go
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "privateDnsEnabled"): lambda _, news, __: (
        news.get("vpcEndpointType") != "Interface"
    ),
    # ec2/ec2_instance.go
    ("aws:ec2/instance:Instance", "userData"): _is("userDataReplaceOnChange", True),
    ("aws:ec2/instance:Instance", "userDataBase64"): _is("userDataReplaceOnChange", True),
    ("aws:ec2/instance:Instance", "enablePrimaryIpv6"): lambda olds, *_: bool(olds.get("enablePrimaryIpv6")),
    # elbv2/load_balancer.go
    ("aws:lb/loadBalancer:LoadBalancer", "securityGroups"): _balancer_groups,
    ("aws:lb/loadBalancer:LoadBalancer", "subnets"): _balancer_subnets,
    ("aws:lb/loadBalancer:LoadBalancer", "subnetMappings"): lambda _, news, __: (
        news.get("loadBalancerType", "application") != "application"
    ),
    # rds/cluster.go
    ("aws:rds/cluster:Cluster", "storageType"): lambda _, news, __: (
        not str(news.get("engine", "")).startswith("aurora")
    ),
    # ec2/vpc_nat_gateway.go
    ("aws:ec2/natGateway:NatGateway", "secondaryPrivateIpAddressCount"): lambda *_: True,
    # lambda/function.go
    ("aws:lambda/function:Function", "durableConfig"): lambda olds, news, _: (
        bool(olds.get("durableConfig")) != bool(news.get("durableConfig"))
    ),
}


def replaces(token: str, name: str, olds: Inputs, news: Inputs, state: Inputs) -> bool:
    """Whether the official provider's CustomizeDiff forces a new resource for a property that may else be updated."""
    rule = _FORCES.get((token, name))
    return rule is not None and rule(olds, news, state)


# ---- differences that the official provider suppresses


def _same_prefix(old: Any, new: Any) -> bool:
    """ "16" asks for any 16, so 16.9 is what was asked for."""
    return bool(old and new) and (str(old) == str(new) or str(old).startswith(f"{new}."))


def _instance(olds: Inputs, news: Inputs, state: Inputs) -> set[str]:
    """rds/instance.go: a major version, storage that grew by itself, a snapshot or source named anew."""
    found = set()
    actual = state.get("engineVersionActual") or olds.get("engineVersion")
    if _same_prefix(actual, news.get("engineVersion")) or _same_prefix(
        olds.get("engineVersion"), news.get("engineVersion")
    ):
        found.add("engineVersion")
    most, old, new = (each and int(each) for each in (
        news.get("maxAllocatedStorage"), olds.get("allocatedStorage"), news.get("allocatedStorage")
    ))  # fmt: skip
    grown = int(state.get("allocatedStorage") or 0)
    # Storage that grew by itself beyond what is asked for now. What asks for less than before is a change, which RDS refuses.
    if most and old and new and old <= new < grown and new < most:
        found.add("allocatedStorage")
    if not olds.get("maxAllocatedStorage") and str(news.get("maxAllocatedStorage")) in ("0", str(new)):
        found.add("maxAllocatedStorage")
    return found


def _replication_group(olds: Inputs, news: Inputs, state: Inputs) -> set[str]:
    """elasticache/replication_group.go: 7.1 asks for any 7.1."""
    return {"engineVersion"} if _same_prefix(olds.get("engineVersion"), news.get("engineVersion")) else set()


def _service(olds: Inputs, news: Inputs, _: Inputs) -> set[str]:
    """ecs/service.go: a daemon has no desired count; NONE is no propagation."""
    found = set()
    if news.get("schedulingStrategy") == "DAEMON":
        found |= {"desiredCount", "deploymentMaximumPercent", "deploymentMinimumHealthyPercent"}
    if (olds.get("propagateTags") or "NONE") == (news.get("propagateTags") or "NONE"):
        found.add("propagateTags")
    return found


def _task_definition(olds: Inputs, news: Inputs, _: Inputs) -> set[str]:
    """ecs/task_definition_equivalency.go: another order of what has none, and defaults written out."""
    mode = str(news.get("networkMode") or "")
    old, new = (containers(side.get("containerDefinitions"), mode) for side in (olds, news))
    return {"containerDefinitions"} if old is not None and old == new else set()


_ORDERLESS = ("environment", "secrets", "environmentFiles", "dependsOn")
_OFF: tuple[Any, ...] = (None, [], {}, "", 0, False)


def containers(text: Any, mode: str) -> list[Any] | None:
    """Container definitions in one form: sorted, without defaults; None for what is none."""
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        return None
    return sorted((_container(item, mode) for item in found), key=lambda item: str(item.get("name")))


def _container(item: Mapping[str, Any], mode: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in item.items():
        if key == "essential":
            if value is False:
                made[key] = False
        elif key == "portMappings":
            made[key] = sorted((_port(port, mode) for port in value or ()), key=str)
        elif key in _ORDERLESS and isinstance(value, list):
            made[key] = sorted(value, key=lambda pair: json.dumps(pair, sort_keys=True))
        elif value not in _OFF:
            made[key] = value
    return {key: value for key, value in made.items() if value != [] or key == "essential"}


def _port(port: Mapping[str, Any], mode: str) -> dict[str, Any]:
    made = {key: value for key, value in port.items() if value not in _OFF}
    if made.get("protocol") == "tcp":
        del made["protocol"]
    if mode in ("awsvpc", "host") and made.get("hostPort") == made.get("containerPort"):
        made.pop("hostPort", None)
    return made


def _alias_arn(name: str) -> Callable[[Inputs, Inputs, Inputs], set[str]]:
    """A key by id or by the ARN that ends with it (kms, suppressEquivalentKeyARNOrID)."""

    def rule(olds: Inputs, news: Inputs, _: Inputs) -> set[str]:
        old, new = str(olds.get(name) or ""), str(news.get(name) or "")
        return {name} if old and new and (old.endswith("/" + new) or new.endswith("/" + old)) else set()

    return rule


_SETTLES: Mapping[str, Callable[[Inputs, Inputs, Inputs], set[str]]] = {
    "aws:rds/instance:Instance": _instance,
    "aws:rds/cluster:Cluster": _instance,
    "aws:rds/clusterInstance:ClusterInstance": _instance,
    "aws:elasticache/replicationGroup:ReplicationGroup": _replication_group,
    "aws:ecs/service:Service": _service,
    "aws:ecs/taskDefinition:TaskDefinition": _task_definition,
    "aws:kms/alias:Alias": _alias_arn("targetKeyId"),
}


#: What AWS enlarges by itself: the state says how large it is.
GROWS = frozenset({"allocatedStorage"})


def accepted(token: str, asked: Inputs, live: Inputs) -> frozenset[str]:
    """Properties whose live value is what was asked for in the eyes of the official provider, though it differs: a minor
    version of the major one, storage that grew by itself. A refresh leaves what the program says of them.
    """
    found = settled(token, live, asked, live)
    most, asked_size, size = (int(each or 0) for each in (
        asked.get("maxAllocatedStorage"), asked.get("allocatedStorage"), live.get("allocatedStorage")
    ))  # fmt: skip
    return found | GROWS if token.startswith("aws:rds/") and 0 < asked_size < size <= most else found


def settled(token: str, olds: Inputs, news: Inputs, state: Inputs) -> frozenset[str]:
    """Properties whose difference the official provider suppresses."""
    rule = _SETTLES.get(token)
    return frozenset(rule(olds, news, state)) if rule else frozenset()
