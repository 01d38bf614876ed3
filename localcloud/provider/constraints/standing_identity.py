"""What IAM and KMS refuse because of what else exists: boundaries, sums of inline policies, keys of users, grants, replicas.

Sources: PutUserPermissionsBoundary, DeletePolicy, PutRolePolicy, CreateAccessKey, CreateGrant ("Grant operations"),
ReplicateKey (API references), "IAM and AWS STS quotas".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from localcloud.provider.errors import Refused
from localcloud.provider.row import Context

#: Characters, without white space, of all inline policies together.
_ROLE, _USER, _GROUP = 10240, 2048, 5120
_ACCESS_KEYS = 2


def there(context: Context, arn: str) -> bool:
    """Whether a principal exists, as far as it is ours to look at: a role or user of this account."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "iam" or parts[4] != context["account"]:
        return True
    kind, _, path = parts[5].partition("/")
    if kind not in ("role", "user") or "*" in path or path.startswith("aws-service-role/"):
        return True
    operation, name = {"role": ("iam:get_role", "RoleName"), "user": ("iam:get_user", "UserName")}[kind]
    return context.exists(operation, {name: path.rsplit("/", 1)[-1]})


# ---- boundaries


def boundary(context: Context) -> None:
    """CreateRole, CreateUser, Put…PermissionsBoundary: the boundary is there."""
    arn = context["in"].get("permissionsBoundary")
    asked = arn and context.asks("permissionsBoundary")
    if asked and not context.exists("iam:get_policy", {"PolicyArn": arn}):
        raise Refused(f"NoSuchEntity: permissionsBoundary: the policy {arn} does not exist")


def policy_gone(context: Context) -> None:
    """DeletePolicy: attached to nobody, and nobody's boundary."""
    arn = str(context["id"])
    found = context.call("list_entities_for_policy", {"PolicyArn": arn})
    users = [
        item[key]
        for member, key in (("PolicyRoles", "RoleName"), ("PolicyUsers", "UserName"), ("PolicyGroups", "GroupName"))
        for item in found.get(member) or ()
    ]
    if users:
        raise Refused(f"DeleteConflict: the policy {arn} is attached to {', '.join(users)}")
    bounded = list(_bounded(context, arn))
    if bounded:
        raise Refused(
            "DeleteConflict: cannot delete a policy that is used as a permissions boundary: "
            f"{arn} is {', '.join(bounded)}'s"
        )


def _bounded(context: Context, arn: str) -> Iterator[str]:
    """Roles and users whose boundary is the policy. The store knows of users; the emulator says it in its details of roles."""
    for kept in context.recorded("aws:iam/user:User", arn).values():
        if kept.get("permissionsBoundary") == arn:
            yield str(kept.get("name") or "a user")
    for role in context.call(
        "list_entities_for_policy", {"PolicyArn": arn, "PolicyUsageFilter": "PermissionsBoundary"}
    )["PolicyRoles"]:
        yield str(role["RoleName"])


# ---- inline policies


def _size(text: Any) -> int:
    return len("".join((text if isinstance(text, str) else json.dumps(text)).split()))


def role_policy(context: Context) -> None:
    """PutRolePolicy: within the quota of all inline policies of the role."""
    inputs = context["in"]
    role, name, own = str(inputs["role"]), inputs.get("name"), _size(inputs.get("policy") or "")
    held = [each for each in context.call("list_role_policies", {"RoleName": role})["PolicyNames"] if each != name]
    sizes = (
        _size(context.call("get_role_policy", {"RoleName": role, "PolicyName": each})["PolicyDocument"])
        for each in held
    )
    _within(own + sum(sizes), _ROLE, f"the role {role}")


def user_policy(context: Context) -> None:
    """PutUserPolicy: the same of a user."""
    _recorded_policy(context, "user", _USER)


def group_policy(context: Context) -> None:
    """PutGroupPolicy: the same of a group."""
    _recorded_policy(context, "group", _GROUP)


