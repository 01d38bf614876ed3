"""Controls on how S3 buckets keep things: versions, lifecycle, encryption, logs, replication, locks."""

from __future__ import annotations

from collections.abc import Iterator

from policies.lang.buckets import (
    BUCKET,
    ENCRYPTION,
    LOGGING,
    NOTIFICATION,
    OBJECT_LOCK,
    REPLICATION,
    VERSIONING,
    lifecycle_rules,
    setting,
    versioned,
)
from policies.lang.links import mentions
from policies.lang.resources import Resource, Stack
from policies.lang.values import View
from policies.model import Control, Related, Severity, Verdict, Whole, bad, na, ok
from policies.rules import has_referrer, is_false
from policies.rules.baseline import ELSEWHERE

DIRECTORY = "aws:s3/directoryBucket:DirectoryBucket"
DIRECTORY_LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
TRAIL = "aws:cloudtrail/trail:Trail"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"

_GUIDE = "https://docs.aws.amazon.com/AmazonS3/latest/userguide"
_KMS = ("aws:kms", "aws:kms:dsse")


def _replicated(bucket: Resource, stack: Stack) -> Verdict:
    config = setting(bucket, stack, REPLICATION)
    inline = "replicationConfiguration.rules"
    rules = list(config.each("rules")) if config else list(bucket.each(inline))
    here = bucket.region
    for rule in rules:
        if rule.text("status") != "Enabled":
            continue
        target = stack.named(rule.text("destination.bucket"), BUCKET)
        if not target or not here or target[0].region != here:
            return ok()
    return bad("BucketReplicationConfig", None, "replicate to a bucket in another Region, with status Enabled")


def _logs_requests(bucket: Resource, stack: Stack) -> Verdict:
    if bucket.has("logging.targetBucket") or setting(bucket, stack, LOGGING):
        return ok()
    if stack.referrers(bucket, LOGGING, "targetBucket"):
        return na("receives the access logs of other buckets")
    return bad("BucketLogging", None, "add an s3.BucketLogging with a target bucket")


def _versions_expire(bucket: Resource, stack: Stack) -> Verdict:
    if not versioned(bucket, stack):
        return na("keeps no versions")
    return (
        ok()
        if lifecycle_rules(bucket, stack)
        else bad("BucketLifecycleConfiguration", None, "expire noncurrent versions")
    )


def _notifies(bucket: Resource, stack: Stack) -> Verdict:
    config = setting(bucket, stack, NOTIFICATION)
    if config and (
        config.flag("eventbridge") or any(config.has(path) for path in ("lambdaFunctions", "queues", "topics"))
    ):
        return ok()
    return bad("BucketNotification", None, "add an s3.BucketNotification, such as eventbridge=True")


def _lifecycle(bucket: Resource, stack: Stack) -> Verdict:
    if lifecycle_rules(bucket, stack):
        return ok()
    return bad("BucketLifecycleConfiguration", None, "add an s3.BucketLifecycleConfiguration with a rule that is on")


def _keeps_versions(bucket: Resource, stack: Stack) -> Verdict:
    if versioned(bucket, stack):
        return ok()
    separate = setting(bucket, stack, VERSIONING)
    value = separate.raw("versioningConfiguration.status") if separate else None
    return bad("versioningConfiguration.status", value, "set it to Enabled")


def _locked(bucket: Resource, stack: Stack) -> Verdict:
    if bucket.flag("objectLockEnabled") or setting(bucket, stack, OBJECT_LOCK):
        return ok()
    if bucket.text("objectLockConfiguration.objectLockEnabled") == "Enabled":
        return ok()
    return bad("objectLockEnabled", bucket.raw("objectLockEnabled"), "set it to true when the bucket is made")


def _encryption_rules(bucket: Resource, stack: Stack) -> Iterator[View]:
    separate = setting(bucket, stack, ENCRYPTION)
    if separate:
        yield from separate.each("rules")
    else:
        yield from bucket.each("serverSideEncryptionConfiguration.rule")


def _kms(bucket: Resource, stack: Stack) -> Verdict:
    path = "applyServerSideEncryptionByDefault.sseAlgorithm"
    found = None
    for rule in _encryption_rules(bucket, stack):
        found = rule.text(path)
        if found in _KMS:
            return ok()
    if mentions(stack, bucket, BALANCER) or stack.referrers(bucket, LOGGING, "targetBucket"):
        return na("receives logs, which AWS delivers to buckets with SSE-S3 only")
    return bad("sseAlgorithm", found, "set it to aws:kms with a kms_master_key_id")


def _bucket_key(bucket: Resource, stack: Stack) -> Verdict:
    rules = [
        rule
        for rule in _encryption_rules(bucket, stack)
        if rule.text("applyServerSideEncryptionByDefault.sseAlgorithm") == "aws:kms"
    ]
    if not rules:
        return na("not encrypted with SSE-KMS")
    for rule in rules:
        if not rule.flag("bucketKeyEnabled"):
            return bad(
                "bucketKeyEnabled", rule.raw("bucketKeyEnabled"), "set it to true: one KMS request for many objects"
            )
    return ok()


def _uploads_end(bucket: Resource, stack: Stack) -> Verdict:
    for rule in lifecycle_rules(bucket, stack):
        inline = rule.path.startswith("lifecycleRules")
        if rule.has(
            "abortIncompleteMultipartUploadDays" if inline else "abortIncompleteMultipartUpload.daysAfterInitiation"
        ):
            return ok()
    return bad("abortIncompleteMultipartUpload", None, "add a lifecycle rule that aborts uploads after a few days")


