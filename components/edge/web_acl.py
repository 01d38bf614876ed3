"""The web application firewall in front of the load balancer or CloudFront."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pulumi

from components.base import Component, Transforms


class Scope(StrEnum):
    """What an ACL can protect; AWS keeps CLOUDFRONT ones, and their logs, in us-east-1."""

    REGIONAL = "REGIONAL"
    CLOUDFRONT = "CLOUDFRONT"


@dataclass(frozen=True, kw_only=True, slots=True)
class WebAclArgs:
    """What a web ACL is made from.

    - scope: REGIONAL (load balancer) or CLOUDFRONT.
    - resource_arn: what a REGIONAL one protects; CloudFront names its ACL itself.
    - rate_limit: requests per address in five minutes before it is blocked; 10 and up, default 2000.
    - path_rate_limits: path prefix → a lower limit, for what is worth attacking (``/auth/login``).
    - allowed_countries: ISO 3166 codes; when given, requests from anywhere else are blocked.
    - log_key_arn: KMS key in the ACL's Region. log_retention_days: default 365.
    """

    scope: Scope
    log_key_arn: pulumi.Input[str]
    resource_arn: pulumi.Input[str] | None = None
    rate_limit: int = 2000
    path_rate_limits: Mapping[str, int] = field(default_factory=dict)
    allowed_countries: Sequence[str] = ()
    log_retention_days: int = 365


class WebAcl(Component):
    """A web ACL. (resources listed when filled)"""

    arn: pulumi.Output[str]
    log_group_name: str

    def __init__(
        self,
        name: str,
        args: WebAclArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        raise NotImplementedError
