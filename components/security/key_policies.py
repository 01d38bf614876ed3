"""Key policies as plain documents: the account decides by IAM, and each AWS service gets only what it must do with the key."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

Statement = dict[str, Any]

_USE = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:DescribeKey"]


class Purpose(StrEnum):
    """A class of data with a key of its own."""

    DATA = "data"
    SITE = "site"
    LOGS = "logs"
    SECRETS = "secrets"
    AUDIT = "audit"
    STATE = "state"
    IMAGES = "images"
    BACKUPS = "backups"


def document(purpose: Purpose, account_id: str, region: str, *, copied_by: str | None = None) -> dict[str, Any]:
    """The policy of the key for `purpose` in `region`; `copied_by`: another account whose AWS Backup copies what is in it."""
    services = {
        Purpose.DATA: [],
        Purpose.SITE: [_cloudfront_reads(account_id)],
        Purpose.LOGS: [_log_groups(account_id, region), _notices(account_id)],
        Purpose.SECRETS: [],
        Purpose.AUDIT: [_log_groups(account_id, region), _notices(account_id), *_recorders(account_id, region)],
        Purpose.STATE: [],
        Purpose.IMAGES: [],
        Purpose.BACKUPS: [],
    }
    copies = [] if copied_by is None else _copies(copied_by)
    return {"Version": "2012-10-17", "Statement": [_account(account_id), *services[purpose], *copies]}


def _copies(account_id: str) -> list[Statement]:
    """AWS Backup of another account, by its service-linked role, which nobody can take (AWS Backup Developer Guide, "Encryption
    for a backup copy to a different account"): no person or task there can use the key."""
    role = f"arn:aws:iam::{account_id}:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
    other = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
        "Resource": "*",
    }
    only = {"ArnEquals": {"aws:PrincipalArn": role}}
    return [
        {"Sid": "BackupsAreCopied", **other, "Action": _USE, "Condition": only},
        {
            "Sid": "CopyingIsGranted",
            **other,
            "Action": ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
            "Condition": {**only, "Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
    ]


def signs_zones(account_id: str) -> dict[str, Any]:
    """The policy of a key by which Route 53 signs zones (Developer Guide, "Working with customer managed keys for DNSSEC")."""
    principal = {"Service": "dnssec-route53.amazonaws.com"}
    signs = {
        "Sid": "ZonesAreSigned",
        "Effect": "Allow",
        "Principal": principal,
        "Action": ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign"],
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account_id},
            "ArnLike": {"aws:SourceArn": "arn:aws:route53:::hostedzone/*"},
        },
    }
    grants = {
        "Sid": "SigningIsGranted",
        "Effect": "Allow",
        "Principal": principal,
        "Action": "kms:CreateGrant",
        "Resource": "*",
        "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}, "StringEquals": {"aws:SourceAccount": account_id}},
    }
    return {"Version": "2012-10-17", "Statement": [_account(account_id), signs, grants]}


def signs_images(account_id: str, role_arn: str) -> dict[str, Any]:
    """The policy of the key of images: IAM decides who reads its public half, and one role alone signs."""
    others = {
        "Sid": "NobodyElseSigns",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "kms:Sign",
        "Resource": "*",
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": role_arn}},
    }
    return {"Version": "2012-10-17", "Statement": [_account(account_id), others]}


def _account(account_id: str) -> Statement:
    """IAM policies of this account decide; without this statement nobody could ever change the key again."""
    return {
        "Sid": "AccountDecidesByIam",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }


def _log_groups(account_id: str, region: str) -> Statement:
    """CloudWatch Logs, for log groups of this account and Region: it names the group in the encryption context."""
    return {
        "Sid": "LogGroups",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": _USE,
        "Resource": "*",
        "Condition": {
            "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account_id}:log-group:*"}
        },
    }


def _notices(account_id: str) -> Statement:
    """CloudWatch alarms, and events of RDS and EventBridge, which publish to encrypted SNS topics."""
    return {
        "Sid": "NoticesPublish",
        "Effect": "Allow",
        "Principal": {"Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com", "events.rds.amazonaws.com"]},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
    }


def _recorders(account_id: str, region: str) -> list[Statement]:
    """CloudTrail and Config, which write what happens in the account."""
    return [
        {
            "Sid": "TrailWrites",
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": ["kms:DescribeKey", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account_id},
                "ArnLike": {"aws:SourceArn": f"arn:aws:cloudtrail:{region}:{account_id}:trail/*"},
            },
        },
        {
            "Sid": "ConfigWrites",
            "Effect": "Allow",
            "Principal": {"Service": "config.amazonaws.com"},
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
        },
    ]


def _cloudfront_reads(account_id: str) -> Statement:
    """CloudFront's origin access control, which reads the site's encrypted objects."""
    return {
        "Sid": "CloudFrontReads",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:cloudfront::{account_id}:distribution/*"}},
    }
