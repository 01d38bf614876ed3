"""References between resources: does what a property names exist, and are the things that must share a VPC in one?

Names that the program chooses may be known before the thing is there (in a preview), so those are looked at when the resource
is really made; ids that AWS chooses are looked at in previews too.

The table is by property name: pulumi_aws calls a subnet's id subnetId, subnetIds or subnets wherever it takes one.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from localcloud.provider.row import Inputs
from localcloud.provider.templates import fill, search
from localcloud.provider.wire import UNKNOWN

Caller = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]
Finder = Callable[[str, str], Any]


class Seen:
    """What was found to be there in one run of the engine, which asks for it again and again: when it checks a resource, when
    it makes it, and for each of the forty that refer to the same thing.

    Outside of a run nothing is remembered, nor past a deletion; what is not there is always looked for anew.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[str, ...], Any] = {}
        self._running, self._age = False, 0

    def begin(self) -> None:
        """A run of the engine begins."""
        self._forget(running=True)

    def end(self) -> None:
        """It has ended."""
        self._forget(running=False)

    def deleted(self) -> None:
        """Something has been, or may have been, deleted."""
        self._forget(running=self._running)

    def _forget(self, *, running: bool) -> None:
        with self._lock:
            self._found, self._running, self._age = {}, running, self._age + 1

    def find(self, key: tuple[str, ...], look: Callable[[], Any]) -> Any:
        """What is known under `key`, else what `look` finds; None when it is not there."""
        with self._lock:
            if key in self._found:
                return self._found[key]
            age = self._age
        found = look()
        if found is not None:
            with self._lock:
                if self._running and self._age == age:
                    self._found[key] = found
        return found


@dataclass(frozen=True)
class Referable:
    """A kind of thing that can be referred to: its name in messages, how it is described, and where its VPC stands."""

    words: str
    service: str
    operation: str
    arguments: Mapping[str, Any]
    path: str
    vpc: str = ""


THINGS: Mapping[str, Referable] = {
    "vpc": Referable("VPC", "ec2", "describe_vpcs", {"VpcIds": ["$val"]}, "Vpcs[0]", "VpcId"),
    "subnet": Referable("subnet", "ec2", "describe_subnets", {"SubnetIds": ["$val"]}, "Subnets[0]", "VpcId"),
    "security group": Referable(
        "security group", "ec2", "describe_security_groups", {"GroupIds": ["$val"]}, "SecurityGroups[0]", "VpcId"
    ),
    "route table": Referable(
        "route table", "ec2", "describe_route_tables", {"RouteTableIds": ["$val"]}, "RouteTables[0]", "VpcId"
    ),
    "network ACL": Referable(
        "network ACL", "ec2", "describe_network_acls", {"NetworkAclIds": ["$val"]}, "NetworkAcls[0]", "VpcId"
    ),
    "address": Referable("elastic IP", "ec2", "describe_addresses", {"AllocationIds": ["$val"]}, "Addresses[0]"),
    "NAT gateway": Referable(
        "NAT gateway",
        "ec2",
        "describe_nat_gateways",
        {"NatGatewayIds": ["$val"]},
        "NatGateways[?State=='available'] | [0]",
        "VpcId",
    ),
    "internet gateway": Referable(
        "internet gateway",
        "ec2",
        "describe_internet_gateways",
        {"InternetGatewayIds": ["$val"]},
        "InternetGateways[0]",
        "Attachments[0].VpcId",
    ),
    "key": Referable("KMS key", "kms", "describe_key", {"KeyId": "$val"}, "KeyMetadata"),
    "role": Referable("IAM role", "iam", "get_role", {"RoleName": "$val"}, "Role"),
    "policy": Referable("IAM policy", "iam", "get_policy", {"PolicyArn": "$val"}, "Policy"),
    "load balancer": Referable(
        "load balancer", "elbv2", "describe_load_balancers", {"LoadBalancerArns": ["$val"]}, "LoadBalancers[0]", "VpcId"
    ),
    "listener": Referable("listener", "elbv2", "describe_listeners", {"ListenerArns": ["$val"]}, "Listeners[0]"),
    "target group": Referable(
        "target group", "elbv2", "describe_target_groups", {"TargetGroupArns": ["$val"]}, "TargetGroups[0]", "VpcId"
    ),
    "cluster": Referable(
        "ECS cluster", "ecs", "describe_clusters", {"clusters": ["$val"]}, "clusters[?status=='ACTIVE'] | [0]"
    ),
    "task definition": Referable(
        "task definition", "ecs", "describe_task_definition", {"taskDefinition": "$val"}, "taskDefinition"
    ),
    "DB subnet group": Referable(
        "DB subnet group",
        "rds",
        "describe_db_subnet_groups",
        {"DBSubnetGroupName": "$val"},
        "DBSubnetGroups[0]",
        "VpcId",
    ),
    "cache subnet group": Referable(
        "cache subnet group",
        "elasticache",
        "describe_cache_subnet_groups",
        {"CacheSubnetGroupName": "$val"},
        "CacheSubnetGroups[0]",
        "VpcId",
    ),
    "bucket": Referable("S3 bucket", "s3", "head_bucket", {"Bucket": "$val"}, "ResponseMetadata"),
    "topic": Referable("SNS topic", "sns", "get_topic_attributes", {"TopicArn": "$val"}, "Attributes"),
    "secret": Referable("secret", "secretsmanager", "describe_secret", {"SecretId": "$val"}, "ARN"),
    "log group": Referable(
        "log group",
        "logs",
        "describe_log_groups",
        {"logGroupNamePrefix": "$val"},
        "logGroups[?logGroupName=='{val}'] | [0]",
    ),
    "repository": Referable(
        "ECR repository", "ecr", "describe_repositories", {"repositoryNames": ["$val"]}, "repositories[0]"
    ),
}

