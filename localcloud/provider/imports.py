"""Imports: the ids that the official provider documents, as our ids and the inputs that rows read by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.provider.errors import Gone
from localcloud.provider.row import Inputs

Caller = Callable[[str, Mapping[str, Any]], dict[str, Any]]
Found = tuple[str, Inputs]


def _service(given: str, call: Caller) -> Found:
    """cluster/service."""
    if given.startswith("arn:"):
        return given, {}
    cluster, _, name = given.partition("/")
    services = call("ecs:describe_services", {"cluster": cluster, "services": [name]})["services"]
    if not services:
        raise Gone(given)
    return str(services[0]["serviceArn"]), {}


def _route(given: str, _caller: Caller) -> Found:
    """table_destination."""
    table, _, destination = given.removeprefix("r-").partition("_")
    name = "destinationPrefixListId" if destination.startswith("pl-") else "destinationCidrBlock"
    name = "destinationIpv6CidrBlock" if ":" in destination else name
    return f"r-{table}_{destination}", {"routeTableId": table, name: destination}


def _association(given: str, call: Caller) -> Found:
    """subnet/table."""
    if given.startswith("rtbassoc-"):
        return given, {}
    member, _, table = given.partition("/")
    for found in call("ec2:describe_route_tables", {"RouteTableIds": [table]})["RouteTables"]:
        for item in found["Associations"]:
            if member in (item.get("SubnetId"), item.get("GatewayId")):
                return str(item["RouteTableAssociationId"]), {}
    raise Gone(given)


def _target(given: str, _caller: Caller) -> Found:
    """namespace/resource/dimension; the resource has slashes of its own."""
    space, *resource, dimension = given.split("/")
    inputs = {"serviceNamespace": space, "resourceId": "/".join(resource), "scalableDimension": dimension}
    return inputs["resourceId"], inputs


def _policy(given: str, call: Caller) -> Found:
    """namespace/resource/dimension/name."""
    of, _, name = given.rpartition("/")
    return name, {**_target(of, call)[1], "name": name}


def _attachment(given: str, _caller: Caller) -> Found:
    """role/policy ARN."""
    role, _, policy = given.partition("/")
    return given, {"role": role, "policyArn": policy}


def _filter(given: str, _caller: Caller) -> Found:
    """group:name; a group's name has no colon."""
    group, _, name = given.partition(":")
    return name, {"logGroupName": group, "name": name}


def _rule(given: str, _caller: Caller) -> Found:
    """bus/name, or name on the default bus."""
    bus, _, name = given.rpartition("/")
    return name, {"name": name, **({"eventBusName": bus} if bus and bus != "default" else {})}


def _event_target(given: str, _caller: Caller) -> Found:
    """bus/rule/target, or rule/target."""
    *bus, rule, target = given.split("/")
    inputs = {"rule": rule, "targetId": target, **({"eventBusName": bus[0]} if bus and bus[0] != "default" else {})}
    return f"{rule}-{target}", inputs


def _web_acl(given: str, _caller: Caller) -> Found:
    """id/name/scope."""
    ident, name, scope = given.split("/")
    return ident, {"name": name, "scope": scope}


def _acl_association(given: str, _caller: Caller) -> Found:
    """ACL ARN,resource ARN."""
    acl, _, resource = given.partition(",")
    return given, {"webAclArn": acl, "resourceArn": resource}


_FORMS: Mapping[str, Callable[[str, Caller], Found]] = {
    "aws:ecs/service:Service": _service,
    "aws:ec2/route:Route": _route,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _association,
    "aws:appautoscaling/target:Target": _target,
    "aws:appautoscaling/policy:Policy": _policy,
    "aws:appautoscaling/scheduledAction:ScheduledAction": _policy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _attachment,
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": _filter,
    "aws:cloudwatch/eventRule:EventRule": _rule,
    "aws:cloudwatch/eventTarget:EventTarget": _event_target,
    "aws:wafv2/webAcl:WebAcl": _web_acl,
    "aws:wafv2/ipSet:IpSet": _web_acl,
    "aws:wafv2/webAclAssociation:WebAclAssociation": _acl_association,
}


def resolve(token: str, given: str, call: Caller) -> Found:
    """Our id of what a documented id names, and the inputs that its row reads by."""
    form = _FORMS.get(token)
    if form is None:
        return given, {}
    try:
        return form(given, call)
    except ValueError as error:
        raise Gone(given) from error
