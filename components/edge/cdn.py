"""The content delivery network: the site from a private bucket, the API paths from the load balancer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pulumi
from pulumi_aws import cloudfront, cloudwatch

from components.base import Component, Transforms
from components.edge import balancer_signals, cdn_signals
from components.edge.load_balancer import HSTS_SECONDS
from components.edge.viewer_functions import API_VIEWER, FUNCTIONS, SITE_PAGES
from components.security.keys import EDGE_REGION

#: Policies that AWS manages, by their published ids: the same in every account.
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"

#: TLS 1.2 and 1.3 with forward secrecy (FSBP CloudFront.15).
TLS_POLICY = "TLSv1.2_2021"

_SITE, _REPLICA, _EITHER, _API = "site", "site-replica", "site-or-replica", "api"

#: What a bucket answers when it cannot answer. Not what is not there (403 to whoever may not list): a copy that lags has less.
_CANNOT_ANSWER = [500, 502, 503, 504]
_READ = ["GET", "HEAD", "OPTIONS"]
_ALL_METHODS = [*_READ, "PUT", "POST", "PATCH", "DELETE"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CdnArgs:
    """What a distribution is made from.

    - region: of the stack.
    - site_bucket_domain: the bucket's regional domain name. Its policy must admit the distribution: `read_statement`.
    - api_domain, api_patterns: the load balancer's name and the paths that go there, uncached.
    - api_load_balancer_arn: of a load balancer without an address on the internet: CloudFront reaches it by a VPC origin, which
      no other account's distribution can use. None: it is an origin like any on the internet.
    - api_https: whether the load balancer has a certificate; False must be relaxed as ``origin_tls``.
    - web_acl_arn: an ACL with scope CLOUDFRONT.
    - log_bucket_arn: bucket that admits ``delivery.logs.amazonaws.com``; None must be relaxed as ``access_logs``.
    - aliases, certificate_arn: own names and their us-east-1 certificate, both or neither (relaxed as ``certificate``).
    - price_class: which edge locations; PriceClass_200 holds India.
    - countries: ISO 3166 codes; when given, CloudFront answers viewers from anywhere else with 403. Default: everywhere.
    - replica_bucket_domain: the regional domain name of a copy of the site's bucket in another Region, asked when the bucket
      does not answer. Its policy must admit the distribution too. Default: none.
    - relaxed: what of the above is relaxed → why.
    """

    region: str
    site_bucket_domain: pulumi.Input[str]
    api_domain: pulumi.Input[str]
    api_patterns: Sequence[str]
    web_acl_arn: pulumi.Input[str]
    api_load_balancer_arn: pulumi.Input[str] | None = None
    api_https: bool = True
    log_bucket_arn: pulumi.Input[str] | None = None
    aliases: Sequence[str] = ()
    certificate_arn: pulumi.Input[str] | None = None
    price_class: str = "PriceClass_200"
    countries: Sequence[str] = ()
    replica_bucket_domain: pulumi.Input[str] | None = None
    relaxed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pieces:
    """What a distribution is put together from, besides its arguments."""

    access_id: pulumi.Output[str]
    headers_id: pulumi.Output[str]
    cache_id: pulumi.Output[str]
    site_function_arn: pulumi.Output[str]
    api_function_arn: pulumi.Output[str]
    api_origin: Any


class Cdn(Component):
    """A CloudFront distribution.

    Makes: ``aws:cloudfront:Distribution`` (role ``""``), ``OriginAccessControl`` (``origin-access``),
    ``ResponseHeadersPolicy`` (``headers``), ``CachePolicy`` (``cache-site``), ``Function`` (``site-pages``: paths of a
    single-page application are its page, ``api-viewer``: the viewer's address as a header, see `viewer_functions`); for an
    internal load balancer ``VpcOrigin`` (``api-origin``); ``MonitoringSubscription`` (``metrics``: the rate of cache hits is
    one of those that cost extra); with a log bucket ``aws:cloudwatch:LogDeliverySource``,
    ``LogDeliveryDestination`` and ``LogDelivery`` (``logs-source``, ``logs-destination``, ``logs``) in us-east-1.
    """

    RELAXABLE: ClassVar[Mapping[str, str]] = {
        "origin_tls": "requests travel in the clear from CloudFront to the load balancer",
        "access_logs": "no request is logged by CloudFront",
        "certificate": "the site has no name of its own, and viewers may use TLS older than 1.2",
    }

    def __init__(
        self,
        name: str,
        args: CdnArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform, relaxed=args.relaxed)
        if bool(args.aliases) != (args.certificate_arn is not None):
            raise ValueError(f"CDN {name!r}: aliases and certificate_arn; accepted: both or neither")
        self.require("origin_tls", args.api_https)
        self.require("access_logs", args.log_bucket_arn is not None)
        self.require("certificate", args.certificate_arn is not None)

        access = self.make(
            "origin-access",
            cloudfront.OriginAccessControl,
            cloudfront.OriginAccessControlArgs(
                name=self.physical_name("site", "cloudfront"),
                description="CloudFront signs what it asks of the site's bucket",
                origin_access_control_origin_type="s3",
                signing_behavior="always",
                signing_protocol="sigv4",
            ),
        )
        headers = self.make("headers", cloudfront.ResponseHeadersPolicy, self._headers())
        cache = self.make("cache-site", cloudfront.CachePolicy, self._cache())
        functions = {
            role: self.make(role, cloudfront.Function, self._function(role, comment, code))
            for role, (comment, code) in FUNCTIONS.items()
        }
        pieces = _Pieces(
            access_id=access.id,
            headers_id=headers.id,
            cache_id=cache.id,
            site_function_arn=functions[SITE_PAGES].arn,
            api_function_arn=functions[API_VIEWER].arn,
            api_origin=self._api_origin(args),
        )
        distribution = self.make("", cloudfront.Distribution, self._distribution(args, pieces))
        self.arn: pulumi.Output[str] = distribution.arn
        self.distribution_id: pulumi.Output[str] = distribution.id
        self.domain_name: pulumi.Output[str] = distribution.domain_name
        self.hosted_zone_id: pulumi.Output[str] = distribution.hosted_zone_id
        self.url = pulumi.Output.concat("https://", args.aliases[0] if args.aliases else self.domain_name)
        if args.log_bucket_arn is not None:
            self._logs(args.region, args.log_bucket_arn)
        elsewhere = None if args.region == EDGE_REGION else EDGE_REGION
        self.make(
            "metrics",
            cloudfront.MonitoringSubscription,
            cloudfront.MonitoringSubscriptionArgs(
                distribution_id=self.distribution_id,
                monitoring_subscription=cloudfront.MonitoringSubscriptionMonitoringSubscriptionArgs(
                    realtime_metrics_subscription_config=cloudfront.MonitoringSubscriptionMonitoringSubscriptionRealtimeMetricsSubscriptionConfigArgs(
                        realtime_metrics_subscription_status="Enabled"
                    )
                ),
            ),
        )
        self.signals = [
            cdn_signals.errors(self.distribution_id, elsewhere),
            cdn_signals.misses(self.distribution_id, elsewhere),
        ]
        if args.certificate_arn is not None:
            self.signals.append(balancer_signals.expiry(args.certificate_arn, elsewhere))
        self.register_outputs({"arn": self.arn, "domain_name": self.domain_name, "url": self.url})

    def _api_origin(self, args: CdnArgs) -> Any:
        """How CloudFront reaches the load balancer."""
        protocol = "https-only" if args.api_https else "http-only"
        if args.api_load_balancer_arn is None:
            return cloudfront.DistributionOriginArgs(
                origin_id=_API,
                domain_name=args.api_domain,
                custom_origin_config=cloudfront.DistributionOriginCustomOriginConfigArgs(
                    http_port=80, https_port=443, origin_protocol_policy=protocol, origin_ssl_protocols=["TLSv1.2"]
                ),
            )
        origin = self.make(
            "api-origin",
            cloudfront.VpcOrigin,
            cloudfront.VpcOriginArgs(
                vpc_origin_endpoint_config=cloudfront.VpcOriginVpcOriginEndpointConfigArgs(
                    arn=args.api_load_balancer_arn,
                    name=self.physical_name("api", "cloudfront"),
                    http_port=80,
                    https_port=443,
                    origin_protocol_policy=protocol,
                    origin_ssl_protocols=cloudfront.VpcOriginVpcOriginEndpointConfigOriginSslProtocolsArgs(
                        items=["TLSv1.2"], quantity=1
                    ),
                )
            ),
        )
        return cloudfront.DistributionOriginArgs(
            origin_id=_API,
            domain_name=args.api_domain,
            vpc_origin_config=cloudfront.DistributionOriginVpcOriginConfigArgs(vpc_origin_id=origin.id),
        )

    def _function(self, role: str, comment: str, code: str) -> Any:
        return cloudfront.FunctionArgs(
            name=self.physical_name(role, "cloudfront"),
            comment=comment,
            runtime="cloudfront-js-2.0",
            code=code,
            publish=True,
        )

    def _cache(self) -> Any:
        """Objects are kept as long as they say themselves (the page not at all, what carries a hash in its name for a year)."""
        pieces = cloudfront.CachePolicyParametersInCacheKeyAndForwardedToOriginArgs(
            cookies_config={"cookie_behavior": "none"},
            headers_config={"header_behavior": "none"},
            query_strings_config={"query_string_behavior": "none"},
            enable_accept_encoding_brotli=True,
            enable_accept_encoding_gzip=True,
        )
        return cloudfront.CachePolicyArgs(
            name=self.physical_name("site", "cloudfront"),
            comment=f"Objects of the site of {self.physical_name()}",
            min_ttl=0,
            default_ttl=3600,
            max_ttl=365 * 24 * 3600,
            parameters_in_cache_key_and_forwarded_to_origin=pieces,
        )

    def _distribution(self, args: CdnArgs, pieces: _Pieces) -> Any:
        certificate = cloudfront.DistributionViewerCertificateArgs(cloudfront_default_certificate=True)
        if args.certificate_arn is not None:
            certificate = cloudfront.DistributionViewerCertificateArgs(
                acm_certificate_arn=args.certificate_arn,
                minimum_protocol_version=TLS_POLICY,
                ssl_support_method="sni-only",
            )
        return cloudfront.DistributionArgs(
            comment=self.physical_name(),
            enabled=True,
            is_ipv6_enabled=True,
            http_version="http2and3",
            price_class=args.price_class,
            aliases=list(args.aliases) or None,
            default_root_object="index.html",
            web_acl_id=args.web_acl_arn,
            origins=[*self._site_origins(args, pieces), pieces.api_origin],
            origin_groups=None
            if args.replica_bucket_domain is None
            else [
                cloudfront.DistributionOriginGroupArgs(
                    origin_id=_EITHER,
                    failover_criteria=cloudfront.DistributionOriginGroupFailoverCriteriaArgs(
                        status_codes=_CANNOT_ANSWER
                    ),
                    members=[
                        cloudfront.DistributionOriginGroupMemberArgs(origin_id=each) for each in (_SITE, _REPLICA)
                    ],
                )
            ],
            default_cache_behavior=cloudfront.DistributionDefaultCacheBehaviorArgs(
                target_origin_id=_SITE if args.replica_bucket_domain is None else _EITHER,
                viewer_protocol_policy="redirect-to-https",
                allowed_methods=_READ,
                cached_methods=_READ[:2],
                cache_policy_id=pieces.cache_id,
                response_headers_policy_id=pieces.headers_id,
                compress=True,
                function_associations=[
                    cloudfront.DistributionDefaultCacheBehaviorFunctionAssociationArgs(
                        event_type="viewer-request", function_arn=pieces.site_function_arn
                    )
                ],
            ),
            ordered_cache_behaviors=[
                cloudfront.DistributionOrderedCacheBehaviorArgs(
                    path_pattern=pattern,
                    target_origin_id=_API,
                    # A redirect would make a browser repeat a POST as a GET; an API says no instead.
                    viewer_protocol_policy="https-only",
                    allowed_methods=_ALL_METHODS,
                    cached_methods=_READ[:2],
                    cache_policy_id=CACHING_DISABLED,
                    # The load balancer's certificate is for our names: pass the viewer's Host on only if it is one.
                    origin_request_policy_id=ALL_VIEWER if args.aliases else ALL_VIEWER_EXCEPT_HOST,
                    response_headers_policy_id=pieces.headers_id,
                    compress=True,
                    function_associations=[
                        cloudfront.DistributionOrderedCacheBehaviorFunctionAssociationArgs(
                            event_type="viewer-request", function_arn=pieces.api_function_arn
                        )
                    ],
                )
                for pattern in args.api_patterns
            ],
            restrictions=cloudfront.DistributionRestrictionsArgs(
                geo_restriction=cloudfront.DistributionRestrictionsGeoRestrictionArgs(
                    restriction_type="whitelist" if args.countries else "none", locations=sorted(args.countries) or None
                )
            ),
            viewer_certificate=certificate,
        )

    def _site_origins(self, args: CdnArgs, pieces: _Pieces) -> list[Any]:
        """The site's bucket and, where there is one, its copy; requests to both are signed."""
        domains = {_SITE: args.site_bucket_domain, _REPLICA: args.replica_bucket_domain}
        return [
            cloudfront.DistributionOriginArgs(
                origin_id=origin_id, domain_name=domain, origin_access_control_id=pieces.access_id
            )
            for origin_id, domain in domains.items()
            if domain is not None
        ]

    def _headers(self) -> Any:
        security = cloudfront.ResponseHeadersPolicySecurityHeadersConfigArgs(
            strict_transport_security=cloudfront.ResponseHeadersPolicySecurityHeadersConfigStrictTransportSecurityArgs(
                access_control_max_age_sec=HSTS_SECONDS, include_subdomains=True, override=True
            ),
            content_type_options=cloudfront.ResponseHeadersPolicySecurityHeadersConfigContentTypeOptionsArgs(
                override=True
            ),
            frame_options=cloudfront.ResponseHeadersPolicySecurityHeadersConfigFrameOptionsArgs(
                frame_option="DENY", override=True
            ),
            referrer_policy=cloudfront.ResponseHeadersPolicySecurityHeadersConfigReferrerPolicyArgs(
                referrer_policy="strict-origin-when-cross-origin", override=True
            ),
            # Not overriding: a page that needs more says so itself.
            content_security_policy=cloudfront.ResponseHeadersPolicySecurityHeadersConfigContentSecurityPolicyArgs(
                content_security_policy="default-src 'self'; frame-ancestors 'none'; base-uri 'self'", override=False
            ),
        )
        return cloudfront.ResponseHeadersPolicyArgs(
            name=self.physical_name("headers", "cloudfront"),
            comment=f"Security headers of {self.physical_name()}",
            security_headers_config=security,
        )

    def _logs(self, region: str, bucket_arn: pulumi.Input[str]) -> None:
        """Standard logging v2: unlike the older way it needs no ACLs on the bucket. AWS takes it in us-east-1 only."""
        elsewhere = None if region == EDGE_REGION else EDGE_REGION
        source = self.make(
            "logs-source",
            cloudwatch.LogDeliverySource,
            cloudwatch.LogDeliverySourceArgs(
                name=self.physical_name("logs", "log-delivery"),
                log_type="ACCESS_LOGS",
                resource_arn=self.arn,
                region=elsewhere,
            ),
        )
        destination = self.make(
            "logs-destination",
            cloudwatch.LogDeliveryDestination,
            cloudwatch.LogDeliveryDestinationArgs(
                name=self.physical_name("logs", "log-delivery"),
                output_format="json",
                delivery_destination_configuration=cloudwatch.LogDeliveryDestinationDeliveryDestinationConfigurationArgs(
                    destination_resource_arn=bucket_arn
                ),
                region=elsewhere,
            ),
        )
        self.make(
            "logs",
            cloudwatch.LogDelivery,
            cloudwatch.LogDeliveryArgs(
                delivery_source_name=source.name, delivery_destination_arn=destination.arn, region=elsewhere
            ),
        )


def read_statement(bucket_arn: pulumi.Input[str], distribution_arn: pulumi.Input[str]) -> pulumi.Output[dict[str, Any]]:
    """What the site bucket's policy must allow: this one distribution reads its objects."""
    return pulumi.Output.all(bucket_arn, distribution_arn).apply(
        lambda arns: {
            "Sid": "DistributionReads",
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": "s3:GetObject",
            "Resource": f"{arns[0]}/*",
            "Condition": {"StringEquals": {"AWS:SourceArn": arns[1]}},
        }
    )
