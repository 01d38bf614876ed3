"""Requests that ECS moves between two target groups are ECS's: no plan moves them back. Real engine, local provider."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.engines import PROJECT, FarEnd

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine")]

PROGRAM = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
import pulumi
import pulumi_aws as aws
from components.compute.cluster import Cluster, ClusterArgs
from components.compute.containers import ContainerContext, Dependencies
from components.compute.service import Listening, Service, ServiceArgs
from components.edge.load_balancer import LoadBalancer, LoadBalancerArgs
from components.edge.routes import Route
from components.security.keys import Keys, KeysArgs
from model.deployment import Deployment, Strategy
from model.manifest import Process
from model.vocabulary import ProcessKind
config = pulumi.Config()
vpc = aws.ec2.Vpc("vpc", cidr_block="10.77.0.0/16")
subnets = [
    aws.ec2.Subnet(zone, vpc_id=vpc.id, cidr_block=f"10.77.{{i}}.0/24", availability_zone=f"ap-south-1{{zone}}").id
    for i, zone in enumerate("ab")
]
group = aws.ec2.SecurityGroup("group", vpc_id=vpc.id, description="all")
balancer = LoadBalancer("edge", LoadBalancerArgs(
    vpc_id=vpc.id, subnet_ids=subnets, security_group_id=group.id, deletion_protection=False,
    routes=[Route(name="wallet", patterns=["/wallet/*"], port=8080, shifts=True)],
    relaxed={{"https": "a test", "access_logs": "a test", "deletion_protection": "a test"}}))
role = aws.iam.Role("traffic", assume_role_policy='{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":'
    '{{"Service":"ecs.amazonaws.com"}},"Action":"sts:AssumeRole"}}]}}')
keys = Keys("keys", KeysArgs(account_id="123456789012", region="ap-south-1", deletion_protection=False,
    relaxed={{"deletion_protection": "a test"}}))
Service("wallet-web", ServiceArgs(
    process_name="web",
    process=Process(kind=ProcessKind.WEB, command=("web",), cpu=config.require_int("cpu"), memory=1024,
        deployment=Deployment(strategy=Strategy.CANARY, percent=10, step_minutes=5, bake_minutes=10)),
    context=ContainerContext(service="wallet", environment="local", log_level="INFO", log_group="/g", region="ap-south-1",
        image="registry.example/services:1", drain_seconds=30, public_url="https://play.example.com"),
    dependencies=Dependencies(), cluster=Cluster("cluster", ClusterArgs(logs_key_arn=keys.logs)),
    subnet_ids=subnets, security_group_id=group.id, execution_role_arn=role.arn, task_role_arn=role.arn,
    listening=Listening(port=8080, target=balancer.target_groups["wallet"]), scaled=False, keep_revisions=False,
    traffic_role_arn=role.arn))
"""


def test_weights_that_ecs_moved_are_no_drift_and_the_next_version_leaves_them(
    far_end_of: Callable[[str], FarEnd],
) -> None:
    far_end = far_end_of(PROGRAM)
    settings = {"matchday:cpu": "256"}
    try:
        far_end.workspace.run(["up", "--yes", "--skip-preview"], "local", config=settings)
        ecs, elb = far_end.client("ecs"), far_end.client("elbv2")
        (arn,) = ecs.list_services(cluster="matchday-local-cluster")["serviceArns"]
        assert arn.endswith("matchday-local-wallet-web")
        groups = {
            each["TargetGroupName"].endswith("-other"): each["TargetGroupArn"]
            for each in elb.describe_target_groups()["TargetGroups"]
        }
        (listener,) = elb.describe_listeners(
            LoadBalancerArn=elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
        )["Listeners"]

        def rule() -> tuple[str, dict[str, int]]:
            (found,) = (
                r for r in elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"] if not r["IsDefault"]
            )
            weights = found["Actions"][0]["ForwardConfig"]["TargetGroups"]
            return found["RuleArn"], {each["TargetGroupArn"]: each["Weight"] for each in weights}

        moved = {groups[False]: 0, groups[True]: 100}
        rule_arn, weights = rule()
        assert weights == {groups[False]: 100, groups[True]: 0}
        forward = {"TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in moved.items()]}
        elb.modify_rule(RuleArn=rule_arn, Actions=[{"Type": "forward", "ForwardConfig": forward}])

        done = far_end.workspace.run(["up", "--yes", "--skip-preview", "--refresh"], "local", config=settings)
        assert not done.resources
        assert rule()[1] == moved

        settings["matchday:cpu"] = "512"  # a new version
        done = far_end.workspace.run(["up", "--yes", "--skip-preview", "--refresh"], "local", config=settings)
        assert {each.urn.rsplit("::", 1)[1] for each in done.resources} == {"wallet-web", "wallet-web-task"}
        assert rule()[1] == moved
    finally:
        far_end.workspace.run(["destroy", "--yes", "--skip-preview"], "local", config=settings)
