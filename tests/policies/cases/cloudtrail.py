"""Cases of policies/controls/cloudtrail.py."""

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res

TRAIL = "aws:cloudtrail/trail:Trail"
STORE = "aws:cloudtrail/eventDataStore:EventDataStore"
BUCKET = "aws:s3/bucket:Bucket"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
KEY = "arn:aws:kms:ap-south-1:111122223333:key/0c1d"
TAGS = {"Project": "matchday", "Environment": "account", "Component": "trail", "ManagedBy": "pulumi"}
BLOCKED = {"blockPublicAcls": True, "blockPublicPolicy": True, "ignorePublicAcls": True, "restrictPublicBuckets": True}
GOOD = [
    res(
        TRAIL,
        s3BucketName="trail",
        isMultiRegionTrail=True,
        kmsKeyId=KEY,
        enableLogFileValidation=True,
        cloudWatchLogsGroupArn="arn:aws:logs:ap-south-1:111122223333:log-group:trail:*",
        tags=TAGS,
    ),
    res("aws:s3/bucketV2:BucketV2", "trail", bucket="trail", tags=TAGS),
    res(BLOCK, bucket="trail", **BLOCKED),
    res(LOGGING, bucket="trail", targetBucket="access"),
]
_STORE = [res(STORE, kmsKeyId=KEY)]
_ALL = {"field": "eventCategory", "equals": ["Management"]}

CASES = {
    "CloudTrail.1": Case(
        good=[
            GOOD,
            [
                res(
                    TRAIL,
                    isMultiRegionTrail=True,
                    eventSelectors=[{"readWriteType": "All", "includeManagementEvents": True}],
                )
            ],
            [res(TRAIL, isMultiRegionTrail=True, advancedEventSelectors=[{"fieldSelectors": [_ALL]}])],
        ],
        bad=[
            Change({"isMultiRegionTrail": False}),
            Change({"eventSelectors": [{"readWriteType": "WriteOnly"}]}),
            Change({"advancedEventSelectors": [{"fieldSelectors": [_ALL, {"field": "readOnly", "equals": ["true"]}]}]}),
        ],
        na=[_STORE],
        unknown=[Change({"isMultiRegionTrail": UNKNOWN})],
    ),
    "CloudTrail.2": Case(
        good=[GOOD], bad=[Change({"kmsKeyId": ABSENT})], na=[_STORE], unknown=[Change({"kmsKeyId": UNKNOWN})]
    ),
    "CloudTrail.3": Case(
        good=[[*GOOD, res("aws:macie2/account:Account", status="ENABLED")]],
        bad=[Drop(TRAIL), Change({"enableLogging": False})],
        na=[_STORE],
        unknown=[Change({"enableLogging": UNKNOWN})],
        also=frozenset(),
    ),
    "CloudTrail.4": Case(
        good=[GOOD],
        bad=[Change({"enableLogFileValidation": ABSENT})],
        na=[_STORE],
        unknown=[Change({"enableLogFileValidation": UNKNOWN})],
    ),
    "CloudTrail.5": Case(
        good=[GOOD],
        bad=[Change({"cloudWatchLogsGroupArn": ABSENT})],
        na=[_STORE],
        unknown=[Change({"cloudWatchLogsGroupArn": UNKNOWN})],
    ),
    "CloudTrail.6": Case(
        good=[GOOD],
        bad=[Change({"restrictPublicBuckets": False}, BLOCK), Drop(BLOCK)],
        na=[[res(TRAIL, s3BucketName="elsewhere")], _STORE],
        unknown=[Change({"s3BucketName": UNKNOWN}), Change({"blockPublicAcls": UNKNOWN}, BLOCK)],
    ),
    "CloudTrail.7": Case(
        good=[GOOD],
        bad=[Drop(LOGGING)],
        na=[[res(TRAIL, s3BucketName="elsewhere")], _STORE],
        unknown=[Change({"bucket": UNKNOWN}, LOGGING)],
    ),
    "CloudTrail.10": Case(
        good=[_STORE], bad=[Change({"kmsKeyId": ABSENT})], na=[GOOD], unknown=[Change({"kmsKeyId": UNKNOWN})]
    ),
    "MD.CloudTrail.1": Case(
        good=[_STORE],
        bad=[Change({"terminationProtectionEnabled": False})],
        na=[GOOD],
        unknown=[Change({"terminationProtectionEnabled": UNKNOWN})],
    ),
}
