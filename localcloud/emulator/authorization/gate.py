"""Lets a task's request through to moto, or refuses it as AWS does; asks moto's own stores for the policies."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from xml.sax.saxutils import escape

from moto.backends import get_backend

from localcloud.emulator.authorization.calls import TaskCall, read, signed_by
from localcloud.emulator.authorization.decisions import Ask, Document, Policies, refusal
from localcloud.runtime.task_credentials import role_of

#: Keys that a request of a task's role never has: it has no tags of a session, no MFA, and asks by itself.
_ABSENT = ("aws:multifactorauthpresent", "aws:multifactorauthage", "aws:calledvia", "aws:calledviafirst", "aws:sourceaccount",
           "aws:sourcearn", "aws:tokenissuetime", "aws:federatedprovider", "kms:viaservice")  # fmt: skip
#: Headers that conditions of bucket policies read, absent where a request has none.
_S3_HEADERS = (
    "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-acl", "x-amz-grant-read",
    "x-amz-storage-class", "x-amz-copy-source", "prefix", "delimiter",
)  # fmt: skip
#: What S3 asks of the object's key on the caller's behalf.
_OF_THE_KEY = {
    "s3:PutObject": "kms:GenerateDataKey",
    "s3:GetObject": "kms:Decrypt",
    "s3:GetObjectVersion": "kms:Decrypt",
}

#: How services that speak XML wrap an error.
_XML = {
    "s3": "<Error>{}</Error>",
    "sns": "<ErrorResponse><Error><Type>Sender</Type>{}</Error></ErrorResponse>",
}

Signed = tuple[str, str, str]
Refusal = tuple[str, dict[str, str], bytes]


def signed_by_a_task(environ: Mapping[str, Any]) -> Signed | None:
    """Access key, Region and service of a request that a task's role signed; None for whoever is no task."""
    signed = signed_by(environ)
    return signed if signed and role_of(signed[0]) else None


def refused(signed: Signed, environ: dict[str, Any], body: bytes) -> Refusal | None:
    """Status, headers and body of what a task's role may not do; None for what it may. `signed`: by `signed_by_a_task`."""
    role, call = role_of(signed[0]) or "", read(environ, body, signed)
    account, name = role.split(":")[4], role.rpartition("/")[2]
    for ask, resource, by_delegation in _asked(call, role, account) if call.action else ():
        identity, boundary = _of_the_role(account, name)
        why = refusal(ask, Policies(role, identity, boundary, resource, by_delegation))
        if why:
            who = f"arn:aws:sts::{account}:assumed-role/{name}/task"
            return _answer(
                call, f"User: {who} is not authorized to perform: {ask.action} on resource: {ask.resource} {why}"
            )
    return None


def _of_the_role(account: str, name: str) -> tuple[list[Document], Document | None]:
    """The role's policies, inline and attached, and its permissions boundary; none for a role that is not there."""
    iam = get_backend("iam")[account]["aws"]
    role = next((each for each in iam.roles.values() if each.name == name), None)
    if role is None:
        return [], None
    boundary = iam.managed_policies.get(role.permissions_boundary_arn or "")
    attached = map(_default, role.managed_policies.values())
    return [*map(_document, role.policies.values()), *attached], _default(boundary) if boundary else None


def _default(policy: Any) -> Document:
    """The default version of a managed policy."""
    versions = {each.version_id: each.document for each in policy.versions}
    return _document(versions[policy.default_version_id])


def _document(text: Any) -> Document:
    found = json.loads(text) if isinstance(text, (str, bytes)) else text
    return found if isinstance(found, Mapping) else {}


def _asked(call: TaskCall, role: str, account: str) -> Iterator[tuple[Ask, Document | None, bool]]:
    """Each permission that the request needs, with the resource's policy, and whether that must admit the account."""
    context = _context(call, role, account)
    if call.service == "s3":
        bucket_name, _, key = call.name.partition("/")
        bucket = get_backend("s3")[account]["aws"].buckets.get(bucket_name)
        policy = _document(bucket.policy) if bucket is not None and bucket.policy else None
        yield Ask(call.action, f"arn:aws:s3:::{call.name}", context), policy, False
        if bucket is not None and call.action in _OF_THE_KEY and (arn := _key_of(bucket, key, call)):
            via = {**context, "kms:viaservice": [f"s3.{call.region}.amazonaws.com"]}
            yield from _of_a_key(arn, _OF_THE_KEY[call.action], via, call, account)
    elif call.service == "kms":
        yield from _of_a_key(call.name, call.action, context, call, account)
    else:
        yield Ask(call.action, _arn(call, account), context), None, False
        if call.action == "secretsmanager:GetSecretValue" and (arn := _key_of_a_secret(call, account)):
            via = {**context, "kms:viaservice": [f"secretsmanager.{call.region}.amazonaws.com"]}
            yield from _of_a_key(arn, "kms:Decrypt", via, call, account)


