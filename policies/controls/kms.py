"""Controls on AWS KMS keys. (The worked example of docs/policies.md: how a control module reads.)"""

from __future__ import annotations

from policies.lang.documents import matches
from policies.lang.everybody import is_everybody
from policies.lang.identities import INLINE, MANAGED, ROLE, known_permissions
from policies.lang.resources import Resource, Stack
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import is_at_least
from policies.rules.administrators import only_a_boundary
from policies.rules.public import policy_is_private

KEY = "aws:kms/key:Key"
#: Every kind of resource that carries a key's policy.
KEY_POLICIES = (
    KEY,
    "aws:kms/externalKey:ExternalKey",
    "aws:kms/keyPolicy:KeyPolicy",
    "aws:kms/replicaExternalKey:ReplicaExternalKey",
    "aws:kms/replicaKey:ReplicaKey",
)
GRANT = "aws:kms/grant:Grant"
#: The longest time between two rotations of a key (CIS 3.6 asks for annual rotation; AWS's own default).
_MAX_ROTATION_DAYS = 365

#: A key that nobody has: a pattern that fits it fits every key (of the Region and account that the pattern names).
_NOBODYS = "key/00000000-0000-0000-0000-000000000000"


def _cannot_rotate(key: Resource) -> str | None:
    usage = key.text("keyUsage", "ENCRYPT_DECRYPT")
    spec = key.text("customerMasterKeySpec", "SYMMETRIC_DEFAULT")
    if usage != "ENCRYPT_DECRYPT" or spec != "SYMMETRIC_DEFAULT":
        return f"AWS rotates symmetric encryption keys only; this is {spec} for {usage}"
    return "keys in a custom key store do not rotate" if key.has("customKeyStoreId") else None


def _not_public(key: Resource) -> Verdict:
    if key.type == GRANT:
        grantee = key.text("granteePrincipal")
        return bad("granteePrincipal", grantee, "name the role that may use the key") if is_everybody(grantee) else ok()
    if not key.has("policy"):
        return ok()  # AWS's default key policy: this account alone
    return policy_is_private(key, "policy")


def _rotates(key: Resource) -> Verdict:
    reason = _cannot_rotate(key)
    if reason:
        return na(reason)
    if not key.flag("enableKeyRotation"):
        return bad("enableKeyRotation", key.raw("enableKeyRotation"), "set it to true")
    days = key.number("rotationPeriodInDays", _MAX_ROTATION_DAYS) or _MAX_ROTATION_DAYS
    if days > _MAX_ROTATION_DAYS:
        return bad("rotationPeriodInDays", key.raw("rotationPeriodInDays"), f"set it to {_MAX_ROTATION_DAYS} or less")
    return ok()


def _fits_every_key(pattern: str) -> bool:
    parts = pattern.split(":", 5)
    return matches(_NOBODYS, parts[5]) if len(parts) == 6 else matches(f"arn:aws:kms:x:0:{_NOBODYS}", pattern)


def _decrypts_with_any_key(resource: Resource) -> Verdict:
    found, undecided = known_permissions(resource)
    for statement in found:
        action = next((name for name in ("kms:Decrypt", "kms:ReEncryptFrom") if statement.grants(name)), None)
        wide = next((pattern for pattern in statement.resources if _fits_every_key(pattern)), None)
        if statement.allows and action and (wide or statement.not_resources):
            return bad(f"{statement.path}.Resource", wide or "NotResource", f"name the keys that {action} may use")
    if undecided:
        raise undecided
    if not found and resource.type == ROLE:
        return na("the role has no inline policy of its own")
    return ok()


def _managed_decrypts(policy: Resource, stack: Stack) -> Verdict:
    return ok() if only_a_boundary(policy, stack) else _decrypts_with_any_key(policy)


def _deletion_window(key: Resource) -> str | None:
    return "multi-Region replicas are deleted with their primary" if key.has("primaryKeyArn") else None


CONTROLS: tuple[Control, ...] = (
    Control(
        id="KMS.1",
        severity=Severity.MEDIUM,
        remediation="Name the keys' ARNs as the Resource of kms:Decrypt and kms:ReEncryptFrom in the iam.Policy.",
        rule=Related((MANAGED,), _managed_decrypts),
    ),
    Control(
        id="KMS.2",
        severity=Severity.MEDIUM,
        remediation="Name the keys' ARNs as the Resource of kms:Decrypt and kms:ReEncryptFrom in the inline policy.",
        rule=Each((*INLINE, ROLE), _decrypts_with_any_key),
    ),
    Control(
        id="KMS.4",
        severity=Severity.MEDIUM,
        remediation="Set enable_key_rotation=True on the kms.Key, and leave rotation_period_in_days at 365 or less.",
        rule=Each((KEY,), _rotates),
    ),
    Control(
        id="KMS.5",
        severity=Severity.CRITICAL,
        remediation="Name the accounts and roles in the key policy's Principal, or narrow `*` by kms:CallerAccount.",
        rule=Each((*KEY_POLICIES, GRANT), _not_public),
    ),
    Control(
        id="MD.KMS.1",
        title="A key waits at least 14 days before it is deleted",
        severity=Severity.MEDIUM,
        remediation="Set deletion_window_in_days to 14 or more (AWS's default is 30).",
        link="https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",
        rule=is_at_least(KEY, "deletionWindowInDays", 14, default=30, unless=_deletion_window),
    ),
)
