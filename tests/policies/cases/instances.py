"""Cases of policies/controls/instances.py."""

from __future__ import annotations

import base64
from typing import Any

from policies.controls.ebs import DEFAULT_ENCRYPTION
from policies.controls.instances import (
    AMI,
    AMI_BLOCK,
    AMI_PERMISSION,
    ATTACHMENT,
    CONFIGURATION,
    EIP,
    INSTANCE,
    METADATA_DEFAULTS,
    SERIAL_CONSOLE,
    SUBNETS,
    TEMPLATE,
)
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

OTHER = [res("aws:sqs/queue:Queue")]
TAGS = {"Project": "matchday"}


ENCRYPTED = res(DEFAULT_ENCRYPTION, "default", enabled=True)
IMDSV2 = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
KEY = "export AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE"


def instance(**props: Any) -> Any:
    given = {
        "ami": "ami-1",
        "associatePublicIpAddress": False,
        "iamInstanceProfile": "bastion",
        "instanceType": "t4g.nano",
        "metadataOptions": IMDSV2,
        "monitoring": True,
        "rootBlockDevice": {"encrypted": True},
        "subnetId": "inner",
        "tags": TAGS,
    }
    return res(INSTANCE, "bastion", **(given | props))


def template(**props: Any) -> list[Any]:
    disks = [
        {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "volumeSize": 8}},
        {"deviceName": "/dev/sdb", "virtualName": "ephemeral0"},
    ]
    interfaces = [{"associatePublicIpAddress": "false"}]
    given = {"blockDeviceMappings": disks, "metadataOptions": IMDSV2, "networkInterfaces": interfaces, "tags": TAGS}
    return [res(TEMPLATE, "machine", **(given | props)), ENCRYPTED]


def configuration(**props: Any) -> list[Any]:
    return [res(CONFIGURATION, "old", **({"metadataOptions": IMDSV2, "imageId": "ami-1"} | props))]


GOOD = [instance(), ENCRYPTED, res(SUBNETS[0], "inner", mapPublicIpOnLaunch=False, tags=TAGS)]
FROM_TEMPLATE = {"launchTemplate": {"id": "machine"}, "metadataOptions": None}
NO_OPTIONS = [instance(metadataOptions=None)]


def metadata(good: list[Any]) -> Case:
    """The cases of templates and configurations, which must say that IMDSv2 is required."""
    return Case(
        good=[good],
        bad=[Change({"metadataOptions.httpTokens": "optional"}), Change({"metadataOptions": ABSENT})],
        na=[OTHER],
        unknown=[Change({"metadataOptions": UNKNOWN})],
    )


def setting(kind: str, path: str, good: Any, bad: Any) -> Case:
    return Case(
        good=[[res(kind, **{path: good})]],
        bad=[Change({path: bad})],
        na=[OTHER],
        unknown=[Change({path: UNKNOWN})],
    )


