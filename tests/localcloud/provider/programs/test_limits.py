"""What IAM, KMS, EC2 and CloudWatch refuse because of what else is there: sums, quotas, grants, replicas, endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi_aws as aws
import pytest

from tests.localcloud.provider.programs.parts import ACCOUNT, allow, ids, network, policy, task, trust
from tests.localcloud.provider.programs.small_engine import Options, SmallEngine, judge, refused
from tests.tables import every_row

pytestmark = pytest.mark.process

REGION = "ap-south-1"


def _long(statements: int) -> str:
    """An identity policy of about 90 characters a statement."""
    return policy(*(allow(Sid=f"s{i}{'x' * 20}", Action="s3:ListBucket", Resource="*") for i in range(statements)))


# ---- inline policies, keys of users


def _of_role(name: str, size: int, last: list[Any]) -> Any:
    role = aws.iam.Role("r", name="inline", assume_role_policy=trust()).name if not last else "inline"
    return aws.iam.RolePolicy(name, role=role, policy=_long(size), opts=Options(depends_on=last))


def _of_user(name: str, size: int, last: list[Any]) -> Any:
    user = aws.iam.User("u", name="inline").name if not last else "inline"
    return aws.iam.UserPolicy(name, user=user, policy=_long(size), opts=Options(depends_on=last))


def _of_group(name: str, size: int, last: list[Any]) -> Any:
    group = aws.iam.Group("g", name="inline").name if not last else "inline"
    return aws.iam.GroupPolicy(name, group=group, policy=_long(size), opts=Options(depends_on=last))


@every_row(
    "make, size, limit",
    {"a role": (_of_role, 60, 10240), "a user": (_of_user, 12, 2048), "a group": (_of_group, 30, 5120)},
)
def test_all_inline_policies_together(
    stack: SmallEngine, make: Callable[[str, int, list[Any]], Any], size: int, limit: int
) -> None:
    def program(step: int) -> None:
        one = make("one", size, [])
        if step > 1:
            make("two", size if step == 2 else 1, [one])

    stack.up(program, 1)
    with refused("two: ", "LimitExceeded", f"{limit} bytes"):
        stack.up(program, 2)
    stack.up(program, 3)
    with refused("two: ", "LimitExceeded"):  # of an update, too
        stack.up(program, 2)
    stack.destroy()


def test_a_user_has_two_keys(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        last: list[Any] = [aws.iam.User("u", name="keys")]
        for number in range(step):
            last = [aws.iam.AccessKey(f"k{number}", user="keys", opts=Options(depends_on=last))]

    stack.up(program, 2)
    with refused("k2: ", "AccessKeysPerUser: 2"):
        stack.up(program, 3)
    stack.destroy()


# ---- KMS


def _grant(key: Any, *operations: str, to: Any = None) -> aws.kms.Grant:
    principal = to or aws.iam.Role("r", name="granted", assume_role_policy=trust()).arn
    return aws.kms.Grant("g", key_id=key, grantee_principal=principal, operations=list(operations))


def _key(**given: Any) -> aws.kms.Key:
    return aws.kms.Key("k", deletion_window_in_days=7, **given)


@every_row(
    "make, words",
    {
        "of nothing": (lambda: _grant(_key().key_id), "operations is empty"),
        "of what the key cannot": (lambda: _grant(_key().key_id, "Decrypt", "Sign"), "Sign cannot be granted"),
        "of what a signing key cannot": (
            lambda: _grant(_key(customer_master_key_spec="ECC_NIST_P256", key_usage="SIGN_VERIFY").key_id, "Encrypt"),
            "Encrypt cannot be granted",
        ),
        "of what it can": (
            lambda: _grant(_key(customer_master_key_spec="ECC_NIST_P256", key_usage="SIGN_VERIFY").key_id, "Sign"), ""
        ),
        "to nobody": (
            lambda: _grant(_key().key_id, "Decrypt", to=f"arn:aws:iam::{ACCOUNT}:role/ghost"), "InvalidArnException"
        ),
        "of no key": (lambda: _grant("1234abcd-12ab-34cd-56ef-1234567890ab", "Decrypt"), "NotFoundException"),
        "a copy of a key of one Region": (
            lambda: aws.kms.ReplicaKey("r", primary_key_arn=_key().arn, region="eu-west-1"), "not a multi-Region primary key"
        ),
        "a copy where it is": (
            lambda: aws.kms.ReplicaKey("r", primary_key_arn=_key(multi_region=True).arn), "made in another Region"
        ),
        "a copy of no key": (
            lambda: aws.kms.ReplicaKey(
                "r", primary_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-{'0' * 32}", region="eu-west-1"
            ),
            "NotFoundException",
        ),
        "a copy": (
            lambda: aws.kms.ReplicaKey("r", primary_key_arn=_key(multi_region=True).arn, region="eu-west-1"), ""
        ),
    },
)  # fmt: skip
def test_grants_and_copies(stack: SmallEngine, make: Callable[[], Any], words: str) -> None:
    judge(stack, lambda _: make() and None, words, steady=True)


def test_a_trail_writes_with_a_key_that_admits_it(stack: SmallEngine) -> None:
    root = allow(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Action="kms:*", Resource="*")
    trail = allow(Principal={"Service": "cloudtrail.amazonaws.com"}, Action="kms:GenerateDataKey*", Resource="*")
    writes = allow(
        Principal={"Service": "cloudtrail.amazonaws.com"}, Action="s3:PutObject", Resource="arn:aws:s3:::trail96/*"
    )
    looks = allow(
        Principal={"Service": "cloudtrail.amazonaws.com"}, Action="s3:GetBucketAcl", Resource="arn:aws:s3:::trail96"
    )

    def program(step: int) -> None:
        bucket = aws.s3.Bucket("b", bucket="trail96")
        admits = aws.s3.BucketPolicy("p", bucket=bucket.id, policy=policy(writes, looks))
        key = _key(policy=policy(root, *([trail] if step == 2 else [])))
        aws.cloudtrail.Trail(
            "t",
            name="trail96",
            s3_bucket_name=bucket.bucket,
            kms_key_id=key.arn,
            opts=Options(depends_on=[admits, key]),
        )

    with refused("t: ", "InsufficientEncryptionPolicyException"):
        stack.up(program, 1)
    stack.up(program, 2)
    stack.destroy()


# ---- EC2


def test_endpoints_of_one_vpc(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        vpc = aws.ec2.Vpc("v", cidr_block="10.97.0.0/16", enable_dns_hostnames=step != 3, enable_dns_support=True)
        subnets = [
            aws.ec2.Subnet(f"s{i}", vpc_id=vpc.id, cidr_block=f"10.97.{i}.0/24", availability_zone=f"{REGION}{zone}")
            for i, zone in enumerate("aab")
        ]
        table = aws.ec2.RouteTable("t", vpc_id=vpc.id)
        gateway = {"vpc_id": vpc.id, "service_name": f"com.amazonaws.{REGION}.s3", "route_table_ids": [table.id]}
        kms = {
            "vpc_id": vpc.id, "service_name": f"com.amazonaws.{REGION}.kms", "vpc_endpoint_type": "Interface",
            "subnet_ids": [subnets[0].id, subnets[1 if step == 4 else 2].id], "private_dns_enabled": True,
        }  # fmt: skip
        first = [aws.ec2.VpcEndpoint("gateway", **gateway)]
        if step > 1:
            first.append(aws.ec2.VpcEndpoint("kms", **kms, opts=Options(depends_on=[vpc])))
        then = Options(depends_on=first)
        match step:
            case 5:
                aws.ec2.VpcEndpoint("again", **gateway, opts=then)
            case 6:
                aws.ec2.VpcEndpoint("again", **kms, opts=then)
            case 7:
                aws.ec2.VpcEndpoint("again", vpc_id=vpc.id, service_name="com.amazonaws.us-east-1.s3", opts=then)

    stack.up(program, 1)
    for step, words in {
        3: "requires both enableDnsSupport and enableDnsHostnames", 4: "DuplicateSubnetsInSameZone",
    }.items():  # fmt: skip
        with refused("kms: ", words):
            stack.up(program, step)
    stack.up(program, 2)
    for step, words in {5: "RouteAlreadyExists", 6: "conflicting DNS domain", 7: "InvalidServiceName"}.items():
        with refused("again: ", words):
            stack.up(program, step)
    assert stack.preview(program, 2).changes == {}
    stack.destroy()


# ---- quotas and Regions of what watches


def test_five_targets_two_subscriptions_one_tracking_for_a_metric(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        queue = aws.sqs.Queue("q", name="q98")
        rule = aws.cloudwatch.EventRule("e", name="e98", schedule_expression="rate(1 day)")
        last: list[Any] = []
        for number in range(6 if step == 2 else 5):
            last = [aws.cloudwatch.EventTarget(
                f"t{number}", rule=rule.name, target_id=f"t{number}", arn=queue.arn, opts=Options(depends_on=last)
            )]  # fmt: skip
        group = aws.cloudwatch.LogGroup("g", name="/g98")
        stream = aws.kinesis.Stream("k", name="k98", shard_count=1)
        role = aws.iam.Role("r", name="r98", assume_role_policy=trust("logs.amazonaws.com"))
        last = []
        for number in range(3 if step == 3 else 2):
            last = [aws.cloudwatch.LogSubscriptionFilter(
                f"f{number}", name=f"f{number}", log_group=group.name, filter_pattern="", destination_arn=stream.arn,
                role_arn=role.arn, opts=Options(depends_on=last),
            )]  # fmt: skip
        _, subnets = network(second=98)
        cluster = aws.ecs.Cluster("c", name="c98")
        service = aws.ecs.Service(
            "s", name="s98", cluster=cluster.arn, task_definition=task("t98").arn, launch_type="FARGATE",
            network_configuration={"subnets": ids(subnets)},
        )  # fmt: skip
        scaled = aws.appautoscaling.Target(
            "a", min_capacity=1, max_capacity=2, resource_id="service/c98/s98", service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount", opts=Options(depends_on=[service]),
        )  # fmt: skip
        last = [scaled]
        for number in range(2 if step == 4 else 1):
            last = [aws.appautoscaling.Policy(
                f"p{number}", name=f"p{number}", policy_type="TargetTrackingScaling", resource_id=scaled.resource_id,
                scalable_dimension=scaled.scalable_dimension, service_namespace="ecs", opts=Options(depends_on=last),
                target_tracking_scaling_policy_configuration={"target_value": 50, "predefined_metric_specification": {
                    "predefined_metric_type": "ECSServiceAverageCPUUtilization"}},
            )]  # fmt: skip
        if step == 5:
            aws.cloudwatch.MetricAlarm(
                "m", name="m98", comparison_operator="GreaterThanThreshold", evaluation_periods=1, threshold=1,
                metric_name="m", namespace="N", period=60, statistic="Sum",
                alarm_actions=[f"arn:aws:sns:us-east-1:{ACCOUNT}:far"],
            )  # fmt: skip

    stack.up(program, 1)
    for step, words in {
        2: ("t5: ", "LimitExceededException"), 3: ("f2: ", "LimitExceededException"),
        4: ("p1: ", "only one TargetTrackingScaling policy"), 5: ("m: ", "invalid region us-east-1"),
    }.items():  # fmt: skip
        with refused(*words):
            stack.up(program, step)
    assert stack.preview(program, 1).changes == {}
    stack.destroy()


def test_versions_stay_where_copies_are_made_of_them(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        buckets = [aws.s3.Bucket(each, bucket=f"versions99-{each}") for each in ("from", "to")]
        kept = [
            aws.s3.BucketVersioning(
                f"v{number}", bucket=bucket.id,
                versioning_configuration={"status": "Suspended" if step == 2 and number == 0 else "Enabled"},
            )
            for number, bucket in enumerate(buckets)
        ]  # fmt: skip
        role = aws.iam.Role("r", name="r99", assume_role_policy=trust("s3.amazonaws.com"))
        rules = [{"id": "all", "status": "Enabled", "destination": {"bucket": buckets[1].arn}}]
        aws.s3.BucketReplicationConfig(
            "c", bucket=buckets[0].id, role=role.arn, rules=rules, opts=Options(depends_on=kept)
        )

    stack.up(program, 1)
    with refused("v0: ", "a replication configuration is present"):
        stack.up(program, 2)
    stack.destroy()


def test_users_of_a_cache_have_names_of_their_own(stack: SmallEngine) -> None:
    def user(number: int, engine: str, name: str) -> Any:
        return aws.elasticache.User(
            f"u{number}", user_id=f"u{number}-100", user_name=name, engine=engine, access_string="on ~* +@all",
            passwords=["a" * 20],
        ).user_id  # fmt: skip

    def program(step: int) -> None:
        engine = "redis" if step > 1 else "valkey"
        names = {1: ("same", "same"), 2: ("one", "two"), 3: ("default", "two")}[step]
        aws.elasticache.UserGroup(
            "g", user_group_id="ug100", engine=engine, user_ids=[user(n, engine, each) for n, each in enumerate(names)]
        )

    for step, words in {1: "DuplicateUserName", 2: "DefaultUserRequired"}.items():
        with refused("g: ", words):
            stack.up(program, step)
        stack.destroy()
    stack.up(program, 3)
    stack.destroy()
