"""What S3 refuses because of a bucket's other settings; the tables that call it are in standing.py.

Sources: "Blocking public access" (BlockPublicAcls), PutBucketVersioning and PutObjectLockConfiguration (API reference).
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from localcloud.provider.errors import Refused
from localcloud.provider.row import Context

_PUBLIC = ("public-read", "public-read-write", "authenticated-read")
_EVERYBODY = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")


def acl(context: Context) -> None:
    """PutBucketAcl: not for everybody where public ACLs are blocked."""
    inputs = context["in"]
    grants = (inputs.get("accessControlPolicy") or {}).get("grants") or ()
    public = inputs.get("acl") in _PUBLIC or any(
        str((grant.get("grantee") or {}).get("uri") or "").endswith(_EVERYBODY) for grant in grants
    )
    if public and blocks(context, "BlockPublicAcls"):
        raise Refused(
            f"AccessDenied: the ACL of {inputs['bucket']} is public, which its public access block (blockPublicAcls) prevents"
        )


def blocks(context: Context, what: str) -> bool:
    """Whether the bucket's public access block has `what` (BlockPublicAcls, BlockPublicPolicy)."""
    return bool(_setting(context, "get_public_access_block", "PublicAccessBlockConfiguration").get(what))


def _setting(context: Context, operation: str, member: str) -> dict[str, Any]:
    try:
        return dict(context.call(operation, {"Bucket": context["in"]["bucket"]}).get(member) or {})
    except ClientError:
        return {}


def _locked(context: Context) -> bool:
    found = _setting(context, "get_object_lock_configuration", "ObjectLockConfiguration")
    return found.get("ObjectLockEnabled") == "Enabled"


def versioning(context: Context) -> None:
    """PutBucketVersioning: a bucket with Object Lock keeps its versions."""
    status = (context["in"].get("versioningConfiguration") or {}).get("status")
    if status != "Enabled" and _locked(context):
        raise Refused(
            "InvalidBucketState: an Object Lock configuration is present on this bucket, so the versioning state cannot be "
            f"changed: {context['in']['bucket']}, versioningConfiguration.status {status!r}"
        )
    bucket = context["in"]["bucket"]
    copied = context.recorded("aws:s3/bucketReplicationConfig:BucketReplicationConfig", bucket).values()
    if status != "Enabled" and any(kept.get("bucket") == bucket for kept in copied):
        raise Refused(
            "InvalidBucketState: a replication configuration is present on this bucket, so the versioning state cannot be "
            f"changed: {context['in']['bucket']}, versioningConfiguration.status {status!r}"
        )


def object_lock(context: Context) -> None:
    """PutObjectLockConfiguration: the bucket keeps versions."""
    bucket = context["in"]["bucket"]
    if _locked(context):
        return
    try:
        status = context.call("get_bucket_versioning", {"Bucket": bucket}).get("Status")
    except ClientError:
        return  # that it is not there is another refusal
    if status != "Enabled":
        raise Refused(
            f"InvalidBucketState: Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration: {bucket}"
        )
