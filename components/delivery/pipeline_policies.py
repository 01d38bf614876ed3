"""What CI may do in an account, as plain documents: who it must be, and what previewing and deploying need; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model.names import branch_boundary

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


#: The folder of the state's bucket in which the stacks of pull requests have a backend of their own.
BRANCHES = "branches"

#: What roles of an environment are for: whoever deploys hands them to these services (tests/stacks/test_environment_access.py).
HANDED_TO = (
    "backup.amazonaws.com",
    "chatbot.amazonaws.com",
    "ec2.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "ecs.amazonaws.com",
    "lambda.amazonaws.com",
    "monitoring.rds.amazonaws.com",
    "s3.amazonaws.com",
    "vpc-flow-logs.amazonaws.com",
)


def state(bucket_arn: str, key_arn: str, folder: str = "") -> list[Document]:
    """Reading and locking Pulumi's state: a preview writes nothing else than its lock. `folder`: of the bucket, "" is all."""
    below = f"{bucket_arn}/{folder}/" if folder else f"{bucket_arn}/"
    within = {"Condition": {"StringLike": {"s3:prefix": f"{folder}/*"}}} if folder else {}
    return [
        {"Sid": "ListState", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket_arn, **within},
        {"Sid": "ReadState", "Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{below}*"},
        {
            "Sid": "Locks",
            "Effect": "Allow",
            "Action": ["s3:DeleteObject", "s3:PutObject"],
            "Resource": f"{below}.pulumi/locks/*",
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
    return {
        "Version": "2012-10-17",
        "Statement": [
            *state(bucket_arn, key_arn),
            {"Sid": "WriteState", "Effect": "Allow", "Action": "s3:PutObject", "Resource": f"{bucket_arn}/.pulumi/*"},
            *_roles(account_id, [f"{project}-{stack}-*" for stack in stacks]),
            *_refused(),
            _no_master_password(account_id),
        ],
    }


def branch(bucket_arn: str, key_arn: str, account_id: str, project: str, repository: str) -> Document:
    """What an environment of a pull request needs besides PowerUserAccess; it runs that request's own program.

    So it is held to what is named or tagged as a stack `pr-*`, wherever AWS lets a policy tell: roles, buckets, secrets,
    databases, logs and the like by name, the rest by the tag `Environment`, records of a zone by their names. It reads the
    state of such stacks alone, and adds images to `repository` (a name in ECR) without touching those that are there.
    """
    ours = f"{project}-pr-*"
    images = f"arn:aws:ecr:*:{account_id}:repository/{repository}"
    state_folder = f"{bucket_arn}/{BRANCHES}/.pulumi/*"
    return {
        "Version": "2012-10-17",
        "Statement": [
            *state(bucket_arn, key_arn, BRANCHES),
            {
                "Sid": "WriteState",
                "Effect": "Allow",
                "Action": ["s3:DeleteObject", "s3:PutObject"],
                "Resource": state_folder,
            },
            *_roles(account_id, [ours], boundary_arn(account_id, project)),
            *_refused(),
            _not_others_by_name(account_id, project, bucket_arn, f"{bucket_arn}/{BRANCHES}/*"),
            _no_master_password(account_id),
            {
                "Sid": "OnlyItsFolder",
                "Effect": "Deny",
                "Action": "s3:ListBucket",
                "Resource": bucket_arn,
                "Condition": {"StringNotLike": {"s3:prefix": f"{BRANCHES}/*"}},
            },
            {"Sid": "NotTheBucket", "Effect": "Deny", "NotAction": "s3:ListBucket", "Resource": bucket_arn},
            {
                "Sid": "NotTheKey",
                "Effect": "Deny",
                "NotAction": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
                "Resource": key_arn,
            },
            _not_others_by_tag(key_arn, images, "arn:aws:route53:::hostedzone/*"),
            {
                "Sid": "NotAsOthers",
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": {
                    "StringNotLike": {"aws:RequestTag/Environment": "pr-*"},
                    "Null": {"aws:RequestTag/Environment": "false"},
                },
            },
            {
                "Sid": "NotOthersRecords",
                "Effect": "Deny",
                "Action": "route53:ChangeResourceRecordSets",
                "Resource": "*",
                "Condition": {
                    "ForAnyValue:StringNotLike": {
                        "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["pr-*", "*.pr-*"]
                    }
                },
            },
            {
                "Sid": "NotTheZone",
                "Effect": "Deny",
                "Action": ["route53:*HostedZone*", "route53:*DNSSEC", "route53:*KeySigningKey*"],
                "Resource": "*",
            },
            {
                "Sid": "NotOthersImages",
                "Effect": "Deny",
                "Action": ["ecr:*Delete*", "ecr:*Policy", "ecr:Put*Configuration", "ecr:PutImageTagMutability"],
                "Resource": "*",
            },
        ],
    }


def boundary_arn(account_id: str, project: str) -> str:
    """The boundary of every role that an environment of a pull request makes."""
    return f"arn:aws:iam::{account_id}:policy/{branch_boundary(project)}"


def boundary(account_id: str, project: str, repository: str) -> Document:
    """What the roles of such an environment can be allowed at most: what its own program writes into them is not reviewed.

    Without it the program could make a role that may do what its job may not, and hand that to a task.
    """
    images = f"arn:aws:ecr:*:{account_id}:repository/{repository}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AtMost",
                "Effect": "Allow",
                "NotAction": ["account:*", "iam:*", "organizations:*", "sts:AssumeRole"],
                "Resource": "*",
            },
            _not_others_by_name(account_id, project),
            _not_others_by_tag(images),
        ],
    }


