"""A vault of AWS Backup whose recovery points nobody deletes early."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import backup

from components.base import Component, Transforms

#: For so many days no recovery point can be deleted, nor made to last shorter.
LEAST_DAYS = 35

#: And none is kept longer: a copy that nobody counts on is only cost, and players' data that was to be forgotten.
MOST_DAYS = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class VaultArgs:
    """key_arn: KMS key of what the vault keeps. takes_from: other accounts that may copy backups into it; default none."""

    key_arn: pulumi.Input[str]
    takes_from: Sequence[str] = ()


class Vault(Component):
    """A vault, locked in governance mode: to delete early takes a right (`backup:DeleteBackupVaultLockConfiguration`).

    Makes: ``aws:backup:Vault`` (role ``""``), ``aws:backup:VaultLockConfiguration`` (``lock``) and, where it takes copies from
    other accounts, ``aws:backup:VaultPolicy`` (``policy``).
    """

    arn: pulumi.Output[str]
    vault_name: str

    def __init__(
        self,
        name: str,
        args: VaultArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        self.vault_name = self.physical_name(kind="backup-vault")
        vault = self.make(
            "",
            backup.Vault,
            backup.VaultArgs(name=self.vault_name, kms_key_arn=args.key_arn),
            pulumi.ResourceOptions(protect=True),
        )
        self.arn = vault.arn
        self.make(
            "lock",
            backup.VaultLockConfiguration,
            backup.VaultLockConfigurationArgs(
                backup_vault_name=vault.name, min_retention_days=LEAST_DAYS, max_retention_days=MOST_DAYS
            ),
        )
        if args.takes_from:
            self.make(
                "policy",
                backup.VaultPolicy,
                backup.VaultPolicyArgs(backup_vault_name=vault.name, policy=json.dumps(takes_copies(args.takes_from))),
            )
        self.register_outputs({"arn": self.arn, "vault_name": self.vault_name})


def takes_copies(accounts: Sequence[str]) -> dict[str, Any]:
    """Others copy into the vault, and do nothing else with it (AWS Backup Developer Guide, "Creating backup copies across AWS
    accounts"); AWS Backup itself asks that both accounts are of one organization."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TakeCopies",
                "Effect": "Allow",
                "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in sorted(accounts)]},
                "Action": "backup:CopyIntoBackupVault",
                "Resource": "*",
            }
        ],
    }
