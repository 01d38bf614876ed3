"""What an AWS request asks for, in IAM's words: the action, the resource by its ARN, and what conditions may read of it.

Only services that tasks call are known here: S3, KMS, Secrets Manager, Systems Manager's parameters, SNS, SQS. Any other
request is not judged. Source: Service Authorization Reference, the pages of these services.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from localcloud.emulator import requests

#: Of `Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request`, or of a signed address.
_SCOPE = re.compile(r"Credential=([^/,\s]+)/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class TaskCall:
    """One request: who (the access key), where, and what of which service."""

    key: str
    region: str
    service: str
    action: str = ""
    name: str = ""  #: of the resource, as the request calls it
    given: Mapping[str, str] = field(default_factory=dict)  #: keys that conditions may read, in lower case


def signed_by(environ: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Access key, Region and service of a signed request or address."""
    found = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if found is None and "X-Amz-Credential" in environ.get("QUERY_STRING", ""):
        query = parse_qs(environ["QUERY_STRING"])
        found = _SCOPE.fullmatch(f"Credential={query.get('X-Amz-Credential', [''])[0]}")
    return (found[1], found[2], found[3]) if found else None


def read(environ: dict[str, Any], body: bytes, signed: tuple[str, str, str]) -> TaskCall:
    """What the request asks for; an empty action where it is not judged."""
    key, region, service = signed
    unknown = TaskCall(key, region, service)
    if service == "s3":
        action, name = _s3(environ)
        return TaskCall(key, region, service, action, name, _s3_keys(environ)) if action else unknown
    operation = requests.action(environ, body)
    if service not in _NAMED or not operation:
        return unknown
    parameters = _parameters(environ, body)
    return TaskCall(
        key, region, service, f"{service}:{operation}", _NAMED[service](parameters), _context_keys(service, parameters)
    )


def _parameters(environ: Mapping[str, Any], body: bytes) -> Mapping[str, Any]:
    """Of the JSON protocols, or of the Query protocol."""
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


_NAMED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "kms": lambda given: str(given.get("KeyId") or given.get("CiphertextBlob") or ""),
    "secretsmanager": lambda given: str(given.get("SecretId") or given.get("Name") or ""),
    "ssm": lambda given: str(given.get("Name") or ""),
    "sns": lambda given: str(given.get("TopicArn") or ""),
    "sqs": lambda given: str(given.get("QueueUrl") or given.get("QueueName") or "").rpartition("/")[2],
}


def _context_keys(service: str, given: Mapping[str, Any]) -> dict[str, str]:
    context = given.get("EncryptionContext") if service == "kms" else None
    if not isinstance(context, dict):
        return {}
    return {f"kms:encryptioncontext:{name}".lower(): str(value) for name, value in context.items()}


#: Method and sub-resource → action, of an object and of a bucket. A sub-resource that is not listed is not judged.
_OBJECT = {
    ("GET", ""): "GetObject", ("HEAD", ""): "GetObject", ("PUT", ""): "PutObject", ("DELETE", ""): "DeleteObject",
    ("GET", "versionId"): "GetObjectVersion", ("HEAD", "versionId"): "GetObjectVersion",
    ("DELETE", "versionId"): "DeleteObjectVersion", ("POST", "uploads"): "PutObject", ("PUT", "uploadId"): "PutObject",
    ("POST", "uploadId"): "PutObject", ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("GET", "uploadId"): "ListMultipartUploadParts", ("GET", "tagging"): "GetObjectTagging",
    ("PUT", "tagging"): "PutObjectTagging", ("DELETE", "tagging"): "DeleteObjectTagging", ("GET", "acl"): "GetObjectAcl",
    ("PUT", "acl"): "PutObjectAcl", ("GET", "attributes"): "GetObjectAttributes",
}  # fmt: skip
_BUCKET = {
    ("GET", ""): "ListBucket", ("HEAD", ""): "ListBucket", ("GET", "location"): "GetBucketLocation",
    ("GET", "versions"): "ListBucketVersions", ("GET", "uploads"): "ListBucketMultipartUploads",
    ("GET", "policy"): "GetBucketPolicy", ("PUT", "policy"): "PutBucketPolicy", ("DELETE", "policy"): "DeleteBucketPolicy",
    ("PUT", ""): "CreateBucket", ("DELETE", ""): "DeleteBucket",
}  # fmt: skip
#: What a query says beside the sub-resource.
_PLAIN = re.compile(
    r"list-type|prefix|delimiter|max-keys|encoding-type|continuation-token|start-after|fetch-owner|marker|partNumber"
    r"|x-id|max-uploads|key-marker|response-.*|X-Amz-.*"
)


def _s3(environ: Mapping[str, Any]) -> tuple[str, str]:
    """The action, and `bucket` or `bucket/key`; an empty action where it is not judged (several deletions, forms)."""
    bucket, _, key = (
        unquote(str(environ.get("RAW_URI") or environ.get("PATH_INFO", "")).partition("?")[0])
        .lstrip("/")
        .partition("/")
    )
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    parts = [name for name in query if not _PLAIN.fullmatch(name)]
    if not bucket or len(parts) > 1:
        return "", ""
    found = (_OBJECT if key else _BUCKET).get((environ["REQUEST_METHOD"], parts[0] if parts else ""))
    return (f"s3:{found}" if found else ""), f"{bucket}/{key}" if key else bucket


def _s3_keys(environ: Mapping[str, Any]) -> dict[str, str]:
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    given = {
        name[5:].replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_X_AMZ_")
    }
    found = {f"s3:{name}": value for name, value in given.items()}
    return found | {f"s3:{name}": query[name][0] for name in ("prefix", "delimiter") if name in query}
