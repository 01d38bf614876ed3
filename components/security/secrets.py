"""A secret that nobody chose: generated once, kept in Secrets Manager."""

from __future__ import annotations

import json
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
    """

    secret_name: str
    description: str
    key_arn: pulumi.Input[str]
    length: int = 43
    recovery_window_days: int = 30


class GeneratedSecret(Component):
    """A generated secret.

    Makes: ``random:RandomPassword`` (``value``), ``aws:secretsmanager:Secret`` (role ``""``; its policy
    refuses other accounts and plain HTTP), ``aws:secretsmanager:SecretVersion`` (``version``).

    The program makes the first value and never another. Whoever rotates it puts a new version into Secrets Manager
    (docs/runbooks/rotate-secrets.md); the program leaves that alone, also after a refresh. The first version keeps the staging
    label FIRST: a version without any label is one that Secrets Manager deletes some day, and a refresh that found it gone
    would make the first value the current one again.

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
        kept = args.recovery_window_days > 0
        password = self.make(
            "value",
            pulumi_random.RandomPassword,
            pulumi_random.RandomPasswordArgs(length=args.length, special=False),
            # Another value would lock out running tasks, and make what an encryption key sealed unreadable.
            pulumi.ResourceOptions(protect=kept, ignore_changes=["length", "special"]),
        )
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
            "version",
            secretsmanager.SecretVersion,
            secretsmanager.SecretVersionArgs(
                secret_id=secret.id, secret_string=password.result, version_stages=["AWSCURRENT", FIRST]
            ),
            pulumi.ResourceOptions(ignore_changes=["secretString", "versionStages"]),
        )
        self.secret_name = args.secret_name
        self.value: pulumi.Output[str] = pulumi.Output.secret(password.result)
        self.arn: pulumi.Output[str] = pulumi.Output.all(secret.arn, version.urn).apply(lambda known: str(known[0]))
        self.register_outputs({"arn": self.arn, "secret_name": self.secret_name})
