"""IAM, KMS, Secrets Manager, SSM. Sources: the API references and "IAM and AWS STS quotas"."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator

import boto3

from localcloud.provider.constraints.combinations.given import Failure, Given
from localcloud.provider.constraints.combinations.messages import schedule_expression


def parameter(given: Given) -> Iterator[Failure]:
    """A parameter: size by tier, encryption by type, names."""
    kind, tier = given.text("type"), given.text("tier", "Standard")
    limit = 8192 if tier == "Advanced" else 4096
    for name in ("value", "insecureValue"):
        text = given.text(name)
        if text and len(text.encode()) > limit and tier in ("Standard", "Advanced"):
            yield name, f"{name} has {len(text.encode())} bytes; the tier {tier} accepts at most {limit}"
        if text and re.search(r"\{\{.*?\}\}", text, re.DOTALL):
            yield name, "ValidationException: a value cannot nest another parameter: no {{}} is accepted in it"
        if given.get(name) == "":
            yield name, f"{name} is empty; at least one character is accepted"
    if given.has("keyId") and kind and kind != "SecureString":
        yield "keyId", f"keyId has no place with the type {kind}; it is for SecureString"
    if given.has("insecureValue") and kind == "SecureString":
        yield "insecureValue", "insecureValue has no place with the type SecureString"
    path = given.text("name")
    if path:
        if re.match(r"/?(aws|ssm)", path, re.IGNORECASE):
            yield "name", f"name is {path!r}; names that begin with aws or ssm are reserved"
        if "/" in path and not path.startswith("/"):
            yield "name", f"name is {path!r}; a name with / begins with it"
        if path.endswith("/") or "//" in path:
            yield "name", f"name is {path!r}; it does not end with / and has no //"
        if path.count("/") > 15:
            yield "name", f"name has {path.count('/')} levels; accepted are at most 15"
    pattern, text = given.text("allowedPattern"), given.text("value")
    if pattern:
        try:
            if text and not re.search(pattern, text):
                yield "value", f"value does not match allowedPattern {pattern!r}"
        except re.error as error:
            yield "allowedPattern", f"allowedPattern is {pattern!r}, no regular expression: {error}"


def document(given: Given) -> Iterator[Failure]:
    """An SSM document: content in the format that it says."""
    content = given.get("content")
    if given.text("documentFormat", "JSON") == "JSON" and isinstance(content, str):
        try:
            found = json.loads(content)
        except ValueError:
            yield "content", "content is not JSON"
            return
        if (
            isinstance(found, dict)
            and "schemaVersion" not in found
            and given.text("documentType") in ("Command", "Automation", "Session")
        ):
            yield "content", "content: schemaVersion is required"


def window(given: Given) -> Iterator[Failure]:
    """A maintenance window: schedule, and cutoff before its end."""
    length, cut = given.number("duration"), given.number("cutoff")
    if length is not None and not 1 <= length <= 24:
        yield "duration", f"duration is {length:g}; accepted is 1 to 24 hours"
    if length is not None and cut is not None and cut >= length:
        yield "cutoff", f"cutoff {cut:g} must be less than duration {length:g}"
    expression = given.text("schedule")
    if expression and (reason := schedule_expression(expression, at=True)) and not expression.startswith("cron("):
        yield "schedule", f"schedule is {expression!r}; {reason}"


@functools.cache
def _regions() -> frozenset[str]:
    session = boto3.Session(region_name="us-east-1")
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("secretsmanager", partition)
    )


def secret(given: Given) -> Iterator[Failure]:
    """A secret: its window, its name and its copies."""
    days = given.number("recoveryWindowInDays")
    if days is not None and days != 0 and not 7 <= days <= 30:
        yield "recoveryWindowInDays", f"recoveryWindowInDays is {days:g}; accepted are 0 and 7 to 30"
    regions = [item.text("region") for item in given.each("replicas")]
    if None not in regions and len(regions) != len(set(regions)):
        yield "replicas", "replicas name one Region twice"
    for region in regions:
        if region and region not in _regions():
            yield "replicas", f"InvalidParameterException: replicas: {region!r} is no Region of Secrets Manager"


def rotation(given: Given) -> Iterator[Failure]:
    """Rotation: every so many days, or by a schedule; a function or the service's own."""
    rules = given.inner("rotationRules")
    if given.has("rotationRules") and given.get("rotationRules") is not None:
        if rules.has("automaticallyAfterDays") and rules.has("scheduleExpression"):
            yield "rotationRules", "rotationRules: automaticallyAfterDays and scheduleExpression exclude each other"
        if rules.lacks("automaticallyAfterDays", "scheduleExpression"):
            yield "rotationRules", "rotationRules: one of automaticallyAfterDays and scheduleExpression is required"
        days = rules.number("automaticallyAfterDays")
        if days is not None and not 1 <= days <= 1000:
            yield "rotationRules", f"rotationRules.automaticallyAfterDays is {days:g}; accepted is 1 to 1000"


