"""Addresses, endpoints, gateways and flow logs of a VPC."""

from __future__ import annotations

from typing import Any

from localcloud.provider.row import VIRTUAL, Call, Context, Prop, Read, Row
from localcloud.provider.rows import tagging


def _arn(kind: str) -> dict[str, str]:
    return {"arn": f"=arn:aws:ec2:{{region}}:{{account}}:{kind}/{{id}}", "ownerId": "$account"}


def _detach(context: Context) -> None:
    vpc = context["out"].get("vpcId")
    if vpc:
        context.call("detach_internet_gateway", {"InternetGatewayId": context["id"], "VpcId": vpc})


def _release_address(context: Context) -> None:
    """A NAT gateway that goes gives its address back; moto leaves it associated."""
    for address in context.call("describe_addresses", {"AllocationIds": [context["id"]]})["Addresses"]:
        if "AssociationId" in address:
            context.call("disassociate_address", {"AssociationId": address["AssociationId"]})


#: VpcEndpoint: property, where it stands in what is read, and its name in modify_vpc_endpoint's Add… and Remove….
_ENDPOINT_LISTS = (
    ("routeTableIds", "RouteTableIds", "RouteTableIds"),
    ("subnetIds", "SubnetIds", "SubnetIds"),
    ("securityGroupIds", "Groups", "SecurityGroupIds"),
)


def _endpoint_lists(context: Context) -> None:
    """modify_vpc_endpoint takes what to add and what to remove."""
    endpoint = context.call("describe_vpc_endpoints", {"VpcEndpointIds": [context["id"]]})["VpcEndpoints"][0]
    changes: dict[str, Any] = {}
    for prop, member, name in _ENDPOINT_LISTS:
        live = {item["GroupId"] if isinstance(item, dict) else item for item in endpoint.get(member, [])}
        given = context["in"].get(prop)
        wanted = live if given is None else set(given)
        changes |= {f"Add{name}": sorted(wanted - live), f"Remove{name}": sorted(live - wanted)}
    changes = {name: ids for name, ids in changes.items() if ids}
    if changes:
        context.call("modify_vpc_endpoint", {"VpcEndpointId": context["id"], **changes})


def _prefix_list(context: Context, outputs: dict[str, Any]) -> dict[str, Any]:
    """A gateway endpoint is reached by its service's prefix list."""
    if outputs.get("vpcEndpointType") != "Gateway":
        return outputs
    lists = context.call("describe_managed_prefix_lists")["PrefixLists"]
    found = [item["PrefixListId"] for item in lists if item["PrefixListName"] == outputs["serviceName"]]
    return {**outputs, "prefixListId": found[0]} if found else outputs


def _watched(kind: str) -> Prop:
    return Prop(
        encode=lambda value: {"ResourceIds": [value], "ResourceType": kind},
        decode=lambda el: el.get("ResourceId"),
        by_value=True,
        force=True,
    )


