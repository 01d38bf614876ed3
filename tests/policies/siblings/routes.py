"""Routes of databases and listeners: siblings of the shared sets of group c."""

from __future__ import annotations

from typing import Any

from policies.lang.resources import Resource
from tests.policies.build import UNKNOWN, res
from tests.policies.siblings import BAD, NA, OK, TELL, Sibling, case


def _database(name: str, answer: str, *around: Resource, subnets: Any = ("subnet-a", "subnet-b")) -> Sibling:
    return case(
        f"database-{name}",
        {"RDS.46": answer},
        res("aws:rds/instance:Instance", "db", engine="postgres", dbSubnetGroupName="sg"),
        res("aws:rds/subnetGroup:SubnetGroup", "sg", name="sg", subnetIds=list(subnets)),
        *around,
    )


_VPC = res("aws:ec2/vpc:Vpc", "v", id="vpc-1", defaultRouteTableId="rtb-0")
_A, _B = (
    res("aws:ec2/subnet:Subnet", f"s{x}", id=f"subnet-{x}", vpcId="vpc-1", availabilityZone=f"ap-south-1{x}")
    for x in "ab"
)
_IGW = res("aws:ec2/internetGateway:InternetGateway", "igw", id="igw-1", vpcId="vpc-1")
_TABLE = "aws:ec2/routeTable:RouteTable"
_DEFAULT_TABLE = "aws:ec2/defaultRouteTable:DefaultRouteTable"
_JOINED = res("aws:ec2/routeTableAssociation:RouteTableAssociation", "ra", subnetId="subnet-a", routeTableId="rtb-1")
_ROUTE = "aws:ec2/route:Route"

ROUTES: list[Sibling] = [
    _database(
        "inline-route",
        BAD,
        _VPC,
        _A,
        _B,
        _IGW,
        _JOINED,
        res(_TABLE, "t", id="rtb-1", vpcId="vpc-1", routes=[{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}]),
    ),
    _database(
        "inline-v6",
        BAD,
        _VPC,
        _A,
        _B,
        _IGW,
        _JOINED,
        res(_TABLE, "t", id="rtb-1", vpcId="vpc-1", routes=[{"ipv6CidrBlock": "::/0", "gatewayId": "igw-1"}]),
    ),
    _database(
        "separate-route",
        BAD,
        _VPC,
        _A,
        _B,
        _IGW,
        _JOINED,
        res(_TABLE, "t", id="rtb-1", vpcId="vpc-1"),
        res(_ROUTE, "r", routeTableId="rtb-1", destinationCidrBlock="0.0.0.0/0", gatewayId="igw-1"),
    ),
    _database(
        "halves",
        BAD,
        _VPC,
        _A,
        _B,
        _IGW,
        _JOINED,
        res(
            _TABLE,
            "t",
            id="rtb-1",
            vpcId="vpc-1",
            routes=[
                {"cidrBlock": "0.0.0.0/1", "gatewayId": "igw-1"},
                {"cidrBlock": "128.0.0.0/1", "gatewayId": "igw-1"},
            ],
        ),
    ),
    _database(
        "half-inline-half-separate",
        BAD,
        _VPC,
        _A,
        _B,
        _IGW,
        _JOINED,
        res(_TABLE, "t", id="rtb-1", vpcId="vpc-1", routes=[{"cidrBlock": "0.0.0.0/1", "gatewayId": "igw-1"}]),
        res(_ROUTE, "r", routeTableId="rtb-1", destinationCidrBlock="128.0.0.0/1", gatewayId="igw-1"),
    ),
    _database(
        "main-table",
        BAD,
        _VPC,
        _A,
        _B,
        _IGW,
        res(
            _DEFAULT_TABLE,
            "t",
            id="rtb-0",
            defaultRouteTableId="rtb-0",
            routes=[{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}],
        ),
    ),
    _database(
        "main-association",
        BAD,
        _VPC,
        _A,
        _B,
        _IGW,
        res(_TABLE, "t", id="rtb-1", vpcId="vpc-1", routes=[{"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"}]),
        res("aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation", "m", vpcId="vpc-1", routeTableId="rtb-1"),
    ),
    _database(
        "prefix-list-route",
        BAD,
        _VPC,
        _A,
        _B,
        _IGW,
        _JOINED,
        res(_TABLE, "t", id="rtb-1", vpcId="vpc-1"),
        res("aws:ec2/managedPrefixList:ManagedPrefixList", "pl", id="pl-1", entries=[{"cidr": "0.0.0.0/0"}]),
        res(_ROUTE, "r", routeTableId="rtb-1", destinationPrefixListId="pl-1", gatewayId="igw-1"),
    ),
    _database(
        "nat-alone",
        OK,
        _VPC,
        _A,
        _B,
        _JOINED,
        res(_TABLE, "t", id="rtb-1", vpcId="vpc-1", routes=[{"cidrBlock": "0.0.0.0/0", "natGatewayId": "nat-1"}]),
    ),
    _database("no-routes", OK, _VPC, _A, _B),
    _database("one-subnet-outside", TELL, _VPC, _A, subnets=("subnet-a", "subnet-z")),
    _database("subnets-unknown", TELL, _VPC, _A, subnets=(UNKNOWN,)),
    _database(
        "default-subnet", TELL, res("aws:ec2/defaultSubnet:DefaultSubnet", "d", id="subnet-a"), subnets=("subnet-a",)
    ),
    _database(
        "subnet-of-a-vpc-outside",
        TELL,
        res("aws:ec2/subnet:Subnet", "s", id="subnet-a", vpcId="vpc-9"),
        subnets=("subnet-a",),
    ),
]

