"""Reads the desired state back from the emulator: RDS, ElastiCache, ELBv2, ECS, as an AWS control plane would see them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from localcloud.dataplane.cdn.deployed import Deployed
from localcloud.dataplane.firewall.deployed import firewall_of
from localcloud.dataplane.model import (
    Alias,
    Breaker,
    Cache,
    CacheUser,
    Database,
    DesiredState,
    Firewall,
    Json,
    Listener,
    ListenerRule,
    LoadBalancerTarget,
    Permission,
    SecurityGroup,
    Service,
    TargetGroup,
    TaskDefinition,
)
from localcloud.runtime.aws import Aws

#: (Pulumi type token, id) -> properties that the emulator does not hold; localcloud.provider.kept.KeptProperties.kept
Kept = Callable[[str, str], Mapping[str, Any]]
#: Another one whenever something may have been written since.
Mark = Callable[[], object]

_REPLICATION_GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
_CACHE_USER = "aws:elasticache/user:User"
_CACHE_USER_GROUP = "aws:elasticache/userGroup:UserGroup"
_CACHE_PARAMETERS = "aws:elasticache/parameterGroup:ParameterGroup"
_DB_INSTANCE = "aws:rds/instance:Instance"
_ECS_SERVICE = "aws:ecs/service:Service"

#: Seconds after which everything is read though nothing was written: for what an emulator changes by itself.
_AT_LEAST = 30

#: Valkey settings that an ElastiCache parameter group may carry and that make sense for one small node.
_CACHE_SETTINGS = frozenset(
    {
        "maxmemory-policy",
        "maxmemory-samples",
        "timeout",
        "notify-keyspace-events",
        "slowlog-log-slower-than",
        "slowlog-max-len",
        "lazyfree-lazy-eviction",
        "lazyfree-lazy-expire",
    }
)


class Observer:
    """Looks at the emulator: when something was written since the last look, and now and then all the same.

    What cannot change (task definitions) is asked once. `mark`: another one whenever something may have been written.
    """

    def __init__(self, aws: Aws, kept: Kept, mark: Mark) -> None:
        self._aws, self._kept = aws, kept
        self._mark = mark
        self._read_at: tuple[object, ...] = ()
        self._seen = DesiredState()
        self._distributions = Deployed(aws, kept)
        self._definitions: dict[str, TaskDefinition] = {}

    def look(self) -> DesiredState:
        """The whole desired state now."""
        # Taken before: what is written while we read is another one the next time.
        mark = (self._mark(), time.monotonic() // _AT_LEAST)
        if mark != self._read_at:
            self._seen, self._read_at = self._read(), mark
        return self._seen

    def _read(self) -> DesiredState:
        refused: list[str] = []
        # What refers to a thing is read before the thing, so that a look in the middle of an update finds no loose ends.
        services = [*self._services(refused)]
        listeners = [*self._listeners()]
        return DesiredState(
            services=services,
            listeners=listeners,
            distributions=[*self._distributions.read()],
            target_groups={group.arn: group for group in self._target_groups(_container_ports(services))},
            databases=[*self._databases(refused)],
            caches=[*self._caches()],
            groups=dict(self._groups()),
            refused=refused,
        )

    def _databases(self, refused: list[str]) -> Iterable[Database]:
        for row in self._pages("rds", "describe_db_instances", "DBInstances"):
            name = row["DBInstanceIdentifier"]
            if "postgres" not in row["Engine"]:
                refused.append(f"RDS instance {name}: engine {row['Engine']} is not run here, only postgres")
            elif row.get("ReadReplicaSourceDBInstanceIdentifier"):
                refused.append(f"RDS instance {name}: a read replica is not run here")
            elif row["DBInstanceStatus"] == "available":
                password = self._master_password(name, row)
                if password is None:
                    refused.append(f"RDS instance {name}: its master password is neither in a secret nor in the store")
                    continue
                yield Database(
                    identifier=name,
                    port=int(row.get("Endpoint", {}).get("Port") or 5432),
                    user=row["MasterUsername"],
                    password=password,
                    database=row.get("DBName") or None,
                    groups=[item["VpcSecurityGroupId"] for item in row.get("VpcSecurityGroups") or []],
                )

    def _master_password(self, name: str, row: Json) -> str | None:
        secret = row.get("MasterUserSecret", {}).get("SecretArn") or f"rds!db-{name}"
        try:
            value = self._aws.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            password = self._kept(_DB_INSTANCE, name).get("password")
            return str(password) if password is not None else None
        return str(json.loads(value)["password"])

    def _caches(self) -> Iterable[Cache]:
        for row in self._pages("elasticache", "describe_replication_groups", "ReplicationGroups"):
            name = row["ReplicationGroupId"]
            kept = self._kept(_REPLICATION_GROUP, name)
            parameters = self._cache_parameters(kept.get("parameterGroupName"))
            yield Cache(
                identifier=name,
                port=int(kept.get("port") or row.get("Port") or 6379),
                cluster=row.get("ClusterMode") == "enabled"
                or bool(row.get("ClusterEnabled"))
                or parameters.get("cluster-enabled") == "yes",
                password=kept.get("authToken"),
                settings={key: value for key, value in parameters.items() if key in _CACHE_SETTINGS},
                users=[*self._cache_users(kept.get("userGroupIds") or [])],
                groups=kept.get("securityGroupIds") or [],
            )

    def _cache_users(self, groups: Sequence[str]) -> Iterable[CacheUser]:
        if groups:  # nobody gets in as `default` while the users are not there yet
            yield CacheUser(name="default", access="off -@all")
        for group in groups:
            for identity in sorted(self._kept(_CACHE_USER_GROUP, group).get("userIds") or []):
                user = self._kept(_CACHE_USER, identity)
                mode = user.get("authenticationMode") or {}
                passwords = user.get("passwords") or mode.get("passwords") or []
                if user:  # between two looks of an update it may not be there yet
                    yield CacheUser(
                        name=str(user["userName"]),
                        access=str(user["accessString"]),
                        passwords=[str(password) for password in passwords],
                    )

    def _cache_parameters(self, group: str | None) -> dict[str, str]:
        if not group:
            return {}
        if group.startswith("default."):
            return {"cluster-enabled": "yes"} if group.endswith(".cluster.on") else {}
        rows = self._kept(_CACHE_PARAMETERS, group).get("parameters") or []
        return {str(row["name"]): str(row["value"]) for row in rows}

    def _target_groups(self, container_ports: Mapping[str, int]) -> Iterable[TargetGroup]:
        elb = self._aws.client("elbv2")
        for row in self._pages("elbv2", "describe_target_groups", "TargetGroups"):
            arn = row["TargetGroupArn"]
            listed = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
            attributes = {item["Key"]: item["Value"] for item in listed}
            yield TargetGroup(
                arn=arn,
                name=row["TargetGroupName"],
                port=container_ports.get(arn, int(row.get("Port", 80))),
                path=row.get("HealthCheckPath") or "/",
                matcher=(row.get("Matcher") or {}).get("HttpCode") or "200",
                interval=float(row.get("HealthCheckIntervalSeconds") or 30),
                timeout=float(row.get("HealthCheckTimeoutSeconds") or 5),
                healthy_threshold=int(row.get("HealthyThresholdCount") or 5),
                unhealthy_threshold=int(row.get("UnhealthyThresholdCount") or 2),
                deregistration_delay=float(attributes.get("deregistration_delay.timeout_seconds", 300)),
                enabled=row.get("HealthCheckEnabled", True),
            )

    def _groups(self) -> Iterable[tuple[str, SecurityGroup]]:
        for row in self._pages("ec2", "describe_security_groups", "SecurityGroups"):
            yield (
                row["GroupId"],
                SecurityGroup(
                    ingress=[_permission(item) for item in row["IpPermissions"]],
                    egress=[_permission(item) for item in row["IpPermissionsEgress"]],
                ),
            )

    def _listeners(self) -> Iterable[Listener]:
        elb = self._aws.client("elbv2")
        for balancer in self._pages("elbv2", "describe_load_balancers", "LoadBalancers"):
            if balancer["Type"] != "application":
                continue
            listed = elb.describe_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"])["Attributes"]
            attributes = {item["Key"]: item["Value"] for item in listed}
            firewall = self._firewall(balancer["LoadBalancerArn"])
            for row in elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
                rules = elb.describe_rules(ListenerArn=row["ListenerArn"])["Rules"]
                yield Listener(
                    arn=row["ListenerArn"],
                    load_balancer=balancer["LoadBalancerName"],
                    port=int(row["Port"]),
                    protocol=row["Protocol"],
                    rules=[
                        ListenerRule(
                            priority=str(rule["Priority"]),
                            conditions=rule.get("Conditions") or [],
                            actions=rule["Actions"],
                        )
                        for rule in rules
                    ],
                    idle_timeout=float(attributes.get("idle_timeout.timeout_seconds", 60)),
                    groups=balancer.get("SecurityGroups") or [],
                    firewall=firewall,
                )

    def _firewall(self, balancer: str) -> Firewall | None:
        waf = self._aws.client("wafv2")
        acl = waf.get_web_acl_for_resource(ResourceArn=balancer).get("WebACL")
        return firewall_of(waf, acl) if acl else None

    def _services(self, refused: list[str]) -> Iterable[Service]:
        ecs = self._aws.client("ecs")
        for cluster in self._pages("ecs", "list_clusters", "clusterArns"):
            arns = [*self._pages("ecs", "list_services", "serviceArns", cluster=cluster)]
            for start in range(0, len(arns), 10):  # describe_services takes ten
                found = ecs.describe_services(cluster=cluster, services=arns[start : start + 10])["services"]
                for row in found:
                    if row["status"] != "ACTIVE":
                        continue
                    if not row.get("taskDefinition"):
                        refused.append(f"ECS service {row['serviceName']}: it has no task definition")
                        continue
                    yield self._service(cluster, row)

    def _service(self, cluster: str, row: Json) -> Service:
        kept = self._kept(_ECS_SERVICE, row["serviceArn"])
        definition = self._definition(row["taskDefinition"])
        deployments = row.get("deployments") or [{}]
        configured = row.get("deploymentConfiguration") or {}
        breaker = configured.get("deploymentCircuitBreaker") or kept.get("deploymentCircuitBreaker") or {}
        connect = row.get("serviceConnectConfiguration") or kept.get("serviceConnectConfiguration") or {}
        targets = [
            LoadBalancerTarget(target_group=item["targetGroupArn"], container_port=int(item["containerPort"]))
            for item in row.get("loadBalancers") or []
            if item.get("targetGroupArn")
        ]
        aliases = [*_aliases(connect, definition)]
        network = row.get("networkConfiguration") or deployments[0].get("networkConfiguration") or {}
        return Service(
            arn=row["serviceArn"],
            name=row["serviceName"],
            cluster=cluster.rpartition("/")[2],
            desired=int(row["desiredCount"]),
            definition=definition,
            deployment=f"{definition.revision} {deployments[0].get('id', '')} {targets} {aliases}",
            minimum_percent=_first(
                configured.get("minimumHealthyPercent"), kept.get("deploymentMinimumHealthyPercent"), 100
            ),
            maximum_percent=_first(configured.get("maximumPercent"), kept.get("deploymentMaximumPercent"), 200),
            grace=_first(row.get("healthCheckGracePeriodSeconds"), kept.get("healthCheckGracePeriodSeconds"), 0),
            breaker=Breaker(enable=bool(breaker.get("enable")), rollback=bool(breaker.get("rollback"))),
            targets=targets,
            aliases=aliases,
            groups=(network.get("awsvpcConfiguration") or {}).get("securityGroups") or [],
        )

    def _definition(self, arn: str) -> TaskDefinition:
        # A full ARN names one immutable revision; a family alone means the latest, which must be asked each time.
        if arn in self._definitions:
            return self._definitions[arn]
        row = self._aws.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
        found = TaskDefinition(
            arn=row["taskDefinitionArn"],
            family=row["family"],
            containers=row["containerDefinitions"],
            cpu=int(row.get("cpu") or 0),
            memory=int(row.get("memory") or 0),
            role_arn=row.get("taskRoleArn") or "",
            execution_role_arn=row.get("executionRoleArn") or "",
        )
        self._definitions[found.arn] = found
        return found

    def _pages(self, service: str, operation: str, key: str, **arguments: str) -> Iterable[Any]:
        for page in self._aws.client(service).get_paginator(operation).paginate(**arguments):
            yield from page[key]


def _container_ports(services: Iterable[Service]) -> dict[str, int]:
    """The ports that ECS registers targets with: the containers', whatever the groups' own."""
    return {item.target_group: item.container_port for service in services for item in service.targets}


def _first(*values: Any) -> int:
    return next(int(value) for value in values if value is not None)


def _aliases(connect: Json, definition: TaskDefinition) -> Iterable[Alias]:
    """Service Connect's client aliases; the emulator's spelling (clientAliases) and Pulumi's (clientAlias) are both read."""
    if not connect.get("enabled"):
        return
    ports = {
        mapping["name"]: int(mapping["containerPort"])
        for container in definition.containers
        for mapping in container.get("portMappings") or []
        if mapping.get("name")
    }
    for service in connect.get("services") or []:
        port = ports.get(service["portName"])
        if port is None:
            continue
        fallback = service.get("discoveryName") or service["portName"]
        for alias in service.get("clientAliases") or service.get("clientAlias") or [{"port": port}]:
            yield Alias(name=alias.get("dnsName") or fallback, port=int(alias["port"]), container_port=port)


def _permission(item: Json) -> Permission:
    return Permission(
        protocol=str(item["IpProtocol"]),
        first=item.get("FromPort"),
        last=item.get("ToPort"),
        groups=[pair["GroupId"] for pair in item.get("UserIdGroupPairs") or [] if pair.get("GroupId")],
        ranges=[each["CidrIp"] for each in item.get("IpRanges") or []],
        prefix_lists=[each["PrefixListId"] for each in item.get("PrefixListIds") or []],
    )
