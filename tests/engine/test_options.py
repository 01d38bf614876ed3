"""Aliases, targeted updates and what was deleted behind the engine's back: through the real engine and the local provider."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from localcloud.engine.run import Result
from tests.engine.engines import FarEnd

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engine"), pytest.mark.nightly]

PROGRAM = """
import pulumi
from pulumi_aws import Provider, sns, sqs

later = pulumi.Config().get_bool("later") or False
tagged = Provider("tagged", region="ap-south-1", default_tags={"tags": {"Team": "wallet"}})
tags = pulumi.ResourceOptions(provider=tagged)
renamed = pulumi.ResourceOptions(provider=tagged, aliases=[pulumi.Alias(name="first")]) if later else tags
queue = sqs.Queue("second" if later else "first", name="options-kept", tags={"Own": "1"}, opts=renamed)
sqs.Queue("gone", name="options-gone", opts=tags)
sns.Topic("topic", name="options", display_name="Later" if later else "Before", opts=tags)
pulumi.export("url", queue.url)
pulumi.export("tags", queue.tags_all)
"""

LATER = {"matchday:later": "true"}


def _done(result: Result) -> set[tuple[str, str]]:
    return {(change.name, change.operation) for change in result.resources}


def test_a_renamed_resource_stays_a_target_alone_changes_and_what_is_gone_comes_back(
    far_end_of: Callable[[str], FarEnd],
) -> None:
    far_end = far_end_of(PROGRAM)
    workspace, queues = far_end.workspace, far_end.client("sqs")
    try:
        workspace.run(["up", "--yes", "--skip-preview"], "local")
        url = queues.get_queue_url(QueueName="options-kept")["QueueUrl"]
        assert queues.list_queue_tags(QueueUrl=url)["Tags"] == {"Own": "1", "Team": "wallet"}, (
            "default tags, and its own"
        )

        topic = "urn:pulumi:local::matchday::aws:sns/topic:Topic::topic"
        done = workspace.run(["up", "--yes", "--skip-preview", "--target", topic], "local", config=LATER)
        assert _done(done) == {("topic", "update")}

        queues.delete_queue(QueueUrl=queues.get_queue_url(QueueName="options-gone")["QueueUrl"])
        done = workspace.run(["up", "--yes", "--skip-preview", "--refresh"], "local", config=LATER)
        assert _done(done) == {("gone", "create")}, "the renamed queue is the same one"
        assert queues.get_queue_url(QueueName="options-kept")["QueueUrl"] == url

        assert not workspace.run(["preview", "--refresh"], "local", config=LATER).resources
    finally:
        workspace.run(["destroy", "--yes", "--skip-preview"], "local", config=LATER)
    assert not queues.list_queues().get("QueueUrls")
