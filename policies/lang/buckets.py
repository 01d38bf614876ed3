"""A bucket's settings, wherever they are kept: in resources of their own, or in (deprecated) properties of the bucket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policies.lang.documents import Statement, statements
from policies.lang.resources import Resource, Stack
from policies.lang.values import View

BUCKET = "aws:s3/bucket:Bucket"
ACL = "aws:s3/bucketAcl:BucketAcl"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
CORS = "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
NOTIFICATION = "aws:s3/bucketNotification:BucketNotification"
OBJECT_LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ACCOUNT_BLOCK = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
WEBSITE = "aws:s3/bucketWebsiteConfiguration:BucketWebsiteConfiguration"

#: The four switches of Block Public Access.
SWITCHES = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")

_EVERYONE = ("/AllUsers", "/AuthenticatedUsers")
_READ = ("READ", "READ_ACP", "FULL_CONTROL")
_WRITE = ("WRITE", "WRITE_ACP", "FULL_CONTROL")
_CANNED = {"public-read": ("read",), "public-read-write": ("read", "write"), "authenticated-read": ("read",)}


def setting(bucket: Resource, stack: Stack, kind: str) -> Resource | None:
    """The resource of type `kind` that configures `bucket`, or None."""
    found = stack.referrers(bucket, kind, "bucket")
    return found[0] if found else None


def blocked(bucket: Resource, stack: Stack, switch: str) -> bool:
    """Whether one switch of Block Public Access holds for the bucket: set on it, or for the whole account by this stack."""
    block = setting(bucket, stack, BLOCK)
    return bool(block and block.flag(switch)) or any(item.flag(switch) for item in stack.of(ACCOUNT_BLOCK))


@dataclass(frozen=True)
class Grant:
    """Something that lets everyone in: where it stands, its value, and what it lets them do ("read", "write")."""

    path: str
    value: str
    kinds: tuple[str, ...]


def acl_holders(bucket: Resource, stack: Stack) -> Iterator[tuple[Resource, str]]:
    """(resource, path of its grants) of every access control list of the bucket."""
    yield bucket, "grants"
    separate = setting(bucket, stack, ACL)
    if separate:
        yield separate, "accessControlPolicy.grants"


def canned_is_public(acl: str) -> bool:
    """Whether one of S3's ready-made access control lists gives anything to everyone."""
    return acl in _CANNED


def grants_to_everybody(holder: Resource, path: str, *, flat: bool = True) -> Iterator[Grant]:
    """The grants to S3's groups of everyone in the list at `path`; `flat` as the bucket's own properties write them."""
    for grant in holder.each(path):
        uri = grant.text("uri" if flat else "grantee.uri")
        if not uri.endswith(_EVERYONE):
            continue
        allowed = grant.texts("permissions" if flat else "permission")
        kinds = [kind for kind, words in (("read", _READ), ("write", _WRITE)) if set(allowed) & set(words)]
        yield Grant(f"{holder.name}.{grant.path}", uri.rpartition("/")[2], tuple(kinds))


def public_acl(bucket: Resource, stack: Stack) -> Iterator[Grant]:
    """What the bucket's access control lists give to everyone."""
    for holder, path in acl_holders(bucket, stack):
        canned = holder.text("acl")
        if canned in _CANNED:
            yield Grant(f"{holder.name}.acl", canned, _CANNED[canned])
        yield from grants_to_everybody(holder, path, flat=holder is bucket)


def policy_statements(bucket: Resource, stack: Stack) -> list[Statement] | None:
    """The statements of the bucket's policy; None when it has none."""
    holder = setting(bucket, stack, POLICY) or (bucket if bucket.raw("policy") is not None else None)
    return None if holder is None else statements(holder, "policy")


def lifecycle_rules(bucket: Resource, stack: Stack) -> list[View]:
    """The lifecycle rules that are on."""
    separate = setting(bucket, stack, LIFECYCLE)
    rules = list(separate.each("rules")) if separate else []
    return [rule for rule in rules if rule.text("status") == "Enabled"] + [
        rule for rule in bucket.each("lifecycleRules") if rule.flag("enabled")
    ]


def versioned(bucket: Resource, stack: Stack) -> bool:
    """Whether the bucket keeps versions."""
    separate = setting(bucket, stack, VERSIONING)
    if separate:
        return separate.text("versioningConfiguration.status") == "Enabled"
    return bucket.flag("versioning.enabled")
