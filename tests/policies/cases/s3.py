"""Cases of policies/controls/s3.py; also the bucket that every control on buckets is content with."""

from __future__ import annotations

import json
from typing import Any

from policies.controls.s3 import DIRECTORY, TRAIL
from policies.lang.buckets import (
    BLOCK,
    BUCKET,
    ENCRYPTION,
    LIFECYCLE,
    LOGGING,
    NOTIFICATION,
    OBJECT_LOCK,
    OWNERSHIP,
    POLICY,
    REPLICATION,
    SWITCHES,
    VERSIONING,
)
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res

OTHER = [res("aws:sqs/queue:Queue")]
ACCOUNT_BLOCK = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
ARN = "arn:aws:s3:::data"
TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": [ARN, f"{ARN}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
SSE = {
    "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "key"},
    "bucketKeyEnabled": True,
}
RULES = [
    {"id": "old", "status": "Enabled", "noncurrentVersionExpiration": {"noncurrentDays": 90}},
    {"id": "uploads", "status": "Enabled", "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7}},
]
REPLICATE = [{"status": "Enabled", "destination": {"bucket": "arn:aws:s3:::copy"}}]


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def bucket(**props: Any) -> Any:
    return res(
        BUCKET, "data", **({"arn": ARN, "bucket": "data", "region": "ap-south-1", "objectLockEnabled": True} | props)
    )


ON = dict.fromkeys(SWITCHES, True)
GOOD = [
    bucket(tags={"Project": "matchday"}),
    res(BLOCK, "block", bucket="data", **ON),
    res(POLICY, "policy", bucket="data", policy=policy(TLS)),
    res(VERSIONING, "versions", bucket="data", versioningConfiguration={"status": "Enabled"}),
    res(LIFECYCLE, "lifecycle", bucket="data", rules=RULES),
    res(LOGGING, "logs", bucket="data", targetBucket="logs", targetPrefix="data/"),
    res(NOTIFICATION, "events", bucket="data", eventbridge=True),
    res(OWNERSHIP, "owner", bucket="data", rule={"objectOwnership": "BucketOwnerEnforced"}),
    res(ENCRYPTION, "encryption", bucket="data", rules=[SSE]),
    res(REPLICATION, "replication", bucket="data", role="role", rules=REPLICATE),
    res(ACCOUNT_BLOCK, "account", **ON),
]
PLAIN = [res(BUCKET, "data", bucket="data")]


def without(kind: str, *extra: Any) -> list[Any]:
    """The good bucket, with other resources in place of the setting of type `kind`."""
    return [*(item for item in GOOD if item.type != kind), *extra]


def elsewhere(kind: str) -> Change:
    return Change({"bucket": "another"}, type=kind)


def copy_in(region: str) -> Any:
    return res(BUCKET, "copy", arn="arn:aws:s3:::copy", bucket="copy", region=region)


def trail(**props: Any) -> list[Any]:
    given = {
        "isMultiRegionTrail": True,
        "s3BucketName": "trail",
        "eventSelectors": [
            {"readWriteType": "All", "dataResources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3"]}]}
        ],
    }
    return [res(TRAIL, "trail", **(given | props))]


def advanced(**fields: list[str]) -> list[Any]:
    wanted = {"eventCategory": ["Data"], "resources.type": ["AWS::S3::Object"]} | fields
    selectors = [{"fieldSelectors": [{"field": field, "equals": values} for field, values in wanted.items()]}]
    return trail(eventSelectors=None, advancedEventSelectors=selectors)


def events(kind: str, other: str) -> Case:
    read_only = "false" if kind == "WriteOnly" else "true"
    return Case(
        good=[trail(), advanced(), advanced(readOnly=[read_only])],
        bad=[
            Change({"eventSelectors.0.readWriteType": other}),
            Change({"eventSelectors": ABSENT}),
            Change({"isMultiRegionTrail": False}),
            Change({"enableLogging": False}),
            Change({"eventSelectors.0.dataResources.0.values": ["arn:aws:s3:::one/"]}),
            Change({"eventSelectors.0.dataResources.0.type": "AWS::Lambda::Function"}),
            advanced(readOnly=["true" if kind == "WriteOnly" else "false"]),
            advanced(**{"resources.ARN": ["arn:aws:s3:::one/"]}),
            advanced(eventCategory=["Management"]),
        ],
        na=[OTHER, GOOD],
        unknown=[Change({"eventSelectors": UNKNOWN}), Change({"isMultiRegionTrail": UNKNOWN})],
    )


