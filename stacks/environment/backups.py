"""What brings an environment's data back: a vault, the plan that fills it and copies it to another Region."""

from __future__ import annotations

import pulumi

from components.recovery.backups import Backups, BackupsArgs
from components.recovery.vault import Vault, VaultArgs
from environments.settings import Recovery
from model.names import vault_name
from stacks.environment.data import Data
from stacks.environment.foundation import Foundation


def backups(recovery: Recovery, foundation: Foundation, data: Data) -> None:
    """The copies go to vaults that are named, not asked for: the day on which one's Region cannot be reached stops no `up`."""
    project = pulumi.get_project()
    copies: list[pulumi.Output[str]] = [
        pulumi.Output.concat(
            f"arn:aws:backup:{recovery.region}:",
            foundation.account_id,
            f":backup-vault:{vault_name(project, recovery.stack)}",
        )
    ]
    if recovery.account is not None:
        other = vault_name(project, recovery.account.stack)
        named = f"arn:aws:backup:{foundation.region}:{recovery.account.number}:backup-vault:{other}"
        copies.append(pulumi.Output.from_input(named))
    vault = Vault("vault", VaultArgs(key_arn=foundation.keys.data))
    Backups(
        "backups",
        BackupsArgs(
            account_id=foundation.account_id,
            vault=vault,
            copy_vault_arns=copies,
            databases={"postgres": data.postgres.arn},
            subnet_group=data.postgres.identifier,
            security_group_id=foundation.groups.ids["postgres"],
        ),
    )
