"""Cases of policies/controls/backup.py."""

from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res
from tests.policies.cases.policy_documents import OURS, PUBLIC

VAULT = "aws:backup/vault:Vault"
PLAN = "aws:backup/plan:Plan"
LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
RESTORE = "aws:backup/restoreTestingPlan:RestoreTestingPlan"
SELECTION = "aws:backup/selection:Selection"
VAULT_POLICY = "aws:backup/vaultPolicy:VaultPolicy"
TABLE = "aws:dynamodb/table:Table"
INSTANCE = "aws:rds/instance:Instance"
KEY = "arn:aws:kms:ap-south-1:111122223333:key/0c1d"
TAGS = {"Project": "matchday", "Environment": "prod", "Component": "backup", "ManagedBy": "pulumi"}
AWAY = "arn:aws:backup:ap-southeast-1:111122223333:backup-vault:copies"
RULE = {"ruleName": "daily", "lifecycle": {"deleteAfter": 35}, "copyActions": [{"destinationVaultArn": AWAY}]}
GOOD = [
    res(PLAN, "p", id="p1", rules=[RULE], tags=TAGS),
    res(SELECTION, planId="p1", selectionTags=[{"type": "STRINGEQUALS", "key": "Project", "value": "matchday"}]),
    res(RESTORE, scheduleExpression="cron(0 5 ? * 1 *)"),
    res(VAULT, "v", name="v", kmsKeyArn=KEY, tags=TAGS),
    res(LOCK, backupVaultName="v", minRetentionDays=7),
    res(VAULT_POLICY, backupVaultName="v", policy=OURS),
    res(
        TABLE,
        billingMode="PAY_PER_REQUEST",
        pointInTimeRecovery={"enabled": True},
        deletionProtectionEnabled=True,
        tags=TAGS,
    ),
]
NA = [[res("aws:ec2/vpc:Vpc")]]

CASES = {
    "Backup.1": Case(
        # A vault encrypts by AWS's key if it names none; recovery points of RDS take the source's encryption.
        good=[[*GOOD, res(INSTANCE, tags=TAGS, storageEncrypted=True)], GOOD, [res(VAULT)]],
        bad=[
            Change({"storageEncrypted": False}, INSTANCE),
            [*GOOD, res("aws:ebs/volume:Volume", tags=TAGS)],
        ],
        na=NA,
        unknown=[Change({"storageEncrypted": UNKNOWN}, INSTANCE)],
        also=frozenset({"RDS.3"}),
    ),
    "MD.Backup.9": Case(
        good=[GOOD], bad=[Change({"kmsKeyArn": ABSENT}, VAULT)], na=NA, unknown=[Change({"kmsKeyArn": UNKNOWN}, VAULT)]
    ),
    "MD.Backup.1": Case(good=[GOOD], bad=[Drop(PLAN)], na=NA),
    "MD.Backup.2": Case(
        good=[GOOD],
        bad=[
            Change({"rules.0.copyActions": ABSENT}),
            Change({"rules.0.copyActions": [{"destinationVaultArn": AWAY.replace("ap-southeast-1", "ap-south-1")}]}),
        ],
        na=NA,
        unknown=[Change({"rules.0.copyActions": [{"destinationVaultArn": UNKNOWN}]}), Change({"rules": UNKNOWN})],
    ),
    "MD.Backup.3": Case(
        good=[GOOD],
        bad=[Drop(LOCK), Change({"backupVaultName": "another"}, LOCK)],
        na=NA,
        unknown=[Change({"backupVaultName": UNKNOWN}, LOCK)],
    ),
    "MD.Backup.4": Case(
        good=[GOOD, [res(LOCK, minRetentionDays=7, changeableForDays=3)]],
        bad=[Change({"minRetentionDays": ABSENT}, LOCK), Change({"changeableForDays": 1}, LOCK)],
        na=NA,
        unknown=[Change({"minRetentionDays": UNKNOWN}, LOCK)],
    ),
    "MD.Backup.5": Case(good=[GOOD], bad=[Drop(RESTORE)], na=NA),
    "MD.Backup.6": Case(
        good=[GOOD],
        bad=[Drop(SELECTION), Change({"planId": "other"}, SELECTION)],
        na=NA,
        unknown=[Change({"planId": UNKNOWN}, SELECTION)],
    ),
    "MD.Backup.7": Case(
        good=[
            GOOD,
            [res(PLAN, rules=[{"ruleName": "pitr", "enableContinuousBackup": True, "lifecycle": {"deleteAfter": 7}}])],
        ],
        bad=[Change({"rules.0.lifecycle.deleteAfter": 7})],
        na=NA,
        unknown=[Change({"rules.0.lifecycle.deleteAfter": UNKNOWN})],
    ),
    "MD.Backup.8": Case(
        good=[GOOD],
        bad=[Change({"policy": PUBLIC}, VAULT_POLICY)],
        na=NA,
        unknown=[Change({"policy": UNKNOWN}, VAULT_POLICY)],
    ),
}