CASES = {
    "S3.7": Case(
        good=[
            GOOD,
            [res(BUCKET, "data", replicationConfiguration={"rules": REPLICATE})],
        ],
        bad=[
            Drop(REPLICATION),
            [*GOOD, copy_in("ap-south-1")],
            [*GOOD, copy_in("eu-west-1")],  # the copy itself is not replicated
            Change({"rules.0.status": "Disabled"}, type=REPLICATION),
        ],
        na=[OTHER],
        unknown=[Change({"rules": UNKNOWN}, type=REPLICATION)],
    ),
    "S3.9": Case(
        good=[GOOD, [res(BUCKET, "data", logging={"targetBucket": "logs"})]],
        bad=[Drop(LOGGING), elsewhere(LOGGING)],
        na=[OTHER, [*PLAIN, res(LOGGING, bucket="another", targetBucket="data")]],
        unknown=[Change({"bucket": UNKNOWN}, type=LOGGING)],
    ),
    "S3.10": Case(
        good=[GOOD, [res(BUCKET, versioning={"enabled": True}, lifecycleRules=[{"enabled": True, "id": "x"}])]],
        bad=[Drop(LIFECYCLE), [res(BUCKET, versioning={"enabled": True})]],
        na=[
            OTHER,
            PLAIN,
            without(VERSIONING, res(VERSIONING, bucket="data", versioningConfiguration={"status": "Suspended"})),
        ],
        unknown=[Change({"rules": UNKNOWN}, type=LIFECYCLE)],
        also=frozenset({"S3.13", "MD.S3.3"}),
    ),
    "S3.11": Case(
        good=[
            GOOD,
            [*PLAIN, res(NOTIFICATION, bucket="data", queues=[{"queueArn": "q", "events": ["s3:ObjectCreated:*"]}])],
        ],
        bad=[Drop(NOTIFICATION), Change({"eventbridge": False}, type=NOTIFICATION)],
        na=[OTHER],
        unknown=[Change({"eventbridge": UNKNOWN}, type=NOTIFICATION)],
    ),
    "S3.13": Case(
        good=[GOOD, [res(BUCKET, lifecycleRules=[{"enabled": True, "id": "x"}])]],
        bad=[
            Drop(LIFECYCLE),
            without(LIFECYCLE, res(LIFECYCLE, bucket="data", rules=[{"id": "x", "status": "Disabled"}])),
            [res(BUCKET, lifecycleRules=[{"enabled": False, "id": "x"}])],
        ],
        na=[OTHER],
        unknown=[Change({"rules": UNKNOWN}, type=LIFECYCLE)],
        also=frozenset({"S3.10", "MD.S3.3"}),
    ),
    "S3.14": Case(
        good=[
            GOOD,
            [res(BUCKET, versioning={"enabled": True})],
            [
                *PLAIN,
                res(
                    "aws:s3/bucketVersioningV2:BucketVersioningV2",
                    bucket="data",
                    versioningConfiguration={"status": "Enabled"},
                ),
            ],
            [
                res("aws:s3/bucketV2:BucketV2", "data"),
                res(
                    VERSIONING,
                    bucket=UNKNOWN,
                    versioningConfiguration={"status": "Enabled"},
                    deps={"bucket": ["aws:s3/bucketV2:BucketV2 data"]},
                ),
            ],
        ],
        bad=[Change({"versioningConfiguration.status": "Suspended"}, type=VERSIONING), Drop(VERSIONING), PLAIN],
        na=[OTHER],
        unknown=[Change({"versioningConfiguration": UNKNOWN}, type=VERSIONING)],
    ),
    "S3.15": Case(
        good=[
            GOOD,
            [*PLAIN, res(OBJECT_LOCK, bucket="data")],
            [res(BUCKET, objectLockConfiguration={"objectLockEnabled": "Enabled"})],
        ],
        bad=[Change({"objectLockEnabled": False}), PLAIN],
        na=[OTHER],
        unknown=[Change({"objectLockEnabled": UNKNOWN})],
    ),
    "S3.17": Case(
        good=[GOOD, [res(BUCKET, serverSideEncryptionConfiguration={"rule": SSE})]],
        bad=[
            Change({"rules.0.applyServerSideEncryptionByDefault.sseAlgorithm": "AES256"}, type=ENCRYPTION),
            Drop(ENCRYPTION),
        ],
        na=[
            OTHER,
            [*PLAIN, res("aws:alb/loadBalancer:LoadBalancer", accessLogs={"bucket": "data", "enabled": True})],
            [*PLAIN, res(LOGGING, bucket="another", targetBucket="data")],
        ],
        unknown=[Change({"rules": UNKNOWN}, type=ENCRYPTION)],
    ),
    "S3.22": events("WriteOnly", "ReadOnly"),
    "S3.23": events("ReadOnly", "WriteOnly"),
    "S3.25": Case(
        good=[
            [res(DIRECTORY, "d", bucket="d--aps1-az1--x-s3"), res(LIFECYCLE, bucket="d--aps1-az1--x-s3", rules=RULES)]
        ],
        bad=[Drop(LIFECYCLE)],
        na=[OTHER, GOOD],
        unknown=[Change({"bucket": UNKNOWN}, type=LIFECYCLE)],
    ),
    "MD.S3.1": Case(
        good=[GOOD],
        bad=[
            Change({"rules.0.bucketKeyEnabled": False}, type=ENCRYPTION),
            Change({"rules.0.bucketKeyEnabled": ABSENT}, type=ENCRYPTION),
        ],
        na=[OTHER, PLAIN],
        unknown=[Change({"rules.0.bucketKeyEnabled": UNKNOWN}, type=ENCRYPTION)],
    ),
    "MD.S3.2": Case(
        good=[GOOD, [res(DIRECTORY)]],
        bad=[Change({"forceDestroy": True})],
        na=[OTHER],
        unknown=[Change({"forceDestroy": UNKNOWN})],
    ),
    "MD.S3.3": Case(
        good=[GOOD, [res(BUCKET, lifecycleRules=[{"enabled": True, "abortIncompleteMultipartUploadDays": 7}])]],
        bad=[Change({"rules.1.status": "Disabled"}, type=LIFECYCLE), PLAIN],
        na=[OTHER],
        unknown=[Change({"rules": UNKNOWN}, type=LIFECYCLE)],
    ),
}
