"""Application load balancers: target groups, listeners and their rules."""

from __future__ import annotations

from typing import Any

from localcloud.provider.errors import Refused
from localcloud.provider.row import VIRTUAL, Call, Context, Inputs, Prop, Read, Row
from localcloud.provider.rows.tagging import ELBV2

_NAME = (
    r"(?!internal-)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,30}[a-zA-Z0-9])?",
    "1 to 32 letters, digits and hyphens, no hyphen at an end",
)


def _attribute(kind: str, arn: str, key: str, default: Any = None) -> Prop:
    """A property that the API keeps in a list of keys and values."""
    call = Call(f"modify_{kind}_attributes", {arn: "$id", "Attributes": [{"Key": key, "Value": "$text"}]})
    return Prop(set=call, live=f'attributes."{key}"', default=default)


def _attributes(kind: str, arn: str, encode: dict[str, str], prefix: str = "") -> Prop:
    """A block of which each property is such an attribute."""

    def to_list(value: dict[str, Any]) -> list[dict[str, str]]:
        chosen = {encode[name]: item for name, item in value.items() if name in encode and item is not None}
        return [
            {"Key": prefix + key, "Value": str(item).lower() if isinstance(item, bool) else str(item)}
            for key, item in chosen.items()
        ]

    def decode(element: dict[str, Any]) -> dict[str, Any] | None:
        live = element.get("attributes", {})
        found = {name: live[prefix + key] for name, key in encode.items() if live.get(prefix + key)}
        made = {name: item == "true" if item in ("true", "false") else item for name, item in found.items()}
        return made if any(item for item in made.values()) else None

    call = Call(f"modify_{kind}_attributes", {arn: "$id", "Attributes": "$val"})
    return Prop(set=call, encode=to_list, decode=decode, by_value=True)


def _load_balancer_attribute(key: str, default: Any = None) -> Prop:
    return _attribute("load_balancer", "LoadBalancerArn", key, default)


def _target_group_attribute(key: str, default: Any = None) -> Prop:
    return _attribute("target_group", "TargetGroupArn", key, default)


_LOGS = {"bucket": "bucket", "enabled": "enabled", "prefix": "prefix"}


def _actions(path: str) -> dict[str, str]:
    """Blocks of actions, which the API calls …Config."""
    blocks = {
        "forward": "ForwardConfig",
        "redirect": "RedirectConfig",
        "fixedResponse": "FixedResponseConfig",
        "authenticateOidc": "AuthenticateOidcConfig",
        "authenticateCognito": "AuthenticateCognitoConfig",
    }
    renamed = {f"{path}.{name}": member for name, member in blocks.items()}
    return renamed | {
        f"{path}.forward.targetGroups": "TargetGroups",
        f"{path}.forward.targetGroups.arn": "TargetGroupArn",
        f"{path}.forward.stickiness": "TargetGroupStickinessConfig",
        f"{path}.forward.stickiness.duration": "DurationSeconds",
    }


