"""What several programs share: a small network, a balancer, a target group, a task definition, policy documents."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws

ACCOUNT = "123456789012"
ZONES = ("ap-south-1a", "ap-south-1b")


def network(name: str = "n", second: int = 9) -> tuple[aws.ec2.Vpc, list[aws.ec2.Subnet]]:
    """A VPC 10.<second>.0.0/16 with a subnet in each of two zones."""
    vpc = aws.ec2.Vpc(f"{name}-vpc", cidr_block=f"10.{second}.0.0/16")
    subnets = [
        aws.ec2.Subnet(f"{name}-s{i}", vpc_id=vpc.id, cidr_block=f"10.{second}.{i}.0/24", availability_zone=zone)
        for i, zone in enumerate(ZONES)
    ]
    return vpc, subnets


def ids(resources: list[Any]) -> list[pulumi.Output[str]]:
    return [resource.id for resource in resources]


def balancer(
    name: str, vpc: aws.ec2.Vpc, subnets: list[aws.ec2.Subnet]
) -> tuple[aws.lb.LoadBalancer, aws.ec2.SecurityGroup]:
    group = aws.ec2.SecurityGroup(f"{name}-sg", vpc_id=vpc.id)
    return aws.lb.LoadBalancer(f"{name}-lb", subnets=ids(subnets), security_groups=[group.id]), group


def targets(name: str, vpc: aws.ec2.Vpc, port: int = 80, **more: Any) -> aws.lb.TargetGroup:
    return aws.lb.TargetGroup(name, **{"vpc_id": vpc.id, "port": port, "protocol": "HTTP", "target_type": "ip"} | more)


def forward(group: aws.lb.TargetGroup) -> list[dict[str, Any]]:
    return [{"type": "forward", "target_group_arn": group.arn}]


def task(name: str, containers: list[dict[str, Any]] | None = None, **more: Any) -> aws.ecs.TaskDefinition:
    """A Fargate task; one nginx on port 80 unless said otherwise."""
    said = containers or [{"name": "c", "image": "nginx", "portMappings": [{"containerPort": 80}]}]
    fargate = {"requires_compatibilities": ["FARGATE"], "network_mode": "awsvpc", "cpu": "256", "memory": "512"}
    return aws.ecs.TaskDefinition(name, **{"family": name, "container_definitions": json.dumps(said)} | fargate | more)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(**statement: Any) -> dict[str, Any]:
    return {"Effect": "Allow", **statement}


def trust(service: str = "ecs-tasks.amazonaws.com") -> str:
    return policy(allow(Principal={"Service": service}, Action="sts:AssumeRole"))


def database(name: str, **more: Any) -> aws.rds.Instance:
    usual = {
        "engine": "postgres", "instance_class": "db.t4g.micro", "allocated_storage": 20, "username": "u",
        "password": "passw0rd!", "skip_final_snapshot": True,
    }  # fmt: skip
    return aws.rds.Instance(name, **{key: value for key, value in (usual | more).items() if value is not None})


def replica(name: str, source: Any, **more: Any) -> aws.rds.Instance:
    return aws.rds.Instance(
        name, instance_class="db.t4g.micro", skip_final_snapshot=True, replicate_source_db=source, **more
    )
