"""Resource options: replacement asked for, deletion first with its dependents, protection, import, two Regions."""

from __future__ import annotations

from typing import Any

import pulumi_aws as aws
import pytest

from tests.localcloud.provider.programs.parts import ids, network, task
from tests.localcloud.provider.programs.small_engine import Options, SmallEngine, refused

pytestmark = pytest.mark.process


def test_replace_on_changes_replaces_what_would_be_updated(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        aws.sqs.Queue("q", delay_seconds=step, opts=Options(replace_on_changes=["delaySeconds"]))
        aws.sqs.Queue("r", delay_seconds=step, opts=Options(replace_on_changes=["visibilityTimeoutSeconds"]))

    stack.up(program, 1)
    assert stack.up(program, 2).changes == {"replace": {"q"}, "update": {"r"}}
    stack.destroy()


def test_deleted_first_takes_along_what_must_be_replaced_too(stack: SmallEngine) -> None:
    """A new cluster makes a new service: the service goes before its cluster."""

    def program(step: int) -> None:
        _, subnets = network("df", 110)
        cluster = aws.ecs.Cluster("c", name=f"first-{step}", opts=Options(delete_before_replace=True))
        at = {"subnets": ids(subnets)}
        aws.ecs.Service(
            "s",
            cluster=cluster.arn,
            task_definition=task("df").arn,
            launch_type="FARGATE",
            network_configuration=at,
        )

    stack.up(program, 1)
    done = stack.up(program, 2)
    assert [item for item in done.order if not item.startswith("same")] == [
        "delete s", "delete c", "replace c", "create s",
    ]  # fmt: skip
    stack.destroy()


def test_protected_resources_are_neither_replaced_nor_deleted(stack: SmallEngine) -> None:
    def program(step: int) -> None:
        aws.sqs.Queue("q", name=f"protected-{2 - step % 2}", opts=Options(protect=step < 3))

    stack.up(program, 1)
    with refused("protected"):
        stack.up(program, 2)
    with refused("protected"):
        stack.destroy()
    stack.up(program, 3)  # as it was, no longer protected
    assert stack.up(program, 4).changes == {"replace": {"q"}}
    stack.destroy()


def test_imported_when_the_inputs_say_what_is_there(stack: SmallEngine, aws_clients: Any) -> None:
    aws_clients("logs").create_log_group(logGroupName="/imported")
    aws_clients("logs").put_retention_policy(logGroupName="/imported", retentionInDays=7)

    def program(step: int) -> None:
        days = 14 if step == 1 else 7
        aws.cloudwatch.LogGroup("g", name="/imported", retention_in_days=days, opts=Options(import_="/imported"))

    with refused("do not match", "retentionInDays"):
        stack.up(program, 1)
    assert stack.up(program, 2).changes == {"import": {"g"}}
    assert stack.preview(program, 2).changes == {}
    stack.destroy()


def test_two_providers_are_two_regions(stack: SmallEngine, core: Any) -> None:
    def program(_: int) -> None:
        for region in ("ap-south-1", "us-east-1"):
            provider = aws.Provider(region, region=region)
            aws.sqs.Queue(f"q-{region}", name="in-both", opts=Options(provider=provider))
        aws.sqs.Queue("q-own", name="in-eu", region="eu-west-1")

    stack.up(program)
    for region, name in (("ap-south-1", "in-both"), ("us-east-1", "in-both"), ("eu-west-1", "in-eu")):
        urls = core.clients.client("sqs", region).list_queues(QueueNamePrefix=name)["QueueUrls"]
        assert len(urls) == 1
    assert stack.preview(program).changes == {}
    stack.destroy()
