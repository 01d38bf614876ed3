"""Each repair of moto: it works here, and plain moto still needs it (else the patch must go)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from moto import mock_aws

from tests.localcloud.emulator.conftest import REGION, Running, command, running

Client = Callable[[str], Any]


def _subnets(client: Client) -> list[str]:
    vpc = client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    return [client("ec2").create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24")["Subnet"]["SubnetId"] for i in range(2)]


def _rds_subnet_group(client: Client) -> None:
    subnets = _subnets(client)
    rds = client("rds")
    rds.create_db_subnet_group(DBSubnetGroupName="g", DBSubnetGroupDescription="d", SubnetIds=subnets)
    rds.modify_db_subnet_group(DBSubnetGroupName="g", DBSubnetGroupDescription="e", SubnetIds=subnets)
    assert rds.describe_db_subnet_groups(DBSubnetGroupName="g")["DBSubnetGroups"][0]["DBSubnetGroupDescription"] == "e"


def _whose_boundary(client: Client) -> None:
    iam = client("iam")
    document = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    )
    arn = iam.create_policy(PolicyName="bounds", PolicyDocument=document)["Policy"]["Arn"]
    iam.create_role(RoleName="bounded", AssumeRolePolicyDocument=document, PermissionsBoundary=arn)
    iam.create_role(RoleName="attached", AssumeRolePolicyDocument=document)
    iam.attach_role_policy(RoleName="attached", PolicyArn=arn)
    for usage, role in (("PermissionsBoundary", "bounded"), ("PermissionsPolicy", "attached")):
        found = iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter=usage)["PolicyRoles"]
        assert [each["RoleName"] for each in found] == [role]


def _nat_interface(client: Client) -> None:
    ec2, subnet = client("ec2"), _subnets(client)[0]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    gateway = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    filters = [{"Name": "subnet-id", "Values": [subnet]}]
    assert not ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]


def _rds_parameter_reset(client: Client) -> None:
    rds, name = client("rds"), "to-reset"
    rds.create_db_parameter_group(DBParameterGroupName=name, DBParameterGroupFamily="postgres16", Description="d")
    parameter = {"ParameterName": "work_mem", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=[{**parameter, "ParameterValue": "4096"}])
    rds.reset_db_parameter_group(DBParameterGroupName=name, Parameters=[parameter])
    assert not [p for p in rds.describe_db_parameters(DBParameterGroupName=name)["Parameters"] if "ParameterValue" in p]


def _rds_promotion(client: Client) -> None:
    rds = client("rds")
    rds.create_db_instance(DBInstanceIdentifier="source", Engine="postgres", DBInstanceClass="db.t4g.micro")
    rds.create_db_instance_read_replica(DBInstanceIdentifier="promoted", SourceDBInstanceIdentifier="source")
    rds.promote_read_replica(DBInstanceIdentifier="promoted")
    found = {item["DBInstanceIdentifier"]: item for item in rds.describe_db_instances()["DBInstances"]}
    assert not found["promoted"].get("ReadReplicaSourceDBInstanceIdentifier")
    assert not found["source"]["ReadReplicaDBInstanceIdentifiers"]


def _rds_replica_elsewhere(client: Client) -> None:
    rds = client("rds")
    address = rds.meta.endpoint_url
    elsewhere = boto3.client(
        "rds",
        region_name="eu-west-1",
        endpoint_url=None
        if "amazonaws.com" in address
        else address,  # of plain moto the name of the host says the Region
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    made = rds.create_db_instance(DBInstanceIdentifier="home", Engine="postgres", DBInstanceClass="db.t4g.micro")
    arn = made["DBInstance"]["DBInstanceArn"]
    elsewhere.create_db_instance_read_replica(DBInstanceIdentifier="abroad", SourceDBInstanceIdentifier=arn)
    elsewhere.delete_db_instance(DBInstanceIdentifier="abroad", SkipFinalSnapshot=True)
    assert not rds.describe_db_instances(DBInstanceIdentifier="home")["DBInstances"][0][
        "ReadReplicaDBInstanceIdentifiers"
    ]


def _cache_subnet_group_modify(client: Client) -> None:
    subnets = _subnets(client)
    cache = client("elasticache")
    cache.create_cache_subnet_group(CacheSubnetGroupName="g", CacheSubnetGroupDescription="d", SubnetIds=subnets[:1])
    cache.modify_cache_subnet_group(CacheSubnetGroupName="g", CacheSubnetGroupDescription="e", SubnetIds=subnets)
    group = cache.describe_cache_subnet_groups(CacheSubnetGroupName="g")["CacheSubnetGroups"][0]
    assert group["CacheSubnetGroupDescription"] == "e"
    assert {subnet["SubnetIdentifier"] for subnet in group["Subnets"]} == set(subnets)


def _cache_subnet_group_delete(client: Client) -> None:
    cache = client("elasticache")
    cache.create_cache_subnet_group(
        CacheSubnetGroupName="gone", CacheSubnetGroupDescription="d", SubnetIds=_subnets(client)
    )
    cache.delete_cache_subnet_group(CacheSubnetGroupName="gone")
    assert not [
        g for g in cache.describe_cache_subnet_groups()["CacheSubnetGroups"] if g["CacheSubnetGroupName"] == "gone"
    ]


def _event_subscription_modify(client: Client) -> None:
    rds, topic = client("rds"), client("sns").create_topic(Name="events")["TopicArn"]
    rds.create_event_subscription(SubscriptionName="s", SnsTopicArn=topic, EventCategories=["failover"], Enabled=True)
    rds.modify_event_subscription(SubscriptionName="s", EventCategories=["failure"], Enabled=False)
    (found,) = rds.describe_event_subscriptions(SubscriptionName="s")["EventSubscriptionsList"]
    assert (found["EventCategoriesList"], found["Enabled"], found["SnsTopicArn"]) == (["failure"], False, topic)


def _metric_filter_replace(client: Client) -> None:
    logs = client("logs")
    metric = {"metricName": "Errors", "metricNamespace": "N", "metricValue": "1"}
    for name in ("one", "two"):
        logs.create_log_group(logGroupName=name)
        for pattern in ("ERROR", "FATAL"):
            logs.put_metric_filter(
                logGroupName=name, filterName="f", filterPattern=pattern, metricTransformations=[metric]
            )
    found = logs.describe_metric_filters()["metricFilters"]
    assert [(each["logGroupName"], each["filterPattern"]) for each in found] == [("one", "FATAL"), ("two", "FATAL")]


def _replication_group_transit(client: Client) -> None:
    cache = client("elasticache")
    cache.create_replication_group(
        ReplicationGroupId="plain", ReplicationGroupDescription="d", Engine="redis", TransitEncryptionEnabled=True
    )
    cache.modify_replication_group(ReplicationGroupId="plain", TransitEncryptionEnabled=False)
    (group,) = cache.describe_replication_groups(ReplicationGroupId="plain")["ReplicationGroups"]
    assert group["TransitEncryptionEnabled"] is False


def _replication_group_delete(client: Client) -> None:
    cache = client("elasticache")
    cache.create_replication_group(ReplicationGroupId="gone", ReplicationGroupDescription="d", Engine="redis")
    cache.delete_replication_group(ReplicationGroupId="gone")
    assert not [
        g for g in cache.describe_replication_groups()["ReplicationGroups"] if g["ReplicationGroupId"] == "gone"
    ]


def _deny_insecure_transport(client: Client) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="a-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::a-bucket", "arn:aws:s3:::a-bucket/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(Bucket="a-bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    s3.put_object(Bucket="a-bucket", Key="k", Body=b"1")
    assert s3.get_object(Bucket="a-bucket", Key="k")["Body"].read() == b"1"


def _bucket_logging(client: Client) -> None:
    s3 = client("s3")
    for name in ("logged-bucket", "log-bucket"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    target = {"TargetBucket": "log-bucket", "TargetPrefix": "s3/logged-bucket/"}
    s3.put_bucket_logging(Bucket="logged-bucket", BucketLoggingStatus={"LoggingEnabled": target})
    assert s3.get_bucket_logging(Bucket="logged-bucket")["LoggingEnabled"] == target


def _suspended_versioning(client: Client) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="once-versioned", CreateBucketConfiguration={"LocationConstraint": REGION})
    for status in ("Enabled", "Suspended"):
        s3.put_bucket_versioning(Bucket="once-versioned", VersioningConfiguration={"Status": status})
        if status == "Enabled":
            s3.put_object(Bucket="once-versioned", Key="k", Body=b"1")
            s3.delete_object(Bucket="once-versioned", Key="k")
    s3.delete_object(Bucket="once-versioned", Key="k")
    assert "Versions" not in s3.list_object_versions(Bucket="once-versioned")


def _foreign_certificate(client: Client) -> None:
    elb = client("elbv2")
    arn = elb.create_load_balancer(Name="lb", Subnets=_subnets(client))["LoadBalancers"][0]["LoadBalancerArn"]
    certificate = f"arn:aws:acm:{REGION}:210987654321:certificate/12345678-1234-1234-1234-123456789012"
    answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    made = elb.create_listener(
        LoadBalancerArn=arn,
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[answer],
    )
    assert made["Listeners"][0]["Certificates"] == [{"CertificateArn": certificate}]


def _group_of_origins(client: Client) -> None:
    def origin(name: str) -> dict[str, Any]:
        return {"Id": name, "DomainName": f"{name}.s3.amazonaws.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}

    group = {
        "Id": "either",
        "FailoverCriteria": {"StatusCodes": {"Quantity": 1, "Items": [500]}},
        "Members": {"Quantity": 2, "Items": [{"OriginId": "one"}, {"OriginId": "other"}]},
    }
    config = {
        "CallerReference": "group",
        "Comment": "",
        "Enabled": False,
        "Origins": {"Quantity": 2, "Items": [origin("one"), origin("other")]},
        "OriginGroups": {"Quantity": 1, "Items": [group]},
        "DefaultCacheBehavior": {
            "TargetOriginId": "either",
            "ViewerProtocolPolicy": "https-only",
            "CachePolicyId": "1",
        },
    }
    cloudfront = client("cloudfront")
    made = cloudfront.create_distribution(DistributionConfig=config)["Distribution"]["Id"]
    found = cloudfront.get_distribution(Id=made)["Distribution"]["DistributionConfig"]
    assert found["DefaultCacheBehavior"]["TargetOriginId"] == "either"
    assert found["OriginGroups"]["Items"] == [group]


REPAIRED = [
    _group_of_origins,
    _foreign_certificate,
    _suspended_versioning,
    _bucket_logging,
    _rds_subnet_group,
    _whose_boundary,
    _nat_interface,
    _rds_parameter_reset,
    _rds_promotion,
    _rds_replica_elsewhere,
    _cache_subnet_group_modify,
    _cache_subnet_group_delete,
    _event_subscription_modify,
    _metric_filter_replace,
    _replication_group_transit,
    _replication_group_delete,
    _deny_insecure_transport,
]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(command) as run:  # patches meet moto as it is when an emulator starts
        yield run(tmp_path_factory.mktemp("emulator") / "snapshot")


@pytest.fixture
def plain_moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    for name, value in {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield lambda service: boto3.client(cast(Any, service), region_name=REGION)


@pytest.mark.parametrize("use", REPAIRED, ids=lambda use: use.__name__)
def test_works_here(use: Callable[[Client], None], emulator: Running) -> None:
    use(emulator.client)


@pytest.mark.slow
@pytest.mark.parametrize("use", REPAIRED, ids=lambda use: use.__name__)
def test_plain_moto_still_needs_the_patch(use: Callable[[Client], None], plain_moto: Client) -> None:
    with pytest.raises(
        (AssertionError, ClientError, BotoCoreError, NotImplementedError, KeyError, ValueError, AttributeError)
    ):
        use(plain_moto)


def test_a_deny_without_condition_still_denies(emulator: Running) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="other-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::other-bucket/*",
    }
    s3.put_bucket_policy(Bucket="other-bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    with pytest.raises(ClientError, match="403"):
        s3.put_object(Bucket="other-bucket", Key="k", Body=b"1")
