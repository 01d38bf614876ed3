"""S3 buckets, their settings (one kind each), and objects."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from localcloud.provider.errors import Refused
from localcloud.provider.row import VIRTUAL, Call, Context, Inputs, Prop, Read, Row, Tagging
from localcloud.provider.rows.iam import document_check
from localcloud.provider.wire import ASSET, SIGNATURE

_BUCKET = {"Bucket": "$id"}
_OF = {"bucket": Prop(identity=True), "expectedBucketOwner": VIRTUAL}
_ZONES = {"ap-south-1": "Z11RGJOFQNVJUP", "us-east-1": "Z3AQBSTGFYJSTF", "eu-west-1": "Z1BKCTXD74EZPE"}
_SEPARATE = {
    "acl": "BucketAcl",
    "corsRules": "BucketCorsConfiguration",
    "lifecycleRules": "BucketLifecycleConfiguration",
    "logging": "BucketLogging",
    "policy": "BucketPolicy",
    "replicationConfiguration": "BucketReplicationConfiguration",
    "serverSideEncryptionConfiguration": "BucketServerSideEncryptionConfiguration",
    "versioning": "BucketVersioning",
    "website": "BucketWebsiteConfiguration",
}


def _check_bucket(inputs: Inputs) -> list[tuple[str, str]]:
    return [
        (name, f"inline {name} is deprecated and not supported by the local provider: use aws.s3.{kind}")
        for name, kind in _SEPARATE.items()
        if inputs.get(name)
    ]


def _empty(context: Context) -> None:
    """forceDestroy: every version of every object goes before the bucket."""
    if not context["in"].get("forceDestroy"):
        return
    while True:
        found = context.call("list_object_versions", {"Bucket": context["id"], "MaxKeys": 1000})
        entries = [*found.get("Versions", []), *found.get("DeleteMarkers", [])]
        if not entries:
            return
        objects = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
        context.call("delete_objects", {"Bucket": context["id"], "Delete": {"Objects": objects, "Quiet": True}})


def _bucket(context: Context, outputs: dict[str, Any]) -> dict[str, Any]:
    name, region = context["id"], context["region"]
    return {
        **outputs,
        "bucketRegion": region,
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        "hostedZoneId": _ZONES.get(region, "Z3AQBSTGFYJSTF"),
    }


def _setting(put: str, get: str, path: str, delete: str | None, props: dict[str, Prop], **more: Any) -> Row:
    """A setting of a bucket: put, get and delete of a whole document."""
    return Row(
        "s3",
        put,
        "$in.bucket",
        reads=(Read(get, _BUCKET, path),),
        update=Call(put),
        whole=True,
        delete=(Call(delete, _BUCKET),) if delete else (),
        props={**_OF, **props},
        **more,
    )


def _no_logging(context: Context) -> None:
    context.call("put_bucket_logging", {"Bucket": context["id"], "BucketLoggingStatus": {}})


def _no_notification(context: Context) -> None:
    context.call("put_bucket_notification_configuration", {"Bucket": context["id"], "NotificationConfiguration": {}})


def _versioning_off(context: Context) -> None:
    context.call("put_bucket_versioning", {"Bucket": context["id"], "VersioningConfiguration": {"Status": "Suspended"}})


def _lifecycle(arguments: dict[str, Any]) -> dict[str, Any]:
    """A rule without filter is one for every object."""
    for rule in arguments["LifecycleConfiguration"]["Rules"]:
        if not rule.get("Filter") and "Prefix" not in rule:
            rule["Filter"] = {"Prefix": ""}
    return arguments


def _body(inputs: Inputs) -> dict[str, Any]:
    source = inputs.get("source")
    if isinstance(source, dict) and source.get(SIGNATURE) == ASSET:
        if "text" in source:
            return {"Body": source["text"].encode()}
        if "path" in source:
            return {"Body": Path(source["path"]).read_bytes()}
        raise Refused(
            f"source: an asset of {source.get('uri')!r} is not supported by the local provider: use a file or a text"
        )
    if "contentBase64" in inputs:
        return {"Body": base64.b64decode(inputs["contentBase64"])}
    return {"Body": str(inputs.get("content", "")).encode()}


def _tag_again(context: Context) -> None:
    """A put replaces an object's tags as well."""
    where = {"Bucket": context["in"]["bucket"], "Key": context["in"]["key"]}
    context.call("put_object_tagging", {**where, "Tagging": {"TagSet": context["all_tags"]}})


