"""The load balancer: TLS ends here, and paths are routed to services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.base import Component, Transforms
from components.edge.routes import Route


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadBalancerArgs:
    """What an Application Load Balancer is made from.

    - subnet_ids: public subnets in two zones or more.
    - routes: one per service that answers requests (`routes.Route`).
    - certificate_arn: ACM certificate; with one, port 443 serves and port 80 redirects. None must be relaxed as ``https``.
    - access_logs_bucket: name of a bucket that admits ELB's log delivery (SSE-S3: ELB cannot write to a KMS key). None must be
      relaxed as ``access_logs``.
    - deletion_protection: default True; False must be relaxed as ``deletion_protection``.
    - idle_timeout_seconds: 1–4000; default 60.
    - relaxed: what of the above is relaxed → why.
    """

    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    routes: Sequence[Route]
    certificate_arn: pulumi.Input[str] | None = None
    access_logs_bucket: pulumi.Input[str] | None = None
    deletion_protection: bool = True
    idle_timeout_seconds: int = 60
    relaxed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a service registers its tasks. `rules` must exist before ECS takes the group: depend on them."""

    arn: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    rules: Sequence[pulumi.Resource]


class LoadBalancer(Component):
    """An ALB. (resources listed when filled)

    `url` is the scheme and host to reach it by; `requests_label(name)` is what target tracking on requests per target needs.
    """

    arn: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    dns_name: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    url: pulumi.Output[str]
    listener: pulumi.Resource
    target_groups: Mapping[str, Target]

    def __init__(
        self,
        name: str,
        args: LoadBalancerArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform, relaxed=args.relaxed)
        raise NotImplementedError
