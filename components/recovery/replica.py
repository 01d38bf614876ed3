"""The automated backups of databases elsewhere, replicated to this Region: a point in time survives the other's loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import rds

from components.base import Component, Transforms

#: Days that replicated backups reach back: the longest that RDS takes.
DAYS = 35


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicatedBackupsArgs:
    """databases: name → ARN of an RDS instance in another Region, which must exist. key_arn: KMS key of this Region."""

    key_arn: pulumi.Input[str]
    databases: Mapping[str, pulumi.Input[str]]


class ReplicatedBackups(Component):
    """Snapshots and transaction logs, some minutes behind.

    Makes: an ``aws:rds:InstanceAutomatedBackupsReplication`` per database.
    """

    def __init__(
        self,
        name: str,
        args: ReplicatedBackupsArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        for database, arn in args.databases.items():
            self.make(
                database,
                rds.InstanceAutomatedBackupsReplication,
                rds.InstanceAutomatedBackupsReplicationArgs(
                    source_db_instance_arn=arn, kms_key_id=args.key_arn, retention_period=DAYS
                ),
            )
        self.register_outputs({})
