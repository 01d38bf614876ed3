"""A spent budget holds who makes environments, by one policy, and lets what stands be operated."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from components.base import Component
from components.cost.brake import Brake, BrakeArgs, denial, holds
from localcloud.emulator.authorization.decisions import Ask, Policies, refusal
from tests.components.conftest import Lint, Recorded
from tests.components.examples import ACCOUNT, Example

Run = Callable[..., Recorded]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/matchday-account-ci-deploy"
ARGS = BrakeArgs(
    account_id=ACCOUNT, budget_name="matchday-account-month", role_arns={"deploy": ROLE}, emails=["finance@example.com"]
)

EXAMPLES: Mapping[type[Component], Example] = {Brake: lambda name, transform: Brake(name, ARGS, transform=transform)}


def test_at_all_of_the_budget_the_policy_is_attached_by_itself(run: Run, lint: Lint) -> None:
    recorded = run(lambda: Brake("brake", ARGS))
    action = recorded.named("brake-action").inputs
    assert (action["actionType"], action["approvalModel"], action["notificationType"]) == (
        "APPLY_IAM_POLICY",
        "AUTOMATIC",
        "ACTUAL",
    )
    assert action["actionThreshold"] == {"actionThresholdType": "PERCENTAGE", "actionThresholdValue": 100}
    policy = recorded.named("brake-nothing-new")
    attached = action["definition"]["iamActionDefinition"]
    assert attached == {"policyArn": policy.outputs["arn"], "roles": ["matchday-account-ci-deploy"]}
    assert action["executionRoleArn"] == recorded.named("brake-role").outputs["arn"]
    assert recorded.named("brake-role-policy").urn in recorded.named("brake-action").dependencies
    trust = json.loads(recorded.named("brake-role").inputs["assumeRolePolicy"])["Statement"][0]
    assert trust["Principal"] == {"Service": "budgets.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    for document in (denial(), holds(f"arn:aws:iam::{ACCOUNT}:policy/nothing-new", ROLE)):
        assert lint(document) == []


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("rds:CreateDBInstance", False),
        ("rds:CreateDBInstanceReadReplica", False),
        ("elasticache:CreateReplicationGroup", False),
        ("ecs:CreateService", False),
        ("ec2:RunInstances", False),
        ("ecs:UpdateService", True),
        ("ecs:RegisterTaskDefinition", True),
        ("rds:RestoreDBInstanceToPointInTime", True),
        ("rds:DeleteDBInstance", True),
        ("secretsmanager:PutSecretValue", True),
    ],
)
def test_nothing_new_begins_and_what_stands_is_operated(action: str, allowed: bool) -> None:
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    held = Policies(role=ROLE, identity=[everything, denial()])
    assert (refusal(Ask(action, "*", {}), held) is None) == allowed


@pytest.mark.parametrize(
    ("action", "resource", "policy", "allowed"),
    [
        ("iam:AttachRolePolicy", ROLE, "arn:p", True),
        ("iam:DetachRolePolicy", ROLE, "arn:p", True),
        ("iam:AttachRolePolicy", ROLE, "arn:aws:iam::aws:policy/AdministratorAccess", False),
        ("iam:AttachRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/other", "arn:p", False),
        ("iam:PutRolePolicy", ROLE, "arn:p", False),
    ],
)
def test_budgets_may_attach_this_policy_to_these_roles_alone(
    action: str, resource: str, policy: str, allowed: bool
) -> None:
    ask = Ask(action, resource, {"iam:policyarn": [policy]})
    policies = Policies(role=f"arn:aws:iam::{ACCOUNT}:role/brake", identity=[holds("arn:p", ROLE)])
    assert (refusal(ask, policies) is None) == allowed