CASES = {
    "AutoScaling.3": metadata(configuration()),
    "AutoScaling.5": Case(
        good=[configuration(associatePublicIpAddress=False), configuration()],
        bad=[Change({"associatePublicIpAddress": True})],
        na=[OTHER],
        unknown=[Change({"associatePublicIpAddress": UNKNOWN})],
    ),
    "EC2.8": Case(
        good=[
            GOOD,
            [instance(metadataOptions={"httpEndpoint": "disabled"})],
            [instance(**FROM_TEMPLATE), *template()],
            [*NO_OPTIONS, res(METADATA_DEFAULTS, httpTokens="required")],
        ],
        bad=[
            Change({"metadataOptions.httpTokens": "optional"}),
            Change({"metadataOptions": ABSENT}),
            [*NO_OPTIONS, res(METADATA_DEFAULTS, httpTokens="optional")],
            [instance(**FROM_TEMPLATE), *template(metadataOptions={"httpTokens": "optional"})],
        ],
        na=[OTHER],
        unknown=[Change({"metadataOptions": UNKNOWN}), [instance(**FROM_TEMPLATE)]],
    ),
    "EC2.9": Case(
        good=[GOOD, [instance(associatePublicIpAddress=None, subnetId="elsewhere")]],
        bad=[
            Change({"associatePublicIpAddress": True}),
            Change({"publicIp": "203.0.113.7"}),
            [*GOOD, res(EIP, instance="bastion")],
            [instance(associatePublicIpAddress=None), res(SUBNETS[0], "inner", mapPublicIpOnLaunch=True)],
            [instance(associatePublicIpAddress=None), res(SUBNETS[1], "inner")],
        ],
        na=[OTHER],
        unknown=[Change({"associatePublicIpAddress": UNKNOWN})],
    ),
    "EC2.17": Case(
        good=[GOOD, [instance(networkInterfaces=[{"deviceIndex": 0, "networkInterfaceId": "eni-1"}])]],
        bad=[
            Change({"networkInterfaces": [{"deviceIndex": 0}, {"deviceIndex": 1}]}),
            [*GOOD, res(ATTACHMENT, instanceId="bastion", deviceIndex=1)],
        ],
        na=[OTHER],
        unknown=[Change({"networkInterfaces": UNKNOWN})],
    ),
    "EC2.24": Case(
        good=[GOOD, [instance(), res(AMI, "ami-1", virtualizationType="hvm")], [res(AMI, virtualizationType="hvm")]],
        bad=[
            Change({"instanceType": "t1.micro"}),
            [instance(), res(AMI, "ami-1", virtualizationType="paravirtual")],
            [res(AMI)],
        ],
        na=[OTHER],
        unknown=[Change({"instanceType": UNKNOWN})],
    ),
    "EC2.25": Case(
        good=[template(), template(networkInterfaces=None)],
        bad=[
            Change({"networkInterfaces.0.associatePublicIpAddress": "true"}),
            template(networkInterfaces=[UNKNOWN, {"associatePublicIpAddress": True}]),
        ],
        na=[OTHER],
        unknown=[Change({"networkInterfaces": UNKNOWN})],
    ),
    "EC2.170": metadata(template()),
    "MD.EC2.30": Case(
        good=[
            GOOD,
            [
                res(
                    INSTANCE,
                    iamInstanceProfile=UNKNOWN,
                    deps={"iamInstanceProfile": ["aws:iam/instanceProfile:InstanceProfile p"]},
                )
            ],
        ],
        bad=[Change({"iamInstanceProfile": ABSENT})],
        na=[OTHER, [instance(iamInstanceProfile=None, **FROM_TEMPLATE)]],
        unknown=[Change({"iamInstanceProfile": UNKNOWN})],
    ),
    "MD.EC2.31": Case(
        good=[GOOD, template(), configuration()],
        bad=[
            Change({"metadataOptions.httpPutResponseHopLimit": 2}),
            template(metadataOptions={"httpPutResponseHopLimit": 64}),
        ],
        na=[OTHER],
        unknown=[Change({"metadataOptions": UNKNOWN})],
    ),
    "MD.EC2.32": Case(
        good=[GOOD, [instance(userData="#!/bin/sh\necho hello")], [instance(userDataBase64="not base64!")]],
        bad=[
            Change({"userData": KEY}),
            [instance(userDataBase64=base64.b64encode(KEY.encode()).decode())],
            template(userData=base64.b64encode(KEY.encode()).decode()),
            configuration(userData=KEY),
        ],
        na=[OTHER],
        unknown=[Change({"userData": UNKNOWN})],
    ),
    "MD.EC2.33": Case(
        good=[GOOD, template(), configuration()],
        bad=[Change({"keyName": "laptop"}), template(keyName="laptop"), configuration(keyName="laptop")],
        na=[OTHER],
        unknown=[Change({"keyName": UNKNOWN})],
    ),
    "MD.EC2.34": Case(
        good=[[res(AMI_PERMISSION, imageId="ami-1", accountId="111122223333")]],
        bad=[Change({"group": "all"})],
        na=[OTHER],
        unknown=[Change({"group": UNKNOWN})],
    ),
    "MD.EC2.35": setting(AMI_BLOCK, "state", "block-new-sharing", "unblocked"),
    "MD.EC2.36": Case(
        good=[[res(SERIAL_CONSOLE, enabled=False)]],
        bad=[Change({"enabled": True}), Change({"enabled": ABSENT})],
        na=[OTHER],
        unknown=[Change({"enabled": UNKNOWN})],
    ),
    "MD.EC2.38": Case(
        good=[GOOD],
        bad=[Change({"monitoring": False}), Change({"monitoring": ABSENT})],
        na=[OTHER],
        unknown=[Change({"monitoring": UNKNOWN})],
    ),
    "MD.EC2.39": Case(
        good=[GOOD],
        bad=[Change({"instanceInitiatedShutdownBehavior": "terminate"})],
        na=[OTHER],
        unknown=[Change({"instanceInitiatedShutdownBehavior": UNKNOWN})],
    ),
}
