"""Update, replace or no difference where the official provider decides in code (CustomizeDiff, DiffSuppressFunc, the bridge).

Each entry names the code it follows: files are of terraform-provider-aws, internal/service/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Inputs = Mapping[str, Any]

#: Kinds of which only one can be: a replacement deletes first (pulumi-aws, provider/resources.go, DeleteBeforeReplace).
ALONE = frozenset(
    {
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment",
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
        "aws:ec2/route:Route",
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        "aws:ec2/networkAclRule:NetworkAclRule",
        "aws:ec2/eipAssociation:EipAssociation",
        "aws:ec2/volumeAttachment:VolumeAttachment",
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        "aws:appautoscaling/policy:Policy",
        "aws:appautoscaling/target:Target",
        "aws:appautoscaling/scheduledAction:ScheduledAction",
        "aws:wafv2/webAclAssociation:WebAclAssociation",
        "aws:ec2/flowLog:FlowLog",
    }
)

#: (kind, property) -> True replaces, False updates, whatever the schema says.
_ALWAYS: Mapping[tuple[str, str], bool] = {
    # SNS: create takes it, SetTopicAttributes does not (sns/topic.go, ForceNew by the bridge's identity)
}


def decided(token: str, names: tuple[str, ...], olds: Inputs, news: Inputs) -> bool | None:
    """True: replaces; False: updates in place; None: the schema says."""
    return _ALWAYS.get((token, names[0]))


def replaces(token: str, name: str, olds: Inputs, news: Inputs, state: Inputs) -> bool:
    """Whether the official provider's CustomizeDiff forces a new resource for a property that may else be updated."""
    rule = _FORCES.get((token, name))
    return rule is not None and rule(olds, news, state)


def settled(token: str, olds: Inputs, news: Inputs, state: Inputs) -> frozenset[str]:
    """Properties whose difference the official provider suppresses."""
    rule = _SETTLES.get(token)
    return frozenset(rule(olds, news, state)) if rule else frozenset()


_FORCES: Mapping[tuple[str, str], Callable[[Inputs, Inputs, Inputs], bool]] = {}
_SETTLES: Mapping[str, Callable[[Inputs, Inputs, Inputs], set[str]]] = {}


def version(text: Any) -> tuple[int, ...]:
    """A version as numbers: "16.4" is (16, 4)."""
    return tuple(int(part) for part in re.findall(r"\d+", str(text or "")))
