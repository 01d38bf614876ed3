"""A private bucket: encrypted, versioned, TLS only, logged, and tidied by rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pulumi
from pulumi_aws import s3

from components.base import Component, Transforms
from components.data import bucket_policy
from model.names import bucket_stem

#: Access logs go under `s3/<component>/` of the log bucket, which `bucket_policy.log_deliveries` admits.
_LOG_PREFIX = "s3"


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketArgs:
    """What a bucket is made from.

    - account_id: the account's number; part of the bucket's name, which is unique in the world.
    - key_arn: KMS key (`security.Keys.data`). None means S3's own keys and must be relaxed as ``kms``.
    - log_bucket: name of the bucket that takes access logs. None must be relaxed as ``access_logs``.
    - statements: of its policy, besides TLS only. None: the policy comes later, by `BucketAccess`.
    - expire_days: objects are deleted at this age; default None, never. expire_prefix: only those under it; default all.
      noncurrent_days: so are overwritten versions; 30.
    - lock_days: Object Lock: for so long after it was written nobody but who may bypass governance deletes a version, or writes
      over it; default None: no lock.
    - uploads_from: origins whose pages may PUT objects by signed URLs (CORS); default none.
    - deletion_protection: the program refuses to delete or replace it, and S3 one that holds objects; default True; False must
      be relaxed as ``deletion_protection``.
    - relaxed: what of the above is relaxed → why.
    """

    account_id: pulumi.Input[str]
    key_arn: pulumi.Input[str] | None = None
    log_bucket: pulumi.Input[str] | None = None
    statements: pulumi.Input[Sequence[pulumi.Input[Mapping[str, Any]]]] | None = ()
    expire_days: int | None = None
    expire_prefix: str = ""
    noncurrent_days: int = 30
    lock_days: int | None = None
    uploads_from: Sequence[pulumi.Input[str]] = ()
    deletion_protection: bool = True
    relaxed: Mapping[str, str] = field(default_factory=dict)


class Bucket(Component):
    """A private S3 bucket.

    Makes: ``aws:s3:Bucket`` (role ``""``), ``aws:s3:BucketPublicAccessBlock``, ``aws:s3:BucketOwnershipControls``,
    ``aws:s3:BucketServerSideEncryptionConfiguration``, ``aws:s3:BucketVersioning``, ``aws:s3:BucketLifecycleConfiguration``;
    ``aws:s3:BucketLogging``, ``aws:s3:BucketObjectLockConfiguration`` (``lock``),
    ``aws:s3:BucketCorsConfiguration`` (``uploads``) and a `BucketAccess` as the arguments say.
    """

    RELAXABLE: ClassVar[Mapping[str, str]] = {
        "kms": "objects are encrypted with S3's keys and not with the platform's own",
        "access_logs": "nobody can tell later who read what",
        "deletion_protection": "the bucket can be deleted with all that it holds",
    }

    arn: pulumi.Output[str]
    bucket_name: pulumi.Output[str]
    regional_domain_name: pulumi.Output[str]
    #: Created after this, an object lands in a bucket that is private, encrypted and versioned.
    ready: Sequence[pulumi.Resource]

    def __init__(
        self,
        name: str,
        args: BucketArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform, relaxed=args.relaxed)
        self.require("kms", args.key_arn is not None)
        self.require("access_logs", args.log_bucket is not None)
        self.require("deletion_protection", args.deletion_protection)
        stem = bucket_stem(pulumi.get_project(), pulumi.get_stack(), name)
        bucket = self.make(
            "",
            s3.Bucket,
            s3.BucketArgs(
                bucket=pulumi.Output.concat(stem, "-", args.account_id),
                force_destroy=not args.deletion_protection,
                object_lock_enabled=True if args.lock_days else None,
            ),
            pulumi.ResourceOptions(protect=args.deletion_protection),
        )
        self.arn = bucket.arn
        self.bucket_name = bucket.bucket
        self.regional_domain_name = bucket.bucket_regional_domain_name
        private = self.make(
            "public-access",
            s3.BucketPublicAccessBlock,
            s3.BucketPublicAccessBlockArgs(
                bucket=bucket.bucket,
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
            ),
        )
        owner = self.make(
            "ownership",
            s3.BucketOwnershipControls,
            s3.BucketOwnershipControlsArgs(
                bucket=bucket.bucket,
                rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            ),
        )
        encryption = self.make(
            "encryption", s3.BucketServerSideEncryptionConfiguration, _encryption(bucket.bucket, args)
        )
        versioning = self.make(
            "versioning",
            s3.BucketVersioning,
            s3.BucketVersioningInitArgs(
                bucket=bucket.bucket,
                versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            ),
        )
        self.make(
            "lifecycle",
            s3.BucketLifecycleConfiguration,
            _lifecycle(bucket.bucket, args),
            # S3 refuses rules about old versions while versioning is off.
            pulumi.ResourceOptions(depends_on=[versioning]),
        )
        if args.lock_days is not None:
            rule = s3.BucketObjectLockConfigurationRuleArgs(
                default_retention=s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
                    mode="GOVERNANCE", days=args.lock_days
                )
            )
            self.make(
                "lock",
                s3.BucketObjectLockConfiguration,
                s3.BucketObjectLockConfigurationInitArgs(
                    bucket=bucket.bucket, object_lock_enabled="Enabled", rule=rule
                ),
                pulumi.ResourceOptions(depends_on=[versioning]),
            )
        if args.uploads_from:
            self.make("uploads", s3.BucketCorsConfiguration, _uploads(bucket.bucket, args.uploads_from))
        if args.log_bucket is not None:
            self.make(
                "logging",
                s3.BucketLogging,
                s3.BucketLoggingInitArgs(
                    bucket=bucket.bucket, target_bucket=args.log_bucket, target_prefix=f"{_LOG_PREFIX}/{name}/"
                ),
            )
        self.ready = [private, owner, encryption, versioning]
        if args.statements is not None:
            access = BucketAccess(
                self.child_name("access"),
                BucketAccessArgs(bucket=self, statements=args.statements),
                pulumi.ResourceOptions(parent=self),
            )
            self.ready = [*self.ready, access.policy]
        self.register_outputs({"arn": self.arn, "bucket_name": self.bucket_name})


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketAccessArgs:
    """Whose policy, and what it allows besides refusing plain HTTP."""

    bucket: Bucket
    statements: pulumi.Input[Sequence[pulumi.Input[Mapping[str, Any]]]]


class BucketAccess(Component):
    """A bucket's policy, apart from the bucket for the case that a reader must exist first (CloudFront).

    Makes: ``aws:s3:BucketPolicy`` (role ``""``).
    """

    policy: pulumi.Resource

    def __init__(
        self,
        name: str,
        args: BucketAccessArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        known = pulumi.Output.all(args.bucket.arn, args.statements)
        self.policy = self.make(
            "",
            s3.BucketPolicy,
            s3.BucketPolicyArgs(
                bucket=args.bucket.bucket_name,
                policy=pulumi.Output.json_dumps(known.apply(lambda both: bucket_policy.document(*both))),
            ),
            # Public-access settings and policy are written to one place; S3 answers the second of two at once with a conflict.
            pulumi.ResourceOptions(depends_on=[*args.bucket.ready]),
        )
        self.register_outputs({})


def _uploads(bucket: pulumi.Input[str], origins: Sequence[pulumi.Input[str]]) -> s3.BucketCorsConfigurationArgs:
    """PUT alone, with the headers that a signed upload names; what may be put, the signature says."""
    rule = s3.BucketCorsConfigurationCorsRuleArgs(
        allowed_origins=list(origins),
        allowed_methods=["PUT"],
        allowed_headers=["content-type", "x-amz-checksum-sha256"],
        max_age_seconds=3600,
    )
    return s3.BucketCorsConfigurationArgs(bucket=bucket, cors_rules=[rule])


def _encryption(bucket: pulumi.Input[str], args: BucketArgs) -> Any:
    default = s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs
    return s3.BucketServerSideEncryptionConfigurationInitArgs(
        bucket=bucket,
        rules=[
            s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=default(
                    sse_algorithm="AES256" if args.key_arn is None else "aws:kms", kms_master_key_id=args.key_arn
                ),
                # One data key per bucket and not per object: a hundredth of the KMS calls.
                bucket_key_enabled=args.key_arn is not None,
            )
        ],
    )


def _lifecycle(bucket: pulumi.Input[str], args: BucketArgs) -> Any:
    expiration = s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.expire_days) if args.expire_days else None
    tidy = s3.BucketLifecycleConfigurationRuleArgs(
        id="tidy",
        status="Enabled",
        filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=7
        ),
        noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=args.noncurrent_days
        ),
        expiration=None if args.expire_prefix else expiration,
    )
    some = s3.BucketLifecycleConfigurationRuleArgs(
        id="expire",
        status="Enabled",
        filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=args.expire_prefix),
        expiration=expiration,
    )
    return s3.BucketLifecycleConfigurationArgs(bucket=bucket, rules=[tidy, some] if args.expire_prefix else [tidy])
