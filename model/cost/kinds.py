"""What each kind of resource is billed for, as items of the price table; what it is billed for that no plan tells, by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from model.cost.usage import Usage

#: Types that cost nothing by themselves: what they belong to, or what goes through them, is billed elsewhere.
FREE: frozenset[str] = frozenset(Path(__file__).with_name("free.txt").read_text(encoding="utf-8").split())

#: The engine's stand-in for a value that only AWS will know.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of a plan or a state. references: property → URNs of the resources that its value is made of."""

    urn: str
    type: str
    name: str
    inputs: Mapping[str, Any]
    references: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Use:
    """A month's quantity of an item, in the item's unit."""

    item: str
    quantity: Decimal


class CannotTellError(ValueError):
    """A resource whose cost does not follow from its plan; the message says what is missing."""


#: What a resource uses, or a sentence on what it is billed for besides that is not estimated.
Uses = Iterator[Use | str]
Each = Callable[[Resource, Usage, Mapping[str, Resource]], Uses]


@dataclass(frozen=True, slots=True)
class Shared:
    """An item that a kind of resource uses by a number of `Usage`, for all of the kind together.

    times: that number is the month's (``once``), an average over the hours (``hours``), or each resource's own (``each``).
    scale: the item's units in one of that number.
    """

    item: str
    usage: str
    times: Literal["once", "hours", "each"] = "once"
    scale: int = 1


@dataclass(frozen=True, slots=True)
class Billing:
    """How a kind is billed. notes: what else it is billed for, by use, and is not estimated."""

    each: Each | None = None
    shared: tuple[Shared, ...] = ()
    notes: tuple[str, ...] = ()


def _number(resource: Resource, name: str, default: int | None = None) -> int:
    value = resource.inputs.get(name, default)
    if value is None or value == UNKNOWN:
        raise CannotTellError(f"{name} is known only after the change" if value else f"it has no {name}")
    return int(value)


def _monthly(item: str) -> Each:
    def each(resource: Resource, usage: Usage, known: Mapping[str, Resource]) -> Uses:
        yield Use(item, Decimal(1))

    return each


def _hourly(item: str) -> Each:
    def each(resource: Resource, usage: Usage, known: Mapping[str, Resource]) -> Uses:
        yield Use(item, Decimal(usage.hours))

    return each


def _tasks(service: Resource, usage: Usage, known: Mapping[str, Resource]) -> Uses:
    """Its usual tasks, all the month, each of its definition's size."""
    strategies = service.inputs.get("capacityProviderStrategies") or ()
    providers = {strategy["capacityProvider"] for strategy in strategies} or {service.inputs.get("launchType", "EC2")}
    if not providers <= {"FARGATE", "FARGATE_SPOT"}:
        raise CannotTellError(f"its tasks run on {', '.join(sorted(providers))}, whose machines are billed elsewhere")
    definition = next((known[urn] for urn in service.references.get("taskDefinition", ()) if urn in known), None)
    if definition is None:
        raise CannotTellError("its task definition is not in the plan")
    platform = definition.inputs.get("runtimePlatform") or {}
    architecture = {"ARM64": "arm"}.get(platform.get("cpuArchitecture", ""), "x86")
    for provider, count in placed(_number(service, "desiredCount", 1), strategies).items():
        item = f"fargate-spot-{architecture}" if provider == "FARGATE_SPOT" else f"fargate-{architecture}"
        hours = usage.task_hours or usage.hours
        yield Use(f"{item}-vcpu", count * hours * _number(definition, "cpu") / 1024)
        yield Use(f"{item}-memory", count * hours * _number(definition, "memory") / 1024)
        if provider == "FARGATE_SPOT":
            yield "Spot tasks, whose price AWS changes with demand: reckoned at that of the table's day"
    if definition.inputs.get("ephemeralStorage"):
        yield "ephemeral storage above 20 GB"


