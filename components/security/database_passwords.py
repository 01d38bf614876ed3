"""The passwords of a service's two roles in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from components.base import Component, Transforms
from components.data.connections import SecretReference
from components.security.secrets import GeneratedSecret, GeneratedSecretArgs
from model.names import APP_PASSWORD, OWNER_PASSWORD, secret_name

#: Where these secrets were until the databases got a task of their own: below the service's `Application`.
_BEFORE = "matchday:compute:Application"


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabasePasswordsArgs:
    """One service's passwords.

    - service: its name. key_arn: KMS key of secrets. recovery_window_days: see `GeneratedSecretArgs`.
    """

    service: str
    key_arn: pulumi.Input[str]
    recovery_window_days: int = 30


class DatabasePasswords(Component):
    """Its owner's password, for migrations and the task that makes databases, and its run-time role's.

    Makes: two `GeneratedSecret` (``owner-password``, ``app-password``), whose URNs are aliased from below the service.
    """

    owner: SecretReference
    app: SecretReference
    secret_names: Sequence[str]

    def __init__(
        self,
        name: str,
        args: DatabasePasswordsArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        self._args = args
        owner = self._secret("owner-password", OWNER_PASSWORD, f"Owner of the database of {args.service}")
        app = self._secret("app-password", APP_PASSWORD, f"Run-time role in the database of {args.service}")
        self.owner, self.app = (SecretReference(arn=each.arn, key_arn=args.key_arn) for each in (owner, app))
        self.secret_names = (owner.secret_name, app.secret_name)
        self.register_outputs({"secret_names": list(self.secret_names)})

    def _secret(self, role: str, variable: str, description: str) -> GeneratedSecret:
        args = self._args
        before = pulumi.Alias(parent=pulumi.create_urn(args.service, _BEFORE))
        return GeneratedSecret(
            self.child_name(role),
            GeneratedSecretArgs(
                secret_name=secret_name(pulumi.get_project(), pulumi.get_stack(), args.service, variable),
                description=description,
                key_arn=args.key_arn,
                recovery_window_days=args.recovery_window_days,
            ),
            pulumi.ResourceOptions(parent=self, aliases=[before]),
        )
