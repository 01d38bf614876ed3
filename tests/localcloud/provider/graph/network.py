"""The reference graph: VPC, subnets, routes, groups, lists, endpoints."""

from __future__ import annotations

from typing import Any

from tests.localcloud.provider.graph.case import TAGS, Case, Inputs, ref


def _untag_ec2(aws: Any, resource_id: str, _: Inputs) -> None:
    aws("ec2").create_tags(Resources=[resource_id], Tags=[{"Key": "Name", "Value": "by hand"}])


CASES: dict[str, Case] = {
    "vpc": Case(
        "aws:ec2/vpc:Vpc",
        {"cidrBlock": "10.8.0.0/16", "enableDnsHostnames": True, "tags": TAGS},
        {"enableDnsHostnames": False, "tags": {"Name": "other"}},
        lambda aws, i, _: aws("ec2").modify_vpc_attribute(VpcId=i, EnableDnsSupport={"Value": False}),
        "enableDnsSupport",
    ),
    "subnet-a": Case(
        "aws:ec2/subnet:Subnet",
        {"vpcId": ref("vpc.id"), "cidrBlock": "10.8.0.0/24", "availabilityZone": "ap-south-1a", "tags": TAGS},
        {"mapPublicIpOnLaunch": True},
        lambda aws, i, _: aws("ec2").modify_subnet_attribute(SubnetId=i, MapPublicIpOnLaunch={"Value": False}),
        "mapPublicIpOnLaunch",
    ),
    "subnet-b": Case(
        "aws:ec2/subnet:Subnet",
        {"vpcId": ref("vpc.id"), "cidrBlock": "10.8.1.0/24", "availabilityZone": "ap-south-1b", "tags": TAGS},
        {"tags": {}},
        _untag_ec2,
        "tags",
    ),
    "igw": Case(
        "aws:ec2/internetGateway:InternetGateway",
        {"vpcId": ref("vpc.id"), "tags": TAGS},
        {"tags": {"a": "b"}},
        _untag_ec2,
        "tags",
    ),
    "ipv6": Case(
        "aws:ec2/vpcIpv6CidrBlockAssociation:VpcIpv6CidrBlockAssociation",
        {"vpcId": ref("vpc.id"), "assignGeneratedIpv6CidrBlock": True},
    ),
    "egress-only": Case(
        "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway",
        {"vpcId": ref("vpc.id"), "tags": TAGS},
        {"tags": {"a": "b"}},
        _untag_ec2,
        "tags",
    ),
    "route-ipv6": Case(
        "aws:ec2/route:Route",
        {
            "routeTableId": ref("table.id"),
            "destinationIpv6CidrBlock": "::/0",
            "egressOnlyGatewayId": ref("egress-only.id"),
        },
        {"egressOnlyGatewayId": None, "gatewayId": ref("igw.id")},
        lambda aws, i, inputs: aws("ec2").replace_route(
            RouteTableId=inputs["routeTableId"],
            DestinationIpv6CidrBlock="::/0",
            EgressOnlyInternetGatewayId=aws("ec2").describe_egress_only_internet_gateways()[
                "EgressOnlyInternetGateways"
            ][0]["EgressOnlyInternetGatewayId"],
        ),
        "gatewayId",
    ),
    "eip": Case("aws:ec2/eip:Eip", {"tags": TAGS}, {"tags": {"a": "b"}}, _untag_ec2, "tags"),
    "nat": Case(
        "aws:ec2/natGateway:NatGateway",
        {"allocationId": ref("eip.id"), "subnetId": ref("subnet-a.id"), "tags": TAGS},
        {"tags": {"a": "b"}},
        _untag_ec2,
        "tags",
    ),
    "table": Case(
        "aws:ec2/routeTable:RouteTable",
        {"vpcId": ref("vpc.id"), "tags": TAGS},
        {"tags": {"a": "b"}},
        _untag_ec2,
        "tags",
    ),
    "route": Case(
        "aws:ec2/route:Route",
        {"routeTableId": ref("table.id"), "destinationCidrBlock": "0.0.0.0/0", "gatewayId": ref("igw.id")},
        {"gatewayId": None, "natGatewayId": ref("nat.id")},
        lambda aws, i, inputs: aws("ec2").replace_route(
            RouteTableId=inputs["routeTableId"],
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=aws("ec2").describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"],
        ),
        "natGatewayId",
    ),
    "association": Case(
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        {"routeTableId": ref("table.id"), "subnetId": ref("subnet-a.id")},
    ),
    "group": Case(
        "aws:ec2/securityGroup:SecurityGroup",
        {"name": "graph", "vpcId": ref("vpc.id"), "description": "a group", "tags": TAGS},
        {"tags": {"a": "b"}},
        _untag_ec2,
        "tags",
    ),
    "inline-group": Case(
        "aws:ec2/securityGroup:SecurityGroup",
        {
            "name": "graph-inline",
            "vpcId": ref("vpc.id"),
            "ingress": [{"protocol": "tcp", "fromPort": 80, "toPort": 80, "cidrBlocks": ["10.0.0.0/8"]}],
            "egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}],
        },
        {"ingress": [{"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/8"]}]},
        lambda aws, i, _: aws("ec2").authorize_security_group_ingress(
            GroupId=i,
            IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
        ),
        "ingress",
    ),
    "ingress": Case(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {
            "securityGroupId": ref("group.id"),
            "ipProtocol": "tcp",
            "fromPort": 80,
            "toPort": 80,
            "cidrIpv4": "0.0.0.0/0",
            "description": "web",
        },
        {"toPort": 81, "description": "web and more"},
        lambda aws, i, inputs: aws("ec2").modify_security_group_rules(
            GroupId=inputs["securityGroupId"],
            SecurityGroupRules=[
                {
                    "SecurityGroupRuleId": i,
                    "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 90, "CidrIpv4": "0.0.0.0/0"},
                }
            ],
        ),
        "toPort",
    ),
    "egress": Case(
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        {"securityGroupId": ref("group.id"), "ipProtocol": "-1", "referencedSecurityGroupId": ref("inline-group.id")},
        {"tags": {"a": "b"}},
    ),
    "default-group": Case(
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
        {"vpcId": ref("vpc.id"), "tags": TAGS},
        {"tags": {"a": "b"}},
        _untag_ec2,
        "tags",
    ),
    "acl": Case(
        "aws:ec2/networkAcl:NetworkAcl",
        {
            "vpcId": ref("vpc.id"),
            "subnetIds": [ref("subnet-b.id")],
            "ingress": [
                {
                    "ruleNo": 100,
                    "protocol": "tcp",
                    "action": "allow",
                    "cidrBlock": "10.0.0.0/8",
                    "fromPort": 80,
                    "toPort": 80,
                }
            ],
        },
        {
            "ingress": [
                {
                    "ruleNo": 100,
                    "protocol": "tcp",
                    "action": "allow",
                    "cidrBlock": "10.0.0.0/8",
                    "fromPort": 80,
                    "toPort": 90,
                }
            ]
        },
        lambda aws, i, _: aws("ec2").delete_network_acl_entry(NetworkAclId=i, RuleNumber=100, Egress=False),
        "ingress",
    ),
    "acl-rule": Case(
        "aws:ec2/networkAclRule:NetworkAclRule",
        {
            "networkAclId": ref("acl.id"),
            "ruleNumber": 200,
            "protocol": "tcp",
            "ruleAction": "allow",
            "cidrBlock": "10.0.0.0/8",
            "fromPort": 1,
            "toPort": 2,
            "egress": True,
        },
    ),
    "endpoint": Case(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        {
            "vpcId": ref("vpc.id"),
            "serviceName": "com.amazonaws.ap-south-1.s3",
            "routeTableIds": [ref("table.id")],
            "tags": TAGS,
        },
        {"routeTableIds": [], "tags": {"a": "b"}},
        _untag_ec2,
        "tags",
    ),
    "block": Case(
        "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions",
        {"internetGatewayBlockMode": "off"},
        {"internetGatewayBlockMode": "block-ingress"},
    ),
}
