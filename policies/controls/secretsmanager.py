"""Controls on secrets: rotation, keys, who may read them, and what happens when one is deleted."""

from __future__ import annotations

from policies.lang import lifecycles
from policies.lang.resources import Resource, Stack
from policies.lang.schedules import longest_gap
from policies.model import Control, Related, Severity, Verdict, bad, na, ok
from policies.rules import is_at_least, is_set
from policies.rules.public import not_public

ITEM = "aws:secretsmanager/secret:Secret"
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
POLICY = "aws:secretsmanager/secretPolicy:SecretPolicy"
#: Security Hub's default: the longest time between two rotations.
MAX_DAYS = 90


def _rotates(secret: Resource, stack: Stack) -> Verdict:
    rotations = stack.referrers(secret, ROTATION, "secretId")
    if not rotations:
        return bad(
            "SecretRotation",
            None,
            "add a SecretRotation, or let the service that owns the secret rotate it",
        )
    enabled = [rotation for rotation in rotations if rotation.flag("rotationEnabled", True)]
    return ok() if enabled else bad("SecretRotation.rotationEnabled", False, "set it to true")


def _soon_enough(secret: Resource, stack: Stack) -> Verdict:
    if secret.type == ROTATION:
        return na("judged with its secret") if stack.targets(secret, "secretId", ITEM) else _interval(secret)
    found = [item for item in stack.referrers(secret, ROTATION, "secretId") if item.flag("rotationEnabled", True)]
    if not found:
        return bad("SecretRotation", None, f"add a SecretRotation of {MAX_DAYS} days or less")
    return _interval(found[0])


def _interval(rotation: Resource) -> Verdict:
    rules = rotation.view("rotationRules")
    days = rules.number("automaticallyAfterDays")
    expression = rules.text("scheduleExpression")
    if expression:
        days = longest_gap(expression, lifecycles.today())
        if days is None:
            return bad(
                "rotationRules.scheduleExpression", expression, "use rate(… days) or a cron expression that recurs"
            )
    if days is not None and days <= MAX_DAYS:
        return ok()
    where = "scheduleExpression" if expression else "automaticallyAfterDays"
    return bad(f"rotationRules.{where}", rules.raw(where), f"rotate within {MAX_DAYS} days")


def _has_policy(secret: Resource, stack: Stack) -> Verdict:
    if secret.has("policy") or stack.referrers(secret, POLICY, "secretArn"):
        return ok()
    return bad("SecretPolicy", None, "add a SecretPolicy that denies what is not the secret's own reader")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="SecretsManager.1",
        severity=Severity.MEDIUM,
        remediation="Add a secretsmanager.SecretRotation for the secret.",
        rule=Related((ITEM,), _rotates),
    ),
    Control(
        id="SecretsManager.4",
        severity=Severity.MEDIUM,
        remediation=f"Set rotation_rules.automatically_after_days to {MAX_DAYS} or less on the secretsmanager.SecretRotation.",
        rule=Related((ITEM, ROTATION), _soon_enough),
    ),
    Control(
        id="MD.SecretsManager.1",
        title="Secrets are encrypted by a key of the platform's own",
        severity=Severity.MEDIUM,
        remediation="Set kms_key_id on the secretsmanager.Secret.",
        link="https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html",
        rule=is_set(ITEM, "kmsKeyId", "set it to a key whose policy says who may decrypt"),
    ),
    Control(
        id="MD.SecretsManager.2",
        title="Secrets Manager resource policies should not allow public access",
        severity=Severity.CRITICAL,
        remediation="Name principals in the secret's policy; block_public_policy=True on the SecretPolicy refuses the rest.",
        link="https://docs.aws.amazon.com/secretsmanager/latest/userguide/best-practices.html",
        rule=not_public({ITEM: "policy", "aws:secretsmanager/secretPolicy:SecretPolicy": "policy"}),
    ),
    Control(
        id="MD.SecretsManager.4",
        title="Secrets have a resource policy",
        severity=Severity.HIGH,
        remediation="Add a secretsmanager.SecretPolicy that denies GetSecretValue to all but the secret's reader.",
        link="https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_resource-policies.html",
        rule=Related((ITEM,), _has_policy),
    ),
    Control(
        id="MD.SecretsManager.3",
        title="A deleted secret can be brought back for at least a week",
        severity=Severity.LOW,
        remediation="Set recovery_window_in_days to 7 or more (AWS's default is 30; 0 deletes at once).",
        link="https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_delete-secret.html",
        rule=is_at_least(ITEM, "recoveryWindowInDays", 7, default=30),
    ),
)
