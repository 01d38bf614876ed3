"""The buckets that other stacks' objects are copied into, by S3 itself (components/data/replication.py is the other end)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from components.data import bucket_policy
from components.data.bucket import Bucket, BucketAccess, BucketAccessArgs, BucketArgs
from components.security import trail
from components.security.key_policies import Purpose
from components.security.keys import Key, KeyArgs
from environments.recovery import RecoverySettings
from model.names import SITE, STATE, TRAIL_RECORDS, replica
from stacks.access_logs import access_log_bucket

#: What a copy has from its original, so that it keeps as long as that and no longer.
_AS_THE_ORIGINAL: Mapping[str, Mapping[str, Any]] = {
    SITE: {"statements": None},
    STATE: {"noncurrent_days": 365},
    TRAIL_RECORDS: {"lock_days": trail.LOCK_DAYS, "expire_days": trail.KEEP_DAYS},
}


class BucketCopies:
    """`buckets`: the name of a copy (`model.names.replica`) → its bucket. Sites have a key that CloudFront may use."""

    def __init__(self, settings: RecoverySettings, account_id: pulumi.Output[str], key_arn: pulumi.Output[str]) -> None:
        wanted = [(stack, name) for stack, names in sorted(settings.buckets.items()) for name in names]
        logs = access_log_bucket(account_id, settings.region)
        self.buckets: dict[str, Bucket] = {}
        site_key: Key | None = None
        if any(name == SITE for _, name in wanted):
            site_key = Key("site-key", KeyArgs(purpose=Purpose.SITE, account_id=account_id, region=settings.region))
        for stack, name in wanted:
            copy = replica(stack, name)
            site = site_key if name == SITE else None
            bucket = Bucket(
                copy,
                BucketArgs(
                    account_id=account_id,
                    key_arn=key_arn if site is None else site.arn,
                    log_bucket=logs.bucket_name,
                    **_AS_THE_ORIGINAL[name],
                ),
            )
            if site is not None:
                # The distribution is made after this, so it is any of the account's: what everyone may read.
                reads = pulumi.Output.all(bucket.arn, account_id).apply(
                    lambda known: [bucket_policy.distributions_read(*known)]
                )
                BucketAccess(f"{copy}-policy", BucketAccessArgs(bucket=bucket, statements=reads))
            self.buckets[copy] = bucket
