"""Whom a policy lets in, and to what: S3's meaning of "public", actions without a resource, condition keys, principals.

Sources: "Blocking public access to your Amazon S3 storage" (the meaning of "public"), "Actions, resources, and condition
keys for Amazon S3" (service authorisation reference), "AWS JSON policy elements: Principal" (IAM User Guide).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any


def listed(value: Any) -> list[Any]:
    """IAM's "one or several"."""
    return value if isinstance(value, list) else [] if value is None else [value]


# ---- public

#: Condition keys that keep the public out, where their values are fixed.
_NARROWING = frozenset((
    "aws:principalorgid", "aws:principalaccount", "aws:principalarn", "aws:sourceaccount", "aws:sourcearn", "aws:sourceowner",
    "aws:sourceorgid", "aws:sourcevpc", "aws:sourcevpce", "aws:userid", "s3:dataaccesspointaccount", "s3:dataaccesspointarn",
))  # fmt: skip
_EQUAL = ("stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike")
#: The shortest prefixes that are not "very broad", by version.
_BROADEST = {4: 8, 6: 32}


def is_public(found: Mapping[str, Any]) -> bool:
    """Whether a policy lets everybody in: Allow, Principal "*" (or all but some), and no condition on fixed values."""
    return any(_opens(statement) for statement in listed(found.get("Statement")) if isinstance(statement, dict))


