"""No right program is refused: the examples in pulumi_aws's documentation go through check."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.provider.core import Core
from localcloud.provider.read import Settings
from localcloud.provider.rows import ROWS
from localcloud.provider.wire import UNKNOWN
from tests.localcloud.provider import examples
from tests.tables import every_row

pytestmark = pytest.mark.process

#: Examples that stand for a fragment ("..."), or that the official provider refuses as well: (kind refused, words).
INCOMPLETE = [
    ("aws:autoscaling/group:Group", "exactly one of launchConfiguration"),
    ("aws:cloudwatch/eventConnection:EventConnection", "an ARN"),  # an account number of 11 digits
    ("aws:cloudwatch/eventRule:EventRule", "eventPattern"),
    ("aws:ec2/vpc:Vpc", "cidrBlock"),
    ("aws:ec2/spotFleetRequest:SpotFleetRequest", "an ARN"),  # an account number of 8 digits
    ("aws:ecr/pullThroughCacheRule:PullThroughCacheRule", "an ARN"),  # an account number of 9 digits
    ("aws:ecs/service:Service", "missing required property"),
    ("aws:glue/catalogDatabase:CatalogDatabase", "[A-Z]"),  # upper case, which Glue turns into lower
    ("aws:glue/catalogTable:CatalogTable", "[A-Z]"),
    ("aws:iam/policy:Policy", "policy"),  # { ... policy JSON ... }
    ("aws:lb/loadBalancer:LoadBalancer", "subnet"),
    ("aws:lb/loadBalancer:LoadBalancer", "front_end"),  # an underscore in the logical name
    ("aws:lb/targetGroup:TargetGroup", "front_end"),
    ("aws:acm/certificate:Certificate", "domainName"),
    ("aws:ec2/instance:Instance", "launchTemplate"),
    ("aws:guardduty/invitationAccepter:InvitationAccepter", "ADMINISTRATOR"),
    ("aws:macie2/invitationAccepter:InvitationAccepter", "ADMINISTRATOR"),
    ("aws:securityhub/actionTarget:ActionTarget", "25 characters"),
    ("aws:sns/smsPreferences:SmsPreferences", "defaultSenderId"),
    ("aws:dynamodb/table:Table", "Capacity is required"),  # validateProvisionedThroughputField
    ("aws:lb/listener:Listener", "authenticate-oidc needs an HTTPS listener"),
    ("aws:lb/targetGroup:TargetGroup", "is required for a target group"),  # customizeDiffTargetGroupTargetTypeNotLambda
    ("aws:rds/instance:Instance", "5.6."),  # a version that RDS had once
    ("aws:ssm/patchBaseline:PatchBaseline", "patchFilters"),
    ("aws:synthetics/canary:Canary", "some-role"),
    ("aws:vpc/securityGroupVpcAssociation:SecurityGroupVpcAssociation", "sg-05f1f54ab49bb39a3"),  # somebody's group
]
OWN = sorted(token for token, row in ROWS.items() if not row.neighbour)


def _refused(core: Core, token: str) -> tuple[int, list[str]]:
    """How many resources of a kind's examples were checked, and what is wrong with them."""
    checked, wrong = 0, []
    for number, code in enumerate(examples.blocks(token)):
        for given in examples.resources(code):
            if given.token not in ROWS:
                continue
            checked += 1
            inputs = {
                name: value for name, value in given.inputs.items() if name not in ("vpcId", "subnetId", "subnetIds")
            }
            inputs |= {name: UNKNOWN for name in given.inputs if name not in inputs}
            _, failures = core.check(Settings("us-west-2"), given.token, given.name, inputs, {}, b"seed")
            wrong += [
                f"{token} example {number}, {given.token}: {reason}"
                for _, reason in failures
                if not any(given.token == kind and words in reason for kind, words in INCOMPLETE)
            ]
    return checked, wrong


def test_the_examples_of_the_kinds_with_a_row_are_right(core: Core) -> None:
    found = [_refused(core, token) for token in OWN]
    assert [reason for _, wrong in found for reason in wrong] == []
    assert sum(checked for checked, _ in found) >= 150


@pytest.mark.nightly
@every_row("token", sorted(set(ROWS) - set(OWN)))
def test_the_examples_of_the_neighbours_are_right(core: Core, token: Any) -> None:
    assert _refused(core, token)[1] == []
