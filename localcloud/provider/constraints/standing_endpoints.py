"""What EC2 refuses of VPC endpoints because of what else exists; the tables that call it are in standing.py.

Sources: CreateVpcEndpoint (API reference, and the sentences of public bug reports), "Private DNS" (PrivateLink guide).
"""

from __future__ import annotations

from typing import Any

from localcloud.provider.errors import Refused
from localcloud.provider.row import Context


def endpoint(context: Context) -> None:
    """CreateVpcEndpoint: a service of the Region, a zone once, private names once and where the VPC resolves them."""
    inputs = context["in"]
    service, vpc = str(inputs.get("serviceName") or ""), str(inputs.get("vpcId"))
    parts = service.split(".")
    if service.startswith("com.amazonaws.") and len(parts) > 3 and not inputs.get("serviceRegion"):
        region = parts[2]
        if region not in (context["region"], "global", "vpce") and region.count("-") > 1:
            raise Refused(
                f"InvalidServiceName: the Vpc Endpoint Service {service!r} does not exist in {context['region']}"
            )
    gateway = (inputs.get("vpcEndpointType") or "Gateway") == "Gateway"
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "service-name", "Values": [service]}]
    others = [
        each
        for each in context.call("describe_vpc_endpoints", {"Filters": filters})["VpcEndpoints"]
        if each["VpcEndpointId"] != context.environment.get("id")
        and each.get("State") not in ("deleting", "deleted")
        and (each.get("VpcId"), each.get("ServiceName")) == (vpc, service)
    ]
    if gateway:
        _tables(inputs, others)
        return
    _zones(context, inputs)
    if str(inputs.get("privateDnsEnabled")).lower() == "true":
        _names(context, vpc, service, others)


def _tables(inputs: dict[str, Any], others: list[dict[str, Any]]) -> None:
    """A route table has one route to a service."""
    for other in others:
        shared = set(inputs.get("routeTableIds") or ()) & set(other.get("RouteTableIds") or ())
        if shared:
            raise Refused(
                f"RouteAlreadyExists: the route table {sorted(shared)[0]} already has a route to {inputs['serviceName']}: "
                f"{other['VpcEndpointId']}"
            )


def _zones(context: Context, inputs: dict[str, Any]) -> None:
    """An interface stands in one subnet of each zone."""
    wanted = [str(each) for each in inputs.get("subnetIds") or ()]
    if not wanted:
        return
    zones: dict[str, str] = {}
    for found in context.call("describe_subnets", {"SubnetIds": wanted})["Subnets"]:
        held = zones.setdefault(found["AvailabilityZone"], found["SubnetId"])
        if held != found["SubnetId"]:
            raise Refused(
                f"DuplicateSubnetsInSameZone: found another VPC endpoint subnet in the availability zone of {held}: "
                f"{found['SubnetId']} ({found['AvailabilityZone']})"
            )


def _names(context: Context, vpc: str, service: str, others: list[dict[str, Any]]) -> None:
    """A service's own names lead to one interface, where the VPC resolves names."""
    if any(other.get("PrivateDnsEnabled") for other in others):
        raise Refused(
            "InvalidParameter: private-dns-enabled cannot be set because there is already a conflicting DNS domain for "
            f"{service} in the VPC {vpc}: {', '.join(other['VpcEndpointId'] for other in others)}"
        )
    for attribute, member in (("enableDnsSupport", "EnableDnsSupport"), ("enableDnsHostnames", "EnableDnsHostnames")):
        found = context.call("describe_vpc_attribute", {"VpcId": vpc, "Attribute": attribute})
        if not (found.get(member) or {}).get("Value"):
            raise Refused(
                "InvalidParameter: enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes "
                f"set to true for {vpc}; {attribute} is false"
            )
