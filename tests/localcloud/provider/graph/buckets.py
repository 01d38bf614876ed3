"""The reference graph: buckets, and all that is set of one."""

from __future__ import annotations

import json

from tests.localcloud.provider.graph.case import TAGS, Case, ref

CASES: dict[str, Case] = {
    "bucket": Case(
        "aws:s3/bucket:Bucket",
        {"bucket": "graph-bucket", "forceDestroy": True, "tags": TAGS},
        {"tags": {"a": "b"}},
        lambda aws, i, _: aws("s3").put_bucket_tagging(Bucket=i, Tagging={"TagSet": [{"Key": "x", "Value": "y"}]}),
        "tags",
    ),
    "acl-bucket": Case("aws:s3/bucket:Bucket", {"bucket": "graph-acl-bucket", "forceDestroy": True}),
    "acl-ownership": Case(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        {"bucket": ref("acl-bucket.bucket"), "rule": {"objectOwnership": "BucketOwnerPreferred"}},
    ),
    "bucket-acl": Case(
        "aws:s3/bucketAcl:BucketAcl",
        {"bucket": ref("acl-ownership.bucket"), "acl": "log-delivery-write"},
        {"acl": "private"},
    ),
    "log-bucket": Case("aws:s3/bucket:Bucket", {"bucket": "graph-log-bucket", "forceDestroy": True}),
    "versioning": Case(
        "aws:s3/bucketVersioning:BucketVersioning",
        {"bucket": ref("bucket.bucket"), "versioningConfiguration": {"status": "Enabled"}},
        {"versioningConfiguration": {"status": "Suspended"}},
        lambda aws, i, _: aws("s3").put_bucket_versioning(Bucket=i, VersioningConfiguration={"Status": "Enabled"}),
        "versioningConfiguration",
    ),
    "encryption": Case(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        {
            "bucket": ref("bucket.bucket"),
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": ref("key.arn")},
                    "bucketKeyEnabled": True,
                }
            ],
        },
        {"rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]},
    ),
    "public": Case(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        {
            "bucket": ref("bucket.bucket"),
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        {"blockPublicAcls": False},
        lambda aws, i, _: aws("s3").put_public_access_block(
            Bucket=i, PublicAccessBlockConfiguration={"BlockPublicPolicy": False}
        ),
        "blockPublicPolicy",
    ),
    "ownership": Case(
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        {"bucket": ref("bucket.bucket"), "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
    ),
    "lifecycle": Case(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        {
            "bucket": ref("bucket.bucket"),
            "rules": [
                {
                    "id": "old",
                    "status": "Enabled",
                    "expiration": {"days": 90},
                    "noncurrentVersionExpiration": {"noncurrentDays": 30},
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
                }
            ],
        },
        {"rules": [{"id": "old", "status": "Enabled", "expiration": {"days": 30}}]},
    ),
    "bucket-policy": Case(
        "aws:s3/bucketPolicy:BucketPolicy",
        {
            "bucket": ref("bucket.bucket"),
            "policy": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "s3:*",
                            "Resource": "arn:aws:s3:::graph-bucket/*",
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        }
                    ],
                }
            ),
        },
    ),
    "logging": Case(
        "aws:s3/bucketLogging:BucketLogging",
        {"bucket": ref("bucket.bucket"), "targetBucket": ref("log-bucket.bucket"), "targetPrefix": "s3/"},
        {"targetPrefix": "logs/"},
    ),
    "cors": Case(
        "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration",
        {"bucket": ref("bucket.bucket"), "corsRules": [{"allowedMethods": ["GET"], "allowedOrigins": ["*"]}]},
        {"corsRules": [{"allowedMethods": ["PUT"], "allowedOrigins": ["*"]}]},
    ),
    "notification": Case(
        "aws:s3/bucketNotification:BucketNotification",
        {"bucket": ref("log-bucket.bucket"), "eventbridge": True},
        {"eventbridge": False},
    ),
    "object": Case(
        "aws:s3/bucketObjectv2:BucketObjectv2",
        {
            "bucket": ref("bucket.bucket"),
            "key": "index.html",
            "content": "<p>",
            "contentType": "text/html",
            "tags": TAGS,
        },
        {"content": "<b>", "contentType": "text/plain"},
    ),
}
