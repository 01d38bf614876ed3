"""Security groups whose rules come from a list of flows and from nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_aws import ec2, vpc

from components.base import Component, Transforms
from components.security.flows import INTERNET, INTERNET_IPV6, Direction, Flow, rules


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityGroupsArgs:
    """What groups there are and who may talk to whom.

    - groups: name → description of each group to make (load-balancer, each service, postgres, broker, cache …).
    - flows: every connection that is allowed; anything else is not. Egress is closed too.
    - existing: name → id of groups made elsewhere that get rules here too
      (``endpoints``: `network.Vpc.endpoint_security_group_id`).
    - prefix_lists: name → id, for flows to gateway endpoints (``s3``: `network.Vpc.s3_prefix_list_id`).
    """

    vpc_id: pulumi.Input[str]
    groups: Mapping[str, str]
    flows: Sequence[Flow]
    existing: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    prefix_lists: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


class SecurityGroups(Component):
    """Security groups and their rules; `ids` has those of `existing` too.

    Makes: by group ``aws:ec2:SecurityGroup`` (``<group>``); by flow and end that is a group
    ``aws:vpc:SecurityGroupIngressRule`` or ``aws:vpc:SecurityGroupEgressRule`` (``<group>-<ingress|egress>-<peer>-<port>``).
    """

    def __init__(
        self,
        name: str,
        args: SecurityGroupsArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        ids = {group: pulumi.Output.from_input(id_) for group, id_ in args.existing.items()}
        for group, description in args.groups.items():
            if group in ids:
                raise ValueError(f"security groups {name!r}: {group!r} is to be made and exists already")
            made = self.make(
                group,
                ec2.SecurityGroup,
                ec2.SecurityGroupArgs(
                    name=self.physical_name(group),
                    description=description,
                    vpc_id=args.vpc_id,
                ),
            )
            ids[group] = made.id
        self.ids: Mapping[str, pulumi.Output[str]] = ids
        for rule in rules(args.flows, groups=ids.keys(), others=args.prefix_lists.keys()):
            resource, args_class = _RULE_CLASSES[rule.direction]
            self.make(
                rule.key,
                resource,
                args_class(
                    security_group_id=ids[rule.group],
                    ip_protocol="tcp",
                    from_port=rule.port,
                    to_port=rule.port,
                    description=rule.why,
                    **_peer(rule.peer, ids, args.prefix_lists),
                ),
            )
        self.register_outputs({"ids": self.ids})


_RULE_CLASSES: Mapping[Direction, tuple[Any, Any]] = {
    Direction.INGRESS: (vpc.SecurityGroupIngressRule, vpc.SecurityGroupIngressRuleArgs),
    Direction.EGRESS: (vpc.SecurityGroupEgressRule, vpc.SecurityGroupEgressRuleArgs),
}


def _peer(
    peer: str, groups: Mapping[str, pulumi.Output[str]], prefix_lists: Mapping[str, pulumi.Input[str]]
) -> dict[str, pulumi.Input[str]]:
    """The one argument of a rule that says who is at its other end."""
    if peer == INTERNET:
        return {"cidr_ipv4": "0.0.0.0/0"}
    if peer == INTERNET_IPV6:
        return {"cidr_ipv6": "::/0"}
    if peer in prefix_lists:
        return {"prefix_list_id": prefix_lists[peer]}
    return {"referenced_security_group_id": groups[peer]}
