"""Controls on EBS: encryption of volumes and of what makes them, backups, snapshots."""

from __future__ import annotations

from policies.controls.instances import INSTANCE, TEMPLATE, private_permission
from policies.lang.links import backed_up
from policies.lang.resources import Resource, Stack
from policies.lang.values import View
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import decide, is_one_of, is_set, judge_each
from policies.rules.baseline import account_setting, in_account

VOLUME = "aws:ebs/volume:Volume"
SPOT_FLEET = "aws:ec2/spotFleetRequest:SpotFleetRequest"
DEFAULT_ENCRYPTION = "aws:ebs/encryptionByDefault:EncryptionByDefault"
SNAPSHOT_PERMISSION = "aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission"
SNAPSHOT_BLOCK = "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess"

_GUIDE = "https://docs.aws.amazon.com/ebs/latest/userguide"


def _encrypted_by_default(stack: Stack, region: str) -> bool:
    settings = [item for item in stack.of(DEFAULT_ENCRYPTION) if not region or item.region in ("", region)]
    return any(setting.flag("enabled", True) for setting in settings)


def _disk(view: View, path: str, stack: Stack, region: str) -> Verdict:
    """The disk's flag is on; a flag that is left out takes the account's default."""
    if view.flag(path) or (view.raw(path) is None and _encrypted_by_default(stack, region)):
        return ok()
    return bad(view.at(path), view.raw(path), "set it to true, or add an ebs.EncryptionByDefault")


def _encrypted(subject: Resource, stack: Stack) -> Verdict:
    region = subject.region
    if subject.type == VOLUME:
        return _disk(subject, "encrypted", stack, region)
    checks = [lambda: judge_each(subject, "ebsBlockDevices", lambda disk: _disk(disk, "encrypted", stack, region))]
    if subject.raw("rootBlockDevice") is not None or subject.raw("launchTemplate") is None:
        checks.append(lambda: _disk(subject, "rootBlockDevice.encrypted", stack, region))
    return decide(*checks)


def _template_encrypted(template: Resource, stack: Stack) -> Verdict:
    disks, undecided = template.each_known("blockDeviceMappings")
    disks = [disk for disk in disks if disk.raw("ebs") is not None]
    if not disks and not undecided:
        return na("names no EBS volume")
    verdict = decide(*[lambda disk=disk: _disk(disk, "ebs.encrypted", stack, template.region) for disk in disks])
    if verdict == ok() and undecided:
        raise undecided
    return verdict


def _fleet_encrypted(fleet: Resource) -> Verdict:
    if not fleet.has("launchSpecifications"):
        return na("uses launch templates")
    for specification in fleet.each("launchSpecifications"):
        for kind in ("ebsBlockDevices", "rootBlockDevices"):
            for disk in specification.each(kind):
                if not disk.flag("encrypted", True):
                    return bad(disk.at("encrypted"), False, "set it to true")
    return ok()


def _default_on(stack: Stack) -> Verdict:
    if _encrypted_by_default(stack, ""):
        return ok()
    return bad("EncryptionByDefault", None, "add an ebs.EncryptionByDefault")


def _volume_backed_up(volume: Resource, stack: Stack) -> Verdict:
    if backed_up(volume, stack, "arn:aws:ec2:*:*:volume/*"):
        return ok()
    return bad("backup.Selection", None, "let a backup.Selection cover it, by ARN or by tag")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="EC2.1",
        severity=Severity.CRITICAL,
        remediation="Share snapshots with named accounts only.",
        rule=Each((SNAPSHOT_PERMISSION,), private_permission("accountId")),
    ),
    Control(
        id="EC2.3",
        severity=Severity.MEDIUM,
        remediation="Set encrypted=True on volumes and block devices, or add an ebs.EncryptionByDefault.",
        rule=Related((VOLUME, INSTANCE), _encrypted),
    ),
    Control(
        id="EC2.7",
        severity=Severity.MEDIUM,
        remediation="Add an ebs.EncryptionByDefault.",
        rule=in_account(_default_on),
    ),
    Control(
        id="EC2.28",
        severity=Severity.LOW,
        remediation="Cover the volume by a backup.Selection, by ARN or by tag.",
        rule=Related((VOLUME,), _volume_backed_up),
    ),
    Control(
        id="EC2.173",
        severity=Severity.MEDIUM,
        remediation="Set encrypted=True on the block devices of every launch specification.",
        rule=Each((SPOT_FLEET,), _fleet_encrypted),
    ),
    Control(
        id="EC2.181",
        severity=Severity.MEDIUM,
        remediation="Set encrypted in every EBS block device mapping.",
        rule=Related((TEMPLATE,), _template_encrypted),
    ),
    Control(
        id="EC2.182",
        severity=Severity.HIGH,
        remediation='Set state="block-all-sharing".',
        rule=account_setting(
            SNAPSHOT_BLOCK,
            is_one_of(SNAPSHOT_BLOCK, "state", ("block-all-sharing",)).check,
            "add an ebs.SnapshotBlockPublicAccess",
        ),
    ),
    Control(
        id="MD.EC2.37",
        title="EBS volumes are encrypted with a customer managed key",
        severity=Severity.LOW,
        remediation="Set kms_key_id.",
        link=f"{_GUIDE}/ebs-encryption.html",
        rule=is_set(VOLUME, "kmsKeyId", "name a KMS key of your own"),
    ),
)