def placed(count: int, strategies: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Capacity provider → its tasks of `count`, on average: its `base`, and of the rest its `weight`, as ECS places them."""
    found = {each["capacityProvider"]: Decimal(min(count, int(each.get("base") or 0))) for each in strategies}
    rest = count - sum(found.values(), Decimal(0))
    weights = sum(int(each.get("weight") or 0) for each in strategies)
    if not weights:
        return {"FARGATE": Decimal(count)}
    for each in strategies:
        found[each["capacityProvider"]] += rest * int(each.get("weight") or 0) / weights
    return {provider: tasks for provider, tasks in found.items() if tasks}


def _database(instance: Resource, usage: Usage, known: Mapping[str, Resource]) -> Uses:
    zones = "multi" if instance.inputs.get("multiAz") else "single"
    engine = instance.inputs.get("engine", "postgres")
    storage = instance.inputs.get("storageType") or ("io1" if instance.inputs.get("iops") else "gp3")  # as RDS's API
    yield Use(f"rds-{engine}-{instance.inputs['instanceClass']}-{zones}", Decimal(usage.hours))
    yield Use(f"rds-{storage}-{zones}", Decimal(_number(instance, "allocatedStorage")))
    if instance.inputs.get("databaseInsightsMode") == "advanced":
        yield "Database Insights in its advanced mode, by vCPU"
    if instance.inputs.get("monitoringInterval"):
        yield "enhanced monitoring, by GB of its log"


def _nodes(group: Resource, usage: Usage, known: Mapping[str, Resource]) -> Uses:
    if group.inputs.get("numNodeGroups") is not None:
        nodes = _number(group, "numNodeGroups") * (1 + _number(group, "replicasPerNodeGroup", 0))
    else:
        nodes = _number(group, "numCacheClusters", 1)
    item = f"elasticache-{group.inputs.get('engine', 'redis')}-{group.inputs['nodeType']}"
    yield Use(item, Decimal(nodes * usage.hours))
    if group.inputs.get("snapshotRetentionLimit"):
        yield "snapshots beyond the first, by GB"


def _gateway(gateway: Resource, usage: Usage, known: Mapping[str, Resource]) -> Uses:
    if gateway.inputs.get("availabilityMode") == "regional":
        raise CannotTellError("a regional NAT gateway is billed by the zones that it is in at the time")
    yield Use("nat-hour", Decimal(usage.hours))


def _balancer(balancer: Resource, usage: Usage, known: Mapping[str, Resource]) -> Uses:
    kind = balancer.inputs.get("loadBalancerType", "application")
    yield Use(f"elb-{kind}-hour", Decimal(usage.hours))
    if not balancer.inputs.get("internal"):
        yield Use("vpc-address", Decimal(usage.hours * len(balancer.inputs.get("subnets") or ())))


def _endpoint(endpoint: Resource, usage: Usage, known: Mapping[str, Resource]) -> Uses:
    """An interface in each of its subnets; gateways cost nothing."""
    kind = endpoint.inputs.get("vpcEndpointType", "Gateway")
    if kind == "Interface":
        yield Use("vpc-endpoint-hour", Decimal(usage.hours * len(endpoint.inputs.get("subnetIds") or ())))
    elif kind != "Gateway":
        raise CannotTellError(f"endpoints of the type {kind} are not in the table")


def _alarm(alarm: Resource, usage: Usage, known: Mapping[str, Resource]) -> Uses:
    """Each metric that it looks at."""
    queries = alarm.inputs.get("metricQueries") or ()
    periods = [alarm.inputs.get("period"), *(query["metric"].get("period") for query in queries if query.get("metric"))]
    if any(isinstance(period, int | float) and period < 60 for period in periods):
        raise CannotTellError("alarms of a higher resolution than a minute are not in the table")
    # Anomaly detection counts three: the metric and both edges of its band.
    metrics = 3 if alarm.inputs.get("thresholdMetricId") else sum(bool(query.get("metric")) for query in queries)
    yield Use("cloudwatch-alarm", Decimal(max(1, metrics)))


def _health_check(check: Resource, usage: Usage, known: Mapping[str, Resource]) -> Uses:
    """The check, and each feature beyond a plain one: HTTPS, latency, a text that is looked for, every ten seconds."""
    yield Use("route53-check", Decimal(1))
    kind = str(check.inputs.get("type", ""))
    fast = check.inputs.get("requestInterval") == 10
    features = sum(
        (kind.startswith("HTTPS"), kind.endswith("STR_MATCH"), bool(check.inputs.get("measureLatency")), fast)
    )
    if features:
        yield Use("route53-check-feature", Decimal(features))


def _canary(canary: Resource, usage: Usage, known: Mapping[str, Resource]) -> Uses:
    """Its runs, by its rate."""
    expression = str((canary.inputs.get("schedule") or {}).get("expression", ""))
    matched = re.fullmatch(r"rate\((\d+) minutes?\)", expression)
    if matched is None or not int(matched[1]):
        raise CannotTellError(f"how often {expression!r} runs is not reckoned; accepted: rate(<n> minutes)")
    yield Use("cloudwatch-canary", Decimal(usage.hours * 60) / int(matched[1]))


def _cdn_metrics(subscription: Resource, usage: Usage, known: Mapping[str, Resource]) -> Uses:
    """The eight metrics that it adds, each at CloudWatch's price of one, whatever is requested of the distribution.

    CloudFront Developer Guide, "View additional CloudFront distribution metrics": a fixed rate (read in public index documents
    59410917334 and 69539051411, which has 2.40 USD).
    """
    yield Use("cloudwatch-metric", Decimal(8))


def _firewall(acl: Resource, usage: Usage, known: Mapping[str, Resource]) -> Uses:
    rules = acl.inputs.get("rules") or ()
    yield Use("waf-acl", Decimal(1))
    yield Use("waf-rule", Decimal(len(rules)))
    groups = [(rule.get("statement") or {}).get("managedRuleGroupStatement", {}).get("name") for rule in rules]
    if "AWSManagedRulesBotControlRuleSet" in groups:
        yield Use("waf-bots", Decimal(1))
        yield "Bot Control, by request beyond the first 10 million of a month"
    if "AWSManagedRulesATPRuleSet" in groups:
        yield "Account Takeover Prevention: its subscription and each log-in that it looks at"


KINDS: Mapping[str, Billing] = {
    "aws:athena/workgroup:Workgroup": Billing(notes=("questions, by TB that they read",)),
    "aws:autoscaling/group:Group": Billing(notes=("its instances, by hour and GB of their volumes",)),
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": Billing(
        notes=("by restore test, and what it restores for as long as that stands",)
    ),
    "aws:backup/vault:Vault": Billing(notes=("by GB that it keeps, and by GB that is copied to another Region",)),
    "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication": Billing(
        notes=("by GB that is replicated, and kept",)
    ),
    "aws:cfg/recorder:Recorder": Billing(notes=("by item that is recorded and rule that is evaluated",)),
    "aws:cloudfront/distribution:Distribution": Billing(
        shared=(Shared("cloudfront-data", "cdn_gb"), Shared("cloudfront-requests", "requests_millions", scale=100))
    ),
    "aws:cloudfront/function:Function": Billing(notes=("by call",)),
    "aws:cloudfront/monitoringSubscription:MonitoringSubscription": Billing(_cdn_metrics),
    "aws:cloudtrail/trail:Trail": Billing(notes=("data events and further copies of management events",)),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Billing(_monthly("cloudwatch-composite")),
    "aws:cloudwatch/dashboard:Dashboard": Billing(_monthly("cloudwatch-dashboard")),
    "aws:cloudwatch/logDelivery:LogDelivery": Billing(notes=("by GB that is delivered",)),
    "aws:cloudwatch/logGroup:LogGroup": Billing(
        shared=(Shared("cloudwatch-logs-written", "logs_gb"), Shared("cloudwatch-logs-kept", "logs_kept_gb")),
        notes=("queries, by GB that they read", "metrics that its lines hold (embedded metric format), each by month"),
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": Billing(_monthly("cloudwatch-metric")),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Billing(_alarm),
    "aws:ec2/eip:Eip": Billing(_hourly("vpc-address")),
    "aws:ec2/flowLog:FlowLog": Billing(notes=("by GB that is delivered",)),
    "aws:ec2/natGateway:NatGateway": Billing(_gateway, (Shared("nat-data", "nat_gb"),)),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Billing(_endpoint, (Shared("vpc-endpoint-data", "endpoint_gb"),)),
    "aws:ecr/repository:Repository": Billing(shared=(Shared("ecr-storage", "images_gb"),)),
    "aws:ecs/cluster:Cluster": Billing(notes=("Container Insights, by metric, where it is on", "ECS Exec, by its log")),
    "aws:ecs/taskDefinition:TaskDefinition": Billing(
        notes=("spans that its collector sends to X-Ray, where it has one, by GB; its CPU and memory are the task's",)
    ),
    "aws:ecs/service:Service": Billing(_tasks, notes=("data to the internet and between zones",)),
    "aws:elasticache/replicationGroup:ReplicationGroup": Billing(_nodes),
    "aws:guardduty/detector:Detector": Billing(notes=("by event and GB that it analyses",)),
    "aws:inspector2/enabler:Enabler": Billing(notes=("by image and function that it scans",)),
    "aws:kms/key:Key": Billing(_monthly("kms-key"), notes=("requests",)),
    "aws:lb/loadBalancer:LoadBalancer": Billing(_balancer, (Shared("elb-application-capacity", "capacity_units", "hours"),)),
    "aws:macie2/account:Account": Billing(notes=("by bucket and GB that it looks at",)),
    "aws:rds/instance:Instance": Billing(_database, (Shared("rds-backup", "backup_gb"),)),
    "aws:route53/resolverFirewallRuleGroup:ResolverFirewallRuleGroup": Billing(notes=("by query",)),
    "aws:route53/healthCheck:HealthCheck": Billing(_health_check),
    "aws:route53/zone:Zone": Billing(_monthly("route53-zone"), notes=("queries",)),
    "aws:s3/bucket:Bucket": Billing(shared=(Shared("s3-standard", "bucket_gb"),), notes=("requests",)),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": Billing(
        notes=("by GB that is copied to another Region, by copy, and its three metrics",)
    ),
    "aws:secretsmanager/secret:Secret": Billing(_monthly("secretsmanager-secret"), notes=("requests",)),
    "aws:securityhub/account:Account": Billing(notes=("by check",)),
    "aws:sns/topic:Topic": Billing(notes=("by message",)),
    "aws:sqs/queue:Queue": Billing(notes=("by request",)),
    "aws:synthetics/canary:Canary": Billing(_canary, notes=("its Lambda function, its logs and what it keeps in S3",)),
    "aws:wafv2/webAcl:WebAcl": Billing(_firewall, (Shared("waf-requests", "requests_millions", "each"),)),
    "aws:appautoscaling/policy:Policy": Billing(notes=("the alarms that target tracking makes by itself",)),
}  # fmt: skip
