"""The content delivery network: the site from a private bucket, the API paths from the load balancer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.base import Component, Transforms


@dataclass(frozen=True, kw_only=True, slots=True)
class CdnArgs:
    """What a distribution is made from.

    - site_bucket_domain: the bucket's regional domain name. Its policy must admit the distribution: `read_statement`.
    - api_domain, api_patterns: the load balancer's name and the paths that go there, uncached.
    - api_https: whether the load balancer has a certificate; False must be relaxed as ``origin_tls``.
    - web_acl_arn: an ACL with scope CLOUDFRONT.
    - log_bucket_arn: bucket that admits ``delivery.logs.amazonaws.com``; None must be relaxed as ``access_logs``.
    - aliases, certificate_arn: own names and their us-east-1 certificate, both or neither (relaxed as ``certificate``).
    - price_class: which edge locations; PriceClass_200 holds India.
    """

    site_bucket_domain: pulumi.Input[str]
    api_domain: pulumi.Input[str]
    api_patterns: Sequence[str]
    web_acl_arn: pulumi.Input[str]
    api_https: bool = True
    log_bucket_arn: pulumi.Input[str] | None = None
    aliases: Sequence[str] = ()
    certificate_arn: pulumi.Input[str] | None = None
    price_class: str = "PriceClass_200"
    relaxed: Mapping[str, str] = field(default_factory=dict)


class Cdn(Component):
    """A CloudFront distribution. (resources listed when filled)"""

    arn: pulumi.Output[str]
    distribution_id: pulumi.Output[str]
    domain_name: pulumi.Output[str]
    url: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        args: CdnArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform, relaxed=args.relaxed)
        raise NotImplementedError
