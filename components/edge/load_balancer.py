"""The load balancer: TLS ends here, and paths are routed to services."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pulumi
from pulumi_aws import lb

from components.base import Component, Transforms
from components.edge import balancer_signals
from components.edge.routes import Route, listener_rules
from model.limits import NAME_LIMITS
from model.names import alarm_name, shorten

#: TLS 1.2 and 1.3 with forward secrecy and AEAD ciphers only (FSBP ELB.17).
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"

#: Browsers that came by HTTPS once do not try HTTP again for two years.
HSTS_SECONDS = 2 * 365 * 24 * 3600

#: ALB offers no application/problem+json for its own answers; the body is an RFC 9457 one all the same.
_NOT_FOUND = json.dumps({"type": "about:blank", "title": "Not Found", "status": 404, "code": "route_not_found"})


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadBalancerArgs:
    """What an Application Load Balancer is made from.

    - subnet_ids: subnets in two zones or more; public ones, or private ones where it is `internal`.
    - internal: no address of it is on the internet: only the CDN reaches it, by a VPC origin. Default False.
    - dual_stack: players reach it by IPv6, too; its subnets must have IPv6 blocks. Default False.
    - routes: one per service that answers requests (`routes.Route`).
    - certificate_arn: ACM certificate; with one, port 443 serves, and port 80 redirects unless it is internal. None must be
      relaxed as ``https``.
    - access_logs_bucket: name of a bucket that admits ELB's log delivery (SSE-S3: ELB cannot write to a KMS key). None must be
      relaxed as ``access_logs``.
    - deletion_protection: default True; False must be relaxed as ``deletion_protection``.
    - relaxed: what of the above is relaxed → why.
    """

    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_id: pulumi.Input[str]
    routes: Sequence[Route]
    internal: bool = False
    dual_stack: bool = False
    certificate_arn: pulumi.Input[str] | None = None
    access_logs_bucket: pulumi.Input[str] | None = None
    deletion_protection: bool = True
    relaxed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Where a service registers its tasks. ECS takes the group only once `rules` exist: depend on them.

    `request_label` is what target tracking on requests per target wants as its resource label; `failing_alarm` the name of
    the alarm on which a deployment behind it goes back. `other_arn` and `rule_arn` are of a route that shifts: the second
    group, and the rule between whose two groups ECS moves the requests.
    """

    arn: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    request_label: pulumi.Output[str]
    failing_alarm: str
    rules: Sequence[pulumi.Resource]
    other_arn: pulumi.Output[str] | None = None
    rule_arn: pulumi.Output[str] | None = None


