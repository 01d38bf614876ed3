"""Controls on CloudTrail: that all is recorded, that nobody can change the record, and who can read it."""

from __future__ import annotations

from collections.abc import Callable

from policies.lang.resources import Resource, Stack
from policies.lang.values import View
from policies.model import Control, Related, Severity, Verdict, bad, na, ok
from policies.rules import is_set, is_true
from policies.rules.baseline import exists, in_account

TRAIL = "aws:cloudtrail/trail:Trail"
STORE = "aws:cloudtrail/eventDataStore:EventDataStore"
BUCKET = "aws:s3/bucket:Bucket"
ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _management_events(trail: Resource) -> bool:
    """Whether the trail records reads and writes of all services' management events; it does unless selectors say less."""
    for selector in trail.each("eventSelectors"):
        if (
            selector.flag("includeManagementEvents", True)
            and selector.text("readWriteType", "All") == "All"
            and not selector.has("excludeManagementEventSources")
        ):
            return True
    return _advanced_management(trail) or not (trail.has("eventSelectors") or trail.has("advancedEventSelectors"))


def _advanced_management(trail: Resource) -> bool:
    """Whether advanced selectors record all management events: by one or two without narrower fields."""
    halves: set[str] = set()
    for selector in trail.each("advancedEventSelectors"):
        fields: dict[str, View] = {field.text("field"): field for field in selector.each("fieldSelectors")}
        category = fields.pop("eventCategory", None)
        if category is None or category.texts("equals") != ["Management"]:
            continue
        half = fields.pop("readOnly", None)
        if fields:
            continue  # eventSource, eventName and the like leave something out
        if half is None:
            return True
        halves |= set(half.texts("equals"))
    return halves >= {"true", "false"}


def _records_everything(trail: Resource) -> bool:
    return trail.flag("isMultiRegionTrail") and trail.flag("enableLogging", True) and _management_events(trail)


def _multi_region(stack: Stack) -> Verdict:
    trails = stack.of(TRAIL)
    if any(_records_everything(trail) for trail in trails):
        return ok()
    return bad(
        "isMultiRegionTrail",
        trails[0].raw("isMultiRegionTrail") if trails else None,
        "make one trail multi-Region, with all management events",
    )


def _of_bucket(judge: Callable[[Resource, Stack], Verdict]) -> Related:
    """A check of the bucket that a trail writes to, where it is in the same stack."""

    def check(trail: Resource, stack: Stack) -> Verdict:
        bucket = stack.target(trail, "s3BucketName", BUCKET)
        return judge(bucket, stack) if bucket else na("its bucket is in another stack, and judged there")

    return Related((TRAIL,), check)


def _bucket_private(bucket: Resource, stack: Stack) -> Verdict:
    for block in stack.referrers(bucket, ACCESS_BLOCK, "bucket"):
        missing = [path for path in _BLOCKS if not block.flag(path)]
        if not missing:
            return ok()
        return bad(f"{block.name}.{missing[0]}", block.raw(missing[0]), "set it to true")
    return bad("BucketPublicAccessBlock", None, f"add one for the bucket {bucket.name!r} with all four settings true")


def _bucket_logged(bucket: Resource, stack: Stack) -> Verdict:
    if bucket.has("loggings") or bucket.has("logging") or stack.referrers(bucket, LOGGING, "bucket"):
        return ok()
    return bad("BucketLogging", None, f"add one for the bucket {bucket.name!r}")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="CloudTrail.1",
        severity=Severity.HIGH,
        remediation="Set is_multi_region_trail=True on the cloudtrail.Trail and leave management events in its selectors.",
        rule=in_account(_multi_region),
    ),
    Control(
        id="CloudTrail.2",
        severity=Severity.MEDIUM,
        remediation="Set kms_key_id on the cloudtrail.Trail.",
        rule=is_set(TRAIL, "kmsKeyId", "set it to a key whose policy lets CloudTrail use it"),
    ),
    Control(
        id="CloudTrail.3",
        severity=Severity.HIGH,
        remediation="Add a cloudtrail.Trail to the account's stack.",
        rule=exists(TRAIL, "add one", lambda trail: trail.flag("enableLogging", True)),
    ),
    Control(
        id="CloudTrail.4",
        severity=Severity.LOW,
        remediation="Set enable_log_file_validation=True on the cloudtrail.Trail.",
        rule=is_true(TRAIL, "enableLogFileValidation"),
    ),
    Control(
        id="CloudTrail.5",
        severity=Severity.MEDIUM,
        remediation="Set cloud_watch_logs_group_arn and cloud_watch_logs_role_arn on the cloudtrail.Trail.",
        rule=is_set(TRAIL, "cloudWatchLogsGroupArn", "set it to a log group's ARN followed by :*"),
    ),
    Control(
        id="CloudTrail.6",
        severity=Severity.CRITICAL,
        remediation="Add an s3.BucketPublicAccessBlock with all four settings for the trail's bucket.",
        rule=_of_bucket(_bucket_private),
    ),
    Control(
        id="CloudTrail.7",
        severity=Severity.LOW,
        remediation="Add an s3.BucketLogging for the trail's bucket.",
        rule=_of_bucket(_bucket_logged),
    ),
    Control(
        id="CloudTrail.10",
        severity=Severity.MEDIUM,
        remediation="Set kms_key_id on the cloudtrail.EventDataStore.",
        rule=is_set(STORE, "kmsKeyId", "set it to a key of your own"),
    ),
    Control(
        id="MD.CloudTrail.1",
        title="Lake event data stores cannot be deleted by one call",
        severity=Severity.LOW,
        remediation="Leave termination_protection_enabled out, or set it to True.",
        link="https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-lake-termination-protection.html",
        rule=is_true(STORE, "terminationProtectionEnabled", default=True),
    ),
)
