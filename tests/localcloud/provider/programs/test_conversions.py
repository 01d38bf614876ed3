"""Right programs that need what Terraform's provider converts: texts for numbers, names for ARNs, AWS's own keys, inline parts.

Each goes up on the emulator and shows no difference afterwards, nor after a refresh.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from tests.localcloud.provider.programs.parts import (
    allow,
    balancer,
    database,
    ids,
    network,
    policy,
    targets,
    task,
    trust,
)
from tests.localcloud.provider.programs.small_engine import SmallEngine

pytestmark = pytest.mark.process

Make = Callable[[], Any]


def _queue_with_aws_key() -> None:
    aws.sqs.Queue("q", name="q-aws-key", kms_master_key_id="alias/aws/sqs", kms_data_key_reuse_period_seconds=300)


def _topic_with_aws_key() -> None:
    aws.sns.Topic("t", name="t-aws-key", kms_master_key_id="alias/aws/sns")


def _parameter_with_aws_key() -> None:
    aws.ssm.Parameter("p", name="/conv/p", type="SecureString", value="v", key_id="alias/aws/ssm")


def _bucket_with_aws_key() -> None:
    bucket = aws.s3.Bucket("b", bucket="conv-aws-key")
    default = {"sse_algorithm": "aws:kms", "kms_master_key_id": "alias/aws/s3"}
    aws.s3.BucketServerSideEncryptionConfiguration(
        "e", bucket=bucket.id, rules=[{"apply_server_side_encryption_by_default": default}]
    )


def _secret_with_aws_key() -> None:
    aws.secretsmanager.Secret("s", name="conv/s", kms_key_id="alias/aws/secretsmanager", recovery_window_in_days=0)


def _database_with_aws_key() -> None:
    database("db-key", storage_encrypted=True)


def _fifo_target() -> None:
    queue = aws.sqs.Queue("fifo", name="conv.fifo", fifo_queue=True)
    rule = aws.cloudwatch.EventRule("er", name="conv-fifo", schedule_expression="rate(5 minutes)")
    aws.cloudwatch.EventTarget(
        "et", rule=rule.name, target_id="t", arn=queue.arn, sqs_target={"message_group_id": "orders"}
    )


def _whole_target() -> None:
    queue = aws.sqs.Queue("tq", name="conv-tq")
    rule = aws.cloudwatch.EventRule(
        "twr",
        name="conv-whole",
        event_pattern=json.dumps({"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"]}),
    )
    aws.cloudwatch.EventTarget(
        "tw", rule=rule.name, target_id="t", arn=queue.arn, dead_letter_config={"arn": queue.arn},
        retry_policy={"maximum_retry_attempts": 3, "maximum_event_age_in_seconds": 3600},
        input_transformer={"input_paths": {"a": "$.detail.a"}, "input_template": '{"a": <a>}'},
    )  # fmt: skip


def _inline_routes() -> None:
    vpc, _ = network("rt", 60)
    gateway = aws.ec2.InternetGateway("gw", vpc_id=vpc.id)
    aws.ec2.RouteTable("rt", vpc_id=vpc.id, routes=[{"cidr_block": "0.0.0.0/0", "gateway_id": gateway.id}])


def _default_tables() -> None:
    vpc, _ = network("dt", 61)
    gateway = aws.ec2.InternetGateway("dgw", vpc_id=vpc.id)
    aws.ec2.DefaultRouteTable(
        "drt", default_route_table_id=vpc.default_route_table_id,
        routes=[{"cidr_block": "0.0.0.0/0", "gateway_id": gateway.id}],
    )  # fmt: skip


def _inline_acl() -> None:
    vpc, _ = network("ac", 62)
    rule = {
        "rule_no": 100,
        "protocol": "tcp",
        "action": "allow",
        "cidr_block": "0.0.0.0/0",
        "from_port": 443,
        "to_port": 443,
    }
    aws.ec2.NetworkAcl(
        "acl", vpc_id=vpc.id, ingress=[rule], egress=[rule | {"protocol": "-1", "from_port": 0, "to_port": 0}]
    )


def _groups_in_both_styles() -> None:
    vpc, _ = network("sg", 63)
    inline = {"protocol": "tcp", "from_port": 80, "to_port": 80, "cidr_blocks": ["10.0.0.0/8"]}
    aws.ec2.SecurityGroup(
        "inline", vpc_id=vpc.id, ingress=[inline, inline | {"protocol": "-1", "from_port": 0, "to_port": 0}]
    )
    own = aws.ec2.SecurityGroup("own", vpc_id=vpc.id)
    aws.ec2.SecurityGroupRule(
        "rule", type="ingress", security_group_id=own.id, protocol="TCP", from_port=443, to_port=443,
        cidr_blocks=["10.0.0.0/8"],
    )  # fmt: skip
    aws.vpc.SecurityGroupIngressRule(
        "one", security_group_id=own.id, ip_protocol="tcp", from_port=22, to_port=22, cidr_ipv4="10.0.0.0/8"
    )
    aws.vpc.SecurityGroupEgressRule("all", security_group_id=own.id, ip_protocol="-1", cidr_ipv4="0.0.0.0/0")


def _scaling() -> None:
    _, subnets = network("sc", 64)
    cluster = aws.ecs.Cluster("conv-cl", name="conv-cl")
    service = aws.ecs.Service(
        "conv-sv", name="conv-sv", cluster=cluster.arn, task_definition=task("conv-td").arn, launch_type="FARGATE",
        network_configuration={"subnets": ids(subnets)}, desired_count=1,
    )  # fmt: skip
    target = aws.appautoscaling.Target(
        "tg", service_namespace="ecs", scalable_dimension="ecs:service:DesiredCount", min_capacity=1, max_capacity=4,
        resource_id=pulumi.Output.concat("service/", cluster.name, "/", service.name),
    )  # fmt: skip
    where = {
        "service_namespace": target.service_namespace, "scalable_dimension": target.scalable_dimension,
        "resource_id": target.resource_id,
    }  # fmt: skip
    steps = [
        {"metric_interval_lower_bound": "0", "metric_interval_upper_bound": "10.5", "scaling_adjustment": 1},
        {"metric_interval_lower_bound": "10.5", "scaling_adjustment": 2},
    ]
    aws.appautoscaling.Policy(
        "steps", **where, policy_type="StepScaling",
        step_scaling_policy_configuration={
            "adjustment_type": "ChangeInCapacity", "cooldown": 60, "metric_aggregation_type": "Average",
            "step_adjustments": steps,
        },
    )  # fmt: skip
    aws.appautoscaling.Policy(
        "tracks", **where, policy_type="TargetTrackingScaling",
        target_tracking_scaling_policy_configuration={
            "predefined_metric_specification": {"predefined_metric_type": "ECSServiceAverageCPUUtilization"},
            "target_value": 50, "scale_in_cooldown": 300, "scale_out_cooldown": 60,
        },
    )  # fmt: skip
    aws.appautoscaling.ScheduledAction(
        "nightly", name="nightly", **where, schedule="cron(0 2 * * ? *)",
        scalable_target_action={"min_capacity": "1", "max_capacity": "2"},
    )  # fmt: skip


def _metric_filters() -> None:
    group = aws.cloudwatch.LogGroup("lg", name="/conv/lg", retention_in_days=7)
    metric = {"name": "Errors", "namespace": "Conv", "value": "1", "default_value": "0", "unit": "Count"}
    aws.cloudwatch.LogMetricFilter("f", log_group_name=group.name, pattern="ERROR", metric_transformation=metric)
    dimensions = {"name": "By", "namespace": "Conv", "value": "$.n", "dimensions": {"Path": "$.path"}}
    aws.cloudwatch.LogMetricFilter(
        "g", log_group_name=group.name, pattern='{ $.n = "*" }', metric_transformation=dimensions
    )


def _numbers_as_texts() -> None:
    given: Any = {"visibility_timeout_seconds": "45", "message_retention_seconds": "3600", "delay_seconds": "1"}
    aws.sqs.Queue("numbers", name="conv-numbers", **given)
    alarm: Any = {"threshold": "1.5", "evaluation_periods": "2", "period": "60"}
    aws.cloudwatch.MetricAlarm(
        "al",
        name="conv-al",
        comparison_operator="GreaterThanThreshold",
        metric_name="m",
        namespace="N",
        statistic="Sum",
        **alarm,
    )


def _health_check() -> None:
    vpc, _ = network("hc", 65)
    check: Any = {
        "path": "/healthz",
        "matcher": "200-299",
        "port": "8080",
        "protocol": "HTTP",
        "interval": 15,
        "timeout": 5,
    }
    stickiness: Any = {"type": "lb_cookie", "cookie_duration": 3600, "enabled": True}
    targets("conv-hc", vpc, health_check=check, stickiness=stickiness, deregistration_delay=30, slow_start=30)


def _roles_by_name() -> None:
    role = aws.iam.Role("r", name="conv-role", assume_role_policy=json.loads(trust()))
    made = aws.iam.Policy(
        "p", name="conv-policy", policy=json.loads(policy(allow(Action=["s3:GetObject"], Resource=["*"])))
    )
    aws.iam.RolePolicyAttachment("a", role=role.name, policy_arn=made.arn)
    aws.iam.RolePolicyAttachment(
        "m", role=role.name, policy_arn="arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    )
    aws.iam.RolePolicy("inline", role=role.id, policy=policy(allow(Action="logs:PutLogEvents", Resource="*")))
    aws.iam.InstanceProfile("ip", name="conv-profile", role=role.name)


def _key_by_arn_and_id() -> None:
    key = aws.kms.Key("k", enable_key_rotation=True, deletion_window_in_days=7)
    alias = aws.kms.Alias("ka", name="alias/conv", target_key_id=key.arn)
    aws.sqs.Queue("by-id", name="conv-by-id", kms_master_key_id=key.key_id)
    aws.sqs.Queue("by-arn", name="conv-by-arn", kms_master_key_id=key.arn)
    aws.sqs.Queue("by-alias", name="conv-by-alias", kms_master_key_id=alias.name)
    aws.ssm.Parameter("kp", name="/conv/kp", type="SecureString", value="v", key_id=key.arn)


def _normalised_documents() -> None:
    spaced = (
        '{ "Statement": {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*", "Principal": {"AWS": "*"}},'
    )
    spaced += ' "Version": "2012-10-17" }'
    queue = aws.sqs.Queue("doc", name="conv-doc")
    aws.sqs.QueuePolicy("dp", queue_url=queue.id, policy=spaced)
    dead = aws.sqs.Queue("dead", name="conv-dead")
    aws.sqs.Queue(
        "live",
        name="conv-live",
        redrive_policy=dead.arn.apply(lambda arn: json.dumps({"maxReceiveCount": 5, "deadLetterTargetArn": arn})),
    )


def _lifecycle() -> None:
    bucket = aws.s3.Bucket("lc", bucket="conv-lifecycle")
    aws.s3.BucketVersioning("lv", bucket=bucket.bucket, versioning_configuration={"status": "Enabled"})
    aws.s3.BucketLifecycleConfiguration(
        "lcc", bucket=bucket.id,
        rules=[
            {
                "id": "old", "status": "Enabled", "filter": {"prefix": "logs/"}, "expiration": {"days": 30},
                "transitions": [{"days": 30 - 29, "storage_class": "GLACIER"}],
                "noncurrent_version_expiration": {"noncurrent_days": 7},
            },
            {
                "id": "parts", "status": "Enabled", "filter": {},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 2},
            },
        ],
    )  # fmt: skip


def _listener_rules() -> None:
    vpc, subnets = network("lr", 66)
    lb, _ = balancer("lr", vpc, subnets)
    one, two = targets("lr1", vpc), targets("lr2", vpc)
    shared: Any = {
        "type": "forward",
        "forward": {"target_groups": [{"arn": one.arn, "weight": 80}, {"arn": two.arn, "weight": 20}],
                    "stickiness": {"enabled": True, "duration": 600}},
    }  # fmt: skip
    listener = aws.lb.Listener("lrl", load_balancer_arn=lb.arn, port=80, default_actions=[shared])
    redirect = {"type": "redirect", "redirect": {"port": "443", "protocol": "HTTPS", "status_code": "HTTP_301"}}
    aws.lb.ListenerRule(
        "lrr", listener_arn=listener.arn, priority=5, actions=[redirect],
        conditions=[
            {"host_header": {"values": ["example.com"]}},
            {"query_strings": [{"key": "a", "value": "b"}, {"value": "c"}]},
            {"http_header": {"http_header_name": "X-A", "values": ["1"]}},
        ],
    )  # fmt: skip


MAKES: dict[str, Make] = {
    make.__name__.strip("_"): make
    for make in (
        _queue_with_aws_key,
        _topic_with_aws_key,
        _parameter_with_aws_key,
        _bucket_with_aws_key,
        _secret_with_aws_key,
        _database_with_aws_key,
        _fifo_target,
        _whole_target,
        _inline_routes,
        _default_tables,
        _inline_acl,
        _groups_in_both_styles,
        _scaling,
        _metric_filters,
        _numbers_as_texts,
        _health_check,
        _roles_by_name,
        _key_by_arn_and_id,
        _normalised_documents,
        _lifecycle,
        _listener_rules,
    )
}


@pytest.mark.parametrize("name", MAKES)
def test_goes_up_and_is_settled(stack: SmallEngine, name: str) -> None:
    def program(_: int) -> None:
        MAKES[name]()

    stack.up(program)
    assert stack.preview(program).paths == {}
    assert stack.refresh().changes == {}
    assert stack.preview(program).paths == {}
    stack.destroy()
