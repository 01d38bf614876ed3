"""A recovery Region, composed: keys, the vault that takes copies, replicated point-in-time backups, copies of buckets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from components.recovery.replica import ReplicatedBackups, ReplicatedBackupsArgs
from components.recovery.vault import Vault, VaultArgs
from components.security.key_policies import Purpose
from components.security.keys import Key, KeyArgs
from environments.recovery import RecoverySettings
from stacks.facts import Facts, fact
from stacks.recovery.buckets import BucketCopies


@dataclass(frozen=True, kw_only=True, slots=True)
class RecoveryFacts(Facts):
    """What whoever brings an environment back must know."""

    vault_arn: pulumi.Input[str] = field(
        metadata=fact("arn:aws:backup:ap-south-2:123456789012:backup-vault:matchday-recovery-vault")
    )
    key_arn: pulumi.Input[str] = field(
        metadata=fact("arn:aws:kms:ap-south-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")
    )


class RecoveryRegion:
    """Attributes are the components; `outputs` the stack's."""

    def __init__(self, settings: RecoverySettings) -> None:
        account_id: pulumi.Output[str] = aws.get_caller_identity_output().account_id
        self.key = Key("backups-key", KeyArgs(purpose=Purpose.BACKUPS, account_id=account_id, region=settings.region))
        self.vault = Vault("vault", VaultArgs(key_arn=self.key.arn, takes_from=settings.takes_from))
        if settings.replicates:
            ReplicatedBackups(
                "replicated",
                ReplicatedBackupsArgs(
                    key_arn=self.key.arn,
                    databases={
                        name: pulumi.Output.concat(
                            f"arn:aws:rds:{settings.source_region}:",
                            account_id,
                            f":db:{pulumi.get_project()}-{name}-postgres",
                        )
                        for name in settings.replicates
                    },
                ),
            )
        self.copies = BucketCopies(settings, account_id, self.key.arn).buckets if settings.buckets else {}
        self.facts = RecoveryFacts(vault_arn=self.vault.arn, key_arn=self.key.arn)

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The stack's outputs."""
        return self.facts.outputs()
