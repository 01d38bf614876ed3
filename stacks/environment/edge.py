"""What faces the internet: the load balancer, CloudFront, a firewall before each, and the bucket of the site."""

from __future__ import annotations

import pulumi

from components.data.bucket import BucketAccess, BucketAccessArgs
from components.edge.cdn import Cdn, CdnArgs, read_statement
from components.edge.load_balancer import LoadBalancer, LoadBalancerArgs
from components.edge.names import Address, AddressArgs, Certificates, CertificatesArgs
from components.edge.web_acl import Scope, WebAcl, WebAclArgs
from components.security.key_policies import Purpose
from environments.settings import EnvironmentSettings
from model.catalog import Catalog
from model.names import SITE
from stacks.environment.foundation import Foundation
from stacks.firewalls import chosen_groups
from stacks.flows import LOAD_BALANCER, routes

#: What is asked for to see whether players get an answer: the page, which every edge has.
_CHECKED_PATH = "/"


class Edge:
    """Attributes are the components."""

    def __init__(self, settings: EnvironmentSettings, catalog: Catalog, foundation: Foundation) -> None:
        self._settings = settings
        self._catalog = catalog
        self._foundation = foundation
        self._countries = catalog.countries(settings.stack)
        self._certificate_arn: pulumi.Input[str] | None = settings.edge.certificate_arn
        self._cdn_certificate_arn: pulumi.Input[str] | None = settings.edge.cdn_certificate_arn
        if settings.edge.domain is not None and settings.edge.zone_id is not None:
            certificates = Certificates(
                "certificates",
                CertificatesArgs(domain=settings.edge.domain, zone_id=settings.edge.zone_id, region=settings.region),
            )
            self._certificate_arn, self._cdn_certificate_arn = certificates.arn, certificates.edge_arn
        self.load_balancer = self._load_balancer()
        self.web_acl = self._web_acl("web-acl", Scope.REGIONAL, foundation.keys.logs, self.load_balancer.arn)
        assert foundation.keys.site is not None
        self.site = foundation.bucket(SITE, key_arn=foundation.keys.site, statements=None)
        self._replica = foundation.replicate(SITE, self.site, foundation.keys.site, Purpose.SITE)
        assert foundation.keys.edge_logs is not None
        self.cdn_web_acl = self._web_acl("cdn-web-acl", Scope.CLOUDFRONT, foundation.keys.edge_logs)
        self.cdn = self._cdn()
        if settings.edge.domain is not None and settings.edge.zone_id is not None:
            Address(
                "address",
                AddressArgs(
                    domain=settings.edge.domain,
                    zone_id=settings.edge.zone_id,
                    region=settings.region,
                    target=self.cdn.domain_name,
                    target_zone_id=self.cdn.hosted_zone_id,
                    # Who asks sits in many countries.
                    checked_path=None if self._countries else _CHECKED_PATH,
                ),
            )
        #: Where people reach the platform.
        self.public_url: pulumi.Input[str] = (
            f"https://{settings.edge.domain}"
            if settings.edge.domain is not None
            else pulumi.Output.concat("http://", self.load_balancer.dns_name)
        )

    def _load_balancer(self) -> LoadBalancer:
        settings, foundation = self._settings, self._foundation
        return LoadBalancer(
            "load-balancer",
            LoadBalancerArgs(
                vpc_id=foundation.vpc.vpc_id,
                subnet_ids=foundation.vpc.private_subnet_ids
                if settings.behind_cdn
                else foundation.vpc.public_subnet_ids,
                internal=settings.behind_cdn,
                dual_stack=settings.network.dual_stack and not settings.behind_cdn,
                security_group_id=foundation.groups.ids[LOAD_BALANCER],
                routes=routes(self._catalog),
                certificate_arn=self._certificate_arn,
                access_logs_bucket=foundation.access_logs.bucket_name,
                deletion_protection=settings.protected,
                relaxed=settings.reasons(https="https", deletion_protection="deletion_protection"),
            ),
            # ELB writes a test object when access logs are turned on; the bucket must let it.
            pulumi.ResourceOptions(depends_on=[foundation.access_logs_policy]),
        )

    def _web_acl(
        self, name: str, scope: Scope, key_arn: pulumi.Input[str], protects: pulumi.Input[str] | None = None
    ) -> WebAcl:
        settings = self._settings
        return WebAcl(
            name,
            WebAclArgs(
                scope=scope,
                region=settings.region,
                account_id=self._foundation.account_id,
                logs_key_arn=key_arn,
                resource_arn=protects,
                rate_limit=settings.edge.requests_per_five_minutes,
                path_rate_limits=self._catalog.rate_limits,
                allowed_countries=self._countries,
                behind_cdn=scope is Scope.REGIONAL and settings.behind_cdn,
                **chosen_groups(settings, self._catalog, outer=(scope is Scope.CLOUDFRONT) == settings.behind_cdn),
                log_retention_days=settings.logs.retention_days,
            ),
        )

    def _cdn(self) -> Cdn:
        settings, foundation = self._settings, self._foundation
        domain = settings.edge.domain
        cdn = Cdn(
            "cdn",
            CdnArgs(
                region=settings.region,
                site_bucket_domain=self.site.regional_domain_name,
                api_domain=self.load_balancer.dns_name,
                api_load_balancer_arn=self.load_balancer.arn if settings.behind_cdn else None,
                api_patterns=self._catalog.paths,
                web_acl_arn=self.cdn_web_acl.arn,
                api_https=settings.behind_cdn,
                log_bucket_arn=foundation.access_logs.arn,
                aliases=[domain] if domain else [],
                certificate_arn=self._cdn_certificate_arn,
                price_class=settings.edge.price_class,
                countries=self._countries,
                replica_bucket_domain=None if self._replica is None else self._replica.domain_name,
                relaxed=settings.reasons(origin_tls="https", certificate="https"),
            ),
            pulumi.ResourceOptions(depends_on=[foundation.access_logs_policy]),
        )
        BucketAccess(
            "site-policy",
            BucketAccessArgs(bucket=self.site, statements=[read_statement(self.site.arn, cdn.arn)]),
        )
        return cdn
