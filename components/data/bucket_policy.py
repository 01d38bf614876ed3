"""Bucket policies as plain documents: nobody without TLS, and the few services of AWS that may write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Statement = dict[str, Any]


def document(bucket_arn: Any, statements: Sequence[Any]) -> dict[str, Any]:
    """The policy of the bucket `bucket_arn`: refuse plain HTTP to everyone, then `statements`."""
    return {"Version": "2012-10-17", "Statement": [tls_only(bucket_arn), *statements]}


def tls_only(bucket_arn: str) -> Statement:
    """Refuse every request that does not come over TLS (FSBP S3.5)."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, f"{bucket_arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def distributions_read(bucket_arn: str, account_id: str) -> Statement:
    """Let any of the account's distributions read: where the bucket is made before the one that will."""
    return {
        "Sid": "DistributionsRead",
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": f"{bucket_arn}/*",
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:cloudfront::{account_id}:distribution/*"}},
    }


def log_deliveries(bucket_arn: str, account_id: str, region: str) -> list[Statement]:
    """Let this account's load balancers, buckets, distributions and networks write their logs, each under its own prefix."""
    mine = {"StringEquals": {"aws:SourceAccount": account_id}}
    return [
        {
            "Sid": "LoadBalancerLogs",
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{bucket_arn}/AWSLogs/{account_id}/*",
            # The ARN alone, as AWS's own example has it (ELB User Guide, "Access logs"): it names the account.
            "Condition": {
                "ArnLike": {"aws:SourceArn": f"arn:aws:elasticloadbalancing:{region}:{account_id}:loadbalancer/*"}
            },
        },
        {
            "Sid": "BucketLogs",
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{bucket_arn}/s3/*",
            "Condition": mine,
        },
        {
            "Sid": "DistributionLogs",
            "Effect": "Allow",
            "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{bucket_arn}/AWSLogs/{account_id}/CloudFront/*",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account_id, "s3:x-amz-acl": "bucket-owner-full-control"},
                # CloudFront hands its logs to CloudWatch's delivery in us-east-1 only.
                "ArnLike": {"aws:SourceArn": f"arn:aws:logs:us-east-1:{account_id}:delivery-source:*"},
            },
        },
        {
            "Sid": "FlowLogs",
            "Effect": "Allow",
            "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Action": "s3:PutObject",
            # Hive-compatible prefixes: AWSLogs/aws-account-id=…/aws-service=vpcflowlogs/…
            "Resource": f"{bucket_arn}/AWSLogs/aws-account-id={account_id}/aws-service=vpcflowlogs/*",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account_id, "s3:x-amz-acl": "bucket-owner-full-control"},
                "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{region}:{account_id}:*"},
            },
        },
        {
            "Sid": "FlowLogsBucket",
            "Effect": "Allow",
            "Principal": {"Service": "delivery.logs.amazonaws.com"},
            "Action": "s3:GetBucketAcl",
            "Resource": bucket_arn,
            "Condition": {
                "StringEquals": {"aws:SourceAccount": account_id},
                "ArnLike": {"aws:SourceArn": f"arn:aws:logs:{region}:{account_id}:*"},
            },
        },
    ]
