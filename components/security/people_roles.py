"""The roles that people take in an account: to look, to ask AWS for help, and to break the glass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import iam

from components.base import Component, Transforms

#: Role → what it is for, and AWS's own policies that it has.
ROLES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "auditor": ("Auditors look at everything and change nothing", ("SecurityAudit", "job-function/ViewOnlyAccess")),
    "support": ("Cases with AWS Support", ("AWSSupportAccess",)),
    "break-glass": (
        "When nothing else helps: every use pages, and is explained afterwards",
        ("PowerUserAccess", "IAMFullAccess"),
    ),
}

#: How long ago the second factor may have been shown, in seconds.
FACTOR_AGE = 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleRolesArgs:
    """Whose people: those whom IAM of this account lets take a role."""

    account_id: pulumi.Input[str]


class PeopleRoles(Component):
    """The roles of ROLES, each for an hour and with a second factor.

    Makes: for each role ``aws:iam:Role`` (``<role>``) and a ``RolePolicyAttachment`` (``<role>-<n>``) per policy.
    """

    def __init__(
        self,
        name: str,
        args: PeopleRolesArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        arns: dict[str, pulumi.Output[str]] = {}
        document = pulumi.Output.json_dumps(pulumi.Output.from_input(args.account_id).apply(trust))
        for role, (description, policies) in ROLES.items():
            made = self.make(
                role,
                iam.Role,
                iam.RoleArgs(
                    name=self.physical_name(role, "iam-role"),
                    description=description,
                    max_session_duration=3600,
                    assume_role_policy=document,
                ),
            )
            for number, policy in enumerate(policies, start=1):
                self.make(
                    f"{role}-{number}",
                    iam.RolePolicyAttachment,
                    iam.RolePolicyAttachmentArgs(role=made.name, policy_arn=f"arn:aws:iam::aws:policy/{policy}"),
                )
            arns[role] = made.arn
        self.arns: Mapping[str, pulumi.Output[str]] = arns
        self.register_outputs({"arns": arns})


def trust(account_id: str) -> dict[str, Any]:
    """Who may take a role: whom this account's IAM lets, if they showed a second factor within the hour."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "PeopleWithASecondFactor",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "Bool": {"aws:MultiFactorAuthPresent": "true"},
                    "NumericLessThan": {"aws:MultiFactorAuthAge": str(FACTOR_AGE)},
                },
            }
        ],
    }