class LoadBalancer(Component):
    """An Application Load Balancer.

    Makes: ``aws:lb:LoadBalancer`` (role ``""``); by route ``aws:lb:TargetGroup`` (``target-<route>``, and for one that shifts
    ``target-<route>-other``) and as many
    ``aws:lb:ListenerRule`` as its patterns need (``rule-<key>``, see `routes`); ``aws:lb:Listener`` ``https`` and, unless
    internal, ``http`` (which redirects), or without a certificate ``http`` alone. A path that no rule knows is answered
    with 404.

    `url` is the scheme and host to reach it by; `listener` the one that has the rules.
    """

    RELAXABLE: ClassVar[Mapping[str, str]] = {
        "https": "requests travel in the clear to the load balancer",
        "access_logs": "no request is logged by the load balancer",
        "deletion_protection": "one API call deletes the load balancer",
    }

    def __init__(
        self,
        name: str,
        args: LoadBalancerArgs,
        opts: pulumi.ResourceOptions | None = None,
        *,
        transform: Transforms | None = None,
    ) -> None:
        super().__init__(name, opts, transform=transform, relaxed=args.relaxed)
        self.require("https", args.certificate_arn is not None)
        self.require("access_logs", args.access_logs_bucket is not None)
        self.require("deletion_protection", args.deletion_protection)
        if len(args.subnet_ids) < 2:
            raise ValueError(
                f"load balancer {name!r}: {len(args.subnet_ids)} subnet; AWS wants two or more, in different zones"
            )

        kept = pulumi.ResourceOptions(protect=args.deletion_protection)  # its name is in DNS records and in the CDN
        balancer = self.make("", lb.LoadBalancer, self._balancer(args), kept)
        self.arn: pulumi.Output[str] = balancer.arn
        self.arn_suffix: pulumi.Output[str] = balancer.arn_suffix
        self.dns_name: pulumi.Output[str] = balancer.dns_name
        self.zone_id: pulumi.Output[str] = balancer.zone_id
        scheme = "http" if args.certificate_arn is None else "https"
        self.url = pulumi.Output.concat(scheme, "://", self.dns_name)

        self.listener = self._listeners(args)
        self.target_groups = self._targets(args)
        self.signals = balancer_signals.of_balancer(self.arn_suffix)
        if args.certificate_arn is not None:
            self.signals.append(balancer_signals.expiry(args.certificate_arn))
        for route in args.routes:
            self.signals += balancer_signals.of_route(route, self.arn_suffix, self._suffixes[route.name])
        self.register_outputs({"arn": self.arn, "dns_name": self.dns_name, "url": self.url})

    def _balancer(self, args: LoadBalancerArgs) -> Any:
        logs = None
        if args.access_logs_bucket is not None:
            logs = lb.LoadBalancerAccessLogsArgs(bucket=args.access_logs_bucket, enabled=True)
        return lb.LoadBalancerArgs(
            name=self.physical_name(kind="alb"),
            load_balancer_type="application",
            internal=args.internal,
            ip_address_type="dualstack" if args.dual_stack else None,
            subnets=list(args.subnet_ids),
            security_groups=[args.security_group_id],
            access_logs=logs,
            desync_mitigation_mode="defensive",
            drop_invalid_header_fields=True,
            enable_deletion_protection=args.deletion_protection,
        )

    def _listeners(self, args: LoadBalancerArgs) -> lb.Listener:
        """The listener that routes; with a certificate, also the one that redirects to it: the CDN asks by HTTPS alone."""
        not_found = lb.ListenerDefaultActionArgs(
            type="fixed-response",
            fixed_response=lb.ListenerDefaultActionFixedResponseArgs(
                content_type="application/json", message_body=_NOT_FOUND, status_code="404"
            ),
        )
        if args.certificate_arn is None:
            plain = lb.ListenerArgs(load_balancer_arn=self.arn, port=80, protocol="HTTP", default_actions=[not_found])
            return self.make("http", lb.Listener, plain)
        if not args.internal:
            redirect = lb.ListenerDefaultActionArgs(
                type="redirect",
                redirect=lb.ListenerDefaultActionRedirectArgs(port="443", protocol="HTTPS", status_code="HTTP_301"),
            )
            plain = lb.ListenerArgs(load_balancer_arn=self.arn, port=80, protocol="HTTP", default_actions=[redirect])
            self.make("http", lb.Listener, plain)
        return self.make(
            "https",
            lb.Listener,
            lb.ListenerArgs(
                load_balancer_arn=self.arn,
                port=443,
                protocol="HTTPS",
                certificate_arn=args.certificate_arn,
                ssl_policy=TLS_POLICY,
                default_actions=[not_found],
                routing_http_response_server_enabled=False,
                routing_http_response_strict_transport_security_header_value=f"max-age={HSTS_SECONDS}; includeSubDomains",
                routing_http_response_x_content_type_options_header_value="nosniff",
            ),
        )

    def _targets(self, args: LoadBalancerArgs) -> Mapping[str, TargetGroup]:
        groups = {
            route.name: self.make(f"target-{route.name}", lb.TargetGroup, self._group(route, args))
            for route in args.routes
        }
        others = {
            route.name: self.make(f"target-{route.name}-other", lb.TargetGroup, self._group(route, args, "-other"))
            for route in args.routes
            if route.shifts
        }
        self._suffixes = {
            name: [group.arn_suffix, *([others[name].arn_suffix] if name in others else [])]
            for name, group in groups.items()
        }
        rules: dict[str, list[lb.ListenerRule]] = {route.name: [] for route in args.routes}
        forwarding: dict[str, lb.ListenerRule] = {}
        for rule in listener_rules(args.routes):
            rules[rule.route].append(
                self.make(
                    f"rule-{rule.key}",
                    lb.ListenerRule,
                    lb.ListenerRuleArgs(
                        listener_arn=self.listener.arn,
                        priority=rule.priority,
                        conditions=[
                            lb.ListenerRuleConditionArgs(
                                path_pattern=lb.ListenerRuleConditionPathPatternArgs(values=list(rule.patterns))
                            )
                        ],
                        actions=[_refusal() if rule.internal else _forward(groups[rule.route], others.get(rule.route))],
                    ),
                    # Which of the two groups has the requests is ECS's to say.
                    pulumi.ResourceOptions(
                        ignore_changes=["actions"] if rule.route in others and not rule.internal else []
                    ),
                )
            )
            if not rule.internal:
                forwarding[rule.route] = rules[rule.route][-1]
        return {
            name: TargetGroup(
                arn=group.arn,
                arn_suffix=group.arn_suffix,
                request_label=pulumi.Output.concat(self.arn_suffix, "/", group.arn_suffix),
                failing_alarm=alarm_name(
                    pulumi.get_project(), pulumi.get_stack(), self.name, balancer_signals.failing(name)
                ),
                rules=rules[name],
                other_arn=others[name].arn if name in others else None,
                rule_arn=forwarding[name].arn if name in others else None,
            )
            for name, group in groups.items()
        }

    def _group(self, route: Route, args: LoadBalancerArgs, ending: str = "") -> Any:
        return lb.TargetGroupArgs(
            # A new port means a new group, made before the old one goes: the port is part of the name so that both can exist.
            # The component's name is not: 32 characters are few, and the console shows no more of a group than this.
            name=shorten(
                f"{pulumi.get_project()}-{pulumi.get_stack()}-{route.name}-{route.port}{ending}",
                NAME_LIMITS["target-group"],
            ),
            vpc_id=args.vpc_id,
            target_type="ip",
            protocol="HTTP",
            port=route.port,
            deregistration_delay=route.drain_seconds,
            load_balancing_algorithm_type="least_outstanding_requests",
            health_check=lb.TargetGroupHealthCheckArgs(
                enabled=True,
                path=route.health_path,
                protocol="HTTP",
                matcher="200",
                interval=10,
                timeout=5,
                healthy_threshold=2,
                unhealthy_threshold=3,
            ),
        )


def _forward(group: lb.TargetGroup, other: lb.TargetGroup | None) -> Any:
    """To the one group, or to the first of two: ECS moves the weights from there."""
    if other is None:
        return lb.ListenerRuleActionArgs(type="forward", target_group_arn=group.arn)
    weights = ((group.arn, 100), (other.arn, 0))
    return lb.ListenerRuleActionArgs(
        type="forward",
        forward=lb.ListenerRuleActionForwardArgs(
            target_groups=[
                lb.ListenerRuleActionForwardTargetGroupArgs(arn=arn, weight=weight) for arn, weight in weights
            ]
        ),
    )


def _refusal() -> Any:
    """The answer to an internal path: that of a path which does not exist."""
    return lb.ListenerRuleActionArgs(
        type="fixed-response",
        fixed_response=lb.ListenerRuleActionFixedResponseArgs(
            content_type="application/json", message_body=_NOT_FOUND, status_code="404"
        ),
    )