_BALANCER = res("aws:alb/loadBalancer:LoadBalancer", "lb", arn="arn:lb", loadBalancerType="application")
_LISTENER = "aws:lb/listener:Listener"
_REDIRECT = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}


def _listener(name: str, right: dict[str, str], *more: Resource, **props: Any) -> Sibling:
    return case(
        f"listener-{name}",
        right,
        _BALANCER,
        res(_LISTENER, "li", arn="arn:li", loadBalancerArn="arn:lb", **props),
        *more,
    )


LISTENERS: list[Sibling] = [
    _listener("forward", {"ELB.1": BAD, "ELB.18": BAD}, port=80, protocol="HTTP", defaultActions=[{"type": "forward"}]),
    _listener("protocol-left-out", {"ELB.1": BAD, "ELB.18": BAD}, port=80, defaultActions=[{"type": "forward"}]),
    _listener(
        "redirect-to-http",
        {"ELB.1": BAD},
        port=80,
        protocol="HTTP",
        defaultActions=[{"type": "redirect", "redirect": {"protocol": "HTTP", "statusCode": "HTTP_301"}}],
    ),
    _listener(
        "redirect-keeps-protocol",
        {"ELB.1": BAD},
        port=80,
        protocol="HTTP",
        defaultActions=[{"type": "redirect", "redirect": {"statusCode": "HTTP_301"}}],
    ),
    _listener(
        "redirect-port-left-out",
        {"ELB.1": OK},
        port=80,
        protocol="HTTP",
        defaultActions=[{"type": "redirect", "redirect": {"protocol": "HTTPS", "statusCode": "HTTP_302"}}],
    ),
    _listener(
        "rule-forwards",
        {"ELB.1": BAD},
        res("aws:lb/listenerRule:ListenerRule", "ru", listenerArn="arn:li", actions=[{"type": "forward"}]),
        port=80,
        protocol="HTTP",
        defaultActions=[_REDIRECT],
    ),
    _listener(
        "rule-redirects",
        {"ELB.1": OK},
        res("aws:alb/listenerRule:ListenerRule", "ru", listenerArn="arn:li", actions=[_REDIRECT]),
        port=80,
        protocol="HTTP",
        defaultActions=[_REDIRECT],
    ),
    _listener(
        "rule-fixed-response",
        {"ELB.1": BAD},
        res("aws:lb/listenerRule:ListenerRule", "ru", listenerArn="arn:li", actions=[{"type": "fixed-response"}]),
        port=80,
        protocol="HTTP",
        defaultActions=[_REDIRECT],
    ),
    _listener(
        "https-rule-forwards",
        {"ELB.1": OK, "ELB.18": OK},
        res("aws:lb/listenerRule:ListenerRule", "ru", listenerArn="arn:li", actions=[{"type": "forward"}]),
        port=443,
        protocol="HTTPS",
        defaultActions=[{"type": "forward"}],
    ),
    _listener("action-unknown", {"ELB.1": TELL}, port=80, protocol="HTTP", defaultActions=UNKNOWN),
    _listener(
        "old-tls-policy", {"ELB.17": BAD}, port=443, protocol="HTTPS", sslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06"
    ),
    _listener("tls-policy-left-out", {"ELB.17": BAD}, port=443, protocol="HTTPS"),
    _listener(
        "tls-policy-with-post-quantum",
        {"ELB.17": OK},
        port=443,
        protocol="HTTPS",
        sslPolicy="ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
    ),
    case(
        "network-balancer-tcp",
        {"ELB.18": BAD, "ELB.1": NA},
        res("aws:lb/loadBalancer:LoadBalancer", "nlb", arn="arn:nlb", loadBalancerType="network"),
        res(_LISTENER, loadBalancerArn="arn:nlb", port=443, protocol="TCP"),
    ),
]

CASES: list[Sibling] = [*ROUTES, *LISTENERS]
