"""The bastion: nothing reaches it, one document starts sessions, all of them are recorded, and it is never old."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from components.base import Component
from components.security import bastion_plan
from components.security.bastion import Bastion, BastionArgs
from tests.components.conftest import ACCOUNT, REGION, Lint, Recorded, lint
from tests.components.examples import Example

__all__ = ["lint"]  # a fixture

Run = Callable[..., Recorded]
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
ARGS = BastionArgs(
    account_id=ACCOUNT,
    region=REGION,
    subnet_ids=["subnet-a", "subnet-b"],
    security_group_id="sg-bastion",
    logs_key_arn=KEY,
)

EXAMPLES: Mapping[type[Component], Example] = {
    Bastion: lambda name, transform: Bastion(name, ARGS, transform=transform)
}


def build(run: Run) -> Recorded:
    return run(lambda: Bastion("bastion", ARGS), stack_name="prod")


def policy(recorded: Recorded, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(recorded.named(name).inputs["policy"])
    return found


def statement(document: Mapping[str, Any], sid: str) -> dict[str, Any]:
    (found,) = [each for each in document["Statement"] if each["Sid"] == sid]
    return dict(found)


def test_it_has_no_public_address_no_key_and_asks_for_tokens(run: Run) -> None:
    template = build(run).named("bastion-template").inputs
    (interface,) = template["networkInterfaces"]
    assert interface["associatePublicIpAddress"] == "false" and interface["securityGroups"] == ["sg-bastion"]
    assert "keyName" not in template
    assert template["metadataOptions"]["httpTokens"] == "required"
    assert template["metadataOptions"]["httpPutResponseHopLimit"] == 1
    assert template["blockDeviceMappings"][0]["ebs"]["encrypted"] == "true"
    assert "postgresql17" in base64.b64decode(template["userData"]).decode()


def test_it_is_replaced_every_week_by_the_latest_image_without_a_difference_in_the_plan(run: Run) -> None:
    recorded = build(run)
    group = recorded.named("bastion").inputs
    assert (group["minSize"], group["maxSize"], group["desiredCapacity"]) == (1, 1, 1)
    assert group["maxInstanceLifetime"] == 7 * 86_400
    assert recorded.named("bastion-template").inputs["imageId"].startswith("resolve:ssm:/aws/service/ami-amazon-linux")
    assert {tag["key"]: tag["value"] for tag in group["tags"]}["Component"] == "bastion"


def test_sessions_are_recorded_while_they_go_on_and_end(run: Run) -> None:
    recorded = build(run)
    document = recorded.named("bastion-session").inputs
    assert document["documentType"] == "Session"
    inputs = json.loads(document["content"])["inputs"]
    assert inputs["cloudWatchLogGroupName"] == "/matchday/prod/bastion/sessions"
    assert inputs["cloudWatchEncryptionEnabled"] and inputs["cloudWatchStreamingEnabled"]
    assert inputs["kmsKeyId"] == KEY
    assert int(inputs["idleSessionTimeout"]) < int(inputs["maxSessionDuration"]) <= 60


def test_an_operator_starts_recorded_sessions_on_this_bastion_and_nothing_else(run: Run) -> None:
    """A tunnel, or a shell by AWS's own document, would be recorded nowhere."""
    recorded = build(run)
    document = policy(recorded, "bastion-operator-policy")
    start = statement(document, "StartSessions")
    assert start["Resource"] == [f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*"]
    assert start["Condition"]["StringEquals"] == {
        "ssm:resourceTag/Component": "bastion",
        "ssm:resourceTag/Environment": "prod",
    }
    assert start["Condition"]["BoolIfExists"] == {"ssm:SessionDocumentAccessCheck": "true"}
    (named,) = statement(document, "ByTheRecordedDocument")["Resource"]
    assert named == recorded.named("bastion-session").outputs["arn"] and "*" not in named
    trust = json.loads(recorded.named("bastion-operator").inputs["assumeRolePolicy"])["Statement"][0]
    assert trust["Condition"]["Bool"] == {"aws:MultiFactorAuthPresent": "true"}
    instance = {
        tag["key"]: tag["value"]
        for each in recorded.named("bastion-template").inputs["tagSpecifications"]
        if each["resourceType"] == "instance"
        for tag in [{"key": key, "value": value} for key, value in each["tags"].items()]
    }
    assert (
        start["Condition"]["StringEquals"].items()
        <= {f"ssm:resourceTag/{key}": value for key, value in instance.items()}.items()
    ), "the instance carries the tags that the operator's policy asks for"


def test_the_host_reads_no_parameter_and_no_secret(run: Run, lint: Lint) -> None:
    recorded = build(run)
    document = policy(recorded, "bastion-host-policy")
    actions = {action for each in document["Statement"] for action in each["Action"]}
    assert not {action for action in actions if action.startswith(("ssm:Get", "secretsmanager:", "s3:"))}
    for name in ("bastion-host-policy", "bastion-operator-policy"):
        assert lint(policy(recorded, name)) == []


def test_a_bastion_that_is_gone_is_a_ticket() -> None:
    (gone,) = bastion_plan.signals("group")
    assert (gone.severity, gone.missing, gone.runbook) == ("ticket", "breaching", "bastion")
