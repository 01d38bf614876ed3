"""Controls on load balancers: listeners, TLS, logs, protection, target groups. Classic ones are one control: none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from policies.lang.links import zones
from policies.lang.resources import Resource, Stack
from policies.lang.values import View
from policies.model import Control, Each, Related, Severity, Verdict, bad, na, ok
from policies.rules import decide, is_false, is_one_of, is_set, is_true, never

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"
TARGETS = "aws:lb/targetGroup:TargetGroup"
CLASSIC = "aws:elb/loadBalancer:LoadBalancer"
WAF_ASSOCIATIONS = (
    "aws:wafv2/webAclAssociation:WebAclAssociation",
    "aws:wafregional/webAclAssociation:WebAclAssociation",
)

_GUIDE = "https://docs.aws.amazon.com/elasticloadbalancing/latest"

#: Security Hub's list for ELB.17 (sslPolicies, not customisable).
RECOMMENDED_TLS = (
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-2021-06",
    "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04",
    "ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09",
    "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
)


def _only(*kinds: str) -> Callable[[Resource], str | None]:
    def unless(balancer: Resource) -> str | None:
        kind = balancer.text("loadBalancerType", "application")
        return None if kind in kinds else f"a {kind} load balancer"

    return unless


_ALB = _only("application")


def _redirects(action: View) -> bool:
    """Whether a listener's action sends the client to HTTPS."""
    return action.text("type") == "redirect" and action.text("redirect.protocol", "#{protocol}").upper() == "HTTPS"


def _only_redirects(holder: Resource, path: str) -> bool:
    actions = list(holder.each(path))
    return bool(actions) and all(_redirects(action) for action in actions)


def _protocol(listener: Resource) -> str:
    return listener.text("protocol", "HTTP").upper()


def _http_redirected(balancer: Resource, stack: Stack) -> Verdict:
    reason = _ALB(balancer)
    if reason:
        return na(reason)
    plain = [item for item in stack.referrers(balancer, LISTENER, "loadBalancerArn") if _protocol(item) == "HTTP"]
    return decide(*[partial(_redirects_everything, listener, stack) for listener in plain])


def _redirects_everything(listener: Resource, stack: Stack) -> Verdict:
    """The listener's default action redirects to HTTPS, and so does every rule: a rule comes before the default."""
    fix = "redirect to HTTPS on port 443"
    if not _only_redirects(listener, "defaultActions"):
        kinds = [action.text("type") for action in listener.each("defaultActions")]
        return bad(f"{listener.name}.defaultActions", kinds or None, fix)
    for rule in stack.referrers(listener, LISTENER_RULE, "listenerArn"):
        if not _only_redirects(rule, "actions"):
            return bad(f"{rule.name}.actions", [action.text("type") for action in rule.each("actions")] or None, fix)
    return ok()


def _logged(balancer: Resource) -> Verdict:
    reason = _ALB(balancer)
    if reason:
        return na(reason)
    if balancer.flag("accessLogs.enabled"):
        return ok()
    return bad(
        "accessLogs.enabled", balancer.raw("accessLogs.enabled"), "set access_logs with a bucket and enabled=True"
    )


def _many_zones(balancer: Resource, stack: Stack) -> Verdict:
    if balancer.has("subnetMappings"):
        subnets = [mapping.raw("subnetId") for mapping in balancer.each("subnetMappings")]
        # The same balancer, seen as if its subnets were a plain list under that property.
        balancer = Resource(
            balancer.token,
            balancer.name,
            balancer.urn,
            {"subnetMappings": subnets},
            property_dependencies=balancer.property_dependencies,
        )
        path = "subnetMappings"
    else:
        path = "subnets"
    if balancer.raw(path) is None:
        return bad(path, None, "place it in subnets of two or more Availability Zones")
    found = zones(balancer, path, stack)
    return (
        ok() if found >= 2 else bad(path, balancer.raw(path), "place it in subnets of two or more Availability Zones")
    )


def _behind_waf(balancer: Resource, stack: Stack) -> Verdict:
    reason = _ALB(balancer)
    if reason:
        return na(reason)
    if any(stack.referrers(balancer, kind, "resourceArn") for kind in WAF_ASSOCIATIONS):
        return ok()
    return bad("WebAclAssociation", None, "add a wafv2.WebAclAssociation with this load balancer's ARN")


def _no_tls(listener: Resource) -> str | None:
    protocol = _protocol(listener)
    return None if protocol in ("HTTPS", "TLS") else f"a {protocol} listener has no TLS policy"


def _encrypted_listener(listener: Resource) -> Verdict:
    protocol = _protocol(listener)
    if protocol == "GENEVE":
        return na("a Gateway Load Balancer's listener")
    if protocol in ("HTTPS", "TLS"):
        return ok()
    return bad("protocol", protocol, "use HTTPS on an Application and TLS on a Network Load Balancer")


def _not_lambda(targets: Resource) -> str | None:
    return "Lambda targets" if targets.text("targetType", "instance") == "lambda" else None


