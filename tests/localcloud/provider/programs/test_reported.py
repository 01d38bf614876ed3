"""Programs after public bug reports (/work/shared/cases/local-cloud): each goes as it goes on AWS."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from localcloud.provider.wire import SIGNATURE
from tests.localcloud.provider.programs.parts import (
    ACCOUNT,
    balancer,
    database,
    forward,
    ids,
    network,
    targets,
    task,
    trust,
)  # fmt: skip
from tests.localcloud.provider.programs.small_engine import Options, SmallEngine, refused

pytestmark = pytest.mark.process


def test_target_group_in_use_is_replaced_after_the_listener_moved(stack: SmallEngine) -> None:
    """pulumi/pulumi#5900, pulumi-aws#4220."""

    def program(step: int) -> None:
        vpc, subnets = network(second=1)
        lb, _ = balancer("a", vpc, subnets)
        group = targets("grp", vpc, port=80 if step == 1 else 8080)
        listener = aws.lb.Listener("l", load_balancer_arn=lb.arn, port=80, default_actions=forward(group))
        aws.lb.ListenerRule(
            "r", listener_arn=listener.arn, priority=1, conditions=[{"path_pattern": {"values": ["/x"]}}],
            actions=forward(group),
        )  # fmt: skip

    stack.up(program, 1)
    expected = {"replace": {"grp"}, "update": {"l", "r"}}
    assert stack.preview(program, 2).changes == expected
    done = stack.up(program, 2)
    assert done.changes == expected
    assert done.order[-1] == "delete grp"
    assert stack.preview(program, 2).changes == {}
    stack.destroy()


