"""What CI may do in an account, as plain documents: who it must be, and what previewing and deploying need; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]

#: Where GitHub signs the identity of a job, and the audience that AWS asks for.
ISSUER, AUDIENCE = "token.actions.githubusercontent.com", "sts.amazonaws.com"


def trust(provider_arn: str, subjects: list[str]) -> Document:
    """Who may take a role: jobs whose subject is one of `subjects` (``repo:owner/name:…``), never one with a wildcard owner."""
    for subject in subjects:
        parts = subject.split(":")
        if len(parts) < 3 or parts[0] != "repo" or "*" in parts[1] or "/" not in parts[1]:
            raise ValueError(
                f"subject {subject!r}; accepted: repo:<owner>/<name>:<what>, without a wildcard before <what>"
            )
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Jobs",
                "Effect": "Allow",
                "Principal": {"Federated": provider_arn},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {f"{ISSUER}:aud": AUDIENCE},
                    "StringLike": {f"{ISSUER}:sub": subjects},
                },
            }
        ],
    }


def state(bucket_arn: str, key_arn: str) -> list[Document]:
    """Reading and locking Pulumi's state: a preview writes nothing else than its lock."""
    return [
        {"Sid": "ListState", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket_arn},
        {"Sid": "ReadState", "Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{bucket_arn}/*"},
        {
            "Sid": "Locks",
            "Effect": "Allow",
            "Action": ["s3:DeleteObject", "s3:PutObject"],
            "Resource": f"{bucket_arn}/.pulumi/locks/*",
        },
        {
            "Sid": "StateKey",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
            "Resource": key_arn,
        },
    ]


def preview(bucket_arn: str, key_arn: str) -> Document:
    """What a preview of a pull request needs besides ReadOnlyAccess. It never reads a secret's value: a pull request is code
    of whoever wrote it."""
    refused = {
        "Sid": "NoSecrets",
        "Effect": "Deny",
        "Action": ["secretsmanager:GetSecretValue", "ssm:GetParameter*", "kms:Decrypt"],
        "NotResource": key_arn,
    }
    return {"Version": "2012-10-17", "Statement": [*state(bucket_arn, key_arn), refused]}


def deploy(bucket_arn: str, key_arn: str, account_id: str, project: str, stacks: Sequence[str]) -> Document:
    """What a deployment needs besides PowerUserAccess: state, and roles of the environments that it deploys.

    It cannot touch the account's own guard, nor the roles of people and of CI, which have other names.
    """
    roles = [f"arn:aws:iam::{account_id}:role/{project}-{stack}-*" for stack in stacks]
    return {
        "Version": "2012-10-17",
        "Statement": [
            *state(bucket_arn, key_arn),
            {"Sid": "WriteState", "Effect": "Allow", "Action": "s3:PutObject", "Resource": f"{bucket_arn}/.pulumi/*"},
            {
                "Sid": "Roles",
                "Effect": "Allow",
                "Action": [
                    "iam:AttachRolePolicy",
                    "iam:CreateRole",
                    "iam:DeleteRole",
                    "iam:DeleteRolePolicy",
                    "iam:DetachRolePolicy",
                    "iam:GetRole",
                    "iam:GetRolePolicy",
                    "iam:ListAttachedRolePolicies",
                    "iam:ListInstanceProfilesForRole",
                    "iam:ListRolePolicies",
                    "iam:PutRolePolicy",
                    "iam:TagRole",
                    "iam:UntagRole",
                    "iam:UpdateAssumeRolePolicy",
                    "iam:UpdateRoleDescription",
                ],
                "Resource": roles,
            },
            {
                "Sid": "PassRoles",
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": roles,
                "Condition": {
                    "StringEquals": {
                        "iam:PassedToService": [
                            "ecs-tasks.amazonaws.com",
                            "monitoring.rds.amazonaws.com",
                            "vpc-flow-logs.amazonaws.com",
                        ]
                    }
                },
            },
            # PowerUserAccess would let it take any role that trusts the account.
            {"Sid": "NoOtherRole", "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"},
            {
                "Sid": "NotTheAccountsGuard",
                "Effect": "Deny",
                "Action": [
                    "cloudtrail:DeleteTrail",
                    "cloudtrail:StopLogging",
                    "cloudtrail:UpdateTrail",
                    "config:DeleteConfigurationRecorder",
                    "config:StopConfigurationRecorder",
                    "guardduty:DeleteDetector",
                    "securityhub:DisableSecurityHub",
                ],
                "Resource": "*",
            },
        ],
    }
