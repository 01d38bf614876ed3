"""Cases of policies/controls/autoscaling.py."""

from __future__ import annotations

from typing import Any

from policies.controls.autoscaling import ATTACHMENT, GROUP
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, res

OTHER = [res("aws:sqs/queue:Queue")]
SUBNET = "aws:ec2/subnet:Subnet"
MIXED = {
    "launchTemplate": {
        "launchTemplateSpecification": {"launchTemplateId": "lt"},
        "overrides": [{"instanceType": "m7g.large"}, {"instanceType": "m6g.large"}],
    }
}
OVERRIDES = "mixedInstancesPolicy.launchTemplate.overrides"


def group(**props: Any) -> list[Any]:
    given = {
        "healthCheckType": "ELB",
        "mixedInstancesPolicy": MIXED,
        "targetGroupArns": ["tg"],
        "vpcZoneIdentifiers": ["a", "b"],
        "tags": [{"key": "Project", "value": "matchday", "propagateAtLaunch": True}],
    }
    return [res(GROUP, "group", **(given | props))]


GOOD = [
    *group(),
    *(res(SUBNET, name, availabilityZone=f"ap-south-1{name}", tags={"Project": "matchday"}) for name in "ab"),
]
ONE_ZONE = [*group(), *(res(SUBNET, name, availabilityZone="ap-south-1a") for name in "ab")]

CASES = {
    "AutoScaling.1": Case(
        good=[
            GOOD,
            group(healthCheckType="EBS, ELB"),
            [*group(targetGroupArns=None), res(ATTACHMENT, autoscalingGroupName="group")],
        ],
        bad=[
            Change({"healthCheckType": "EC2"}),
            Change({"healthCheckType": ABSENT}),
            [*group(targetGroupArns=None, healthCheckType="EC2"), res(ATTACHMENT, autoscalingGroupName="group")],
        ],
        na=[OTHER, group(targetGroupArns=None, healthCheckType=None)],
        unknown=[Change({"healthCheckType": UNKNOWN})],
    ),
    "AutoScaling.2": Case(
        good=[
            GOOD,
            group(vpcZoneIdentifiers=None, availabilityZones=["ap-south-1a", "ap-south-1b"]),
            group(vpcZoneIdentifiers=["x", "y"]),
        ],
        bad=[Change({"vpcZoneIdentifiers": ["a"]}), Change({"vpcZoneIdentifiers": ABSENT}), ONE_ZONE],
        na=[OTHER],
        unknown=[Change({"vpcZoneIdentifiers": UNKNOWN})],
        also=frozenset({"AutoScaling.6"}),
    ),
    "AutoScaling.6": Case(
        good=[
            GOOD,
            group(
                mixedInstancesPolicy={
                    "launchTemplate": {"overrides": [{"instanceRequirements": {"memoryMib": {"min": 4096}}}]}
                }
            ),
        ],
        bad=[
            Change({OVERRIDES: [{"instanceType": "m7g.large"}]}),
            group(mixedInstancesPolicy=None, launchTemplate={"id": "lt"}),
        ],
        na=[OTHER],
        unknown=[Change({"mixedInstancesPolicy": UNKNOWN})],
    ),
    "AutoScaling.9": Case(
        good=[GOOD, group(mixedInstancesPolicy=None, launchTemplate={"id": "lt"})],
        bad=[Change({"mixedInstancesPolicy": ABSENT}), group(mixedInstancesPolicy=None, launchConfiguration="old")],
        na=[OTHER],
        also=frozenset({"AutoScaling.6"}),
    ),
}
