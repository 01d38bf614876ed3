"""The bucket of access logs of a stack that has no network: S3's alone."""

from __future__ import annotations

import pulumi

from components.data import bucket_policy
from components.data.bucket import Bucket, BucketAccess, BucketAccessArgs, BucketArgs


def access_log_bucket(account_id: pulumi.Output[str], region: str) -> Bucket:
    """Who read the stack's buckets; it takes no log of its own, which would never end."""
    bucket = Bucket(
        "access-logs",
        BucketArgs(
            account_id=account_id,
            statements=None,
            expire_days=400,
            relaxed={
                "kms": "S3 delivers access logs only to buckets with S3's own keys",
                "access_logs": "logs of the log bucket in the log bucket would never end",
            },
        ),
    )
    deliveries = pulumi.Output.all(bucket.arn, account_id).apply(
        lambda known: bucket_policy.log_deliveries(known[0], known[1], region)
    )
    BucketAccess("access-logs-policy", BucketAccessArgs(bucket=bucket, statements=deliveries))
    return bucket
