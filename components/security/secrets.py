"""A secret that nobody chose: generated once, kept in Secrets Manager."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_random
from pulumi_aws import secretsmanager

from components.base import Component, Transforms

#: Staging label of the version that the program made.
FIRST = "FIRST"

#: Whatever IAM policies or keys may allow one day, no other account reads a secret, and nobody in the clear. It names no
#: account: ${aws:ResourceAccount} is the secret's own.
_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "NoOtherAccount",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "secretsmanager:*",
                "Resource": "*",
                "Condition": {
                    "StringNotEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"},
                    "Bool": {"aws:PrincipalIsAWSService": "false"},
                },
            },
            {
                "Sid": "NothingInTheClear",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "secretsmanager:*",
                "Resource": "*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
        ],
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedSecretArgs:
    """One generated secret.

    - secret_name: its name in Secrets Manager, such as ``matchday/prod/wallet/SIGNING_KEK``.
    - description: what it opens and who reads it.
    - key_arn: KMS key that encrypts it (`security.Keys.secrets`).
    - length: characters, 16–128, letters and digits (ElastiCache and URLs refuse others); default 43, which holds 256 bits. It
      counts when the secret is made: a later change is no reason to make another value.
    - recovery_window_days: 7–30 days in which a deletion can be taken back, and the secret and its value are protected; or 0:
      deleted at once, its name free again.
    - rotation: how often the program has changed the value; default 0. With n there are the values n and n-1, which whoever
      checks accepts both; a value that was skipped (from n to n+2) is protected, as running tasks still use it.
    - accepted_by: makes the resource that accepts the values, given them newest first; the newest is handed out once that is
      done. Default: nobody must be told first.
    """

    secret_name: str
    description: str
    key_arn: pulumi.Input[str]
    length: int = 43
    recovery_window_days: int = 30
    rotation: int = 0
    accepted_by: Callable[[Sequence[pulumi.Output[str]]], pulumi.Resource] | None = None


class GeneratedSecret(Component):
    """A generated secret.

    Makes: ``random:RandomPassword`` (``value``), ``aws:secretsmanager:Secret`` (role ``""``; its policy
    refuses other accounts and plain HTTP), ``aws:secretsmanager:SecretVersion`` (``version``).

    Without `rotation` the program makes the first value and never another. Whoever rotates it puts a new version into Secrets
    Manager (docs/runbooks/rotate-secrets.md); the program leaves that alone, also after a refresh. The first version keeps the
    staging label FIRST: a version without any label is one that Secrets Manager deletes some day, and a refresh that found it
    gone would make the first value the current one again. With rotation n the roles are ``value-n``, ``version-n`` and the
    label ROTATION-n, beside the value of n-1.

    `value` is a Pulumi secret, for arguments of resources that need it (an AUTH token); never export it. `arn` is known once
    the value is stored, so that who depends on it finds one.
    """

    def __init__(
        self,
        name: str,
        args: GeneratedSecretArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        if not 16 <= args.length <= 128:
            raise ValueError(f"secret {args.secret_name!r}: length {args.length}; accepted: 16 to 128")
        if args.recovery_window_days != 0 and not 7 <= args.recovery_window_days <= 30:
            raise ValueError(
                f"secret {args.secret_name!r}: recovery window of {args.recovery_window_days} days; accepted: 0, or 7 to 30"
            )
        if args.rotation < 0:
            raise ValueError(f"secret {args.secret_name!r}: rotation {args.rotation}; accepted: 0 or more")
        kept = args.recovery_window_days > 0
        numbers = range(args.rotation, max(args.rotation - 2, -1), -1)
        values = [self._value(number, args.length, protect=kept and number == args.rotation) for number in numbers]
        accepted = [args.accepted_by(values)] if args.accepted_by else []
        secret = self.make(
            "",
            secretsmanager.Secret,
            secretsmanager.SecretArgs(
                name=args.secret_name,
                description=args.description,
                kms_key_id=args.key_arn,
                policy=_POLICY,
                recovery_window_in_days=args.recovery_window_days,
            ),
            pulumi.ResourceOptions(protect=kept),
        )
        version = self.make(
            _role("version", args.rotation),
            secretsmanager.SecretVersion,
            secretsmanager.SecretVersionArgs(
                secret_id=secret.id,
                secret_string=values[0],
                version_stages=["AWSCURRENT", f"ROTATION-{args.rotation}" if args.rotation else FIRST],
            ),
            pulumi.ResourceOptions(ignore_changes=["secretString", "versionStages"], depends_on=accepted),
        )
        self.secret_name = args.secret_name
        self.value: pulumi.Output[str] = values[0]
        self.arn: pulumi.Output[str] = pulumi.Output.all(secret.arn, version.urn).apply(lambda known: str(known[0]))
        self.register_outputs({"arn": self.arn, "secret_name": self.secret_name})

    def _value(self, number: int, length: int, *, protect: bool) -> pulumi.Output[str]:
        password = self.make(
            _role("value", number),
            pulumi_random.RandomPassword,
            pulumi_random.RandomPasswordArgs(length=length, special=False),
            # Another value would lock out running tasks, and make what an encryption key sealed unreadable.
            pulumi.ResourceOptions(protect=protect, ignore_changes=["length", "special"]),
        )
        return pulumi.Output.secret(password.result)


def _role(role: str, rotation: int) -> str:
    return f"{role}-{rotation}" if rotation else role
