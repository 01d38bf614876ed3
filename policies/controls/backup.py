"""Controls on AWS Backup: that copies exist, elsewhere too, that nobody can delete them, and that they have been restored."""

from __future__ import annotations

from policies.lang.links import backed_up
from policies.lang.resources import Resource, Stack
from policies.model import Control, Each, Related, Severity, Verdict, Whole, bad, ok
from policies.rules import has_referrer, is_set
from policies.rules.public import not_public

VAULT = "aws:backup/vault:Vault"
PLAN = "aws:backup/plan:Plan"
LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
RESTORE = "aws:backup/restoreTestingPlan:RestoreTestingPlan"
SELECTION = "aws:backup/selection:Selection"
#: Kinds that hold data that cannot be made again.
DATA_STORES = ("aws:dynamodb/table:Table", "aws:rds/cluster:Cluster", "aws:rds/instance:Instance")


#: Kinds whose recovery points are encrypted only if the source is → (what says so, pattern of its ARN).
_AS_THE_SOURCE = {
    "aws:rds/instance:Instance": ("storageEncrypted", "arn:aws:rds:*:*:db:*"),
    "aws:rds/cluster:Cluster": ("storageEncrypted", "arn:aws:rds:*:*:cluster:*"),
    "aws:ebs/volume:Volume": ("encrypted", "arn:aws:ec2:*:*:volume/*"),
}


def _recovery_points_encrypted(vault: Resource, stack: Stack) -> Verdict:
    """A vault encrypts whatever it keeps, by AWS's key when it names none; but not copies that take the source's encryption."""
    for kind, (path, arn) in _AS_THE_SOURCE.items():
        for source in stack.of(kind):
            if not source.has("replicateSourceDb") and not source.flag(path) and backed_up(source, stack, arn):
                return bad(f"{source.name}.{path}", source.raw(path), "encrypt the source of the recovery points")
    return ok()


def _copied(plan: Resource, stack: Stack) -> Verdict:
    rules = list(plan.each("rules"))
    copies = [copy for rule in rules for copy in rule.each("copyActions")]
    if not copies:
        return bad("rules.copyActions", None, "add a copy action to a vault in another Region")
    for copy in copies:
        arn = copy.text("destinationVaultArn")
        region = arn.split(":")[3] if arn.count(":") >= 6 else ""
        if not plan.region or region != plan.region:
            return ok()
    return bad(
        "rules.copyActions.destinationVaultArn", copies[0].raw("destinationVaultArn"), "name a vault in another Region"
    )


def _kept_a_month(plan: Resource) -> Verdict:
    for rule in plan.each("rules"):
        days = rule.view("lifecycle").number("deleteAfter")
        if days is None or days >= 35 or rule.flag("enableContinuousBackup"):
            return ok()  # no end, long enough, or point-in-time recovery (which AWS caps at 35 days)
    return bad(
        "rules.lifecycle.deleteAfter",
        plan.show("rules.0.lifecycle.deleteAfter"),
        "keep one rule's copies for 35 days or more",
    )


def _plan_exists(stack: Stack) -> Verdict:
    return ok() if stack.of(PLAN) else bad("Plan", None, "add a backup.Plan with a backup.Selection of the data stores")


def _restores_tested(stack: Stack) -> Verdict:
    return (
        ok()
        if stack.of(RESTORE)
        else bad("RestoreTestingPlan", None, "add one: a copy that was never restored is a hope")
    )


def _lock_holds(lock: Resource) -> Verdict:
    if not lock.has("minRetentionDays"):
        return bad("minRetentionDays", None, "set the days for which nobody may delete a copy")
    days = lock.number("changeableForDays")
    if days is not None and days < 3:
        return bad("changeableForDays", days, "set it to 3 or more, or leave it out (governance mode)")
    return ok()


CONTROLS: tuple[Control, ...] = (
    Control(
        id="Backup.1",
        severity=Severity.MEDIUM,
        remediation="Encrypt the source: recovery points of RDS and EBS take its encryption, all others the vault's.",
        rule=Related((VAULT,), _recovery_points_encrypted),
    ),
    Control(
        id="MD.Backup.9",
        title="Backup vaults are encrypted with a customer managed key",
        severity=Severity.MEDIUM,
        remediation="Set kms_key_arn on the backup.Vault.",
        link="https://docs.aws.amazon.com/aws-backup/latest/devguide/encryption.html",
        rule=is_set(VAULT, "kmsKeyArn", "set it to a key of your own"),
    ),
    Control(
        id="MD.Backup.1",
        title="Where there is data, there is a backup plan",
        severity=Severity.HIGH,
        remediation="Add a backup.Plan and a backup.Selection to the stack that holds the data stores.",
        link="https://docs.aws.amazon.com/aws-backup/latest/devguide/about-backup-plans.html",
        rule=Whole(DATA_STORES, _plan_exists),
    ),
    Control(
        id="MD.Backup.2",
        title="Backups are copied to another Region",
        severity=Severity.MEDIUM,
        remediation="Add copy_actions with a vault of another Region to a rule of the backup.Plan.",
        link="https://docs.aws.amazon.com/aws-backup/latest/devguide/cross-region-backup.html",
        rule=Related((PLAN,), _copied),
    ),
    Control(
        id="MD.Backup.3",
        title="Vaults are locked",
        severity=Severity.MEDIUM,
        remediation="Add a backup.VaultLockConfiguration with min_retention_days for the vault.",
        link="https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html",
        rule=has_referrer(VAULT, LOCK, "backupVaultName", "add one with minRetentionDays"),
    ),
    Control(
        id="MD.Backup.4",
        title="Vault locks hold",
        severity=Severity.MEDIUM,
        remediation="Set min_retention_days on the backup.VaultLockConfiguration.",
        link="https://docs.aws.amazon.com/aws-backup/latest/devguide/vault-lock.html",
        rule=Each((LOCK,), _lock_holds),
    ),
    Control(
        id="MD.Backup.5",
        title="AWS Backup should test restores on a schedule",
        severity=Severity.MEDIUM,
        remediation="Add a backup.RestoreTestingPlan and a RestoreTestingSelection.",
        link="https://docs.aws.amazon.com/aws-backup/latest/devguide/restore-testing.html",
        rule=Whole((PLAN,), _restores_tested),
    ),
    Control(
        id="MD.Backup.6",
        title="Backup plans select something",
        severity=Severity.HIGH,
        remediation="Add a backup.Selection for the plan.",
        link="https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources.html",
        rule=has_referrer(PLAN, SELECTION, "planId", "add one that selects by tag or ARN"),
    ),
    Control(
        id="MD.Backup.7",
        title="Backups reach back at least 35 days",
        severity=Severity.LOW,
        remediation="Set lifecycle.delete_after to 35 or more in a rule of the backup.Plan.",
        link="https://docs.aws.amazon.com/aws-backup/latest/devguide/creating-a-backup-plan.html",
        rule=Each((PLAN,), _kept_a_month),
    ),
    Control(
        id="MD.Backup.8",
        title="AWS Backup vault access policies should not allow public access",
        severity=Severity.CRITICAL,
        remediation="Name principals in the backup.VaultPolicy.",
        link="https://docs.aws.amazon.com/aws-backup/latest/devguide/create-a-vault-access-policy.html",
        rule=not_public({"aws:backup/vaultPolicy:VaultPolicy": "policy"}),
    ),
)
