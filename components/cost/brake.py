"""What happens by itself when a month's budget is spent: nothing new is made that costs by the hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import budgets, iam

from components.base import Component, Transforms
from components.security.trust import taken_by

#: What begins to cost by the hour or by what it holds. What stands stays, is changed, scaled and taken away as before: the day
#: on which the budget is spent may be the day of an incident.
NOTHING_NEW = (
    "cloudfront:CreateDistribution*",
    "ec2:AllocateAddress",
    "ec2:CreateNatGateway",
    "ec2:CreateVpcEndpoint",
    "ec2:RunInstances",
    "ecs:CreateCluster",
    "ecs:CreateService",
    "elasticache:CreateCacheCluster",
    "elasticache:CreateReplicationGroup",
    "elasticache:CreateServerlessCache",
    "elasticloadbalancing:CreateLoadBalancer",
    "rds:CreateDBCluster*",
    "rds:CreateDBInstance*",
)

#: Percent of the month's budget, really spent, at which it acts.
SPENT = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class BrakeArgs:
    """What is held, and when.

    - budget_name: of the account's budget. emails: who is mailed when it acts, 1 to 10.
    - role_arns: role → the ARN of a role that makes environments; the policy is attached to each.
    """

    account_id: pulumi.Input[str]
    budget_name: pulumi.Input[str]
    role_arns: Mapping[str, pulumi.Input[str]]
    emails: Sequence[str]


class Brake(Component):
    """A budget action: at SPENT percent AWS Budgets attaches a policy that denies NOTHING_NEW to the roles, and takes it off
    when the next month begins; whoever may act on budgets can take it off before (docs/runbooks/budget-spent.md).

    Makes: ``aws:iam:Policy`` (``nothing-new``), ``aws:iam:Role`` (``role``: of AWS Budgets, which may attach and detach this
    one policy at these roles), ``RolePolicy`` (``role-policy``) and ``aws:budgets:BudgetAction`` (``action``).
    """

    def __init__(
        self,
        name: str,
        args: BrakeArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        policy = self.make(
            "nothing-new",
            iam.Policy,
            iam.PolicyArgs(
                name=self.physical_name("nothing-new"),
                description="The month's budget is spent: nothing new that costs by the hour",
                policy=pulumi.Output.json_dumps(denial()),
            ),
        )
        role = self.make(
            "role",
            iam.Role,
            iam.RoleArgs(
                name=self.physical_name("role", "iam-role"),
                description="AWS Budgets holds who makes environments, once the budget is spent",
                assume_role_policy=pulumi.Output.json_dumps(pulumi.Output.from_input(args.account_id).apply(trust)),
            ),
        )
        roles = list(args.role_arns.values())
        may = self.make(
            "role-policy",
            iam.RolePolicy,
            iam.RolePolicyArgs(
                name="hold",
                role=role.name,
                policy=pulumi.Output.json_dumps(pulumi.Output.all(policy.arn, *roles).apply(lambda all_: holds(*all_))),
            ),
        )
        self.make(
            "action",
            budgets.BudgetAction,
            budgets.BudgetActionArgs(
                budget_name=args.budget_name,
                action_type="APPLY_IAM_POLICY",
                approval_model="AUTOMATIC",
                notification_type="ACTUAL",
                action_threshold=budgets.BudgetActionActionThresholdArgs(
                    action_threshold_type="PERCENTAGE", action_threshold_value=SPENT
                ),
                definition=budgets.BudgetActionDefinitionArgs(
                    iam_action_definition=budgets.BudgetActionDefinitionIamActionDefinitionArgs(
                        policy_arn=policy.arn,
                        roles=[
                            pulumi.Output.from_input(arn).apply(lambda found: found.rpartition("/")[2]) for arn in roles
                        ],
                    )
                ),
                execution_role_arn=role.arn,
                subscribers=[
                    budgets.BudgetActionSubscriberArgs(subscription_type="EMAIL", address=each) for each in args.emails
                ],
            ),
            pulumi.ResourceOptions(depends_on=[may]),
        )
        self.register_outputs({})


def denial() -> dict[str, Any]:
    """What the roles may no longer do."""
    return {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "NothingNew", "Effect": "Deny", "Action": list(NOTHING_NEW), "Resource": "*"}],
    }


def trust(account_id: str) -> dict[str, Any]:
    """AWS Budgets, for this account's budgets (Cost Management User Guide, "Setting up a role for AWS Budgets")."""
    return taken_by(
        "budgets",
        {
            "StringEquals": {"aws:SourceAccount": account_id},
            "ArnLike": {"aws:SourceArn": f"arn:aws:budgets::{account_id}:budget/*"},
        },
    )


def holds(policy_arn: str, *role_arns: str) -> dict[str, Any]:
    """Attach and detach the one policy, at these roles."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "HoldTheseRoles",
                "Effect": "Allow",
                "Action": ["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
                "Resource": list(role_arns),
                "Condition": {"ArnEquals": {"iam:PolicyARN": policy_arn}},
            }
        ],
    }
