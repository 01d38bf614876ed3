"""Services, secrets and parameters, siblings of /work/shared/cases/local-cloud 11, 33 and 43: refused as AWS refuses them."""

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


@every_row(
    "given, words",
    {
        "a platform that is none": ({"platform_version": "9.9.9"}, "PlatformUnknownException"),
        "a platform that is": ({"platform_version": "1.4.0"}, ""),
        "fewer than no tasks": ({"desired_count": -1}, "InvalidParameterException"),
        "a provider that is not the cluster's": (
            {"launch_type": None, "capacity_provider_strategies": [{"capacity_provider": "mine", "weight": 1}]},
            "not associated with the cluster",
        ),
        "one that is": (
            {"launch_type": None, "capacity_provider_strategies": [{"capacity_provider": "FARGATE_SPOT", "weight": 1}]}, ""
        ),
        "a registry that is none": (
            {"service_registries": {"registry_arn": f"arn:aws:servicediscovery:{REGION}:{ACCOUNT}:service/srv-x"}},
            "does not exist in Cloud Map",
        ),
        "a namespace that is none": (
            {"service_connect_configuration": {"enabled": True, "namespace": "nowhere"}}, "NamespaceNotFoundException"
        ),
        "an ARN of none": (
            {"service_connect_configuration": {
                "enabled": True, "namespace": f"arn:aws:servicediscovery:{REGION}:{ACCOUNT}:namespace/ns-x"}},
            "NamespaceNotFoundException",
        ),
        "one by its name": ({"service_connect_configuration": {"enabled": True, "namespace": "here"}}, ""),
        "shells without a role": ({"enable_execute_command": True}, "valid taskRoleArn"),
    },
)  # fmt: skip
def test_services_that_name_what_is_not_there(stack: SmallEngine, given: dict[str, Any], words: str) -> None:
    def program(_: int) -> None:
        _, subnets = network(second=44)
        cluster = aws.ecs.Cluster("cl")
        providers = aws.ecs.ClusterCapacityProviders(
            "cp", cluster_name=cluster.name, capacity_providers=["FARGATE", "FARGATE_SPOT"]
        )
        namespace = aws.servicediscovery.HttpNamespace("ns", name="here")
        usual = {"launch_type": "FARGATE", "network_configuration": {"subnets": ids(subnets)}} | given
        aws.ecs.Service(
            "s", cluster=cluster.arn, task_definition=task("t44").arn, opts=Options(depends_on=[providers, namespace]),
            **{key: value for key, value in usual.items() if value is not None},
        )  # fmt: skip

    judge(stack, program, words, steady=True)