def _recorded_policy(context: Context, whose: str, limit: int) -> None:
    inputs = context["in"]
    name = str(inputs.get(whose))
    others = sum(
        _size(kept.get("policy") or "")
        for found, kept in context.recorded(_INLINE[whose], name).items()
        if kept.get(whose) == name and found != context.environment.get("id")
    )
    _within(_size(inputs.get("policy") or "") + others, limit, f"the {whose} {name}")


_INLINE = {"user": "aws:iam/userPolicy:UserPolicy", "group": "aws:iam/groupPolicy:GroupPolicy"}


def _within(size: int, limit: int, whose: str) -> None:
    if size > limit:
        raise Refused(
            f"LimitExceeded: maximum policy size of {limit} bytes exceeded for {whose}: all its inline policies have {size}"
        )


def access_key(context: Context) -> None:
    """CreateAccessKey: two for a user."""
    user = str(context["in"].get("user"))
    held = context.recorded("aws:iam/accessKey:AccessKey", user).values()
    if sum(kept.get("user") == user for kept in held) >= _ACCESS_KEYS:
        raise Refused(f"LimitExceeded: cannot exceed quota for AccessKeysPerUser: {_ACCESS_KEYS} (the user {user})")


# ---- KMS

_SYMMETRIC = frozenset({
    "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo", "CreateGrant",
    "RetireGrant", "DescribeKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
})  # fmt: skip
_ALWAYS = frozenset({"CreateGrant", "RetireGrant", "DescribeKey"})
#: Use of a key that is not symmetric -> what a grant may allow.
_ASYMMETRIC = {
    "ENCRYPT_DECRYPT": _ALWAYS | {"Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo", "GetPublicKey"},
    "SIGN_VERIFY": _ALWAYS | {"Sign", "Verify", "GetPublicKey"},
    "KEY_AGREEMENT": _ALWAYS | {"DeriveSharedSecret", "GetPublicKey"},
    "GENERATE_VERIFY_MAC": _ALWAYS | {"GenerateMac", "VerifyMac"},
}


def grant(context: Context) -> None:
    """CreateGrant: somebody who is there, operations that the key has."""
    inputs = context["in"]
    for name in ("granteePrincipal", "retiringPrincipal"):
        arn = str(inputs.get(name) or "")
        if not there(context, arn):
            raise Refused(f"InvalidArnException: {name}: {arn} does not exist")
    key = context.call("kms:describe_key", {"KeyId": inputs["keyId"]})["KeyMetadata"]
    if key.get("KeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT":
        possible = _SYMMETRIC
    else:
        possible = _ASYMMETRIC.get(str(key.get("KeyUsage")), _ALWAYS)
    wrong = sorted(set(inputs.get("operations") or ()) - possible)
    if wrong:
        raise Refused(
            f"ValidationException: operations: {', '.join(wrong)} cannot be granted for a key of the specification "
            f"{key.get('KeySpec')} and the use {key.get('KeyUsage')}; accepted are {', '.join(sorted(possible))}"
        )


def replica(context: Context) -> None:
    """ReplicateKey: of a multi-Region primary key, into another Region."""
    arn = str(context["in"].get("primaryKeyArn"))
    region = arn.split(":")[3] if arn.count(":") > 4 else ""
    if arn.split(":")[4:5] != [context["account"]]:
        return  # of another account: not ours to look at
    if region == context["region"]:
        raise Refused(
            f"UnsupportedOperationException: primaryKeyArn {arn} is in {region} itself; a replica is made in another Region"
        )
    key = arn.rsplit("/", 1)[-1]
    try:
        found = context.elsewhere(region, "kms:describe_key", {"KeyId": key})["KeyMetadata"]
    except ClientError as error:
        raise Refused(f"NotFoundException: primaryKeyArn: the key {arn} does not exist") from error
    if not found.get("MultiRegion"):
        raise Refused(f"UnsupportedOperationException: primaryKeyArn {arn} is not a multi-Region primary key")
