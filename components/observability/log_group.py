"""A log group that is encrypted and forgets on time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudwatch

from components.base import Component, Transforms
from model.limits import LOG_RETENTION_DAYS


@dataclass(frozen=True, kw_only=True, slots=True)
class LogGroupArgs:
    """One log group.

    - log_group_name: its name in CloudWatch, such as ``/matchday/prod/wallet``.
    - key_arn: KMS key in the group's Region whose policy admits CloudWatch Logs (`security.Keys.logs`).
    - retention_days: one of LOG_RETENTION_DAYS; default 365 (FSBP CloudWatch.16).
    - region: where the group lives; default the stack's.
    """

    log_group_name: str
    key_arn: pulumi.Input[str]
    retention_days: int = 365
    region: str | None = None


class LogGroup(Component):
    """A log group.

    Makes: ``aws:cloudwatch:LogGroup`` (role ``""``).
    """

    arn: pulumi.Output[str]
    log_group_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: LogGroupArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        if args.retention_days not in LOG_RETENTION_DAYS:
            accepted = ", ".join(map(str, LOG_RETENTION_DAYS))
            raise ValueError(f"log group {name!r}: retention of {args.retention_days} days; accepted: {accepted}")
        group = self.make(
            "",
            cloudwatch.LogGroup,
            cloudwatch.LogGroupArgs(
                name=args.log_group_name,
                kms_key_id=args.key_arn,
                retention_in_days=args.retention_days,
                region=args.region,
            ),
        )
        self.arn = group.arn
        self.log_group_name = group.name
        self.register_outputs({"arn": self.arn, "log_group_name": self.log_group_name})


def written_by(
    service: str,
    source_arn: pulumi.Input[str],
    *,
    sid: str,
    log_group_arn: pulumi.Input[str],
    account_id: pulumi.Input[str],
) -> dict[str, Any]:
    """The policy by which an AWS service writes to a log group: for this account, and only for what `source_arn` names."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": sid,
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": pulumi.Output.concat(log_group_arn, ":*"),
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account_id},
                    "ArnLike": {"aws:SourceArn": source_arn},
                },
            }
        ],
    }