def _health_check(targets: Resource) -> Verdict:
    reason = _not_lambda(targets)
    if reason:
        return na(reason)
    path = "healthCheck.protocol"
    if targets.text(path).upper() == "HTTPS":
        return ok()
    return bad(path, targets.raw(path), "set it to HTTPS")


def _no_transport(targets: Resource) -> str | None:
    kind, protocol = targets.text("targetType", "instance"), targets.text("protocol").upper()
    if kind in ("lambda", "alb"):
        return f"{kind} targets"
    return "a Gateway Load Balancer's targets" if protocol == "GENEVE" else None


CONTROLS: tuple[Control, ...] = (
    Control(
        id="ELB.1",
        severity=Severity.MEDIUM,
        remediation="Make every HTTP listener's default action a redirect to HTTPS on port 443.",
        rule=Related((BALANCER,), _http_redirected),
    ),
    Control(
        id="ELB.4",
        severity=Severity.MEDIUM,
        remediation="Set drop_invalid_header_fields=True.",
        rule=is_true(BALANCER, "dropInvalidHeaderFields", unless=_ALB),
    ),
    Control(
        id="ELB.5",
        severity=Severity.MEDIUM,
        remediation="Set access_logs with a bucket and enabled=True.",
        rule=Each((BALANCER,), _logged),
    ),
    Control(
        id="ELB.6",
        severity=Severity.MEDIUM,
        remediation="Set enable_deletion_protection=True.",
        rule=is_true(BALANCER, "enableDeletionProtection"),
    ),
    Control(
        id="ELB.12",
        severity=Severity.MEDIUM,
        remediation='Set desync_mitigation_mode to "defensive" or "strictest".',
        rule=is_one_of(BALANCER, "desyncMitigationMode", ("defensive", "strictest"), default="defensive", unless=_ALB),
    ),
    Control(
        id="ELB.13",
        severity=Severity.MEDIUM,
        remediation="Give the load balancer subnets of at least two Availability Zones.",
        rule=Related((BALANCER,), _many_zones),
    ),
    Control(
        id="ELB.16",
        severity=Severity.MEDIUM,
        remediation="Add a wafv2.WebAclAssociation for the load balancer.",
        rule=Related((BALANCER,), _behind_waf),
    ),
    Control(
        id="ELB.17",
        severity=Severity.MEDIUM,
        remediation='Set ssl_policy to "ELBSecurityPolicy-TLS13-1-2-Res-2021-06" or a stricter one.',
        rule=is_one_of(LISTENER, "sslPolicy", RECOMMENDED_TLS, default="ELBSecurityPolicy-2016-08", unless=_no_tls),
    ),
    Control(
        id="ELB.18",
        severity=Severity.MEDIUM,
        remediation="Use HTTPS (Application) or TLS (Network) listeners; an HTTP listener fails even if it only redirects.",
        rule=Each((LISTENER,), _encrypted_listener),
    ),
    Control(
        id="ELB.21",
        severity=Severity.MEDIUM,
        remediation='Set health_check.protocol="HTTPS".',
        rule=Each((TARGETS,), _health_check),
    ),
    Control(
        id="ELB.22",
        severity=Severity.MEDIUM,
        remediation='Set the target group\'s protocol to "HTTPS" or "TLS".',
        rule=is_one_of(TARGETS, "protocol", ("HTTPS", "TLS", "QUIC", "TCP_QUIC"), default="HTTP", unless=_no_transport),
    ),
    Control(
        id="MD.ELB.1",
        title="No Classic Load Balancers",
        severity=Severity.MEDIUM,
        remediation="Use an Application or Network Load Balancer (pulumi_aws.lb).",
        link=f"{_GUIDE}/userguide/migrate-classic-load-balancer.html",
        rule=never(CLASSIC, BALANCER, "use an Application or Network Load Balancer"),
    ),
    Control(
        id="MD.ELB.2",
        title="Load balancers let nothing through while the web ACL is out of reach",
        severity=Severity.MEDIUM,
        remediation="Leave enable_waf_fail_open at False.",
        link=f"{_GUIDE}/application/load-balancer-waf.html",
        rule=is_false(BALANCER, "enableWafFailOpen", unless=_ALB),
    ),
    Control(
        id="MD.ELB.3",
        title="Network and Gateway Load Balancers balance across zones",
        severity=Severity.LOW,
        remediation="Set enable_cross_zone_load_balancing=True.",
        link=f"{_GUIDE}/network/edit-load-balancer-attributes.html",
        rule=is_true(BALANCER, "enableCrossZoneLoadBalancing", unless=_only("network", "gateway")),
    ),
    Control(
        id="MD.ELB.4",
        title="Application and Network Load Balancers have security groups of their own",
        severity=Severity.MEDIUM,
        remediation="Set security_groups; without them AWS takes the VPC's default group, or none.",
        link=f"{_GUIDE}/application/load-balancer-update-security-groups.html",
        rule=is_set(
            BALANCER, "securityGroups", "name the groups that guard it", unless=_only("application", "network")
        ),
    ),
)
