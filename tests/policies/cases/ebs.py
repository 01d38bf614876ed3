"""Cases of policies/controls/ebs.py."""

from __future__ import annotations

from typing import Any

from policies.controls.ebs import DEFAULT_ENCRYPTION, SNAPSHOT_BLOCK, SNAPSHOT_PERMISSION, SPOT_FLEET, VOLUME
from policies.controls.instances import TEMPLATE
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res
from tests.policies.cases.instances import ENCRYPTED, FROM_TEMPLATE, GOOD, OTHER, TAGS, instance, setting, template

SELECTION = "aws:backup/selection:Selection"
VOLUME_ARN = "arn:aws:ec2:ap-south-1:111122223333:volume/vol-1"
SPOT = [{"ami": "ami-1", "instanceType": "m7g.large", "rootBlockDevices": [{"encrypted": True}], "ebsBlockDevices": []}]


def volume(**props: Any) -> list[Any]:
    given = {"arn": VOLUME_ARN, "encrypted": True, "kmsKeyId": "key", "tags": TAGS}
    return [res(VOLUME, "disk", **(given | props)), ENCRYPTED, res(SELECTION, "daily", resources=[VOLUME_ARN])]


CASES = {
    "EC2.1": setting(SNAPSHOT_PERMISSION, "accountId", "111122223333", "all"),
    "EC2.3": Case(
        good=[
            GOOD,
            volume(),
            volume(encrypted=None),
            [instance(rootBlockDevice=None), ENCRYPTED],
            [instance(rootBlockDevice=None, **FROM_TEMPLATE)],
            [instance(ebsBlockDevices=[{"deviceName": "/dev/sdb", "encrypted": True}])],
        ],
        bad=[
            Change({"rootBlockDevice.encrypted": False}),
            [res(VOLUME)],
            [res(VOLUME, encrypted=False), ENCRYPTED],
            [res(VOLUME, region="eu-west-1"), res(DEFAULT_ENCRYPTION, region="ap-south-1")],
            [res(VOLUME), res(DEFAULT_ENCRYPTION, enabled=False)],
            [instance(ebsBlockDevices=[{"deviceName": "/dev/sdb", "encrypted": False}])],
            [instance(rootBlockDevice=None)],
        ],
        na=[OTHER],
        unknown=[Change({"rootBlockDevice.encrypted": UNKNOWN}), Change({"ebsBlockDevices": UNKNOWN})],
    ),
    "EC2.7": Case(
        good=[[*GOOD, res("aws:macie2/account:Account", status="ENABLED")], [res(DEFAULT_ENCRYPTION)]],
        bad=[Drop(DEFAULT_ENCRYPTION), Change({"enabled": False}, type=DEFAULT_ENCRYPTION)],
        na=[OTHER],
        unknown=[Change({"enabled": UNKNOWN}, type=DEFAULT_ENCRYPTION)],
    ),
    "EC2.28": Case(
        good=[volume(), [*volume()[:2], res(SELECTION, resources=["arn:aws:ec2:*:*:volume/*"])]],
        bad=[Drop(SELECTION), Change({"resources": ["arn:aws:rds:*:*:db:*"]}, type=SELECTION)],
        na=[OTHER],
        unknown=[Change({"resources": UNKNOWN}, type=SELECTION)],
    ),
    "EC2.173": Case(
        good=[[res(SPOT_FLEET, launchSpecifications=SPOT)]],
        bad=[Change({"launchSpecifications.0.rootBlockDevices.0.encrypted": False})],
        na=[OTHER, [res(SPOT_FLEET, launchTemplateConfigs=[{"launchTemplateSpecification": {"id": "x"}}])]],
        unknown=[Change({"launchSpecifications": UNKNOWN})],
    ),
    "EC2.181": Case(
        good=[template(), template(blockDeviceMappings=[{"ebs": {"volumeSize": 8}}])],
        bad=[
            Change({"blockDeviceMappings.0.ebs.encrypted": "false"}),
            [res(TEMPLATE, blockDeviceMappings=[{"ebs": {"volumeSize": 8}}])],
        ],
        na=[OTHER, template(blockDeviceMappings=None)],
        unknown=[Change({"blockDeviceMappings": UNKNOWN})],
    ),
    "EC2.182": setting(SNAPSHOT_BLOCK, "state", "block-all-sharing", "block-new-sharing"),
    "MD.EC2.37": Case(
        good=[volume()],
        bad=[Change({"kmsKeyId": ABSENT})],
        na=[OTHER],
        unknown=[Change({"kmsKeyId": UNKNOWN})],
    ),
}
