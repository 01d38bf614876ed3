"""Elastic Load Balancing: load balancers, target groups, listeners and rules. Sources: the API reference of version 2015-12-01
("CreateTargetGroup", "CreateListener", "CreateRule", "Quotas for your Application Load Balancers").
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from localcloud.provider.constraints.combinations.given import Failure, Given

_APPLICATION = ("HTTP", "HTTPS")
_CONDITIONS = ("pathPattern", "hostHeader", "httpRequestMethod", "sourceIp", "httpHeader", "queryStrings")
_NEEDS = {
    "redirect": ("redirect",),
    "fixed-response": ("fixedResponse",),
    "authenticate-cognito": ("authenticateCognito",),
    "authenticate-oidc": ("authenticateOidc",),
    "forward": ("targetGroupArn", "forward"),
    "jwt-validation": ("jwtValidation",),
}
_BLOCKS = {"redirect": "redirect", "fixedResponse": "fixed-response", "forward": "forward", "targetGroupArn": "forward"}


#: "Security policies for your Application Load Balancer", with FIPS and post-quantum ones.
_SSL_POLICY = re.compile(
    r"ELBSecurityPolicy-(\d{4}-\d{2}|(TLS-1-[012](-Ext)?|FS(-1-[12](-Res)?)?|TLS13-1-[0123](-(Res|Ext[0-3]))?(-FIPS)?(-PQ)?)"
    r"-\d{4}-\d{2})"
)


def load_balancer(given: Given) -> Iterator[Failure]:
    """What only one type of load balancer has."""
    kind = given.text("loadBalancerType", "application")
    idle = given.number("idleTimeout")
    if idle is not None and not 1 <= idle <= 4000:
        yield "idleTimeout", f"idleTimeout is {idle:g}; accepted is 1 to 4000 s"
    if kind == "gateway" and given.on("internal"):
        yield "internal", "internal has no place with a gateway load balancer"
    if kind == "gateway" and given.has("securityGroups"):
        yield "securityGroups", "securityGroups have no place with a gateway load balancer"
    groups = given.items("securityGroups")
    if groups and len(groups) > 5:
        yield "securityGroups", f"securityGroups has {len(groups)} elements; accepted are at most 5"
    if given.text("ipAddressType") == "dualstack-without-public-ipv4" and kind != "application" and kind is not None:
        yield "ipAddressType", "dualstack-without-public-ipv4 is for application load balancers"
    for name in ("accessLogs", "connectionLogs"):
        logs = given.inner(name)
        if logs.on("enabled") and logs.lacks("bucket"):
            yield name, f"{name}.bucket is required when it is enabled"
    zones = given.items("subnets")
    if zones is not None and len(zones) != len(set(map(str, zones))):
        yield "subnets", "subnets name one subnet twice"
    if (
        kind == "application"
        and given.each("subnetMappings")
        and any(m.has("allocationId") for m in given.each("subnetMappings"))
    ):
        yield "subnetMappings", "an application load balancer has no Elastic IPs (subnetMappings.allocationId)"


def target_group(given: Given) -> Iterator[Failure]:
    """A target group: what its protocol and target type go with."""
    kind, protocol = given.text("targetType", "instance"), given.text("protocol")
    if kind is None:
        return
    if kind != "lambda":  # there the official provider ignores them
        for name in ("port", "protocol", "vpcId"):
            if not given.has(name):
                yield name, f"{name} is required for a target group of the type {kind}"
    if kind == "alb" and protocol and protocol != "TCP":
        yield "protocol", f"protocol is {protocol!r}; a target group of the type alb accepts TCP"
    if given.has("protocolVersion") and protocol and protocol not in _APPLICATION:
        yield "protocolVersion", f"protocolVersion is for HTTP and HTTPS, not {protocol}"
    if protocol == "GENEVE" and given.number("port") not in (None, 6081.0):
        yield "port", f"port is {given.number('port'):g}; GENEVE accepts 6081"
    yield from _health(given, protocol, kind)
    stickiness = given.inner("stickiness")
    sort = stickiness.text("type")
    if (
        sort in ("lb_cookie", "app_cookie")
        and protocol
        and protocol not in _APPLICATION
        and stickiness.get("enabled") is not False
    ):
        yield "stickiness", f"stickiness.type is {sort!r}; {protocol} accepts source_ip"
    if sort and sort.startswith("source_ip") and protocol in _APPLICATION:
        yield "stickiness", f"stickiness.type is {sort!r}; {protocol} accepts lb_cookie and app_cookie"
    if sort == "app_cookie" and stickiness.lacks("cookieName"):
        yield "stickiness", "stickiness.cookieName is required with app_cookie"
    if re.match(r"AWSALB|AWSALBAPP|AWSALBTG", stickiness.text("cookieName") or "", re.IGNORECASE):
        yield "stickiness", f"stickiness.cookieName {stickiness.text('cookieName')!r} is reserved"
    if given.text("loadBalancingAnomalyMitigation") == "on" and given.text("loadBalancingAlgorithmType") not in (
        "weighted_random",
        None,
    ):
        yield "loadBalancingAnomalyMitigation", "loadBalancingAnomalyMitigation needs the algorithm weighted_random"
    if given.number("slowStart") and given.text("loadBalancingAlgorithmType") in (
        "least_outstanding_requests",
        "weighted_random",
    ):
        yield "slowStart", f"slowStart has no place with the algorithm {given.text('loadBalancingAlgorithmType')}"


def _health(given: Given, protocol: str | None, kind: str) -> Iterator[Failure]:
    check = given.inner("healthCheck")
    interval, timeout = check.number("interval"), check.number("timeout")
    how = check.text("protocol")
    if (
        interval is not None
        and timeout is not None
        and timeout >= interval
        and (protocol in _APPLICATION or kind == "lambda")
    ):
        yield "healthCheck", f"healthCheck.timeout {timeout:g} must be less than healthCheck.interval {interval:g}"
    if how and how.upper() == "TCP" and protocol in _APPLICATION:
        yield "healthCheck", f"healthCheck.protocol is 'TCP'; {protocol} accepts HTTP and HTTPS"
    if how and how.upper() == "TCP":
        for name in ("path", "matcher"):
            if check.has(name):
                yield "healthCheck", f"healthCheck.{name} has no place with the protocol TCP"
    matcher = check.text("matcher")
    if matcher and protocol in _APPLICATION and given.text("protocolVersion") != "GRPC":
        for code in re.findall(r"\d+", matcher):
            if not 200 <= int(code) <= 499:
                yield "healthCheck", f"healthCheck.matcher is {matcher!r}; accepted are codes from 200 to 499"
        if not re.fullmatch(r"\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*", matcher.replace(" ", "")):
            yield (
                "healthCheck",
                f"healthCheck.matcher is {matcher!r}; accepted are codes such as 200, 200-299 or 200,202",
            )
    if kind == "lambda" and check.has("port"):
        return
    port = check.text("port")
    if port and port != "traffic-port" and not (port.isdigit() and 1 <= int(port) <= 65535):
        yield "healthCheck", f"healthCheck.port is {port!r}; accepted are traffic-port and 1 to 65535"
    path = check.text("path")
    if path and how != "TCP" and not path.startswith("/"):
        yield "healthCheck", f"healthCheck.path is {path!r}; it begins with /"


def _actions(name: str, actions: list[Given]) -> Iterator[Failure]:
    for action in actions:
        kind = action.text("type")
        needed = _NEEDS.get(kind or "")
        if needed and action.lacks(*needed):
            yield name, f"{name}: an action of the type {kind} needs {' or '.join(needed)}"
        for block, owner in _BLOCKS.items():
            if kind and kind in _NEEDS and owner != kind and action.has(block):
                yield name, f"{name}: {block} has no place in an action of the type {kind}"
        redirect = action.inner("redirect")
        port = redirect.text("port")
        if port and port != "#{port}" and not (port.isdigit() and 1 <= int(port) <= 65535):
            yield name, f"{name}: redirect.port is {port!r}; accepted are #{{port}} and 1 to 65535"
        if kind == "redirect" and redirect.has("statusCode"):
            parts = [
                redirect.text(part, default)
                for part, default in (
                    ("protocol", "#{protocol}"),
                    ("port", "#{port}"),
                    ("host", "#{host}"),
                    ("path", "/#{path}"),
                )
            ]
            if (
                parts == ["#{protocol}", "#{port}", "#{host}", "/#{path}"]
                and redirect.text("query", "#{query}") == "#{query}"
            ):
                yield name, f"{name}: a redirect must change protocol, host, port, path or query, or it never ends"
        path = redirect.text("path")
        if path and not path.startswith("/"):
            yield name, f"{name}: redirect.path is {path!r}; it begins with /"
        fixed = action.inner("fixedResponse")
        if fixed.has("statusCode") and not re.fullmatch(r"[245]\d\d", fixed.text("statusCode") or "200"):
            yield (
                name,
                f"{name}: fixedResponse.statusCode is {fixed.text('statusCode')!r}; accepted are 2xx, 4xx and 5xx",
            )
        groups = action.inner("forward").each("targetGroups")
        if len(groups) > 5:
            yield name, f"{name}: forward.targetGroups has {len(groups)} elements; accepted are at most 5"
        for group in groups:
            weight = group.number("weight")
            if weight is not None and not 0 <= weight <= 999:
                yield name, f"{name}: weight is {weight:g}; accepted is 0 to 999"
    orders = [order for action in actions if (order := action.number("order")) is not None]
    if len(orders) != len(set(orders)):
        yield name, f"{name}: two actions have the order {max(orders, key=orders.count):g}"
    kinds = [action.text("type") for action in actions]
    last = [kind for kind in kinds if kind in ("forward", "redirect", "fixed-response")]
    if kinds and None not in kinds and len(last) != 1:
        yield (
            name,
            f"{name}: exactly one of forward, redirect and fixed-response is required; given: {', '.join(last) or 'none'}",
        )


def listener(given: Given) -> Iterator[Failure]:
    """A listener: certificate, policy and actions."""
    protocol = given.text("protocol")
    yield from _actions("defaultActions", given.each("defaultActions"))
    if protocol in ("HTTPS", "TLS") and given.lacks("certificateArn"):
        yield "certificateArn", f"certificateArn is required with the protocol {protocol}"
    if protocol in ("HTTP", "TCP", "UDP", "TCP_UDP"):
        for name in ("certificateArn", "sslPolicy", "alpnPolicy"):
            if given.has(name):
                yield name, f"{name} has no place with the protocol {protocol}"
    if given.has("alpnPolicy") and protocol and protocol != "TLS":
        yield "alpnPolicy", f"alpnPolicy is for TLS, not {protocol}"
    if given.has("mutualAuthentication") and protocol and protocol != "HTTPS":
        yield "mutualAuthentication", f"mutualAuthentication is for HTTPS, not {protocol}"
    mutual = given.inner("mutualAuthentication")
    if mutual.text("mode") == "verify" and mutual.lacks("trustStoreArn"):
        yield "mutualAuthentication", "mutualAuthentication.trustStoreArn is required with the mode verify"
    if mutual.text("mode") in ("off", "passthrough") and mutual.has("trustStoreArn"):
        yield (
            "mutualAuthentication",
            f"mutualAuthentication.trustStoreArn has no place with the mode {mutual.text('mode')}",
        )
    policy = given.text("sslPolicy")
    if policy and not _SSL_POLICY.fullmatch(policy):
        yield (
            "sslPolicy",
            f"SSLPolicyNotFound: sslPolicy is {policy!r}; accepted is one such as ELBSecurityPolicy-TLS13-1-2-2021-06",
        )
    if protocol == "HTTP":
        for action in given.each("defaultActions"):
            if (action.text("type") or "").startswith("authenticate"):
                yield "defaultActions", f"defaultActions: {action.text('type')} needs an HTTPS listener"


def rule(given: Given) -> Iterator[Failure]:
    """A rule: its priority, conditions and their sum."""
    yield from _actions("actions", given.each("actions"))
    if given.get("conditions", []) == []:
        yield "conditions", "ValidationError: a rule must have at least one condition"
    for condition in given.each("conditions"):
        if (condition.inner("httpHeader").text("httpHeaderName") or "").lower() == "host":
            yield "conditions", "conditions: httpHeader cannot look at Host; hostHeader does"
    total = 0
    for condition in given.each("conditions"):
        found = [name for name in _CONDITIONS if condition.has(name)]
        if len(found) != 1:
            yield (
                "conditions",
                f"conditions: each has exactly one of {', '.join(_CONDITIONS)}; given: {', '.join(found) or 'none'}",
            )
        for name in found:
            values = condition.each(name) if name == "queryStrings" else condition.inner(name).items("values")
            total += len(values or ())
            if name == "httpRequestMethod":
                for method in values or ():
                    if not re.fullmatch(r"[A-Z_-]{1,40}", str(method)):
                        yield (
                            "conditions",
                            f"conditions: httpRequestMethod {method!r}; accepted are up to 40 upper-case letters, _ and -",
                        )
            if name in ("pathPattern", "hostHeader", "httpHeader"):
                for value in values or ():
                    if len(str(value)) > 128:
                        yield (
                            "conditions",
                            f"conditions: {name} has {len(str(value))} characters; accepted are at most 128",
                        )
    if total > 5:
        yield "conditions", f"conditions have {total} values; a rule accepts at most 5"
    kinds = [name for condition in given.each("conditions") for name in _CONDITIONS if condition.has(name)]
    for name in ("pathPattern", "hostHeader", "httpRequestMethod", "sourceIp"):
        if kinds.count(name) > 1:
            yield "conditions", f"conditions: {name} is given twice; a rule accepts one"
    priority = given.number("priority")
    if priority is not None and not 1 <= priority <= 50000:
        yield "priority", f"priority is {priority:g}; accepted is 1 to 50000"


CHECKS = {
    "aws:lb/loadBalancer:LoadBalancer": (load_balancer,),
    "aws:lb/targetGroup:TargetGroup": (target_group,),
    "aws:lb/listener:Listener": (listener,),
    "aws:lb/listenerRule:ListenerRule": (rule,),
}
