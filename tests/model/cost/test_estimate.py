"""The arithmetic of an estimate: reckoned by hand, by property, and what it cannot tell is never nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.cost.estimate import Estimate, changes, estimate, resources
from model.cost.kinds import UNKNOWN, placed
from model.cost.usage import Usage

MUMBAI = "ap-south-1"
RDS, REDIS = "aws:rds/instance:Instance", "aws:elasticache/replicationGroup:ReplicationGroup"
ALARM, ACL = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:wafv2/webAcl:WebAcl"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
MEDIUM = {"instanceClass": "db.t4g.medium", "allocatedStorage": 20, "storageType": "gp3"}
METRICS = [{"metric": {"period": 300}}, {"metric": {"period": 300}}, {"expression": "a/b"}]
BOTS = {"managedRuleGroupStatement": {"name": "AWSManagedRulesBotControlRuleSet"}}


def _document(kind: str, name: str, **inputs: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:s::p::{kind}::{name}", "type": kind, "custom": True, "inputs": inputs}


def _tasks(count: Any = 2, **inputs: Any) -> list[dict[str, Any]]:
    definition = _document(
        "aws:ecs/taskDefinition:TaskDefinition", "web-task", cpu="512", memory="1024",
        runtimePlatform={"cpuArchitecture": "ARM64"},
    )  # fmt: skip
    service = _document("aws:ecs/service:Service", "web", desiredCount=count, launchType="FARGATE", **inputs)
    return [definition, {**service, "propertyDependencies": {"taskDefinition": [definition["urn"]]}}]


def _of(*documents: dict[str, Any], region: str = MUMBAI, **usage: Any) -> Estimate:
    return estimate(resources(documents), region, Usage(**usage))


def _one(*documents: dict[str, Any], region: str = MUMBAI, **usage: Any) -> str:
    found = _of(*documents, region=region, **usage)
    assert not found.unpriced
    return str(found.monthly)


def test_tasks_are_reckoned_by_hand() -> None:
    # 2 tasks × 730 h × (0.5 vCPU × 0.02383 + 1 GB × 0.00261): 17.40 + 3.81
    assert _one(*_tasks()) == "21.21"
    assert _one(*_tasks(), hours=365) == "10.61"  # 8.70 + 1.905, which is rounded up
    definition, service = _tasks()
    definition["inputs"]["runtimePlatform"] = {"cpuArchitecture": "X86_64"}
    assert _one(definition, service) == "37.87"  # 730 × 0.04256 = 31.07, 1,460 × 0.004655 = 6.80
    assert _one(definition, service, region="us-east-1") == "36.04"  # 29.55 + 6.49


def test_tasks_that_run_in_part_of_the_month_are_reckoned_by_it() -> None:
    part, whole = _of(*_tasks(), hours=720, task_hours=180).monthly, _of(*_tasks(), hours=720).monthly
    assert abs(part * 4 - whole) <= Decimal("0.10"), "each line is rounded to a cent"


def test_spot_tasks_are_reckoned_by_their_share_at_a_price_that_names_its_region() -> None:
    spot = {"capacityProvider": "FARGATE_SPOT", "weight": 80}
    mixed = {"capacityProviderStrategies": [{"capacityProvider": "FARGATE", "weight": 20, "base": 1}, spot]}
    # The first of six on demand, a fifth of the others, too: 730 h × 2 × (0.5 × 0.02383 + 0.00261); and 4 at the Spot price.
    found = _of(*_tasks(6, **mixed), region="ap-south-2")
    assert {line.item: str(line.monthly) for line in found.lines} == {
        "fargate-arm-vcpu": "17.40",
        "fargate-arm-memory": "3.81",
        "fargate-spot-arm-vcpu": "10.44",  # 1,460 × 0.007149
        "fargate-spot-arm-memory": "2.29",  # 2,920 × 0.000783
    }
    assert any("changes with demand" in left.what for left in found.usage)
    # No Spot price of Mumbai is known: another Region's is taken, and named.
    assert _of(*_tasks(6, **mixed)).elsewhere["fargate-spot-arm-vcpu in ap-south-1"] == "us-east-1"
    assert _one(*_tasks(1, **mixed)) == _one(*_tasks(1))  # a single task is never on Spot
    only = {"capacityProviderStrategies": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]}
    assert _one(*_tasks(2, **only)) == "9.18"  # 730 × 0.01030969 = 7.53, 1,460 × 0.00113349 = 1.65


@given(st.integers(0, 500), st.integers(0, 3), st.integers(0, 100))
def test_every_task_is_somewhere(count: int, base: int, percent: int) -> None:
    on_demand: dict[str, Any] = {"capacityProvider": "FARGATE", "weight": 100 - percent, "base": base}
    found = placed(count, [on_demand, {"capacityProvider": "FARGATE_SPOT", "weight": percent}])
    assert abs(sum(found.values(), Decimal(0)) - count) < Decimal("1e-20")
    assert found.get("FARGATE", Decimal(0)) >= min(count, base)


@pytest.mark.parametrize(
    ("kind", "inputs", "monthly"),
    [
        (RDS, MEDIUM, "63.94"),
        (RDS, {**MEDIUM, "multiAz": True}, "127.15"),
        (REDIS, {"engine": "valkey", "nodeType": "cache.m7g.large", "numCacheClusters": 2}, "191.55"),
        (REDIS, {"engine": "valkey", "nodeType": "cache.r7g.large", "numNodeGroups": 2, "replicasPerNodeGroup": 1}, "523.26"),
        ("aws:ec2/natGateway:NatGateway", {}, "40.88"),
        ("aws:ec2/eip:Eip", {}, "3.65"),
        (BALANCER, {"internal": True, "subnets": ["a", "b"]}, "17.45"),
        (BALANCER, {"subnets": ["a", "b"]}, "24.75"),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", {"vpcEndpointType": "Interface", "subnetIds": [UNKNOWN] * 3}, "28.47"),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", {"vpcEndpointType": "Gateway"}, "0"),
        (ALARM, {"period": 60}, "0.10"),
        (ALARM, {"metricQueries": METRICS}, "0.20"),
        (ACL, {"rules": [{"statement": {"rateBasedStatement": {}}}, {"statement": BOTS}]}, "17"),
        ("aws:kms/key:Key", {}, "1.00"),
        ("aws:secretsmanager/secret:Secret", {}, "0.40"),
        ("aws:route53/zone:Zone", {}, "0.50"),
        ("aws:route53/healthCheck:HealthCheck", {"type": "TCP"}, "0.50"),
        ("aws:route53/healthCheck:HealthCheck", {"type": "HTTPS", "measureLatency": True, "requestInterval": 30}, "2.50"),
        ("aws:route53/healthCheck:HealthCheck", {"type": "HTTPS_STR_MATCH", "requestInterval": 10}, "3.50"),
        # 730 × 60 / 5 runs at 0.0012
        ("aws:cloudfront/monitoringSubscription:MonitoringSubscription", {"distributionId": "E1"}, "2.40"),
        ("aws:synthetics/canary:Canary", {"schedule": {"expression": "rate(5 minutes)"}}, "10.51"),
    ],
)  # fmt: skip
def test_each_kind_is_reckoned_by_hand(kind: str, inputs: dict[str, Any], monthly: str) -> None:
    assert Decimal(_one(_document(kind, "it", **inputs))) == Decimal(monthly)


@pytest.mark.parametrize(
    ("kind", "usage", "monthly"),
    [
        ("aws:cloudwatch/logGroup:LogGroup", {"logs_gb": 100}, "67.00"),
        ("aws:cloudwatch/logGroup:LogGroup", {"logs_kept_gb": 100}, "3.00"),
        ("aws:s3/bucket:Bucket", {"bucket_gb": 200}, "5.00"),
        ("aws:cloudfront/distribution:Distribution", {"requests_millions": 10}, "12.00"),
        ("aws:cloudfront/distribution:Distribution", {"cdn_gb": 1000}, "109.00"),
    ],
)
def test_use_is_counted_once_for_all_of_a_kind(kind: str, usage: dict[str, Any], monthly: str) -> None:
    two = [_document(kind, "one"), _document(kind, "two")]
    assert _one(*two, **usage) == monthly
    assert [(line.name, line.urn) for line in _of(*two, **usage).lines] == [("", "")]
    left = _of(*two).usage
    assert [entry.count for entry in left if f"usage.{next(iter(usage))} is 0" in entry.what] == [2]


def test_a_firewall_looks_at_every_request_and_an_average_lasts_the_month() -> None:
    acls = [_document(ACL, name) for name in ("edge", "balancer")]
    assert _one(*acls, requests_millions=10) == "22.00"  # 2 × (5 + 10 × 0.60)
    assert _one(_document(BALANCER, "b", internal=True), capacity_units=2) == "29.13"


@pytest.mark.parametrize(
    ("documents", "what"),
    [
        ([_document("aws:unheard/of:Of", "it")], "not in the table"),
        ([_document(RDS, "it", **{**MEDIUM, "instanceClass": "db.x9.huge"})], "db.x9.huge"),
        ([_document(RDS, "it", **MEDIUM, engine="oracle-ee")], "oracle"),
        ([_document(REDIS, "it", nodeType="cache.t4g.micro")], "redis"),
        (_tasks(UNKNOWN), "only after the change"),
        (_tasks()[1:], "task definition"),
        ([_document("aws:ecs/service:Service", "web", launchType="EC2")], "machines"),
        ([_document(ALARM, "it", period=10)], "resolution"),
        ([_document("aws:ec2/natGateway:NatGateway", "it", availabilityMode="regional")], "zones"),
        ([_document(BALANCER, "it", loadBalancerType="network", internal=True)], "elb-network"),
    ],
)  # fmt: skip
def test_what_it_cannot_tell_is_listed_by_name_and_never_nothing(documents: list[dict[str, Any]], what: str) -> None:
    found = _of(*documents)
    assert [(entry.name, what in entry.what) for entry in found.unpriced] == [
        (entry.name, True) for entry in found.unpriced
    ]
    assert len(found.unpriced) == 1


def test_another_regions_price_is_named() -> None:
    large = _document(
        RDS,
        "it",
        instanceClass="db.r7g.large",
        multiAz=True,
        storageType="gp3",
        allocatedStorage=1,
    )
    found = _of(large)
    assert found.elsewhere == {"rds-postgres-db.r7g.large-multi in ap-south-1": "us-east-1"}
    assert {line.region for line in found.lines} == {"us-east-1", MUMBAI}
    # A resource's own Region counts, not the stack's; what costs the same everywhere is no difference.
    assert not _of(
        _document("aws:kms/key:Key", "it", region="us-east-1"), _document("aws:route53/zone:Zone", "z")
    ).elsewhere


def test_only_the_stacks_own_resources_of_aws_count() -> None:
    key = _document("aws:kms/key:Key", "it")
    others = [
        {**key, "external": True},
        {**key, "delete": True},
        {**key, "custom": False},
        _document("random:index/x:X", "r"),
    ]
    assert resources(others) == []
    assert len(resources([key])) == 1


KIND = st.sampled_from(
    [
        "aws:kms/key:Key",
        "aws:ec2/eip:Eip",
        "aws:secretsmanager/secret:Secret",
        "aws:s3/bucket:Bucket",
        "aws:new/kind:Kind",
    ]
)
STACK = st.lists(st.tuples(KIND, st.sampled_from("abc")), max_size=6, unique=True).map(
    lambda chosen: [_document(kind, name) for kind, name in chosen]
)


@given(one=STACK, other=STACK, gigabytes=st.integers(0, 5))
def test_the_difference_of_two_stacks_is_the_sum_of_its_resources(one: Any, other: Any, gigabytes: int) -> None:
    before, after = _of(*one, bucket_gb=gigabytes), _of(*other, bucket_gb=gigabytes)
    there, back = changes(before, after), changes(after, before)
    assert sum(change.difference for change in there) == after.monthly - before.monthly
    assert [(c.type, c.name, -c.difference) for c in there] == [(c.type, c.name, c.difference) for c in back]
    assert changes(before, before) == []
    assert sum(after.services().values()) == after.monthly
    assert len(after.unpriced) == sum("new/kind" in document["type"] for document in other)