def _opens(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    everybody = principal == "*" or (isinstance(principal, dict) and "*" in listed(principal.get("AWS")))
    if statement.get("Effect") != "Allow" or not (everybody or "NotPrincipal" in statement):
        return False
    return not any(
        _narrows(operator, str(key).lower(), listed(values))
        for operator, keys in (statement.get("Condition") or {}).items()
        if isinstance(keys, dict)
        for key, values in keys.items()
    )


def _narrows(operator: str, key: str, values: Collection[Any]) -> bool:
    """Whether one condition keeps the public out. One that also holds where the key is absent does not, nor a negated one."""
    plain = operator.lower().removeprefix("foranyvalue:")
    if key == "aws:sourceip":
        return plain == "ipaddress" and bool(values) and not any(map(_broad, values))
    if key not in _NARROWING or plain not in _EQUAL or not values:
        return False
    fixed = [str(value) for value in values]
    if key == "s3:dataaccesspointarn":  # any access point of one account
        return all(re.match(r"arn:aws:s3:[\w*-]*:\d{12}:", value) for value in fixed)
    return not any("*" in value or "?" in value or "${" in value for value in fixed)


def _broad(value: Any) -> bool:
    try:
        network = ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        return True
    return not network.is_private and network.prefixlen < _BROADEST[network.version]


# ---- S3's actions and their resources

_OF_OBJECTS = re.compile(
    r"(Abort|List)Multipart(Upload|UploadParts)|BypassGovernanceRetention|RestoreObject|ObjectOwnerOverrideToBucketOwner"
    r"|Replicate(Object|Delete|Tags)|(Get|Put|Delete|Update)Object\w*",
    re.IGNORECASE,
)
_OF_BUCKETS = re.compile(
    r"\w*Bucket\w*|(Get|Put)(Accelerate|Analytics|Encryption|IntelligentTiering|Inventory|Lifecycle|Metrics|Replication)"
    r"Configuration",
    re.IGNORECASE,
)


def without_resource(statement: Mapping[str, Any]) -> Iterator[str]:
    """S3's actions that none of the statement's resources can have: of objects for a bucket alone, or the other way round."""
    resources = [str(each) for each in listed(statement.get("Resource"))]
    if not resources:
        return
    names = [each.partition(":::")[2] for each in resources]
    open_ended = any(each == "*" or "*" in name.split("/")[0] for each, name in zip(resources, names, strict=True))
    objects = open_ended or any("/" in name for name in names)
    buckets = open_ended or any("/" not in name for name in names)
    for action in listed(statement.get("Action")):
        name = str(action).partition(":")[2]
        of_bucket = _OF_BUCKETS.fullmatch(name) and name.lower() != "objectowneroverridetobucketowner"
        if (_OF_OBJECTS.fullmatch(name) and not objects) or (of_bucket and not buckets):
            yield str(action)


#: Condition keys of S3 (those with a name behind / by what stands before it).
_S3_KEYS = frozenset((
    "accessgrantsinstancearn", "accesspointnetworkorigin", "accesspointtag", "authtype", "buckettag",
    "dataaccesspointaccount", "dataaccesspointarn", "delimiter", "destinationregion", "existingjoboperation",
    "existingjobpriority", "existingobjecttag", "if-match", "if-none-match", "inventoryaccessibleoptionalfields",
    "isreplicationpauserequest", "jobsuspendedcause", "locationconstraint", "max-keys", "object-lock-legal-hold",
    "object-lock-mode", "object-lock-remaining-retention-days", "object-lock-retain-until-date", "objectcreationoperation",
    "prefix", "requestjoboperation", "requestjobpriority", "requestobjecttag", "requestobjecttagkeys", "resourceaccount",
    "signatureage", "signatureversion", "tlsversion", "versionid", "x-amz-acl", "x-amz-bucket-namespace",
    "x-amz-content-sha256", "x-amz-copy-source", "x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp",
    "x-amz-grant-write", "x-amz-grant-write-acp", "x-amz-metadata-directive", "x-amz-object-ownership",
    "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm", "x-amz-storage-class", "x-amz-website-redirect-location",
))  # fmt: skip


def unknown_keys(statement: Mapping[str, Any]) -> Iterator[str]:
    """Condition keys with S3's prefix that S3 does not have."""
    for keys in (statement.get("Condition") or {}).values():
        for key in keys if isinstance(keys, dict) else ():
            service, _, name = str(key).lower().partition(":")
            if service == "s3" and name.split("/")[0] not in _S3_KEYS:
                yield str(key)


# ---- principals

#: Parts of service principals that are no service's prefix in actions.
_PARTS = frozenset((
    "amplifybackend", "assets", "awsconnector", "billing", "costalerts", "datapipeline", "delivery", "diode", "edgelambda",
    "fis", "lex", "lexv2", "monitoring", "opsworks", "replicator", "reporting", "resource", "robomaker", "spot", "spotfleet",
    "storage", "transitgateway", "vmie", "vpc", "worklink",
))  # fmt: skip


def service_known(name: str, services: Collection[str]) -> bool:
    """Whether some part of a service principal (ecs-tasks.amazonaws.com) is the name of a service."""
    host = re.sub(r"\.(amazonaws\.com(\.cn)?|amazon\.com)$", "", name)
    parts = {host, *host.split("."), *re.split(r"[.-]", host)}
    return host == "*" or bool(parts & {*services, *_PARTS})


def principal_refused(name: str) -> str | None:
    """Why an AWS principal in the right form is none: a group, or a part of a name."""
    if re.fullmatch(r"arn:[\w-]+:iam::\d{12}:group/.+", name):
        return "a group is no principal"
    if re.search(r":(role|user|assumed-role)/.*[*?]", name):
        return "a wildcard cannot stand for a part of a name"
    return None


# ---- the values of conditions


def ill_valued(operator: str, values: Collection[Any]) -> Iterator[str]:
    """Values that an operator cannot compare: no number, no address, no truth."""
    plain = re.sub(r"^for(allvalues|anyvalue):", "", operator.lower()).removesuffix("ifexists")
    for value in map(str, values):
        if "${" in value:
            continue
        if plain.startswith("numeric") and not re.fullmatch(r"-?\d+(\.\d+)?", value):
            yield value
        if plain in ("bool", "null") and value.lower() not in ("true", "false"):
            yield value
        if plain in ("ipaddress", "notipaddress"):
            try:
                ipaddress.ip_network(value, strict=False)
            except ValueError:
                yield value
