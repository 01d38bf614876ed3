"""The web application firewall in front of the load balancer or CloudFront."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, wafv2

from components.base import Component, Transforms
from components.edge.waf_rules import REDACTED_HEADERS, Protection, default_action, rules, visibility
from components.observability.log_group import LogGroup, LogGroupArgs, written_by
from components.observability.signals import Severity, Signal
from components.security.keys import EDGE_REGION
from model.manifest import LoginForm
from model.vocabulary import FirewallMode


class Scope(StrEnum):
    """What an ACL can protect; AWS keeps CLOUDFRONT ones, and their logs, in us-east-1."""

    REGIONAL = "REGIONAL"
    CLOUDFRONT = "CLOUDFRONT"


@dataclass(frozen=True, kw_only=True, slots=True)
class WebAclArgs:
    """What a web ACL is made from.

    - scope: REGIONAL (load balancer) or CLOUDFRONT.
    - region: of the stack.
    - resource_arn: what a REGIONAL one protects; CloudFront names its ACL itself.
    - rate_limit: requests per address in five minutes before it is blocked; 10 and up, default 2000.
    - path_rate_limits: path prefix → a lower limit, for what is worth attacking (``/auth/login``).
    - allowed_countries: ISO 3166 codes; when given, requests from anywhere else are blocked.
    - behind_cdn: for a load balancer that only our CDN reaches; addresses are then those that it wrote down.
    - modes, login, counted, large_bodies: see `waf_rules.Protection`; groups that cost extra, and rules that only count.
    - account_id: of the account; part of who may write the logs.
    - logs_key_arn: KMS key in the ACL's Region. log_retention_days: default 365.
    """

    scope: Scope
    region: str
    account_id: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    resource_arn: pulumi.Input[str] | None = None
    rate_limit: int = 2000
    path_rate_limits: Mapping[str, int] = field(default_factory=dict)
    allowed_countries: Sequence[str] = ()
    behind_cdn: bool = False
    modes: Mapping[str, FirewallMode] = field(default_factory=dict)
    login: LoginForm | None = None
    counted: Sequence[str] = ()
    large_bodies: Sequence[str] = ()
    log_retention_days: int = 365


class WebAcl(Component):
    """A web ACL that logs what it did not let pass unnoticed.

    Makes: ``aws:wafv2:WebAcl`` (role ``""``), ``aws:wafv2:WebAclAssociation`` (``association``, with a `resource_arn`),
    an `observability.LogGroup` (``logs``; WAF wants ``aws-waf-logs-`` before its name), ``aws:cloudwatch:LogResourcePolicy``
    (``log-delivery``: AWS would write one by itself, and refuse the first ACL where it may not) and
    ``aws:wafv2:WebAclLoggingConfiguration`` (``logging``).
    """

    def __init__(
        self,
        name: str,
        args: WebAclArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform)
        if args.scope is Scope.CLOUDFRONT and args.resource_arn is not None:
            raise ValueError(
                f"web ACL {name!r}: a CLOUDFRONT one takes no resource_arn; give its arn to the distribution"
            )
        if args.scope is Scope.CLOUDFRONT and args.behind_cdn:
            raise ValueError(f"web ACL {name!r}: a CLOUDFRONT one is the CDN's own and not behind_cdn")
        self.region = EDGE_REGION if args.scope is Scope.CLOUDFRONT else args.region
        elsewhere = None if self.region == args.region else self.region
        protection = Protection(
            rate_limit=args.rate_limit,
            path_rate_limits=args.path_rate_limits,
            allowed_countries=args.allowed_countries,
            behind_cdn=args.behind_cdn,
            modes=args.modes,
            login=args.login,
            answers_seen=args.scope is Scope.CLOUDFRONT,
            counted=args.counted,
            large_bodies=args.large_bodies,
        )
        acl = self.make(
            "",
            wafv2.WebAcl,
            wafv2.WebAclArgs(
                name=self.physical_name(kind="waf"),
                description=f"Firewall of {self.physical_name()}",
                scope=str(args.scope),
                default_action=default_action(protection),
                rules=rules(protection),
                visibility_config=visibility(self.physical_name(kind="waf")),
                region=elsewhere,
            ),
        )
        self.arn: pulumi.Output[str] = acl.arn
        if args.resource_arn is not None:
            self.make(
                "association",
                wafv2.WebAclAssociation,
                wafv2.WebAclAssociationArgs(resource_arn=args.resource_arn, web_acl_arn=acl.arn),
            )
        log_group = LogGroup(
            self.child_name("logs"),
            LogGroupArgs(
                log_group_name=f"aws-waf-logs-{self.physical_name()}",
                key_arn=args.logs_key_arn,
                retention_days=args.log_retention_days,
                region=elsewhere,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.log_group_name = log_group.log_group_name
        delivery = self.make(
            "log-delivery",
            cloudwatch.LogResourcePolicy,
            cloudwatch.LogResourcePolicyArgs(
                policy_name=self.physical_name("log-delivery"),
                policy_document=pulumi.Output.json_dumps(log_delivery(log_group.arn, args.account_id, self.region)),
                region=elsewhere,
            ),
        )
        self.make(
            "logging",
            wafv2.WebAclLoggingConfiguration,
            wafv2.WebAclLoggingConfigurationArgs(
                resource_arn=acl.arn,
                log_destination_configs=[log_group.arn],
                redacted_fields=[
                    wafv2.WebAclLoggingConfigurationRedactedFieldArgs(
                        single_header=wafv2.WebAclLoggingConfigurationRedactedFieldSingleHeaderArgs(name=header)
                    )
                    for header in REDACTED_HEADERS
                ],
                region=elsewhere,
            ),
            pulumi.ResourceOptions(depends_on=[delivery]),
        )
        self.signals = [_blocked(acl.name, args.scope, self.region, elsewhere)]
        self.register_outputs({"arn": self.arn, "log_group_name": self.log_group_name})


def log_delivery(log_group_arn: pulumi.Input[str], account_id: pulumi.Input[str], region: str) -> dict[str, Any]:
    """Who may write the ACL's log: CloudWatch's delivery, for this account (AWS WAF Developer Guide)."""
    return written_by(
        "delivery.logs.amazonaws.com",
        pulumi.Output.concat(f"arn:aws:logs:{region}:", account_id, ":*"),
        sid="FirewallLogs",
        log_group_arn=log_group_arn,
        account_id=account_id,
    )


def _blocked(acl: pulumi.Output[str], scope: Scope, region: str, elsewhere: str | None) -> Signal:
    dimensions = {"WebACL": acl, "Rule": "ALL"} | ({"Region": region} if scope is Scope.REGIONAL else {})
    return Signal(
        name="blocked",
        summary="The firewall blocks many requests: an attack, or a rule that hits our own users",
        namespace="AWS/WAFV2",
        metric="BlockedRequests",
        dimensions=dimensions,
        statistic="Sum",
        threshold=1000,
        period=300,
        periods=2,
        severity=Severity.TICKET,
        runbook="firewall-blocks",
        region=elsewhere,
    )