def _key_of_a_secret(call: TaskCall, account: str) -> str | None:
    """The customer's key under which a secret lies; None for AWS's own, which admits whoever may read the secret."""
    found = get_backend("secretsmanager")[account][call.region].secrets.get(call.name)
    return getattr(found, "kms_key_id", None)


def _key_of(bucket: Any, key: str, call: TaskCall) -> str | None:
    """The KMS key that an object is, or will be, encrypted with; None for S3's own."""
    if call.action == "s3:PutObject":
        if call.given.get("s3:x-amz-server-side-encryption") == "AES256":
            return None
        if given := call.given.get("s3:x-amz-server-side-encryption-aws-kms-key-id"):
            return given
        rule = (bucket.encryption or {}).get("Rule") or {}
        default = (rule[0] if isinstance(rule, list) else rule).get("ApplyServerSideEncryptionByDefault") or {}
        return default.get("KMSMasterKeyID") if default.get("SSEAlgorithm", "").startswith("aws:kms") else None
    found = bucket.keys.get(key)
    return (
        found.kms_key_id if found is not None and str(getattr(found, "encryption", "")).startswith("aws:kms") else None
    )


def _of_a_key(
    name: str, action: str, context: Mapping[str, Sequence[str]], call: TaskCall, account: str
) -> Iterator[tuple[Ask, Document | None, bool]]:
    """A KMS key by its id, ARN or alias, or by what was encrypted with it. Of a key that is not there moto says so."""
    kms = get_backend("kms")[account][call.region]
    key = None
    with suppress(Exception):  # whatever moto raises for a name that is none
        key = kms.keys.get(kms.any_id_to_key_id(name))
    if key is None:
        with suppress(ValueError):  # of a blob the first 36 bytes are the key's id
            key = kms.keys.get(base64.b64decode(name)[:36].decode("latin-1"))
    if key is None:
        return
    yield Ask(action, key.arn, context), _document(key.policy), True


def _arn(call: TaskCall, account: str) -> str:
    """The ARN of a secret, parameter, topic or queue; of a secret that is there, with its ending."""
    place = f"arn:aws:{call.service}:{call.region}:{account}"
    if call.name.startswith("arn:") and call.service != "secretsmanager":
        return call.name
    if call.service == "secretsmanager":
        secrets = get_backend("secretsmanager")[account][call.region].secrets
        found = secrets.get(call.name)
        return (
            str(found.arn)
            if found is not None
            else (call.name if call.name.startswith("arn:") else f"{place}:secret:{call.name}")
        )
    if call.service == "ssm":
        return f"{place}:parameter/{call.name.lstrip('/')}"
    return f"{place}:{call.name}"


def _context(call: TaskCall, role: str, account: str) -> dict[str, list[str]]:
    """What conditions may read, of what is known here. Loopback stands where TLS stands."""
    known = {
        "aws:securetransport": "true",
        "aws:principalarn": role,
        "aws:principalaccount": account,
        "aws:principaltype": "AssumedRole",
        "aws:requestedregion": call.region,
        "aws:resourceaccount": account,
        "aws:viaawsservice": "false",
        "aws:principalisawsservice": "false",
        "kms:calleraccount": account,
        "s3:resourceaccount": account,
        **call.given,
    }
    absent = [*_ABSENT, *(f"s3:{name}" for name in _S3_HEADERS)]
    found: dict[str, list[str]] = {name: [] for name in absent}
    found |= {name: [value] for name, value in known.items()}
    if call.service == "kms":
        prefix = "kms:encryptioncontext:"
        found[f"{prefix}*"] = []
        found[f"{prefix[:-1]}keys"] = [name.removeprefix(prefix) for name in call.given if name.startswith(prefix)]
    return found


def _answer(call: TaskCall, message: str) -> Refusal:
    """In the form of the service's protocol."""
    if call.service in _XML:
        error = f"<Code>AccessDenied</Code><Message>{escape(message)}</Message>"
        text = f'<?xml version="1.0" encoding="UTF-8"?>{_XML[call.service].format(error)}'
        return "403 Forbidden", {"Content-Type": "text/xml"}, text.encode()
    kind = "AccessDeniedException"
    return (
        "400 Bad Request",
        {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": kind},
        json.dumps({"__type": kind, "Message": message, "message": message}).encode(),
    )