def _trimmed(actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Actions without what stickiness says of itself where it is off, as the official provider leaves it out."""
    forward, sticky = "ForwardConfig", "TargetGroupStickinessConfig"
    return [
        {**each, forward: {key: value for key, value in each[forward].items() if key != sticky or value.get("Enabled")}}
        if forward in each
        else each
        for each in actions
    ]


_HEALTH = {
    "healthCheck.enabled": "HealthCheckEnabled",
    "healthCheck.path": "HealthCheckPath",
    "healthCheck.port": "HealthCheckPort",
    "healthCheck.protocol": "HealthCheckProtocol",
    "healthCheck.interval": "HealthCheckIntervalSeconds",
    "healthCheck.timeout": "HealthCheckTimeoutSeconds",
    "healthCheck.healthyThreshold": "HealthyThresholdCount",
    "healthCheck.unhealthyThreshold": "UnhealthyThresholdCount",
    "healthCheck.matcher": "Matcher.HttpCode",
}

#: ListenerRule conditions: Terraform's block, the API's field, the API's member.
_CONDITIONS = (
    ("pathPattern", "path-pattern", "PathPatternConfig"),
    ("hostHeader", "host-header", "HostHeaderConfig"),
    ("httpRequestMethod", "http-request-method", "HttpRequestMethodConfig"),
    ("sourceIp", "source-ip", "SourceIpConfig"),
    ("httpHeader", "http-header", "HttpHeaderConfig"),
    ("queryStrings", "query-string", "QueryStringConfig"),
)


def _conditions(conditions: list[dict[str, Any]]) -> dict[str, Any]:
    made = []
    for condition in conditions:
        for block, field, member in _CONDITIONS:
            value = condition.get(block)
            if not value:
                continue
            if block == "queryStrings":
                pairs = [
                    {"Key": pair["key"], "Value": pair["value"]} if "key" in pair else {"Value": pair["value"]}
                    for pair in value
                ]
                config: dict[str, Any] = {"Values": pairs}
            else:
                config = {"Values": value["values"]}
            if block == "httpHeader":
                config["HttpHeaderName"] = value["httpHeaderName"]
            made.append({"Field": field, member: config})
    return {"Conditions": made}


def _read_conditions(element: dict[str, Any]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for condition in element.get("Conditions", []):
        block, member = next((b, m) for b, field, m in _CONDITIONS if field == condition["Field"])
        config = condition.get(member) or {"Values": condition.get("Values", [])}
        if block == "queryStrings":
            made.append({block: [{key.lower(): item for key, item in pair.items()} for pair in config["Values"]]})
            continue
        value: dict[str, Any] = {"values": config["Values"]}
        if block == "httpHeader":
            value["httpHeaderName"] = config["HttpHeaderName"]
        made.append({block: value})
    return made


def _one_target_kind(inputs: Inputs) -> list[tuple[str, str]]:
    given = [name for name in ("subnets", "subnetMappings") if inputs.get(name)]
    if len(given) != 1:
        return [
            ("subnets", f"exactly one of subnets and subnetMappings is required; given: {', '.join(given) or 'none'}")
        ]
    if inputs.get("loadBalancerType") == "application" and len(inputs[given[0]]) < 2:
        return [(given[0], "an application load balancer needs subnets in at least two availability zones")]
    return []


def _balancer(context: Context, outputs: dict[str, Any]) -> dict[str, Any]:
    return {
        **outputs,
        "arnSuffix": context["id"].split(":loadbalancer/")[1],
        "dnsName": context.ingress or outputs["dnsName"],
    }


def _group(context: Context, outputs: dict[str, Any]) -> dict[str, Any]:
    return {**outputs, "arnSuffix": context["id"].split(":")[-1]}


def _unprotect(context: Context) -> None:
    """Pulumi may delete what it may delete: AWS refuses while the flag is on, and so does this."""
    attributes = context.call("describe_load_balancer_attributes", {"LoadBalancerArn": context["id"]})["Attributes"]
    if {"Key": "deletion_protection.enabled", "Value": "true"} in attributes:
        raise Refused(
            f"delete_load_balancer: {context['id']} has deletion protection; set enableDeletionProtection to false"
        )


#: Listener attributes: routingHttpResponseServerEnabled and its like are the API's key without dots.
_LISTENER_ATTRIBUTES = {
    "routingHttpResponseServerEnabled": "routing.http.response.server.enabled",
    "routingHttpResponseStrictTransportSecurityHeaderValue": "routing.http.response.strict_transport_security.header_value",
    "routingHttpResponseContentSecurityPolicyHeaderValue": "routing.http.response.content_security_policy.header_value",
    "routingHttpResponseXContentTypeOptionsHeaderValue": "routing.http.response.x_content_type_options.header_value",
    "routingHttpResponseXFrameOptionsHeaderValue": "routing.http.response.x_frame_options.header_value",
    "tcpIdleTimeoutSeconds": "tcp.idle_timeout.seconds",
}

ROWS: dict[str, Row] = {
    "aws:lb/loadBalancer:LoadBalancer": Row(
        "elbv2",
        "create_load_balancer",
        "$answer.LoadBalancers[0].LoadBalancerArn",
        reads=(
            Read("describe_load_balancers", {"LoadBalancerArns": ["$id"]}, "LoadBalancers[0]"),
            Read(
                "describe_load_balancer_attributes",
                {"LoadBalancerArn": "$id"},
                "Attributes",
                into="attributes",
                pairs=True,
            ),
        ),
        before_delete=_unprotect,
        delete=(Call("delete_load_balancer", {"LoadBalancerArn": "$id"}),),
        props={
            "name": Prop(api="Name", live="LoadBalancerName"),
            "loadBalancerType": Prop(api="Type", default="application"),
            "internal": Prop(
                encode=lambda value: {"Scheme": "internal" if value else "internet-facing"},
                decode=lambda el: el.get("Scheme") == "internal",
                default=False,
            ),
            "subnets": Prop(
                api="Subnets",
                live="AvailabilityZones[].SubnetId",
                set=Call("set_subnets", {"LoadBalancerArn": "$id", "Subnets": "$val"}),
            ),
            "subnetMappings": Prop(force=True),
            "securityGroups": Prop(
                api="SecurityGroups",
                set=Call("set_security_groups", {"LoadBalancerArn": "$id", "SecurityGroups": "$val"}),
            ),
            "ipAddressType": Prop(
                api="IpAddressType",
                set=Call("set_ip_address_type", {"LoadBalancerArn": "$id", "IpAddressType": "$val"}),
            ),
            "enableDeletionProtection": _load_balancer_attribute("deletion_protection.enabled", default=False),
            "idleTimeout": _load_balancer_attribute("idle_timeout.timeout_seconds", default=60),
            "dropInvalidHeaderFields": _load_balancer_attribute(
                "routing.http.drop_invalid_header_fields.enabled", default=False
            ),
            "enableHttp2": _load_balancer_attribute("routing.http2.enabled", default=True),
            "preserveHostHeader": _load_balancer_attribute("routing.http.preserve_host_header.enabled", default=False),
            "desyncMitigationMode": _load_balancer_attribute(
                "routing.http.desync_mitigation_mode", default="defensive"
            ),
            "xffHeaderProcessingMode": _load_balancer_attribute(
                "routing.http.xff_header_processing.mode", default="append"
            ),
            "enableXffClientPort": _load_balancer_attribute("routing.http.xff_client_port.enabled", default=False),
            "enableTlsVersionAndCipherSuiteHeaders": _load_balancer_attribute(
                "routing.http.x_amzn_tls_version_and_cipher_suite.enabled", default=False
            ),
            "enableWafFailOpen": _load_balancer_attribute("waf.fail_open.enabled", default=False),
            "enableCrossZoneLoadBalancing": _load_balancer_attribute("load_balancing.cross_zone.enabled"),
            "enableZonalShift": _load_balancer_attribute("zonal_shift.config.enabled", default=False),
            "clientKeepAlive": _load_balancer_attribute("client_keep_alive.seconds", default=3600),
            "accessLogs": _attributes("load_balancer", "LoadBalancerArn", _LOGS, "access_logs.s3."),
            "connectionLogs": _attributes("load_balancer", "LoadBalancerArn", _LOGS, "connection_logs.s3."),
            "healthCheckLogs": _attributes("load_balancer", "LoadBalancerArn", _LOGS, "health_check_logs.s3."),
            "namePrefix": VIRTUAL,
        },
        name="name",
        name_limit=32,
        name_rule=_NAME,
        check=_one_target_kind,
        outputs={"arn": "$id", "zoneId": "$el.CanonicalHostedZoneId", "vpcId": "$el.VpcId", "dnsName": "$el.DNSName"},
        finish=_balancer,
        tagging=ELBV2,
        same_vpc=("subnets", "securityGroups"),
    ),
    "aws:lb/targetGroup:TargetGroup": Row(
        "elbv2",
        "create_target_group",
        "$answer.TargetGroups[0].TargetGroupArn",
        reads=(
            Read("describe_target_groups", {"TargetGroupArns": ["$id"]}, "TargetGroups[0]"),
            Read(
                "describe_target_group_attributes",
                {"TargetGroupArn": "$id"},
                "Attributes",
                into="attributes",
                pairs=True,
            ),
        ),
        update=Call("modify_target_group", {"TargetGroupArn": "$id"}),
        delete=(Call("delete_target_group", {"TargetGroupArn": "$id"}),),
        props={
            "name": Prop(api="Name", live="TargetGroupName"),
            "healthCheck": Prop(api="."),
            "targetType": Prop(default="instance"),
            "deregistrationDelay": _target_group_attribute("deregistration_delay.timeout_seconds", default=300),
            "slowStart": _target_group_attribute("slow_start.duration_seconds", default=0),
            "loadBalancingAlgorithmType": _target_group_attribute("load_balancing.algorithm.type"),
            "loadBalancingAnomalyMitigation": _target_group_attribute("load_balancing.algorithm.anomaly_mitigation"),
            "loadBalancingCrossZoneEnabled": _target_group_attribute("load_balancing.cross_zone.enabled"),
            "preserveClientIp": _target_group_attribute("preserve_client_ip.enabled"),
            "connectionTermination": _target_group_attribute("deregistration_delay.connection_termination.enabled"),
            "proxyProtocolV2": _target_group_attribute("proxy_protocol_v2.enabled"),
            "lambdaMultiValueHeadersEnabled": _target_group_attribute("lambda.multi_value_headers.enabled"),
            "stickiness": _attributes(
                "target_group",
                "TargetGroupArn",
                {
                    "enabled": "enabled",
                    "type": "type",
                    "cookieDuration": "lb_cookie.duration_seconds",
                    "cookieName": "app_cookie.cookie_name",
                },
                "stickiness.",
            ),
            "namePrefix": VIRTUAL,
        },
        nested=_HEALTH,
        name="name",
        name_limit=32,
        name_rule=_NAME,
        outputs={"arn": "$id"},
        finish=_group,
        tagging=ELBV2,
    ),
    "aws:lb/listener:Listener": Row(
        "elbv2",
        "create_listener",
        "$answer.Listeners[0].ListenerArn",
        reads=(
            Read("describe_listeners", {"ListenerArns": ["$id"]}, "Listeners[0]"),
            Read("describe_listener_attributes", {"ListenerArn": "$id"}, "Attributes", into="attributes", pairs=True),
        ),
        update=Call("modify_listener", {"ListenerArn": "$id"}),
        delete=(Call("delete_listener", {"ListenerArn": "$id"}),),
        props={
            "protocol": Prop(default="HTTP"),
            "port": Prop(default=lambda inputs: 443 if inputs.get("protocol") == "HTTPS" else 80),
            "sslPolicy": Prop(
                default=lambda inputs: "ELBSecurityPolicy-2016-08" if inputs.get("protocol") == "HTTPS" else None
            ),
            "certificateArn": Prop(
                encode=lambda value: {"Certificates": [{"CertificateArn": value}]},
                decode=lambda el: next((c["CertificateArn"] for c in el.get("Certificates", [])), None),
                update=True,
            ),
            **{name: _attribute("listener", "ListenerArn", key) for name, key in _LISTENER_ATTRIBUTES.items()},
        },
        nested=_actions("defaultActions"),
        outputs={"arn": "$id"},
        tagging=ELBV2,
        check=lambda inputs: (
            [("certificateArn", "an HTTPS listener needs a certificate")]
            if inputs.get("protocol") == "HTTPS" and not inputs.get("certificateArn")
            else []
        ),
    ),
    "aws:lb/listenerRule:ListenerRule": Row(
        "elbv2",
        "create_rule",
        "$answer.Rules[0].RuleArn",
        reads=(Read("describe_rules", {"RuleArns": ["$id"]}, "Rules[0]"),),
        update=Call("modify_rule", {"RuleArn": "$id"}),
        delete=(Call("delete_rule", {"RuleArn": "$id"}),),
        props={
            "listenerArn": Prop(identity=True),
            "actions": Prop(trim=_trimmed),
            "priority": Prop(
                api="Priority",
                set=Call("set_rule_priorities", {"RulePriorities": [{"RuleArn": "$id", "Priority": "$val"}]}),
            ),
            "conditions": Prop(encode=_conditions, decode=_read_conditions, update=True),
        },
        nested=_actions("actions"),
        required=frozenset({"priority"}),
        outputs={"arn": "$id"},
        tagging=ELBV2,
    ),
    "aws:lb/listenerCertificate:ListenerCertificate": Row(
        "elbv2",
        "add_listener_certificates",
        "={in.listenerArn}_{in.certificateArn}",
        reads=(
            Read(
                "describe_listener_certificates",
                {"ListenerArn": "$in.listenerArn"},
                "=Certificates[?CertificateArn=='{in.certificateArn}'] | [0]",
            ),
        ),
        delete=(
            Call(
                "remove_listener_certificates",
                {"ListenerArn": "$in.listenerArn", "Certificates": [{"CertificateArn": "$in.certificateArn"}]},
            ),
        ),
        props={
            "listenerArn": Prop(identity=True),
            "certificateArn": Prop(encode=lambda value: {"Certificates": [{"CertificateArn": value}]}, identity=True),
        },
    ),
}
