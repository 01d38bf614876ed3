"""The provider refuses what AWS would refuse, in one sentence that names the property, the value and what is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.provider.core import Core
from localcloud.provider.errors import Refused
from localcloud.provider.read import Settings
from localcloud.provider.wire import UNKNOWN

pytestmark = pytest.mark.process

VPC, SUBNET, BUCKET = "aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:s3/bucket:Bucket"
ALB, QUEUE, ALARM = "aws:lb/loadBalancer:LoadBalancer", "aws:sqs/queue:Queue", "aws:cloudwatch/metricAlarm:MetricAlarm"
TASK, ROLE, DB = "aws:ecs/taskDefinition:TaskDefinition", "aws:iam/role:Role", "aws:rds/instance:Instance"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"

ALARM_INPUTS = {
    "metricName": "m", "namespace": "n", "period": 60, "statistic": "Sum", "evaluationPeriods": 1, "threshold": 1,
    "comparisonOperator": "GreaterThanThreshold",
}  # fmt: skip

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    (VPC, {"cidrBlok": "10.0.0.0/16", "cidrBlock": "10.0.0.0/16"}, "cidrBlok", "did you mean 'cidrBlock'?"),
    (VPC, {}, "cidrBlock", "one of cidrBlock, ipv4IpamPoolId is required"),
    (
        VPC,
        {"cidrBlock": "10.0.0.0/16", "instanceTenancy": "shared"},
        "instanceTenancy",
        "accepted are default, dedicated",
    ),
    (VPC, {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": "maybe"}, "enableDnsSupport", "true or false is accepted"),
    (SUBNET, {"cidrBlock": "10.0.0.0/24"}, "vpcId", "missing required property 'vpcId'"),
    (SUBNET, {"vpcId": "vpc-0123456789abcdef0", "cidrBlock": "10.0.0.0/24"}, "vpcId", "does not exist"),
    (BUCKET, {"bucket": "Not_A_Bucket"}, "bucket", "lower-case letters"),
    (BUCKET, {"bucket": "a-bucket", "versioning": {"enabled": True}}, "versioning", "use aws.s3.BucketVersioning"),
    (ALB, {"name": "x" * 33, "subnets": []}, "name", "1 to 32 letters"),
    (ALB, {"name": "lb-", "subnets": ["subnet-1", "subnet-2"]}, "name", "no hyphen at an end"),
    (
        QUEUE,
        {"name": "graph", "visibilityTimeoutSeconds": "soon"},
        "visibilityTimeoutSeconds",
        "a whole number is accepted",
    ),
    (ALARM, {**ALARM_INPUTS, "comparisonOperator": "More"}, "comparisonOperator", "GreaterThanThreshold"),
    (ALARM, {**ALARM_INPUTS, "metricName": None}, "metricName", "exactly one of metricName and metricQueries"),
    (ALARM, {**ALARM_INPUTS, "datapointsToAlarm": 3}, "datapointsToAlarm", "cannot be more than evaluationPeriods"),
    (TASK, {"family": "f", "containerDefinitions": "["}, "containerDefinitions", "is not JSON"),
    (TASK, {"family": "f", "containerDefinitions": "[{}]"}, "containerDefinitions", "lacks 'name'"),
    (ROLE, {"assumeRolePolicy": "{}"}, "assumeRolePolicy", "has no Statement"),
    (ROLE, {"assumeRolePolicy": '{"Statement": []}', "maxSessionDuration": 60}, "maxSessionDuration", "3600 to 43200"),
    (DB, {"instanceClass": "db.t4g.micro", "skipFinalSnapshot": True}, "engine", "missing required property 'engine'"),
    (RULE, {"securityGroupId": UNKNOWN, "ipProtocol": "tcp"}, "cidrIpv4", "one of cidrIpv4"),
    (CACHE, {"description": "d", "replicationGroupId": "1st"}, "replicationGroupId", "beginning with a letter"),
    ("aws:sns/topic:Topic", {"displayName": ["x"]}, "displayName", "a text is accepted"),
    ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 31}, "retentionInDays", "accepted are 1, 3, 5"),
]


@pytest.mark.parametrize(("token", "inputs", "prop", "words"), CASES, ids=lambda v: v if isinstance(v, str) else None)
def test_refused_by_check(
    core: Core, settings: Settings, token: str, inputs: dict[str, Any], prop: str, words: str
) -> None:
    given = {name: value for name, value in inputs.items() if value is not None}
    _, failures = core.check(settings, token, "x", given, {}, b"seed")
    assert any(name == prop and words in reason for name, reason in failures), failures


@pytest.mark.parametrize(
    ("token", "file"),
    [
        ("aws:gamelift/build:Build", "gamelift"),
        ("aws:sns/none:None", "messaging"),
        ("aws:sqs/none:None", "messaging"),
        ("aws:ssm/none:None", "secrets"),
        ("aws:secretsmanager/none:None", "secrets"),
        ("aws:vpc/none:None", "security_groups"),
    ],
)
def test_a_kind_without_a_row_names_the_file_to_add_it_to(
    core: Core, settings: Settings, token: str, file: str
) -> None:
    with pytest.raises(Refused, match=rf"{token}: add one to localcloud/provider/rows/{file}\.py"):
        core.check(settings, token, "x", {}, {})


def test_nothing_unknown_is_refused(core: Core, settings: Settings) -> None:
    inputs = {"vpcId": UNKNOWN, "cidrBlock": UNKNOWN, "availabilityZone": UNKNOWN, "tags": UNKNOWN}
    assert core.check(settings, SUBNET, "x", inputs, {})[1] == []


def test_a_name_that_is_not_there_is_refused_when_the_resource_is_made(core: Core, settings: Settings) -> None:
    token = "aws:s3/bucketVersioning:BucketVersioning"
    inputs = {"bucket": "no-such-bucket", "versioningConfiguration": {"status": "Enabled"}}
    checked, failures = core.check(settings, token, "x", inputs, {})
    assert failures == []  # a preview may plan both
    with pytest.raises(Refused, match="the S3 bucket 'no-such-bucket' does not exist"):
        core.create(settings, token, checked)


def test_things_of_two_vpcs_do_not_go_together(core: Core, settings: Settings) -> None:
    vpcs, subnets = [], []
    for second in (20, 21):
        vpc, _ = core.create(settings, VPC, {"cidrBlock": f"10.{second}.0.0/16"})
        vpcs.append(vpc)
        for third, zone in enumerate("ab"):
            inputs = {"vpcId": vpc, "cidrBlock": f"10.{second}.{third}.0/24", "availabilityZone": f"ap-south-1{zone}"}
            subnets.append(core.create(settings, SUBNET, inputs)[0])
    balancer: dict[str, Any] = {"name": "two-vpcs", "subnets": [subnets[0], subnets[2]]}
    _, failures = core.check(settings, ALB, "x", balancer, {})
    assert failures[0][0] == "subnets"
    assert failures[0][1].startswith("these must be in one VPC")
    assert all(vpc in failures[0][1] for vpc in vpcs)


def test_a_secret_value_is_not_in_its_refusal(core: Core, settings: Settings) -> None:
    inputs = {"name": "/x", "type": "SecureString", "value": ["the-secret"]}
    _, failures = core.check(settings, "aws:ssm/parameter:Parameter", "x", inputs, {})
    assert failures
    assert "the-secret" not in str(failures)


def test_deletion_protection_protects(core: Core, settings: Settings) -> None:
    token = "aws:rds/instance:Instance"
    inputs = {
        "identifier": "protected", "engine": "postgres", "instanceClass": "db.t4g.micro", "allocatedStorage": 20,
        "username": "u", "manageMasterUserPassword": True, "deletionProtection": True, "skipFinalSnapshot": True,
    }  # fmt: skip
    checked, failures = core.check(settings, token, "x", inputs, {})
    assert failures == []
    resource_id, outputs = core.create(settings, token, checked)
    with pytest.raises(Refused, match="has deletion protection"):
        core.delete(settings, token, resource_id, checked, outputs)