def test_a_name_twice_in_a_cluster_and_shells_that_come_later(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        _, subnets = network(second=45)
        first, second = aws.ecs.Cluster("cl"), aws.ecs.Cluster("cl2")
        role = aws.iam.Role("r", assume_role_policy=trust())
        at = {"launch_type": "FARGATE", "network_configuration": {"subnets": ids(subnets)}}
        roles = {"task_role_arn": role.arn} if step == 4 else {}
        one = aws.ecs.Service(
            "a", name="web", cluster=first.arn, task_definition=task("t45", **roles).arn,
            enable_execute_command=step > 2, **at,
        )  # fmt: skip
        aws.ecs.Service(
            "b", name="web", cluster=(first if step == 2 else second).arn, task_definition=task("t45b").arn,
            opts=Options(depends_on=[one]), **at,
        )  # fmt: skip

    stack.up(program, 1)
    with refused("not idempotent", "'web' exists"):
        stack.up(program, 2)
    with refused("couldn't be updated", "taskRoleArn"):
        stack.up(program, 3)
    stack.up(program, 4)
    assert stack.preview(program, 4).changes == {}
    stack.destroy()


def test_capacity_providers_that_nobody_made(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        aws.ecs.ClusterCapacityProviders(
            "cp",
            cluster_name=aws.ecs.Cluster("cl").name,
            capacity_providers=["FARGATE", *(["mine"] if step == 1 else [])],
        )

    with refused("InvalidParameterException", "'mine'"):
        stack.up(program, 1)
    stack.up(program, 2)
    stack.destroy()


# ---- secrets and parameters


def test_a_secret_that_waits_for_its_deletion_takes_no_version(stack: SmallEngine, aws_clients: Any) -> None:
    def program(step: int) -> None:
        secret = aws.secretsmanager.Secret("s", name="s46")
        if step == 2:
            aws.secretsmanager.SecretVersion("v", secret_id=secret.id, secret_string="x")

    stack.up(program, 1)
    client = aws_clients("secretsmanager")
    client.delete_secret(SecretId="s46")
    with refused("InvalidRequestException", "marked for deletion"):
        stack.up(program, 2)
    client.restore_secret(SecretId="s46")
    assert not client.list_secret_version_ids(SecretId="s46")["Versions"]
    stack.up(program, 2)
    stack.destroy()


def test_rotation_is_by_a_function_that_is_there(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        secret = aws.secretsmanager.Secret("s", name="s47", recovery_window_in_days=0)
        made = None
        if step == 3:
            role = aws.iam.Role("r", assume_role_policy=trust("lambda.amazonaws.com"))
            made = aws.lambda_.Function(
                "f", role=role.arn, runtime="python3.13", handler="a.b", s3_bucket="code-of-f", s3_key="k"
            )
        ghost = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ghost"
        arn = {1: None, 2: ghost, 3: made.arn if made else None}[step]
        aws.secretsmanager.SecretRotation(
            "rot", secret_id=secret.id, rotation_lambda_arn=arn, rotation_rules={"automatically_after_days": 30}
        )

    with refused("InvalidRequestException", "no Lambda rotation function"):
        stack.up(program, 1)
    with refused("ResourceNotFoundException", "function:ghost"):
        stack.up(program, 2)
    stack.up(program, 3)
    stack.destroy()


@every_row(
    "statement, words",
    {
        "everybody": ({"Principal": "*"}, "PublicPolicyException"),
        "one account": ({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}, ""),
    },
)
def test_a_public_policy_is_blocked(stack: SmallEngine, statement: dict[str, Any], words: str) -> None:
    def program(_: int) -> None:
        document = policy(allow(Action="secretsmanager:GetSecretValue", Resource="*", **statement))
        secret = aws.secretsmanager.Secret("s", name="s48", recovery_window_in_days=0)
        aws.secretsmanager.SecretPolicy("p", secret_arn=secret.arn, policy=document, block_public_policy=True)

    judge(stack, program, words)


def _replicas(region: str) -> Callable[[], Any]:
    return lambda: aws.secretsmanager.Secret("s", name="s49", recovery_window_in_days=0, replicas=[{"region": region}])


def _disabled() -> Any:
    key = aws.kms.Key("k", is_enabled=False)
    return aws.ssm.Parameter("p", name="/s49/p", type="SecureString", value="v", key_id=key.arn)


def _secure(key: str) -> Callable[[], Any]:
    return lambda: aws.ssm.Parameter("p", name="/s49/p", type="SecureString", value="v", key_id=key)


@every_row(
    "make, words",
    {
        "a copy nowhere": (_replicas("eu-nowhere-9"), "no Region of Secrets Manager"),
        "a copy where it is": (_replicas(REGION), "invalid replica Region"),
        "a copy": (_replicas("eu-west-1"), ""),
        "a key that is none": (_secure("alias/nobody"), "InvalidKeyId"),
        "a key that is turned off": (_disabled, "is Disabled"),
        "the account's own": (_secure("alias/aws/ssm"), ""),
        "a value in a value": (
            lambda: aws.ssm.Parameter("p", name="/s49/p", type="String", value="a {{ssm:b}}"), "cannot nest"
        ),
        "braces": (lambda: aws.ssm.Parameter("p", name="/s49/p", type="String", value='{"a": {"b": 1}}'), ""),
    },
)  # fmt: skip
def test_copies_keys_and_values(stack: SmallEngine, make: Callable[[], Any], words: str) -> None:
    def program(_: int) -> None:
        make()

    judge(stack, program, words)
