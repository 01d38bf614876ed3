"""Cases of policies/controls/kms.py."""

import json

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res
from tests.policies.cases.iam import allow

KEY = "aws:kms/key:Key"
KEY_ARN = "arn:aws:kms:ap-south-1:111122223333:key/0c1d"


def _policy(principal: object, **condition: object) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"}
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}
    )


CASES = {
    "KMS.1": Case(
        good=[[res("aws:iam/policy:Policy", policy=allow("kms:Decrypt", resource=KEY_ARN))]],
        bad=[
            Change({"policy": allow("kms:Decrypt", resource="arn:aws:kms:*:*:key/*")}),
            Change({"policy": allow("kms:ReEncrypt*", resource="*")}),
        ],
        na=[[res("aws:iam/rolePolicy:RolePolicy", policy=allow("kms:Decrypt", resource="*"))]],
        unknown=[Change({"policy": UNKNOWN})],
    ),
    "KMS.2": Case(
        good=[[res("aws:iam/rolePolicy:RolePolicy", policy=allow("kms:Decrypt", resource=KEY_ARN))]],
        bad=[
            Change({"policy": allow("kms:Decrypt", resource="arn:aws:kms:ap-south-1:*:key/*")}),
            [res("aws:iam/role:Role", inlinePolicies=[{"policy": allow("kms:*", resource="*")}])],
        ],
        na=[[res("aws:iam/policy:Policy", policy=allow("kms:Decrypt", resource="*"))], [res("aws:iam/role:Role")]],
        unknown=[Change({"policy": UNKNOWN})],
    ),
    "KMS.4": Case(
        good=[[res(KEY, enableKeyRotation=True)], [res(KEY, enableKeyRotation="true")]],
        bad=[Change({"enableKeyRotation": False}), Change({"enableKeyRotation": ABSENT})],
        na=[[res(KEY, keyUsage="SIGN_VERIFY", customerMasterKeySpec="RSA_2048")], [res("aws:s3/bucket:Bucket")]],
        unknown=[Change({"enableKeyRotation": UNKNOWN})],
    ),
    "KMS.5": Case(
        good=[
            [res(KEY, enableKeyRotation=True, policy=_policy({"AWS": "arn:aws:iam::111122223333:root"}))],
            [res(KEY)],
            [res(KEY, policy=_policy("*", StringEquals={"kms:CallerAccount": "111122223333"}))],
        ],
        bad=[
            Change({"policy": _policy("*")}),
            Change({"policy": _policy({"AWS": ["*"]})}),
            Change({"policy": _policy("*", StringEquals={"kms:ViaService": "s3.ap-south-1.amazonaws.com"})}),
        ],
        na=[[res("aws:kms/alias:Alias", name="alias/x")]],
        unknown=[Change({"policy": UNKNOWN}), Change({"policy": "not JSON"})],
    ),
    "MD.KMS.1": Case(
        good=[[res(KEY, enableKeyRotation=True, deletionWindowInDays=30)], [res(KEY)]],
        bad=[Change({"deletionWindowInDays": 7})],
        na=[[res("aws:kms/replicaKey:ReplicaKey")], [res(KEY, primaryKeyArn="arn:aws:kms:eu-west-1:1:key/1")]],
        unknown=[Change({"deletionWindowInDays": UNKNOWN})],
    ),
}