def _no_master_password(account_id: str) -> Document:
    """RDS has whoever makes a database make the secret of its master password, under a name that does not say whose it is;
    only the task that makes the services' databases reads it."""
    return {
        "Sid": "NoMasterPassword",
        "Effect": "Deny",
        "NotAction": ["secretsmanager:CreateSecret", "secretsmanager:DescribeSecret", "secretsmanager:TagResource"],
        "Resource": f"arn:aws:secretsmanager:*:{account_id}:secret:rds!*",
    }


def _not_others_by_name(account_id: str, project: str, *besides: str) -> Document:
    """Buckets and secrets of other stacks; `besides`: ARNs that are not refused either."""
    own = [
        f"arn:aws:s3:::{project}-pr-*",
        f"arn:aws:secretsmanager:*:{account_id}:secret:{project}/pr-*",
        f"arn:aws:secretsmanager:*:{account_id}:secret:rds!*",
    ]
    return {
        "Sid": "NotOthersByName",
        "Effect": "Deny",
        "Action": ["s3:*", "secretsmanager:*"],
        "NotResource": [*own, *besides],
    }


def _not_others_by_tag(*besides: str) -> Document:
    """What is tagged as another environment's; `besides`: ARNs that are not refused."""
    return {
        "Sid": "NotOthersByTag",
        "Effect": "Deny",
        "Action": "*",
        "NotResource": list(besides),
        "Condition": {
            "StringNotLike": {"aws:ResourceTag/Environment": "pr-*"},
            "Null": {"aws:ResourceTag/Environment": "false"},
        },
    }


#: What gives a role rights: with a boundary only for roles that have it. IAM asks for it in these actions alone.
_GIVING = (
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
)


def _roles(account_id: str, names: Sequence[str], bound: str = "") -> list[Document]:
    """Making roles and instance profiles of these names, and handing roles to the services that take them.

    `bound`: the boundary (its ARN) that every role has to have; default: none.
    """
    roles, profiles = (
        [f"arn:aws:iam::{account_id}:{kind}/{name}" for name in names] for kind in ("role", "instance-profile")
    )
    giving = [action for action in _GIVING if bound or action != "iam:PutRolePermissionsBoundary"]
    held = {"Condition": {"ArnEquals": {"iam:PermissionsBoundary": bound}}} if bound else {}
    return [
        {"Sid": "RightsOfRoles", "Effect": "Allow", "Action": giving, "Resource": roles, **held},
        {
            "Sid": "Roles",
            "Effect": "Allow",
            "Action": [
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListInstanceProfilesForRole",
                "iam:ListRolePolicies",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRoleDescription",
            ],
            "Resource": roles,
        },
        {
            "Sid": "InstanceProfiles",
            "Effect": "Allow",
            "Action": [
                "iam:AddRoleToInstanceProfile",
                "iam:CreateInstanceProfile",
                "iam:DeleteInstanceProfile",
                "iam:GetInstanceProfile",
                "iam:RemoveRoleFromInstanceProfile",
                "iam:TagInstanceProfile",
                "iam:UntagInstanceProfile",
            ],
            # Roles are added to profiles, so both are asked about.
            "Resource": [*profiles, *roles],
        },
        {
            "Sid": "PassRoles",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": roles,
            "Condition": {"StringEquals": {"iam:PassedToService": list(HANDED_TO)}},
        },
    ]


def _refused() -> list[Document]:
    """What no job may do, whatever PowerUserAccess says."""
    return [
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
    ]
