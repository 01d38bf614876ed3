"""Backups are made twice a day, kept where nobody deletes them early, copied away, and restored every week."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest

from components.base import Component
from components.recovery.backup_events import BackupEvents, BackupEventsArgs
from components.recovery.backup_plan import RULES, signals
from components.recovery.backups import Backups, BackupsArgs
from components.recovery.replica import ReplicatedBackups, ReplicatedBackupsArgs
from components.recovery.vault import LEAST_DAYS, MOST_DAYS, Vault, VaultArgs
from components.security.key_policies import Purpose, document
from localcloud.emulator.authorization.decisions import Ask, Policies, refusal
from tests.components.conftest import ACCOUNT, REGION, Recorded
from tests.components.examples import Example

Run = Callable[..., Recorded]
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
DATABASE = f"arn:aws:rds:{REGION}:{ACCOUNT}:db:matchday-prod-postgres"
ELSEWHERE = f"arn:aws:backup:ap-south-2:{ACCOUNT}:backup-vault:matchday-recovery-vault"
ANOTHER = f"arn:aws:backup:{REGION}:999988887777:backup-vault:matchday-archive-vault"


def arguments(vault: Vault) -> BackupsArgs:
    return BackupsArgs(
        account_id=ACCOUNT,
        vault=vault,
        copy_vault_arns=[ELSEWHERE, ANOTHER],
        databases={"postgres": DATABASE},
        subnet_group="matchday-prod-postgres",
        security_group_id="sg-postgres",
    )


EXAMPLES: Mapping[type[Component], Example] = {
    Vault: lambda name, transform: Vault(name, VaultArgs(key_arn=KEY), transform=transform),
    Backups: lambda name, transform: Backups(
        name, arguments(Vault("watched", VaultArgs(key_arn=KEY))), transform=transform
    ),
    BackupEvents: lambda name, transform: BackupEvents(
        name, BackupEventsArgs(ticket_topic_arn="arn:aws:sns:ap-south-1:123456789012:ticket"), transform=transform
    ),
    ReplicatedBackups: lambda name, transform: ReplicatedBackups(
        name, ReplicatedBackupsArgs(key_arn=KEY, databases={"prod": DATABASE}), transform=transform
    ),
}


def build(run: Run) -> Recorded:
    return run(lambda: Backups("backups", arguments(Vault("vault", VaultArgs(key_arn=KEY)))), stack_name="prod")


def test_a_vault_is_protected_and_locked_and_every_rule_fits_its_lock(run: Run) -> None:
    recorded = build(run)
    assert recorded.named("vault").protect and recorded.named("vault").inputs["kmsKeyArn"] == KEY
    lock = recorded.named("vault-lock").inputs
    assert (lock["minRetentionDays"], lock["maxRetentionDays"]) == (LEAST_DAYS, MOST_DAYS)
    assert "changeableForDays" not in lock, "compliance mode can never be taken back, by AWS neither"
    for rule in recorded.named("backups-plan").inputs["rules"]:
        kept = [rule["lifecycle"]["deleteAfter"], *(each["lifecycle"]["deleteAfter"] for each in rule["copyActions"])]
        assert all(LEAST_DAYS <= days <= MOST_DAYS for days in kept), "AWS refuses a job that the lock does not fit"


def test_every_backup_is_copied_to_the_other_region_and_account(run: Run) -> None:
    rules = build(run).named("backups-plan").inputs["rules"]
    assert [rule["ruleName"] for rule in rules] == [rule.name for rule in RULES]
    assert {copy["destinationVaultArn"] for rule in rules for copy in rule["copyActions"]} == {ELSEWHERE, ANOTHER}


def test_rds_keeps_its_own_point_in_time_backups(run: Run) -> None:
    """Continuous backups by AWS Backup take over the window and the retention of the server: a difference in each plan."""
    assert not any(rule.get("enableContinuousBackup") for rule in build(run).named("backups-plan").inputs["rules"])


def test_the_latest_backup_is_restored_every_week_into_our_own_network(run: Run) -> None:
    recorded = build(run)
    plan, selection = recorded.named("backups-restores").inputs, recorded.named("backups-restored").inputs
    assert plan["recoveryPointSelection"]["algorithm"] == "LATEST_WITHIN_WINDOW"
    assert plan["recoveryPointSelection"]["includeVaults"] == [recorded.named("vault").outputs["arn"]]
    assert plan["name"] == "matchday_prod_backups_restores", "AWS takes no dash here"
    assert selection["protectedResourceArns"] == [DATABASE]
    overrides = selection["restoreMetadataOverrides"]
    assert overrides == {"dbSubnetGroupName": "matchday-prod-postgres", "vpcSecurityGroupIds": '["sg-postgres"]'}


def test_aws_backup_acts_for_this_account_alone(run: Run) -> None:
    (statement,) = json.loads(build(run).named("backups-role").inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Service": "backup.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_a_day_without_a_backup_is_a_ticket() -> None:
    (stale,) = signals("vault")
    assert stale.period * stale.periods == 86_400 and stale.missing == "breaching"
    hours = sorted(int(hour) for rule in RULES[:1] for hour in rule.schedule.split()[1].split(","))
    assert (hours[1] - hours[0]) * 3600 == 2 * stale.period, "of four windows in a row one has a backup"


def test_jobs_that_fail_are_tickets_with_their_runbook(run: Run) -> None:
    recorded = run(lambda: EXAMPLES[BackupEvents]("events", None))
    pattern = json.loads(recorded.named("events-failed").inputs["eventPattern"])
    assert pattern["detail"] == {
        "$or": [{"state": ["ABORTED", "EXPIRED", "FAILED"]}, {"status": ["ABORTED", "EXPIRED", "FAILED"]}]
    }
    target = recorded.named("events-ticket").inputs
    assert "docs/runbooks/backup-failed.md" in target["inputTransformer"]["inputTemplate"]
    assert target["arn"].endswith(":ticket")


def test_other_accounts_copy_into_a_vault_and_do_nothing_else_there(run: Run) -> None:
    recorded = run(lambda: Vault("vault", VaultArgs(key_arn=KEY, takes_from=("444455556666", ACCOUNT))))
    made = recorded.named("vault-policy").inputs
    (statement,) = json.loads(made["policy"])["Statement"]
    assert statement["Principal"] == {"AWS": [f"arn:aws:iam::{each}:root" for each in (ACCOUNT, "444455556666")]}
    assert (statement["Effect"], statement["Action"]) == ("Allow", "backup:CopyIntoBackupVault")
    assert made["backupVaultName"] == recorded.named("vault").inputs["name"]
    assert not run(lambda: Vault("vault", VaultArgs(key_arn=KEY))).of("VaultPolicy")


@pytest.mark.parametrize(
    ("role", "action", "context", "allowed"),
    [
        ("aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup", "kms:Decrypt", {}, True),
        (
            "aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup",
            "kms:CreateGrant",
            {"kms:grantisforawsresource": ["true"]},
            True,
        ),
        (
            "aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup",
            "kms:CreateGrant",
            {"kms:grantisforawsresource": ["false"]},
            False,
        ),
        ("aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup", "kms:ScheduleKeyDeletion", {}, False),
        ("administrator", "kms:Decrypt", {}, False),
    ],
)
def test_only_aws_backup_of_the_other_account_opens_what_it_copies(
    role: str, action: str, context: dict[str, list[str]], allowed: bool
) -> None:
    """Judged within that account, whose own policies allow everything: the key's policy is the other half."""
    other = "999988887777"
    policy = document(Purpose.DATA, ACCOUNT, REGION, copied_by=other)
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    arn = f"arn:aws:iam::{other}:role/{role}"
    asked = Ask(action, KEY, {"aws:principalarn": [arn], **context})
    decided = refusal(asked, Policies(role=arn, identity=[everything], resource=policy, by_delegation=True))
    assert (decided is None) == allowed
    assert document(Purpose.DATA, ACCOUNT, REGION)["Statement"] == policy["Statement"][:1], "without, nobody else"
