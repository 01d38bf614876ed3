"""The record of everything that is done in an account, which nobody can change afterwards, and what in it rings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudtrail, cloudwatch, iam

from components.base import Component, Transforms
from components.data.bucket import Bucket, BucketAccess, BucketAccessArgs, BucketArgs
from components.observability.log_group import LogGroup, LogGroupArgs
from components.security import account_events
from components.security.trust import taken_by
from model.names import log_group_name

#: Days in which nobody deletes a record, and after which it goes by itself (seven years for money).
LOCK_DAYS, KEEP_DAYS = 365, 2557


@dataclass(frozen=True, kw_only=True, slots=True)
class TrailArgs:
    """Whose trail. key_arn: a KMS key with the purpose AUDIT (`security.Key`). log_bucket: name of the access logs' bucket."""

    account_id: pulumi.Input[str]
    region: str
    key_arn: pulumi.Input[str]
    log_bucket: pulumi.Input[str]
    log_retention_days: int = 365


class Trail(Component):
    """A CloudTrail trail of every Region, with validated files.

    Makes: a `Bucket` with Object Lock (``records``) and its `BucketAccess` (``records-policy``), a `LogGroup` (``log``), an
    ``aws:iam:Role`` and ``RolePolicy`` (``delivery``, ``delivery-policy``), ``aws:cloudtrail:Trail`` (role ``""``), and an
    ``aws:cloudwatch:LogMetricFilter`` for each of `account_events.EVENTS`.

    `bucket` also takes what AWS Config records.
    """

    bucket: Bucket

    def __init__(
        self,
        name: str,
        args: TrailArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        own = pulumi.ResourceOptions(parent=self)
        self.bucket = Bucket(
            self.child_name("records"),
            BucketArgs(
                account_id=args.account_id,
                key_arn=args.key_arn,
                log_bucket=args.log_bucket,
                statements=None,
                lock_days=LOCK_DAYS,
                expire_days=KEEP_DAYS,
            ),
            own,
        )
        trail_name = self.physical_name()
        known = pulumi.Output.all(self.bucket.arn, args.account_id)
        self.access = BucketAccess(
            self.child_name("records-policy"),
            BucketAccessArgs(
                bucket=self.bucket,
                statements=known.apply(lambda all_: recorders(all_[0], all_[1], args.region, trail_name)),
            ),
            own,
        )
        log = LogGroup(
            self.child_name("log"),
            LogGroupArgs(
                log_group_name=log_group_name(pulumi.get_project(), pulumi.get_stack(), name),
                key_arn=args.key_arn,
                retention_days=args.log_retention_days,
            ),
            own,
        )
        role, policy = self._delivery(log, args)
        self.make(
            "",
            cloudtrail.Trail,
            cloudtrail.TrailArgs(
                name=trail_name,
                s3_bucket_name=self.bucket.bucket_name,
                kms_key_id=args.key_arn,
                is_multi_region_trail=True,
                include_global_service_events=True,
                enable_log_file_validation=True,
                cloud_watch_logs_group_arn=pulumi.Output.concat(log.arn, ":*"),
                cloud_watch_logs_role_arn=role.arn,
                advanced_event_selectors=[_selector("Management"), _selector("Data", "AWS::S3::Object")],
            ),
            pulumi.ResourceOptions(depends_on=[self.access.policy, policy], protect=True),
        )
        namespace = f"{pulumi.get_project()}/{pulumi.get_stack()}"
        for event, (_, pattern, _) in account_events.EVENTS.items():
            self.make(
                event,
                cloudwatch.LogMetricFilter,
                cloudwatch.LogMetricFilterArgs(
                    name=self.physical_name(event),
                    log_group_name=log.log_group_name,
                    pattern=pattern,
                    metric_transformation=cloudwatch.LogMetricFilterMetricTransformationArgs(
                        namespace=namespace, name=account_events.metric(event), value="1"
                    ),
                ),
            )
        self.signals = account_events.signals(namespace)
        self.register_outputs({"bucket": self.bucket.bucket_name})

    def _delivery(self, log: LogGroup, args: TrailArgs) -> tuple[Any, pulumi.Resource]:
        """The role by which CloudTrail writes the log, and its policy."""
        trail_arn = pulumi.Output.concat(f"arn:aws:cloudtrail:{args.region}:", args.account_id, ":trail/*")
        role = self.make(
            "delivery",
            iam.Role,
            iam.RoleArgs(
                name=self.physical_name("delivery", "iam-role"),
                description="CloudTrail writes its events to CloudWatch Logs",
                assume_role_policy=pulumi.Output.json_dumps(
                    taken_by(
                        "cloudtrail",
                        {
                            "StringEquals": {"aws:SourceAccount": args.account_id},
                            "ArnLike": {"aws:SourceArn": trail_arn},
                        },
                    )
                ),
            ),
        )
        policy = self.make(
            "delivery-policy",
            iam.RolePolicy,
            iam.RolePolicyArgs(
                name="write-events",
                role=role.name,
                policy=pulumi.Output.json_dumps(
                    {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                                "Resource": pulumi.Output.concat(log.arn, ":*"),
                            }
                        ],
                    }
                ),
            ),
        )
        return role, policy


def _selector(category: str, kind: str = "") -> cloudtrail.TrailAdvancedEventSelectorArgs:
    """Events of a category; of data, those of a kind of resource."""
    field = cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs
    fields = [field(field="eventCategory", equals=[category])]
    if kind:
        fields.append(field(field="resources.type", equals=[kind]))
    return cloudtrail.TrailAdvancedEventSelectorArgs(name=f"{category} events", field_selectors=fields)


def recorders(bucket_arn: str, account_id: str, region: str, trail: str) -> list[dict[str, Any]]:
    """What the bucket's policy lets CloudTrail and Config do: look at its owner, and write under their own prefix."""
    sources = {
        "cloudtrail.amazonaws.com": ("Trail", f"arn:aws:cloudtrail:{region}:{account_id}:trail/{trail}", "CloudTrail"),
        "config.amazonaws.com": ("Config", f"arn:aws:config:{region}:{account_id}:*", "Config"),
    }
    found: list[dict[str, Any]] = []
    for service, (sid, source, prefix) in sources.items():
        mine = {"StringEquals": {"aws:SourceAccount": account_id}, "ArnLike": {"aws:SourceArn": source}}
        found += [
            {
                "Sid": f"{sid}Looks",
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
                "Resource": bucket_arn,
                "Condition": mine,
            },
            {
                "Sid": f"{sid}Writes",
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "s3:PutObject",
                "Resource": f"{bucket_arn}/AWSLogs/{account_id}/{prefix}/*",
                "Condition": {
                    **mine,
                    "StringEquals": {**mine["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"},
                },
            },
        ]
    return found