def _logs_objects(trail: Resource, kind: str) -> bool:
    """Whether a trail records object events of `kind` ("Write", "Read") of every bucket."""
    for selector in trail.each("eventSelectors"):
        if selector.text("readWriteType", "All") not in ("All", f"{kind}Only"):
            continue
        for data in selector.each("dataResources"):
            everything = set(data.texts("values")) & {"arn:aws:s3", "arn:aws:s3:::", "arn:aws:s3:::*/*"}
            if data.text("type") == "AWS::S3::Object" and everything:
                return True
    return any(_advanced(selector, kind) for selector in trail.each("advancedEventSelectors"))


def _advanced(selector: View, kind: str) -> bool:
    fields = {field.text("field"): field.texts("equals") for field in selector.each("fieldSelectors")}
    if fields.pop("eventCategory", []) != ["Data"] or fields.pop("resources.type", []) != ["AWS::S3::Object"]:
        return False
    read_only = fields.pop("readOnly", [])
    return not fields and read_only in ([], ["false" if kind == "Write" else "true"])


def _object_events(kind: str) -> Whole:
    def check(stack: Stack) -> Verdict:
        for trail in stack.of(TRAIL):
            if trail.flag("isMultiRegionTrail") and trail.flag("enableLogging", True) and _logs_objects(trail, kind):
                return ok()
        fix = f"let a multi-Region trail select {kind.lower()} events of AWS::S3::Object for every bucket"
        return bad("eventSelectors", None, fix)

    return Whole((TRAIL,), check, elsewhere=ELSEWHERE)


CONTROLS: tuple[Control, ...] = (
    Control(
        id="S3.7",
        severity=Severity.LOW,
        remediation="Add an s3.BucketReplicationConfig to a bucket in another Region.",
        rule=Related((BUCKET,), _replicated),
    ),
    Control(
        id="S3.9",
        severity=Severity.MEDIUM,
        remediation="Add an s3.BucketLogging with a target bucket.",
        rule=Related((BUCKET,), _logs_requests),
    ),
    Control(
        id="S3.10",
        severity=Severity.MEDIUM,
        remediation="Add an s3.BucketLifecycleConfiguration that expires noncurrent versions.",
        rule=Related((BUCKET,), _versions_expire),
    ),
    Control(
        id="S3.11",
        severity=Severity.MEDIUM,
        remediation="Add an s3.BucketNotification (eventbridge=True will do).",
        rule=Related((BUCKET,), _notifies),
    ),
    Control(
        id="S3.13",
        severity=Severity.LOW,
        remediation="Add an s3.BucketLifecycleConfiguration with an enabled rule.",
        rule=Related((BUCKET,), _lifecycle),
    ),
    Control(
        id="S3.14",
        severity=Severity.LOW,
        remediation='Add an s3.BucketVersioning with status="Enabled".',
        rule=Related((BUCKET,), _keeps_versions),
    ),
    Control(
        id="S3.15",
        severity=Severity.MEDIUM,
        remediation="Set object_lock_enabled=True when the bucket is made.",
        rule=Related((BUCKET,), _locked),
    ),
    Control(
        id="S3.17",
        severity=Severity.MEDIUM,
        remediation='Add an s3.BucketServerSideEncryptionConfiguration with sse_algorithm="aws:kms".',
        rule=Related((BUCKET,), _kms),
    ),
    Control(
        id="S3.22",
        severity=Severity.MEDIUM,
        remediation="Add an event selector for AWS::S3::Object (arn:aws:s3) with read_write_type All to a multi-Region trail.",
        rule=_object_events("Write"),
    ),
    Control(
        id="S3.23",
        severity=Severity.MEDIUM,
        remediation="Add an event selector for AWS::S3::Object (arn:aws:s3) with read_write_type All to a multi-Region trail.",
        rule=_object_events("Read"),
    ),
    Control(
        id="S3.25",
        severity=Severity.LOW,
        remediation="Add an s3.BucketLifecycleConfiguration for the directory bucket.",
        rule=has_referrer(DIRECTORY, DIRECTORY_LIFECYCLE, "bucket", "add an s3.BucketLifecycleConfiguration"),
    ),
    Control(
        id="MD.S3.1",
        title="Buckets encrypted with KMS use a bucket key",
        severity=Severity.LOW,
        remediation="Set bucket_key_enabled=True.",
        link=f"{_GUIDE}/bucket-key.html",
        rule=Related((BUCKET,), _bucket_key),
    ),
    Control(
        id="MD.S3.2",
        title="Buckets are not deleted with the objects in them",
        severity=Severity.MEDIUM,
        remediation="Leave force_destroy at False.",
        link=f"{_GUIDE}/delete-bucket.html",
        rule=is_false((BUCKET, DIRECTORY), "forceDestroy"),
    ),
    Control(
        id="MD.S3.3",
        title="Buckets give up unfinished uploads",
        severity=Severity.LOW,
        remediation="Add a lifecycle rule with abort_incomplete_multipart_upload.",
        link=f"{_GUIDE}/mpu-abort-incomplete-mpu-lifecycle-config.html",
        rule=Related((BUCKET,), _uploads_end),
    ),
)
