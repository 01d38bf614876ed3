"""What EC2 and load balancers refuse of IPv6 because of what else exists; the tables that call it are in standing.py."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from localcloud.provider.errors import Refused
from localcloud.provider.row import Context


def _blocks(element: Mapping[str, Any]) -> list[ipaddress.IPv6Network]:
    """The IPv6 blocks that a VPC or a subnet has: AWS lists those that went for a while, too."""
    return [
        ipaddress.IPv6Network(found["Ipv6CidrBlock"])
        for found in element.get("Ipv6CidrBlockAssociationSet") or ()
        if found["Ipv6CidrBlockState"]["State"] not in ("disassociating", "disassociated")
    ]


def subnet(context: Context) -> None:
    """CreateSubnet, AssociateSubnetCidrBlock: a /64 of the VPC's own block, which no other subnet has."""
    text = context["in"].get("ipv6CidrBlock")
    if not text or not context.asks("ipv6CidrBlock"):
        return
    block, vpc = ipaddress.IPv6Network(text), context["in"]["vpcId"]
    if block.prefixlen != 64 and not context["in"].get("ipv6IpamPoolId"):
        raise Refused(f"InvalidSubnet.Range: the CIDR {text} is invalid: an Amazon-provided block is divided into /64")
    whole = _blocks(context.call("describe_vpcs", {"VpcIds": [vpc]})["Vpcs"][0])
    if not any(block.subnet_of(each) for each in whole):
        of_vpc = ", ".join(map(str, whole)) or "no IPv6 block"
        raise Refused(f"InvalidSubnet.Range: the CIDR {text} is invalid: {vpc} has {of_vpc}")
    for other in context.call("describe_subnets", {"Filters": [{"Name": "vpc-id", "Values": [vpc]}]})["Subnets"]:
        if other["SubnetId"] != context.environment.get("id") and any(block.overlaps(each) for each in _blocks(other)):
            raise Refused(f"InvalidSubnet.Conflict: the CIDR {text} conflicts with another subnet: {other['SubnetId']}")


def association_gone(context: Context) -> None:
    """DisassociateVpcCidrBlock: no subnet has a part of it."""
    vpc = context["in"]["vpcId"]
    for found in context.call("describe_subnets", {"Filters": [{"Name": "vpc-id", "Values": [vpc]}]})["Subnets"]:
        if held := _blocks(found):
            raise Refused(
                f"InvalidCidrBlock.InUse: {vpc} has a subnet within the CIDR block: {found['SubnetId']} ({held[0]})"
            )


def route(context: Context) -> None:
    """CreateRoute, ReplaceRoute: the egress-only gateway is of the table's VPC."""
    gateway = context["in"].get("egressOnlyGatewayId")
    if not gateway:
        return
    asked = {"EgressOnlyInternetGatewayIds": [gateway]}
    found = context.call("describe_egress_only_internet_gateways", asked)["EgressOnlyInternetGateways"]
    table = context["in"]["routeTableId"]
    vpc = context.call("describe_route_tables", {"RouteTableIds": [table]})["RouteTables"][0]["VpcId"]
    if not found or vpc not in {each["VpcId"] for each in found[0]["Attachments"]}:
        raise Refused(
            f"InvalidParameterValue: route table {table} and network gateway {gateway} belong to different networks"
        )


def balancer(context: Context) -> None:
    """CreateLoadBalancer, SetIpAddressType, SetSubnets: with both families each subnet has an IPv6 block."""
    inputs = context["in"]
    subnets = [str(each) for each in inputs.get("subnets") or ()]
    if subnets and str(inputs.get("ipAddressType")).startswith("dualstack"):
        for found in context.call("ec2:describe_subnets", {"SubnetIds": subnets})["Subnets"]:
            if not _blocks(found):
                raise Refused(
                    "ValidationError: you must specify subnets with an associated IPv6 CIDR block: "
                    f"{found['SubnetId']} has none"
                )