def secret_version(given: Given) -> Iterator[Failure]:
    """One value, of at most 64 KiB."""
    text = given.text("secretString")
    if text and len(text.encode()) > 65536:
        yield "secretString", "accepted are at most 65536 bytes"
    if given.has("secretString") and given.has("secretBinary"):
        yield "secretBinary", "secretString and secretBinary exclude each other"


def key(given: Given) -> Iterator[Failure]:
    """A key: use by specification, rotation where it is possible."""
    spec, use = (
        given.text("customerMasterKeySpec", "SYMMETRIC_DEFAULT") or "",
        given.text("keyUsage", "ENCRYPT_DECRYPT"),
    )
    if not spec:
        return
    wrong = {
        "ENCRYPT_DECRYPT": spec.startswith(("HMAC", "ECC", "ML_DSA")),
        "SIGN_VERIFY": spec.startswith(("HMAC", "SYMMETRIC")),
        "GENERATE_VERIFY_MAC": not spec.startswith("HMAC"),
        "KEY_AGREEMENT": not spec.startswith(("ECC", "SM2")),
    }
    if wrong.get(use or ""):
        yield "keyUsage", f"keyUsage {use} does not go with the specification {spec}"
    if given.on("enableKeyRotation") and spec != "SYMMETRIC_DEFAULT":
        yield "enableKeyRotation", f"keys of the specification {spec} do not rotate by themselves"
    if given.has("customKeyStoreId") and given.on("multiRegion"):
        yield "multiRegion", "multiRegion has no place with a custom key store"


def grant(given: Given) -> Iterator[Failure]:
    """A grant allows something."""
    if given.get("operations", []) == []:
        yield "operations", "ValidationException: operations is empty; accepted is at least one, such as Decrypt"


def alias(given: Given) -> Iterator[Failure]:
    """A key alias is not one of AWS's."""
    name = given.text("name")
    if name and name.startswith("alias/aws/"):
        yield "name", f"name is {name!r}; alias/aws/ is reserved"
    if name and not re.fullmatch(r"alias/[a-zA-Z0-9/_-]+", name):
        yield "name", f"name is {name!r}; accepted is alias/ and letters, digits, / _ and -"


def role(given: Given) -> Iterator[Failure]:
    """A role: path, policies by quota."""
    yield from _path(given)
    arns = given.items("managedPolicyArns")
    if arns is not None and len(arns) > 20:
        yield "managedPolicyArns", f"managedPolicyArns has {len(arns)} elements; accepted are at most 20"
    text = given.text("description")
    if text and len(text) > 1000:
        yield "description", f"description has {len(text)} characters; accepted are at most 1000"


def _path(given: Given) -> Iterator[Failure]:
    path = given.text("path")
    if path and not re.fullmatch(r"/|/[\x21-\x7e]+/", path):
        yield "path", f"path is {path!r}; it begins and ends with /"


def policy(given: Given) -> Iterator[Failure]:
    """A managed policy's path."""
    yield from _path(given)


def oidc(given: Given) -> Iterator[Failure]:
    """An OIDC provider: where it is, its thumbprints."""
    url = given.text("url")
    if url and not re.fullmatch(r"https://[^/?#:]+(/[^?#]*)?", url):
        yield "url", f"url is {url!r}; accepted is one that begins with https:// and has no port and query"
    for item in given.items("thumbprintLists") or ():
        if not re.fullmatch(r"[0-9a-fA-F]{40}", str(item)):
            yield "thumbprintLists", f"thumbprintLists: {item!r}; accepted are 40 hexadecimal digits"
    if len(given.items("thumbprintLists") or ()) > 5:
        yield "thumbprintLists", "thumbprintLists: accepted are at most 5"


def password_policy(given: Given) -> Iterator[Failure]:
    """The account's password policy."""
    for name, least, most in (
        ("minimumPasswordLength", 6, 128),
        ("maxPasswordAge", 0, 1095),
        ("passwordReusePrevention", 0, 24),
    ):
        value = given.number(name)
        if value is not None and not least <= value <= most:
            yield name, f"{name} is {value:g}; accepted is {least} to {most}"


CHECKS = {
    "aws:ssm/parameter:Parameter": (parameter,),
    "aws:ssm/document:Document": (document,),
    "aws:ssm/maintenanceWindow:MaintenanceWindow": (window,),
    "aws:secretsmanager/secret:Secret": (secret,),
    "aws:secretsmanager/secretVersion:SecretVersion": (secret_version,),
    "aws:secretsmanager/secretRotation:SecretRotation": (rotation,),
    "aws:kms/key:Key": (key,),
    "aws:kms/alias:Alias": (alias,),
    "aws:kms/grant:Grant": (grant,),
    "aws:iam/role:Role": (role,),
    "aws:iam/policy:Policy": (policy,),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (oidc,),
    "aws:iam/accountPasswordPolicy:AccountPasswordPolicy": (password_policy,),
}
