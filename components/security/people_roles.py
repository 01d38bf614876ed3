"""The roles that people take in an account (to look, to ask AWS for help, to break the glass), and the group of its users."""

from __future__ import annotations

import json
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

#: What a user without a second factor may still do: set one up, and show it (IAM User Guide, "AWS: Allows MFA-authenticated IAM
#: users to manage their own credentials").
WITHOUT_A_FACTOR = (
    "iam:CreateVirtualMFADevice",
    "iam:EnableMFADevice",
    "iam:GetMFADevice",
    "iam:GetUser",
    "iam:ListMFADevices",
    "iam:ListVirtualMFADevices",
    "iam:ResyncMFADevice",
    "sts:GetSessionToken",
)

#: How long ago the second factor may have been shown, in seconds.
FACTOR_AGE = 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleRolesArgs:
    """Whose people: those whom IAM of this account lets take a role."""

    account_id: pulumi.Input[str]


class PeopleRoles(Component):
    """The roles of ROLES, each for an hour and with a second factor; and a group that holds its users to one.

    People come by roles. Where an account has users of IAM all the same, they belong into the group: until they have shown a
    second factor they may do nothing but set one up, whatever else they are given. Which roles its members may take is added
    by whoever lets them in.

    Makes: for each role ``aws:iam:Role`` (``<role>``) and a ``RolePolicyAttachment`` (``<role>-<n>``) per policy;
    ``aws:iam:Group`` (``users``) and its ``GroupPolicy`` (``users-second-factor``).
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
        users = self.make("users", iam.Group, iam.GroupArgs(name=self.physical_name("users")))
        self.make(
            "users-second-factor",
            iam.GroupPolicy,
            iam.GroupPolicyArgs(name="second-factor", group=users.name, policy=json.dumps(held_to_a_factor())),
        )
        self.arns: Mapping[str, pulumi.Output[str]] = arns
        self.register_outputs({"arns": arns})


def held_to_a_factor() -> dict[str, Any]:
    """What a user may do for himself, and what nobody may without a second factor."""
    own = "arn:aws:iam::*:user/${aws:username}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "OwnPassword",
                "Effect": "Allow",
                "Action": ["iam:ChangePassword", "iam:GetUser"],
                "Resource": own,
            },
            {
                "Sid": "OwnSecondFactor",
                "Effect": "Allow",
                "Action": [
                    "iam:CreateVirtualMFADevice",
                    "iam:DeactivateMFADevice",
                    "iam:EnableMFADevice",
                    "iam:GetMFADevice",
                    "iam:ListMFADevices",
                    "iam:ResyncMFADevice",
                ],
                "Resource": [own, "arn:aws:iam::*:mfa/${aws:username}*"],
            },
            {
                "Sid": "NothingElseWithoutOne",
                "Effect": "Deny",
                "NotAction": list(WITHOUT_A_FACTOR),
                "Resource": "*",
                "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
            },
        ],
    }


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