ROWS: dict[str, Row] = {
    "aws:ec2/internetGateway:InternetGateway": Row(
        "ec2",
        "create_internet_gateway",
        "$answer.InternetGateway.InternetGatewayId",
        reads=(Read("describe_internet_gateways", {"InternetGatewayIds": ["$id"]}, "InternetGateways[0]"),),
        before_delete=_detach,
        delete=(Call("delete_internet_gateway", {"InternetGatewayId": "$id"}),),
        props={
            "vpcId": Prop(
                set=Call("attach_internet_gateway", {"InternetGatewayId": "$id", "VpcId": "$val"}),
                live="Attachments[0].VpcId",
                force=True,
            )
        },
        outputs=_arn("internet-gateway"),
        tagging=tagging.ec2("internet-gateway"),
    ),
    "aws:ec2/eip:Eip": Row(
        "ec2",
        "allocate_address",
        "$answer.AllocationId",
        reads=(Read("describe_addresses", {"AllocationIds": ["$id"]}, "Addresses[0]"),),
        before_delete=_release_address,
        delete=(Call("release_address", {"AllocationId": "$id"}),),
        props={
            "domain": Prop(default="vpc", force=True),
            "instance": Prop(api="", live="InstanceId", force=True),
            "networkInterface": Prop(api="", live="NetworkInterfaceId", force=True),
            "associateWithPrivateIp": Prop(api="", live="PrivateIpAddress", force=True),
        },
        outputs={
            **_arn("elastic-ip"),
            "allocationId": "$id",
            "publicDns": "=ec2-{el.PublicIp}.{region}.compute.amazonaws.com",
        },
        tagging=tagging.ec2("elastic-ip"),
    ),
    "aws:ec2/natGateway:NatGateway": Row(
        "ec2",
        "create_nat_gateway",
        "$answer.NatGateway.NatGatewayId",
        reads=(Read("describe_nat_gateways", {"NatGatewayIds": ["$id"]}, "NatGateways[?State!='deleted'] | [0]"),),
        delete=(Call("delete_nat_gateway", {"NatGatewayId": "$id"}),),
        props={
            "connectivityType": Prop(default="public"),
            "allocationId": Prop(live="NatGatewayAddresses[0].AllocationId"),
            "privateIp": Prop(api="PrivateIpAddress", live="NatGatewayAddresses[0].PrivateIp"),
        },
        outputs={
            "publicIp": "$el.NatGatewayAddresses[0].PublicIp",
            "networkInterfaceId": "$el.NatGatewayAddresses[0].NetworkInterfaceId",
        },
        tagging=tagging.ec2("natgateway"),
        required=frozenset({"subnetId"}),
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Row(
        "ec2",
        "create_vpc_endpoint",
        "$answer.VpcEndpoint.VpcEndpointId",
        reads=(Read("describe_vpc_endpoints", {"VpcEndpointIds": ["$id"]}, "VpcEndpoints[?State!='deleted'] | [0]"),),
        update=Call("modify_vpc_endpoint", {"VpcEndpointId": "$id"}),
        after_update=_endpoint_lists,
        delete=(Call("delete_vpc_endpoints", {"VpcEndpointIds": ["$id"]}),),
        props={
            "vpcEndpointType": Prop(default="Gateway"),
            "privateDnsEnabled": Prop(default=False),
            "policy": Prop(api="PolicyDocument"),
            "autoAccept": VIRTUAL,
            "serviceRegion": Prop(force=True),
            "routeTableIds": Prop(update=True),
            "subnetIds": Prop(update=True),
            "securityGroupIds": Prop(live="Groups[].GroupId", update=True),
        },
        one_of=(("serviceName", "serviceNetworkArn", "resourceConfigurationArn"),),
        outputs=_arn("vpc-endpoint"),
        finish=_prefix_list,
        tagging=tagging.ec2("vpc-endpoint"),
        same_vpc=("vpcId", "subnetIds", "securityGroupIds", "routeTableIds"),
    ),
    "aws:ec2/flowLog:FlowLog": Row(
        "ec2",
        "create_flow_logs",
        "$answer.FlowLogIds[0]",
        reads=(Read("describe_flow_logs", {"FlowLogIds": ["$id"]}, "FlowLogs[0]"),),
        delete=(Call("delete_flow_logs", {"FlowLogIds": ["$id"]}),),
        props={
            "vpcId": _watched("VPC"),
            "subnetId": _watched("Subnet"),
            "eniId": _watched("NetworkInterface"),
            "iamRoleArn": Prop(api="DeliverLogsPermissionArn"),
            "logDestinationType": Prop(default="cloud-watch-logs"),
            "maxAggregationInterval": Prop(default=600),
        },
        one_of=(
            ("vpcId", "subnetId", "eniId", "transitGatewayId", "transitGatewayAttachmentId", "regionalNatGatewayId"),
        ),
        outputs=_arn("vpc-flow-log"),
        tagging=tagging.ec2("vpc-flow-log"),
    ),
    "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions": Row(
        "ec2",
        "modify_vpc_block_public_access_options",
        "$region",
        recorded=True,
        outputs={"awsAccountId": "$account", "awsRegion": "$region"},
    ),
}