_OBJECT = {"Bucket": "$in.bucket", "Key": "$in.key"}

#: "Canned ACL" (S3 User Guide) for buckets; the API's model lists the first four.
_ACLS = (
    "private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read",
    "bucket-owner-full-control", "log-delivery-write",
)  # fmt: skip


def _check_acl(inputs: Inputs) -> list[tuple[str, str]]:
    acl = inputs.get("acl")
    return [] if acl is None or acl in _ACLS else [("acl", f"acl is {acl!r}; accepted are {', '.join(_ACLS)}")]


ROWS: dict[str, Row] = {
    "aws:s3/bucketAcl:BucketAcl": Row(
        "s3",
        "put_bucket_acl",
        "={in.bucket},{in.acl}",
        reads=(Read("get_bucket_acl", {"Bucket": "$in.bucket"}, "{Owner: Owner, Grants: Grants}"),),
        update=Call("put_bucket_acl"),
        whole=True,
        props={
            "bucket": Prop(identity=True),
            "acl": Prop(api="ACL", unread=True, longer=True),  # AWS shows grants only
            "expectedBucketOwner": VIRTUAL,
            "accessControlPolicy": Prop(api="AccessControlPolicy", live="@"),
        },
        check=_check_acl,
    ),
    "aws:s3/bucket:Bucket": Row(
        "s3",
        "create_bucket",
        "$in.bucket",
        reads=(
            Read("head_bucket", _BUCKET, "{Bucket: ResponseMetadata.RequestId}"),
            Read("get_object_lock_configuration", _BUCKET, "ObjectLockConfiguration", into="lock", optional=True),
        ),
        arguments={"CreateBucketConfiguration": {"LocationConstraint": "$region != 'us-east-1' && region || `null`"}},
        before_delete=_empty,
        delete=(Call("delete_bucket", _BUCKET),),
        props={
            "bucket": Prop(api="Bucket", identity=True),
            "bucketPrefix": VIRTUAL,
            "forceDestroy": Prop(virtual=True, default=False),
            "objectLockEnabled": Prop(api="ObjectLockEnabledForBucket", live="lock.ObjectLockEnabled"),
            "bucketNamespace": VIRTUAL,
        },
        name="bucket",
        name_limit=63,
        name_rule=(
            r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$)(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
            "3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit; "
            "xn--, sthree- and amzn-s3-demo- before, and -s3alias, --ol-s3, .mrap, --x-s3 and --table-s3 behind, are reserved",
        ),
        check=_check_bucket,
        outputs={"arn": "=arn:aws:s3:::{id}"},
        finish=_bucket,
        tagging=Tagging(
            Call("put_bucket_tagging", {**_BUCKET, "Tagging": {"TagSet": "$all_tags"}}),
            Call("put_bucket_tagging", {**_BUCKET, "Tagging": {"TagSet": "$all_tags"}}),
            Read("get_bucket_tagging", _BUCKET, "TagSet", into="Tags", optional=True),
        ),
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _setting(
        "put_bucket_versioning",
        "get_bucket_versioning",
        "{Status: Status, MFADelete: MFADelete}",
        None,
        {"versioningConfiguration": Prop(api="VersioningConfiguration", live="@"), "mfa": Prop(api="MFA", unread=True)},
        before_delete=_versioning_off,
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _setting(
        "put_bucket_encryption",
        "get_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        "delete_bucket_encryption",
        {},
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _setting(
        "put_public_access_block",
        "get_public_access_block",
        "PublicAccessBlockConfiguration",
        "delete_public_access_block",
        {
            **{
                name: Prop(default=False)
                for name in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
            },
            "skipDestroy": VIRTUAL,
        },
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _setting(
        "put_bucket_ownership_controls",
        "get_bucket_ownership_controls",
        "OwnershipControls",
        "delete_bucket_ownership_controls",
        {"rule": Prop(api="OwnershipControls.Rules")},
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _setting(
        "put_bucket_lifecycle_configuration",
        "get_bucket_lifecycle_configuration",
        "@",
        "delete_bucket_lifecycle",
        {
            "rules": Prop(api="LifecycleConfiguration.Rules", live="Rules"),
            "timeouts": VIRTUAL,
            "transitionDefaultMinimumObjectSize": Prop(unread=True),
        },
        prepare=_lifecycle,
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _setting(
        "put_bucket_policy", "get_bucket_policy", "@", "delete_bucket_policy", {}, check=document_check("policy")
    ),
    "aws:s3/bucketLogging:BucketLogging": _setting(
        "put_bucket_logging",
        "get_bucket_logging",
        "LoggingEnabled",
        None,
        {
            name: Prop(api=f"BucketLoggingStatus.LoggingEnabled.{member}")
            for name, member in (
                ("targetBucket", "TargetBucket"),
                ("targetPrefix", "TargetPrefix"),
                ("targetGrants", "TargetGrants"),
                ("targetObjectKeyFormat", "TargetObjectKeyFormat"),
            )
        },
        before_delete=_no_logging,
    ),
    "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration": _setting(
        "put_bucket_cors",
        "get_bucket_cors",
        "@",
        "delete_bucket_cors",
        {"corsRules": Prop(api="CORSConfiguration.CORSRules")},
    ),
    "aws:s3/bucketNotification:BucketNotification": _setting(
        "put_bucket_notification_configuration",
        "get_bucket_notification_configuration",
        "@",
        None,
        {
            "queues": Prop(api="NotificationConfiguration.QueueConfigurations"),
            "topics": Prop(api="NotificationConfiguration.TopicConfigurations"),
            "lambdaFunctions": Prop(api="NotificationConfiguration.LambdaFunctionConfigurations"),
            "eventbridge": Prop(api="", default=False, update=True),
        },
        arguments={"NotificationConfiguration": {}},
        kept=frozenset({"eventbridge"}),
        before_delete=_no_notification,
    ),
    "aws:s3/bucketObjectv2:BucketObjectv2": Row(
        "s3",
        "put_object",
        "={in.bucket}/{in.key}",
        reads=(Read("head_object", _OBJECT),),
        arguments=_body,
        update=Call("put_object", {"Bucket": "$in.bucket", "Key": "$in.key"}),
        whole=True,
        after_update=_tag_again,
        delete=(Call("delete_object", _OBJECT),),
        props={
            "bucket": Prop(identity=True),
            "key": Prop(identity=True),
            "content": Prop(api="Body", unread=True),
            "contentBase64": Prop(api="Body", unread=True),
            "source": Prop(api="Body", unread=True),
            "sourceHash": Prop(api="Body", unread=True),
            "kmsKeyId": Prop(api="SSEKMSKeyId"),
            "acl": Prop(api="ACL", unread=True),
            "etag": Prop(unread=True, api=""),
            "metadata": Prop(),
            "forceDestroy": Prop(virtual=True, default=False),
            "overrideProvider": VIRTUAL,
        },
        required=frozenset({"key"}),
        outputs={"arn": "=arn:aws:s3:::{id}", "etag": "$el.ETag", "versionId": "$el.VersionId"},
        tagging=Tagging(
            Call("put_object_tagging", {**_OBJECT, "Tagging": {"TagSet": "$all_tags"}}),
            Call("put_object_tagging", {**_OBJECT, "Tagging": {"TagSet": "$all_tags"}}),
            Read("get_object_tagging", _OBJECT, "TagSet", into="Tags", optional=True),
        ),
    ),
}