def test_a_nested_ignored_path_leaves_the_rest(stack: SmallEngine, aws_clients: Any) -> None:
    """pulumi#2663."""

    def program(step: int) -> None:
        vpc = aws.ec2.Vpc(
            "v", cidr_block="10.1.0.0/16", tags={"owner": f"o{step}", "team": f"t{step}"},
            opts=Options(ignore_changes=["tags.owner"]),
        )  # fmt: skip
        targets(
            "g", vpc, health_check={"path": f"/p{step}", "interval": 10 * step},
            opts=Options(ignore_changes=["healthCheck.interval"]),
        )  # fmt: skip

    stack.up(program, 1)
    done = stack.up(program, 2)
    assert done.paths == {"v": {"tags.team"}, "g": {"healthCheck.path"}}
    live = aws_clients("ec2").describe_vpcs(VpcIds=[stack.id("v")])["Vpcs"][0]["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in live} == {"owner": "o1", "team": "t2"}
    stack.destroy()


def test_changed_default_tags_update_resources(stack: SmallEngine, aws_clients: Any) -> None:
    """pulumi-aws#1655."""

    def program(step: int) -> None:
        tags = {"tags": {"env": "dev", "cost": f"c{step}"}}
        provider = aws.Provider("p", region="ap-south-1", default_tags=tags)
        aws.sqs.Queue("q", name="q04", opts=Options(provider=provider))

    stack.up(program, 1)
    assert stack.up(program, 2).changes == {"update": {"q"}}
    assert stack.outputs("q")["tagsAll"] == {"env": "dev", "cost": "c2"}
    assert aws_clients("sqs").list_queue_tags(QueueUrl=stack.id("q"))["Tags"] == {"env": "dev", "cost": "c2"}
    assert stack.refresh().changes == {}
    stack.destroy()


def test_sets_have_no_order(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        def order(values: list[Any]) -> list[Any]:
            return values if step == 1 else values[::-1]

        vpc, subnets = network(second=5)
        groups = [aws.ec2.SecurityGroup(f"g{i}", vpc_id=vpc.id) for i in range(2)]
        both = order(ids(groups))
        aws.lb.LoadBalancer("lb", subnets=order(ids(subnets)), security_groups=both)
        place = aws.rds.SubnetGroup("sn", subnet_ids=order(ids(subnets)))
        cluster = aws.ecs.Cluster("cl")
        aws.ecs.Service(
            "sv", cluster=cluster.arn, task_definition=task("t05").arn, launch_type="FARGATE",
            network_configuration={"subnets": order(ids(subnets)), "security_groups": both},
        )  # fmt: skip
        database(
            "db", db_subnet_group_name=place.name, vpc_security_group_ids=both,
            enabled_cloudwatch_logs_exports=order(["postgresql", "upgrade"]),
        )  # fmt: skip
        cidrs = order(["10.0.0.0/8", "192.168.0.0/16"])
        rules = [{"protocol": "tcp", "from_port": p, "to_port": p, "cidr_blocks": cidrs} for p in (80, 443)]
        aws.ec2.SecurityGroup("inl", vpc_id=vpc.id, ingress=order(rules))
        aws.cloudwatch.MetricAlarm(
            "al", comparison_operator="GreaterThanThreshold", evaluation_periods=1, metric_name="m", namespace="N",
            period=60, statistic="Sum", threshold=1,
            alarm_actions=order([f"arn:aws:sns:ap-south-1:{ACCOUNT}:{name}" for name in "ab"]),
        )  # fmt: skip
        parameters = [{"name": "work_mem", "value": "4096"}, {"name": "log_min_duration_statement", "value": "1000"}]
        aws.rds.ParameterGroup("pg", family="postgres16", parameters=order(parameters))
        aws.wafv2.IpSet(
            "ips", scope="REGIONAL", ip_address_version="IPV4", addresses=order(["1.2.3.0/24", "5.6.7.0/24"])
        )

    stack.up(program, 1)
    assert stack.preview(program, 2).paths == {}
    stack.destroy()


def test_equivalent_task_definitions_are_the_same(stack: SmallEngine) -> None:
    """terraform-provider-aws#3035, #11463."""

    def program(step: int) -> None:
        parameter = f"arn:aws:ssm:ap-south-1:{ACCOUNT}:parameter"
        environment = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
        secrets = [{"name": name, "valueFrom": f"{parameter}/{name.lower()}"} for name in "ST"]
        first: dict[str, Any] = {
            "name": "c", "image": "nginx", "environment": environment, "secrets": secrets,
            "portMappings": [{"containerPort": 80}],
        }  # fmt: skip
        side = {"name": "side", "image": "nginx", "essential": False}
        if step == 2:
            first["environment"] = environment[::-1]
        if step == 3:
            written = {"essential": True, "cpu": 0, "mountPoints": [], "volumesFrom": []}
            first |= written | {"portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]}
        if step == 4:
            first["secrets"] = secrets[::-1]
        task("t06", [side, first] if step == 5 else [first, side])

    stack.up(program, 1)
    for step in (2, 3, 4, 5):
        assert stack.preview(program, step).paths == {}
    stack.destroy()


def test_a_security_group_in_use(stack: SmallEngine) -> None:
    """Auto-named: the new one first. With a fixed name the old one goes first, which its users prevent."""

    def program(step: int) -> None:
        vpc, subnets = network(second=9)
        auto = aws.ec2.SecurityGroup("auto", vpc_id=vpc.id, description="one" if step == 1 else "two")
        fixed = aws.ec2.SecurityGroup("fixed", name="fixed09", vpc_id=vpc.id, description="one" if step < 3 else "two")
        both = [auto.id, fixed.id]
        aws.lb.LoadBalancer("lb", subnets=ids(subnets), security_groups=both)
        place = aws.rds.SubnetGroup("sn", subnet_ids=ids(subnets))
        database("db", db_subnet_group_name=place.name, vpc_security_group_ids=both)

    stack.up(program, 1)
    done = stack.up(program, 2)
    assert done.changes == {"replace": {"auto"}, "update": {"lb", "db"}}
    assert done.order[-1] == "delete auto"
    with refused("fixed", "DependencyViolation"):
        stack.up(program, 3)
    stack.destroy()


def _services(step: int) -> None:
    vpc, subnets = network(second=11)
    lb, group = balancer("a", vpc, subnets)
    cluster, definition = aws.ecs.Cluster("cl"), task("t11")
    loose, ours = targets("loose", vpc), targets("grp", vpc)
    instances = aws.lb.TargetGroup("inst", vpc_id=vpc.id, port=80, protocol="HTTP")
    listeners = [
        aws.lb.Listener(f"l{port}", load_balancer_arn=lb.arn, port=port, default_actions=forward(found))
        for port, found in ((80, ours), (81, instances))
    ]
    at = {"subnets": ids(subnets), "security_groups": [group.id]}

    def service(**more: Any) -> None:
        said = {"launch_type": "FARGATE", "network_configuration": at} | more
        aws.ecs.Service(
            "sv", cluster=cluster.arn, task_definition=definition.arn, opts=Options(depends_on=listeners),
            **{name: value for name, value in said.items() if value is not None},
        )  # fmt: skip

    def to(group: aws.lb.TargetGroup, name: str = "c", port: int = 80) -> list[dict[str, Any]]:
        return [{"target_group_arn": group.arn, "container_name": name, "container_port": port}]

    def nothing() -> None:
        """The first step is without a service."""

    made = {
        1: nothing,
        2: lambda: service(load_balancers=to(loose)),
        3: lambda: service(load_balancers=to(ours, "other")),
        4: lambda: service(load_balancers=to(ours, "c", 9999)),
        5: lambda: service(load_balancers=to(instances)),
        6: lambda: service(network_configuration=None),
        7: lambda: service(capacity_provider_strategies=[{"capacity_provider": "FARGATE", "weight": 1}]),
        8: lambda: service(load_balancers=to(ours)),
    }
    made[step]()


def test_services_that_ecs_refuses(stack: SmallEngine) -> None:
    stack.up(_services, 1)
    for step, words in {
        2: "does not have an associated load balancer", 3: "'other' does not exist", 4: "9999", 5: "needs ip",
        6: "networkConfiguration is required", 7: "exclude each other",
    }.items():  # fmt: skip
        with refused(words):
            stack.up(_services, step)
    assert stack.up(_services, 8).changes == {"create": {"sv"}}
    stack.destroy()


def test_the_desired_count_belongs_to_autoscaling(stack: SmallEngine, aws_clients: Any) -> None:
    def program(step: int) -> None:
        vpc, subnets = network(second=13)
        group = aws.ec2.SecurityGroup("grp", vpc_id=vpc.id)
        cluster = aws.ecs.Cluster("cl", name="c13")
        definition = task("t13", [{"name": "c", "image": f"nginx:{step}"}])
        service = aws.ecs.Service(
            "s", name="s13", cluster=cluster.arn, task_definition=definition.arn, launch_type="FARGATE",
            desired_count=1, network_configuration={"subnets": ids(subnets), "security_groups": [group.id]},
            opts=Options(ignore_changes=["desiredCount"] if step < 4 else []),
        )  # fmt: skip
        aws.appautoscaling.Target(
            "t", service_namespace="ecs", scalable_dimension="ecs:service:DesiredCount", min_capacity=1,
            max_capacity=9 if step < 3 else 10,
            resource_id=pulumi.Output.concat("service/", cluster.name, "/", service.name),
        )  # fmt: skip

    def live() -> int:
        found = aws_clients("ecs").describe_services(cluster="c13", services=["s13"])["services"][0]
        return int(found["desiredCount"])

    stack.up(program, 1)
    aws_clients("ecs").update_service(cluster="c13", service="s13", desiredCount=5)
    assert stack.preview(program, 1).changes == {}
    done = stack.up(program, 2)
    assert done.changes == {"replace": {"t13"}, "update": {"s"}} and live() == 5
    assert done.order.index("update s") < done.order.index("delete t13")  # the old revision is deregistered last
    stack.refresh()
    assert stack.up(program, 3).changes["update"] == {"s", "t"} and live() == 5
    assert stack.preview(program, 4).paths["s"] >= {"desiredCount"}
    stack.destroy()


def test_a_service_without_groups_has_the_default_group(stack: SmallEngine) -> None:
    def program(_: int) -> None:
        _, subnets = network(second=19)
        aws.ecs.Service(
            "s", cluster=aws.ecs.Cluster("cl").arn, task_definition=task("t19").arn, launch_type="FARGATE",
            network_configuration={"subnets": ids(subnets)},
        )  # fmt: skip

    stack.up(program)
    assert stack.preview(program).changes == {}
    stack.destroy()


def test_a_secret_in_its_recovery_window_holds_its_name(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        if step == 1:
            secret = aws.secretsmanager.Secret("s", name="s33")
            aws.secretsmanager.SecretVersion("v", secret_id=secret.id, secret_string="x")
        if step == 3:
            aws.ssm.Parameter("p", name="/s33/p", type="String", value="a" * 5000)

    stack.up(program, 1)
    stack.up(program, 2)
    with refused("InvalidRequestException", "scheduled for deletion"):
        stack.up(program, 1)
    with refused("4096"):
        stack.up(program, 3)
    stack.destroy()


def test_what_vanished_is_made_again_after_a_refresh(stack: SmallEngine, aws_clients: Any) -> None:
    def program(step: int) -> None:
        aws.sqs.Queue("q", name="q41", visibility_timeout_seconds=29 + step)
        aws.ssm.Parameter("p", name="/p41", type="String", value=f"v{step}")
        aws.iam.Role("r", name="role41", assume_role_policy=trust())
        aws.cloudwatch.LogGroup("lg", name="/lg41", retention_in_days=7 if step == 1 else 14)
        aws.sns.Topic("t", name="t41")
        aws.cloudwatch.EventRule("er", name="er41", schedule_expression="rate(5 minutes)")
        aws.cloudwatch.MetricAlarm(
            "al", name="al41", comparison_operator="GreaterThanThreshold", evaluation_periods=1, threshold=1,
            metric_name="m", namespace="N", period=60, statistic="Sum",
        )  # fmt: skip
        key = aws.kms.Key("k")
        aws.kms.Alias("a", name="alias/k41", target_key_id=key.id)

    stack.up(program, 1)
    aws_clients("sqs").delete_queue(QueueUrl=stack.id("q"))
    aws_clients("ssm").delete_parameter(Name="/p41")
    aws_clients("iam").delete_role(RoleName="role41")
    aws_clients("logs").delete_log_group(logGroupName="/lg41")
    aws_clients("sns").delete_topic(TopicArn=stack.outputs("t")["arn"])
    aws_clients("events").delete_rule(Name="er41")
    aws_clients("cloudwatch").delete_alarms(AlarmNames=["al41"])
    aws_clients("kms").delete_alias(AliasName="alias/k41")
    with refused():  # the queue has gone: SetQueueAttributes knows of none
        stack.up(program, 2)
    gone = {"q", "p", "r", "lg", "t", "er", "al", "a"}
    assert set(stack.refresh().deleted) >= gone - {"p"}
    made = stack.up(program, 1)
    assert made.changes["create"] >= gone - {"p"}
    assert stack.preview(program, 1).changes == {}
    stack.destroy()


def test_no_secret_stands_in_clear_in_the_state(stack: SmallEngine) -> None:
    secret = pulumi.Output.secret

    def program(step: int) -> None:
        _, subnets = network(second=42)
        place = aws.elasticache.SubnetGroup("sn", subnet_ids=ids(subnets))
        database("db", password="S3cretPassw0rd")
        aws.elasticache.ReplicationGroup(
            "rg", description="d", node_type="cache.t4g.micro", num_cache_clusters=1, subnet_group_name=place.name,
            auth_token="AuthTokenAuthToken1", transit_encryption_enabled=True,
        )  # fmt: skip
        aws.ssm.Parameter("p", type="SecureString", value="ParamSecret")
        aws.ssm.Parameter("i", type="String", insecure_value="InsecureVal")
        held = aws.secretsmanager.Secret("s", recovery_window_in_days=0)
        aws.secretsmanager.SecretVersion("v", secret_id=held.id, secret_string=f"SecretStr{step}")
        container = {"name": "c", "image": "nginx", "memory": 64, "environment": [{"name": "A", "value": "TdSecret"}]}
        aws.ecs.TaskDefinition("td", family="t42", container_definitions=secret(json.dumps([container])))

    stack.up(program, 1)
    in_clear = json.dumps([_in_clear(held.outputs) for held in stack.state.values()])
    for word in ("S3cretPassw0rd", "AuthTokenAuthToken1", "ParamSecret", "SecretStr1"):
        assert word not in in_clear
    assert "InsecureVal" in in_clear
    stack.destroy()


def _in_clear(value: Any) -> Any:
    """A state's properties without what is marked as secret."""
    if hasattr(value, "fields"):
        return {} if SIGNATURE in value.fields else {key: _in_clear(item) for key, item in value.fields.items()}
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _in_clear(value.struct_value)
    if kind == "list_value":
        return [_in_clear(item) for item in value.list_value.values]
    return getattr(value, kind) if kind else None


_A, _B = {"name": "a", "image": "x"}, {"name": "b", "image": "x"}


def _after(name: str, condition: str) -> dict[str, Any]:
    return {"dependsOn": [{"containerName": name, "condition": condition}]}


@pytest.mark.parametrize(
    ("containers", "words"),
    [
        ([_A | _after("b", "SUCCESS"), _B], "SUCCESS"),
        ([_A | _after("b", "START"), _B | _after("a", "START")], "wait for each other"),
        ([_A | {"healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 1}}], "interval"),
        ([_A | {"stopTimeout": 300}], "stopTimeout"),
        ([item | {"portMappings": [{"containerPort": 80}]} for item in (_A, _B)], "80"),
        ([_A, _A], "name"),
        ([_A | {"essential": False}], "essential"),
        ([_A | _after("b", "HEALTHY"), _B], "health"),
    ],
)
def test_task_definitions_that_ecs_refuses(stack: SmallEngine, containers: list[dict[str, Any]], words: str) -> None:
    with refused(words):
        stack.up(lambda _: task("t43", containers))
