"""What of S3 everybody may reach: lists of access control, policies of buckets and access points, and what takes them back."""

from __future__ import annotations

from tests.policies.build import res
from tests.policies.siblings import BAD, OK, Sibling, allow, case, deny, policy
from tests.policies.siblings.public import bucket, read

CASES: list[Sibling] = [
    *(
        case(f"object-{name}", {"MD.S3.4": answer}, res(kind, "o", bucket="b", key="k", **props))
        for name, kind, answer, props in (
            ("read-write", "aws:s3/bucketObject:BucketObject", BAD, {"acl": "public-read-write"}),
            ("authenticated", "aws:s3/bucketObjectv2:BucketObjectv2", BAD, {"acl": "authenticated-read"}),
            ("private", "aws:s3/bucketObjectv2:BucketObjectv2", OK, {"acl": "private"}),
            ("copy", "aws:s3/objectCopy:ObjectCopy", BAD, {"acl": "public-read"}),
            (
                "copy-grant",
                "aws:s3/objectCopy:ObjectCopy",
                BAD,
                {
                    "grants": [
                        {
                            "type": "Group",
                            "uri": "http://acs.amazonaws.com/groups/global/AllUsers",
                            "permissions": ["READ"],
                        }
                    ]
                },
            ),
        )
    ),
    case(
        "bucket-acl-public-read",
        {"S3.2": BAD},
        res("aws:s3/bucketV2:BucketV2", "b", bucket="b"),
        res("aws:s3/bucketAclV2:BucketAclV2", "a", bucket="b", acl="public-read"),
    ),
    case(
        "bucket-acl-write-grant",
        {"S3.3": BAD},
        res("aws:s3/bucket:Bucket", "b", bucket="b"),
        res(
            "aws:s3/bucketAcl:BucketAcl",
            "a",
            bucket="b",
            accessControlPolicy={
                "owner": {"id": "x"},
                "grants": [
                    {
                        "permission": "FULL_CONTROL",
                        "grantee": {
                            "type": "Group",
                            "uri": "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
                        },
                    }
                ],
            },
        ),
    ),
    case(
        "public-policy-behind-half-a-block",
        {"S3.2": BAD},
        *bucket(read()),
        res(
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
            bucket="b",
            blockPublicPolicy=True,
            blockPublicAcls=True,
            ignorePublicAcls=True,
        ),
    ),
    case(
        "deny-all-others-takes-it-back",
        {"MD.S3.4": OK},
        *bucket(
            read(),
            deny(
                "s3:*",
                ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
                principal="*",
                condition={"StringNotEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}},
            ),
        ),
    ),
    case(
        "deny-with-if-exists-lets-strangers-in",
        {"MD.S3.4": BAD},
        *bucket(
            read(),
            deny(
                "s3:*",
                ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
                principal="*",
                condition={"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-*"}},
            ),
        ),
    ),
    case(
        "bucket-inline-policy",
        {"MD.S3.4": BAD},
        res("aws:s3/bucket:Bucket", "b", bucket="b", policy=policy(read())),
    ),
    case(
        "bucket-policy-of-a-bucket-outside",
        {"MD.S3.4": BAD},
        res("aws:s3/bucketPolicy:BucketPolicy", bucket="elsewhere", policy=policy(read())),
    ),
    case(
        "access-point-multi-region",
        {"MD.S3.4": BAD},
        res(
            "aws:s3control/multiRegionAccessPointPolicy:MultiRegionAccessPointPolicy",
            details={"name": "m", "policy": policy(allow("s3:GetObject", principal="*"))},
        ),
    ),
]