#: Properties, at the top of a resource's inputs or inside, that refer to something, whatever the kind.
PROPERTIES: Mapping[str, str] = {
    "vpcId": "vpc",
    "subnetId": "subnet",
    "subnetIds": "subnet",
    "subnets": "subnet",
    "securityGroupId": "security group",
    "securityGroupIds": "security group",
    "securityGroups": "security group",
    "vpcSecurityGroupIds": "security group",
    "referencedSecurityGroupId": "security group",
    "routeTableId": "route table",
    "routeTableIds": "route table",
    "networkAclId": "network ACL",
    "allocationId": "address",
    "natGatewayId": "NAT gateway",
    "kmsKeyId": "key",
    "kmsKeyArn": "key",
    "targetKeyId": "key",
    "executionRoleArn": "role",
    "taskRoleArn": "role",
    "monitoringRoleArn": "role",
    "iamRoleArn": "role",
    "role": "role",
    "policyArn": "policy",
    "loadBalancerArn": "load balancer",
    "listenerArn": "listener",
    "targetGroupArn": "target group",
    "cluster": "cluster",
    "clusterName": "cluster",
    "taskDefinition": "task definition",
    "dbSubnetGroupName": "DB subnet group",
    "bucket": "bucket",
    "targetBucket": "bucket",
    "topic": "topic",
    "snsTopic": "topic",
    "secretId": "secret",
    "logGroupName": "log group",
    "repository": "repository",
}

_ASSIGNED = re.compile(r"(vpc|subnet|sg|rtb|acl|eipalloc|nat|igw)-[0-9a-f]{8,}")
_AWS_KEY = re.compile(r"(arn:aws:kms:[a-z0-9-]+:\d{12}:)?alias/aws/[a-z0-9-]+")
_GONE = ("NotFound", "NoSuch", "DoesNotExist", "Invalid", "404", "Malformed", "ClientException", "ValidationError")


def named(inputs: Inputs, overrides: Mapping[str, str | None]) -> Iterator[tuple[str, str, str]]:
    """(property path, thing, value) of every reference in `inputs`."""
    yield from _walk(inputs, "", overrides)


def _walk(value: Any, path: str, overrides: Mapping[str, str | None]) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, path, overrides)
    elif isinstance(value, dict):
        for name, inner in value.items():
            where = f"{path}.{name}" if path else name
            thing = overrides[where] if where in overrides else PROPERTIES.get(name)
            for item in inner if isinstance(inner, list) else [inner]:
                if isinstance(item, dict):
                    yield from _walk(item, where, overrides)
                elif thing and isinstance(item, str) and item and item != UNKNOWN:
                    for each in _listed(item):
                        yield where, thing, each


def _listed(text: str) -> list[str]:
    """The texts of a JSON list, which is how a mapping of texts holds several (AWS Backup's overrides); else the text itself.

    >>> _listed('["sg-1", "sg-2"]'), _listed("sg-1")
    (['sg-1', 'sg-2'], ['sg-1'])
    """
    return [str(each) for each in json.loads(text)] if text.startswith('["') and text.endswith('"]') else [text]


def assigned(value: str) -> bool:
    """Whether AWS chose this id itself: then it is known only once the thing exists, in a preview too."""
    return _ASSIGNED.fullmatch(value) is not None


def missing(
    references: list[tuple[str, str, str]], same_vpc: tuple[str, ...], find: Finder, pool: ThreadPoolExecutor
) -> list[tuple[str, str]]:
    """(property, reason) for each reference to something that is not there or in another VPC than its neighbours."""
    together = pool.map if len(references) > 1 else map
    found = list(together(lambda reference: find(reference[1], reference[2]), references))
    failures, vpcs = [], {}
    for (path, thing, value), element in zip(references, found, strict=True):
        top = path.split(".")[0]
        if element is None:
            failures.append((top, f"{path}: the {THINGS[thing].words} {value!r} does not exist"))
        elif thing == "key" and element.get("KeyState") == "PendingDeletion":
            failures.append((top, f"{path}: KMSInvalidStateException: {value} is pending deletion"))
        elif (path in same_vpc or top in same_vpc) and THINGS[thing].vpc:
            vpcs[f"{path} {value}"] = search(THINGS[thing].vpc, element)
    if len(set(vpcs.values())) > 1:
        listed = "; ".join(f"{name} is in {vpc}" for name, vpc in vpcs.items())
        failures.append((next(iter(vpcs)).split(" ")[0].split(".")[0], f"these must be in one VPC: {listed}"))
    return failures


def describe(thing: str, value: str, call: Caller) -> Any:
    """What is live of a thing; None when it is not there."""
    referable = THINGS[thing]
    if thing == "key" and _AWS_KEY.fullmatch(value):
        return {}  # AWS makes its own keys when they are first used
    if thing == "role":  # by ARN or by name; the API wants the name
        value = value.rsplit("/", 1)[-1]
    if thing == "bucket":
        value = value.removeprefix("arn:aws:s3:::")
    try:
        answer = call(referable.service, referable.operation, fill(referable.arguments, {"val": value}))
    except ClientError as error:
        if any(word in error.response["Error"]["Code"] for word in _GONE):
            return None
        raise
    return search(referable.path.replace("{val}", value), answer)
