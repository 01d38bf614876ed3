"""Backups of an environment's databases: made by AWS Backup, copied to another Region, and restored every week to see."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import backup, iam

from components.base import Component, Transforms
from components.recovery import backup_plan
from components.recovery.vault import Vault
from components.security.trust import taken_for

#: AWS's own policies for the role that AWS Backup takes.
_POLICIES = ("AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores")


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupsArgs:
    """What is backed up, and where it is copied to.

    - vault: of this Region. copy_vault_arns: of another Region, and of another account in this one; each has to exist (a stack
      of the kind recovery), or the copies fail.
    - databases: name → ARN of an RDS instance.
    - subnet_group, security_group_id: where a restored server stands while it is looked at; without them RDS would use the
      default VPC's, which may not exist.
    """

    account_id: pulumi.Input[str]
    vault: Vault
    copy_vault_arns: Sequence[pulumi.Input[str]]
    databases: Mapping[str, pulumi.Input[str]]
    subnet_group: pulumi.Input[str]
    security_group_id: pulumi.Input[str]


class Backups(Component):
    """A backup plan and a weekly test of it.

    Makes: ``aws:iam:Role`` (``role``) with a ``RolePolicyAttachment`` per policy, ``aws:backup:Plan`` (``plan``), ``Selection``
    (``databases``), ``RestoreTestingPlan`` (``restores``) and ``RestoreTestingSelection`` (``restored``).

    RDS keeps its own point-in-time backups: AWS Backup's continuous ones would take over their window and retention, and each
    plan would want to change them back.
    """

    def __init__(
        self,
        name: str,
        args: BackupsArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        role, policies = self._role(args.account_id)
        self._plan(args, role, policies)
        self._restores(args, role, policies)
        self.signals = backup_plan.signals(args.vault.vault_name)
        self.register_outputs({})

    def _role(self, account_id: pulumi.Input[str]) -> tuple[Any, list[pulumi.Resource]]:
        trust = pulumi.Output.from_input(account_id).apply(lambda account: taken_for("backup", account))
        role = self.make(
            "role",
            iam.Role,
            iam.RoleArgs(
                name=self.physical_name("role", "iam-role"),
                description="AWS Backup makes, copies and restores backups",
                assume_role_policy=pulumi.Output.json_dumps(trust),
            ),
        )
        attached = [
            self.make(
                f"may-{policy.removeprefix('AWSBackupServiceRolePolicyFor').lower()}",
                iam.RolePolicyAttachment,
                iam.RolePolicyAttachmentArgs(
                    role=role.name, policy_arn=f"arn:aws:iam::aws:policy/service-role/{policy}"
                ),
            )
            for policy in _POLICIES
        ]
        return role, [*attached]

    def _plan(self, args: BackupsArgs, role: Any, policies: list[pulumi.Resource]) -> None:
        plan = self.make(
            "plan",
            backup.Plan,
            backup.PlanArgs(
                name=self.physical_name("plan", "backup-vault"),
                rules=[
                    backup.PlanRuleArgs(
                        rule_name=rule.name,
                        target_vault_name=args.vault.vault_name,
                        schedule=rule.schedule,
                        start_window=60,
                        completion_window=480,
                        lifecycle=backup.PlanRuleLifecycleArgs(delete_after=rule.days),
                        copy_actions=[
                            backup.PlanRuleCopyActionArgs(
                                destination_vault_arn=vault_arn,
                                lifecycle=backup.PlanRuleCopyActionLifecycleArgs(delete_after=rule.days),
                            )
                            for vault_arn in args.copy_vault_arns
                        ],
                    )
                    for rule in backup_plan.RULES
                ],
            ),
            pulumi.ResourceOptions(depends_on=[args.vault]),
        )
        self.make(
            "databases",
            backup.Selection,
            backup.SelectionArgs(
                name=self.physical_name("databases", "backup-vault"),
                plan_id=plan.id,
                iam_role_arn=role.arn,
                resources=list(args.databases.values()),
            ),
            # A job that starts before the role may do anything fails.
            pulumi.ResourceOptions(depends_on=policies),
        )

    def _restores(self, args: BackupsArgs, role: Any, policies: list[pulumi.Resource]) -> None:
        plan = self.make(
            "restores",
            backup.RestoreTestingPlan,
            backup.RestoreTestingPlanArgs(
                # AWS takes letters, digits and underscores here.
                name=self.physical_name("restores", "backup-vault").replace("-", "_"),
                schedule_expression=backup_plan.RESTORE_SCHEDULE,
                start_window_hours=2,
                recovery_point_selection=backup.RestoreTestingPlanRecoveryPointSelectionArgs(
                    algorithm="LATEST_WITHIN_WINDOW",
                    include_vaults=[args.vault.arn],
                    recovery_point_types=["SNAPSHOT"],
                    selection_window_days=7,
                ),
            ),
        )
        self.make(
            "restored",
            backup.RestoreTestingSelection,
            backup.RestoreTestingSelectionArgs(
                name="databases",
                restore_testing_plan_name=plan.name,
                protected_resource_type="RDS",
                protected_resource_arns=list(args.databases.values()),
                iam_role_arn=role.arn,
                validation_window_hours=backup_plan.RESTORED_HOURS,
                restore_metadata_overrides={
                    "dbSubnetGroupName": args.subnet_group,
                    "vpcSecurityGroupIds": pulumi.Output.from_input(args.security_group_id).apply(
                        lambda group: json.dumps([group])
                    ),
                },
            ),
            pulumi.ResourceOptions(depends_on=policies),
        )
