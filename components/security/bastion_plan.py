"""The bastion's image, what is on it, who may do what with it, and what is watched; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.observability.signals import Comparison, MissingData, Severity, Signal

Document = dict[str, Any]

#: Amazon Linux 2023 for Graviton, whichever is the latest when an instance is launched (EC2 User Guide, "Use a Systems Manager
#: parameter instead of an AMI ID in your launch template").
IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"

#: Two, so that a zone that has none of the first gives the second.
INSTANCE_TYPES = ("t4g.nano", "t4g.micro")

#: A week: the shortest that is worth it; AWS takes a day at least.
LIFETIME_SECONDS = 7 * 86_400

#: Clients of the data stores, from Amazon Linux's repositories, which are in S3 of the Region.
USER_DATA = """#!/bin/bash
set -eu
dnf install -y postgresql17 valkey
"""

#: Minutes after which a session that nobody types in ends, and after which every session does.
IDLE_MINUTES, LONGEST_MINUTES = 15, 60

HOST_TRUST: Document = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def session(*, log_group: str, key_arn: str) -> Document:
    """Preferences of a session: encrypted once more by a key of ours, and written to the log while it goes on."""
    return {
        "schemaVersion": "1.0",
        "description": "A recorded shell on the bastion",
        "sessionType": "Standard_Stream",
        "inputs": {
            "cloudWatchLogGroupName": log_group,
            "cloudWatchEncryptionEnabled": True,
            "cloudWatchStreamingEnabled": True,
            "kmsKeyId": key_arn,
            "idleSessionTimeout": str(IDLE_MINUTES),
            "maxSessionDuration": str(LONGEST_MINUTES),
            "runAsEnabled": False,
            "shellProfile": {"linux": "cd; exec bash"},
        },
    }


def host(*, region: str, account_id: str, log_group_arn: str, key_arn: str) -> Document:
    """What the agent needs for sessions (Systems Manager User Guide, "Create an IAM role with minimal Session Manager
    permissions"): AWS's own policy for managed instances would let it read every parameter of the account as well."""
    return _document(
        # Which instance it will be is not known before it is launched; its agent may say so of no other account's.
        _allow("Announce", ["ssm:UpdateInstanceInformation"], [f"arn:aws:ec2:{region}:{account_id}:instance/*"]),
        _allow(
            "TakeSessions",
            [
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            ["*"],  # these actions have no resource
        ),
        _allow("FindLog", ["logs:DescribeLogGroups"], ["*"]),
        _allow(
            "RecordSessions",
            ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [log_group_arn, f"{log_group_arn}:*"],
        ),
        _allow("OpenSessions", ["kms:Decrypt"], [key_arn]),
    )


def operator(*, region: str, account_id: str, document_arn: str, key_arn: str, tags: Mapping[str, str]) -> Document:
    """Who starts sessions: on instances with `tags`, by the recorded document and no other; a tunnel is not recorded.

    `ssm:SessionDocumentAccessCheck` makes Systems Manager ask for the document's right too, where none is named.
    """
    start = _allow("StartSessions", ["ssm:StartSession"], [f"arn:aws:ec2:{region}:{account_id}:instance/*"])
    start["Condition"] = {
        "StringEquals": {f"ssm:resourceTag/{key}": value for key, value in sorted(tags.items())},
        "BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"},
    }
    return _document(
        start,
        _allow("ByTheRecordedDocument", ["ssm:StartSession"], [document_arn]),
        _allow(
            "EndOwnSessions",
            ["ssm:ResumeSession", "ssm:TerminateSession"],
            [f"arn:aws:ssm:{region}:{account_id}:session/${{aws:userid}}-*"],
        ),
        _allow("EncryptSessions", ["kms:GenerateDataKey"], [key_arn]),
        _allow("FindTheBastion", ["ec2:DescribeInstances"], ["*"]),
    )


def signals(group: str) -> list[Signal]:
    """What is watched on the Auto Scaling group of this name."""
    return [
        Signal(
            name="gone",
            summary="No bastion is in service: nobody reaches the data stores",
            namespace="AWS/AutoScaling",
            metric="GroupInServiceInstances",
            dimensions={"AutoScalingGroupName": group},
            statistic="Maximum",
            comparison=Comparison.BELOW,
            threshold=1,
            period=300,
            periods=6,
            severity=Severity.TICKET,
            runbook="bastion",
            missing=MissingData.BREACHING,
            unit_hint="instances",
        )
    ]


def _document(*statements: Mapping[str, Any]) -> Document:
    return {"Version": "2012-10-17", "Statement": [dict(statement) for statement in statements]}


def _allow(sid: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
