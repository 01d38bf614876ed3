"""A secret that nobody chose: generated once, kept in Secrets Manager."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.base import Component, Transforms


@dataclass(frozen=True, kw_only=True, slots=True)
class GeneratedSecretArgs:
    """One generated secret.

    - secret_name: its name in Secrets Manager, such as ``matchday/prod/wallet/SIGNING_KEK``.
    - description: what it opens and who reads it.
    - key_arn: KMS key that encrypts it (`security.Keys.secrets`).
    - length: characters, 16–128, letters and digits (ElastiCache and URLs refuse others); default 43, which holds 256 bits.
    - recovery_window_days: 7–30 days in which a deletion can be taken back, or 0: deleted at once, its name free again.
    """

    secret_name: str
    description: str
    key_arn: pulumi.Input[str]
    length: int = 43
    recovery_window_days: int = 30


class GeneratedSecret(Component):
    """A generated secret. (resources listed when filled)

    `value` is a Pulumi secret, for arguments of resources that need it (an AUTH token); never export it.
    """

    arn: pulumi.Output[str]
    secret_name: str
    value: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: GeneratedSecretArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        raise NotImplementedError
