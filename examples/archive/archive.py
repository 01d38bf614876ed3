"""A component written outside of Matchday: a bucket that keeps documents, and a queue that says what came in."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component
from components.data.bucket import Bucket, BucketArgs


@dataclass(frozen=True, kw_only=True)
class ArchiveArgs:
    """What an archive is made from.

    - account_id: the account's number.
    - key_arn: KMS key of the documents and of the queue.
    - keep_days: documents are deleted at this age.
    """

    account_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    keep_days: int


class Archive(Component):
    """Makes: a `data.Bucket` (``documents``) and two ``aws:sqs:Queue`` (``arrivals``; ``dead``: what cannot be processed)."""

    def __init__(self, name: str, args: ArchiveArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.documents = Bucket(
            f"{name}-documents",
            BucketArgs(
                account_id=args.account_id,
                key_arn=args.key_arn,
                expire_days=args.keep_days,
                relaxed={"access_logs": "nobody but the archive's own role reads it"},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        dead = self._queue("dead", args.key_arn)
        self.arrivals = self._queue(
            "arrivals",
            args.key_arn,
            redrive_policy=pulumi.Output.json_dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 5}),
        )
        self.register_outputs({"bucket": self.documents.name, "queue": self.arrivals.url})

    def _queue(self, role: str, key_arn: pulumi.Input[str], **more: pulumi.Input[str]) -> aws.sqs.Queue:
        return self.make(
            role,
            aws.sqs.Queue,
            aws.sqs.QueueArgs(
                name=f"{self.name}-{role}", kms_master_key_id=key_arn, message_retention_seconds=1_209_600, **more
            ),
        )
