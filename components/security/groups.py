"""Security groups whose rules come from a list of flows and from nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.base import Component, Transforms
from components.security.flows import Flow


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
    """Security groups and their rules. (resources listed when filled)"""

    ids: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        args: SecurityGroupsArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        raise NotImplementedError
