"""What goes through the endpoints of an environment's network is what its roles may do, by each endpoint's policy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.emulator.authorization.decisions import Ask, Policies, refusal
from tests.components.conftest import Recorded
from tests.components.examples import ACCOUNT
from tests.stacks.conftest import Composed

pytestmark = pytest.mark.slow

#: Who is inside the network: tasks, for which ECS's agent acts too, and the bastion.
_INSIDE = {"ecs-tasks.amazonaws.com", "ec2.amazonaws.com"}

#: Prefix of an action → the endpoints that it goes through, where they are not called alike.
_THROUGH = {"ecr": {"ecr.api", "ecr.dkr"}}


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def asked(recorded: Recorded) -> set[str]:
    """Every action that a role inside the network may do itself: not what a service does for it (kms:ViaService)."""
    inside = {
        item.inputs["name"]
        for item in recorded.of("aws:iam/role:Role")
        for statement in json.loads(item.inputs["assumeRolePolicy"])["Statement"]
        if _INSIDE & set(_listed(statement["Principal"].get("Service", [])))
    }
    found: set[str] = set()
    for item in recorded.of("RolePolicy"):
        if item.inputs["role"] not in inside:
            continue
        for statement in json.loads(item.inputs["policy"])["Statement"]:
            assert statement["Effect"] == "Allow", item.urn
            conditions = statement.get("Condition", {}).get("StringEquals", {})
            if "kms:ViaService" not in conditions:
                found |= set(_listed(statement["Action"]))
    return found


def through(action: str) -> set[str]:
    prefix = action.partition(":")[0]
    return _THROUGH.get(prefix, {prefix})


def policies(recorded: Recorded) -> dict[str, Any]:
    return {
        item.inputs["serviceName"].rpartition("ap-south-1.")[2]: json.loads(item.inputs["policy"])
        for item in recorded.of("VpcEndpoint")
    }


def test_each_endpoint_lets_through_what_roles_may_do_and_nothing_else(composed: Composed) -> None:
    recorded = composed("prod")
    needed: dict[str, set[str]] = {}
    for action in asked(recorded):
        for service in through(action):
            needed.setdefault(service, set()).add(action)
    found = policies(recorded)
    assert set(needed) == set(found), "an endpoint for each service that is asked, and none that nobody uses"
    for service, document in found.items():
        own = document["Statement"][0]
        assert set(own["Action"]) == needed[service], service


@pytest.mark.parametrize(
    ("service", "action", "resource", "context", "allowed"),
    [
        ("s3", "s3:PutObject", "arn:aws:s3:::matchday-prod-kyc-documents/x", {}, True),
        ("s3", "s3:PutObject", "arn:aws:s3:::others/x", {"aws:resourceaccount": ["999999999999"]}, False),
        ("s3", "s3:PutObject", "arn:aws:s3:::ours/x", {"aws:principalaccount": ["999999999999"]}, False),
        ("s3", "s3:PutBucketPolicy", "arn:aws:s3:::ours", {}, False),
        ("s3", "s3:GetObject", "arn:aws:s3:::prod-ap-south-1-starport-layer-bucket/l", {"aws:resourceaccount": ["1"]}, True),
        ("s3", "s3:PutObject", "arn:aws:s3:::al2023-repos-ap-south-1-de612dc2/l", {"aws:resourceaccount": ["1"]}, False),
        ("secretsmanager", "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:::secret:a", {}, True),
        ("secretsmanager", "secretsmanager:PutSecretValue", "arn:aws:secretsmanager:::secret:a", {}, False),
        ("kms", "kms:ScheduleKeyDeletion", "arn:aws:kms:::key/1", {}, False),
        ("ecr.api", "ecr:PutImage", "arn:aws:ecr:::repository/a", {}, False),
        ("logs", "logs:DeleteLogGroup", "arn:aws:logs:::log-group:a", {}, False),
        ("ssm", "ssm:GetParameter", "arn:aws:ssm:::parameter/a", {}, False),
    ],
)  # fmt: skip
def test_what_an_endpoint_refuses(
    composed: Composed, service: str, action: str, resource: str, context: dict[str, list[str]], allowed: bool
) -> None:
    """By IAM's own rules: whatever the role, the endpoint's policy decides too."""
    document = policies(composed("prod"))[service]
    known = {"aws:principalaccount": [ACCOUNT], "aws:resourceaccount": [ACCOUNT]} | context
    role = f"arn:aws:iam::{ACCOUNT}:role/matchday-prod-any"
    assert (refusal(Ask(action, resource, known), Policies(role=role, identity=[document])) is None) == allowed
