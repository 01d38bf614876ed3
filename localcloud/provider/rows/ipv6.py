"""A VPC's IPv6 block and its gateway that lets nothing in; the blocks of subnets."""

from __future__ import annotations

from localcloud.provider.row import Call, Context, Prop, Read, Row
from localcloud.provider.rows import tagging


def sync_subnet(context: Context) -> None:
    """The subnet's IPv6 block as the inputs say. AWS has one for a subnet: another one is there after the old one went."""
    wanted = context["in"].get("ipv6CidrBlock")
    subnet = context.call("describe_subnets", {"SubnetIds": [context["id"]]})["Subnets"][0]
    held = {found["Ipv6CidrBlock"]: found["AssociationId"] for found in subnet.get("Ipv6CidrBlockAssociationSet") or ()}
    for block, association in held.items():
        if block != wanted:
            context.call("disassociate_subnet_cidr_block", {"AssociationId": association})
    if wanted and wanted not in held:
        context.call("associate_subnet_cidr_block", {"SubnetId": context["id"], "Ipv6CidrBlock": wanted})


#: Of a subnet: create takes it, `sync_subnet` changes it. moto lists no block of a subnet that went.
SUBNET_BLOCK = Prop(api="Ipv6CidrBlock", live="Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock", update=True)

ROWS: dict[str, Row] = {
    "aws:ec2/vpcIpv6CidrBlockAssociation:VpcIpv6CidrBlockAssociation": Row(
        "ec2",
        "associate_vpc_cidr_block",
        "$answer.Ipv6CidrBlockAssociation.AssociationId",
        reads=(
            Read(
                "describe_vpcs",
                {"VpcIds": ["$in.vpcId"]},
                "=Vpcs[0].Ipv6CidrBlockAssociationSet[?AssociationId=='{id}' && Ipv6CidrBlockState.State=='associated'] | [0]",
            ),
        ),
        delete=(Call("disassociate_vpc_cidr_block", {"AssociationId": "$id"}),),
        props={
            "vpcId": Prop(api="VpcId", identity=True),
            "assignGeneratedIpv6CidrBlock": Prop(api="AmazonProvidedIpv6CidrBlock", unread=True, force=True),
        },
        outputs={"ipv6CidrBlock": "$el.Ipv6CidrBlock"},
    ),
    "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway": Row(
        "ec2",
        "create_egress_only_internet_gateway",
        "$answer.EgressOnlyInternetGateway.EgressOnlyInternetGatewayId",
        reads=(
            Read(
                "describe_egress_only_internet_gateways",
                {"EgressOnlyInternetGatewayIds": ["$id"]},
                "EgressOnlyInternetGateways[0]",
            ),
        ),
        delete=(Call("delete_egress_only_internet_gateway", {"EgressOnlyInternetGatewayId": "$id"}),),
        props={"vpcId": Prop(live="Attachments[0].VpcId", force=True)},
        tagging=tagging.ec2("egress-only-internet-gateway"),
    ),
}
