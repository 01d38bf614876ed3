"""Cases of policies/controls/logs.py."""

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

GROUP = "aws:cloudwatch/logGroup:LogGroup"
KEY = "arn:aws:kms:ap-south-1:111122223333:key/0c1d"
GOOD = [res(GROUP, name="/matchday/prod/wallet", retentionInDays=400, kmsKeyId=KEY)]
NA = [[res("aws:kms/alias:Alias")]]

CASES = {
    "CloudWatch.16": Case(
        good=[GOOD, [res(GROUP)], [res(GROUP, retentionInDays=0)]],
        bad=[Change({"retentionInDays": 30})],
        na=NA,
        unknown=[Change({"retentionInDays": UNKNOWN})],
    ),
    "MD.Logs.1": Case(good=[GOOD], bad=[Change({"kmsKeyId": ABSENT})], na=NA, unknown=[Change({"kmsKeyId": UNKNOWN})]),
    "MD.Logs.2": Case(
        good=[GOOD],
        bad=[Change({"retentionInDays": ABSENT}), Change({"retentionInDays": 0})],
        na=NA,
        unknown=[Change({"retentionInDays": UNKNOWN})],
    ),
}
