"""Cases of policies/controls/ec2.py and network_acls.py."""

from __future__ import annotations

from typing import Any

from policies.controls.ec2 import (
    DEFAULT_GROUP,
    DEFAULT_SUBNET,
    DEFAULT_VPC,
    EIP,
    ENDPOINT,
    ENDPOINT_POLICY,
    ENDPOINT_SERVICE,
    FLOW_LOG,
    INTERFACE,
    PEERING,
    ROUTE,
    SUBNET,
    VPC,
    VPN,
)
from policies.controls.network_acls import ACL, ACL_ASSOCIATION, ACL_RULE, DEFAULT_ACL
from tests.policies.build import ABSENT, UNKNOWN, Case, Change, Drop, res
from tests.policies.cases.policy_documents import PUBLIC, policy

OTHER = [res("aws:sqs/queue:Queue")]
TAGS = {"Project": "matchday"}
REGION = "com.amazonaws.ap-south-1"
NAT = "aws:ec2/natGateway:NatGateway"
GATEWAY = "aws:ec2transitgateway/transitGateway:TransitGateway"
CLIENT_VPN = "aws:ec2clientvpn/endpoint:Endpoint"
ROUTE_TABLE = "aws:ec2/routeTable:RouteTable"
GROUP_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
BLOCK = "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions"

SERVICES = {
    "EC2.10": "ec2",
    "EC2.55": "ecr.api",
    "EC2.56": "ecr.dkr",
    "EC2.57": "ssm",
    "EC2.58": "ssm-contacts",
    "EC2.60": "ssm-incidents",
    "MD.EC2.1": "s3",
    "MD.EC2.2": "secretsmanager",
    "MD.EC2.3": "logs",
}


def endpoint(service: str, **props: Any) -> Any:
    given = {"vpcId": "vpc", "vpcEndpointType": "Interface", "privateDnsEnabled": True, "tags": TAGS} | props
    return res(ENDPOINT, service, serviceName=f"{REGION}.{service}", **given)


def to_account(key: str) -> str:
    """A policy that lets everybody do everything, as far as `key` is the account."""
    return policy("*", condition={"StringEquals": {key: "111122223333"}})


EVERYTHING_IN = {
    "ruleNo": 100,
    "action": "allow",
    "protocol": "-1",
    "cidrBlock": "0.0.0.0/0",
    "fromPort": 0,
    "toPort": 0,
}

#: A VPC that every control of this module is content with.
NETWORK = [
    res(VPC, "vpc", cidrBlock="10.0.0.0/16", tags=TAGS),
    res(DEFAULT_GROUP, "closed", vpcId="vpc", tags=TAGS),
    res(FLOW_LOG, "flows", vpcId="vpc", trafficType="ALL", tags=TAGS),
    *(endpoint(service) for service in SERVICES.values()),
]


def acl(*entries: tuple[int, str, str, str, int, int], **props: Any) -> Any:
    names = ("ruleNo", "action", "cidrBlock", "protocol", "fromPort", "toPort")
    ingress = [dict(zip(names, entry, strict=True)) for entry in entries]
    return res(ACL, "acl", **({"ingress": ingress, "subnetIds": ["subnet"], "tags": TAGS} | props))


def acl_rule(**props: Any) -> Any:
    given = {
        "networkAclId": "acl",
        "ruleNumber": 90,
        "ruleAction": "allow",
        "protocol": "tcp",
        "cidrBlock": "0.0.0.0/0",
    }
    return res(ACL_RULE, "rule", **(given | {"fromPort": 22, "toPort": 22} | props))


HTTPS = (100, "allow", "0.0.0.0/0", "tcp", 443, 443)
EVERYTHING = (100, "allow", "0.0.0.0/0", "-1", 0, 0)

TUNNEL_LOGS = {"cloudwatchLogOptions": {"logEnabled": True, "logGroupArn": "arn:aws:logs:ap-south-1:1:log-group:vpn"}}
TUNNELS = [
    res(
        VPN,
        tunnel1LogOptions=TUNNEL_LOGS,
        tunnel2LogOptions=TUNNEL_LOGS,
        tunnel1IkeVersions=["ikev2"],
        tunnel2IkeVersions=["ikev2"],
        presharedKeyStorage="SecretsManager",
        tags=TAGS,
    )
]

PEERED = [
    res(ROUTE, routeTableId="rtb", destinationCidrBlock="10.9.1.0/24", vpcPeeringConnectionId="pcx"),
    res(PEERING, "pcx", vpcId="vpc", peerVpcId="peer", tags=TAGS),
    res(VPC, "peer", cidrBlock="10.9.0.0/16"),
]

CASES = {
    "EC2.2": Case(
        good=[NETWORK],
        bad=[
            Change({"ingress": [{"protocol": "-1", "self": True, "description": "members"}]}, type=DEFAULT_GROUP),
            Change({"egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0}]}, type=DEFAULT_GROUP),
            Drop(DEFAULT_GROUP),
            [*NETWORK, res(GROUP_RULE, "open", securityGroupId="closed", ipProtocol="tcp", cidrIpv4="10.0.0.0/8")],
            [res(DEFAULT_VPC)],
        ],
        na=[OTHER],
        unknown=[Change({"vpcId": UNKNOWN}, type=DEFAULT_GROUP), Change({"ingress": UNKNOWN}, type=DEFAULT_GROUP)],
    ),
    "EC2.6": Case(
        good=[
            NETWORK,
            [res(VPC, "vpc"), res(FLOW_LOG, vpcId="vpc", trafficType="REJECT")],
            [res(VPC, "vpc"), res(FLOW_LOG, vpcId=UNKNOWN, trafficType="ALL", deps={"vpcId": [f"{VPC} vpc"]})],
        ],
        bad=[
            Drop(FLOW_LOG),
            Change({"trafficType": "ACCEPT"}, type=FLOW_LOG),
            Change({"vpcId": "vpc-elsewhere"}, type=FLOW_LOG),
        ],
        na=[OTHER],
        unknown=[Change({"vpcId": UNKNOWN}, type=FLOW_LOG)],
    ),
    "EC2.12": Case(
        good=[
            [res(EIP, "ip", tags=TAGS), res(NAT, "nat", allocationId="ip", tags=TAGS)],
            [res(EIP, "ip"), res(NAT, "nat", allocationId=UNKNOWN, deps={"allocationId": [f"{EIP} ip"]})],
            [res(EIP, instance="i-1")],
            [
                res(EIP, "ip"),
                res(
                    "aws:alb/loadBalancer:LoadBalancer", subnetMappings=[{"allocationId": "x"}, {"allocationId": "ip"}]
                ),
            ],
            [
                res(EIP, "ip", allocationId="eipalloc-1"),
                res("aws:ec2/eipAssociation:EipAssociation", allocationId="eipalloc-1"),
            ],
        ],
        bad=[Drop(NAT), [res(EIP, "ip"), res(NAT, "nat", allocationId="another")]],
        na=[OTHER],
        unknown=[Change({"allocationId": UNKNOWN}, type=NAT)],
    ),
    "EC2.15": Case(
        good=[
            [res(SUBNET, mapPublicIpOnLaunch=False, tags=TAGS)],
            [res(SUBNET)],
            [res(DEFAULT_SUBNET, mapPublicIpOnLaunch=False)],
        ],
        bad=[
            Change({"mapPublicIpOnLaunch": True}),
            Change({"assignIpv6AddressOnCreation": True}),
            Change({"mapPublicIpOnLaunch": UNKNOWN, "assignIpv6AddressOnCreation": True}),
            [res(DEFAULT_SUBNET)],
        ],
        na=[OTHER],
        unknown=[Change({"mapPublicIpOnLaunch": UNKNOWN})],
    ),
    "EC2.16": Case(
        good=[[acl(HTTPS)], [acl(subnetIds=[]), res(ACL_ASSOCIATION, networkAclId="acl", subnetId="s")]],
        bad=[Change({"subnetIds": ABSENT})],
        na=[OTHER, [res(DEFAULT_ACL)]],
        unknown=[[acl(subnetIds=[]), res(ACL_ASSOCIATION, networkAclId=UNKNOWN, subnetId="s")]],
    ),
    "EC2.21": Case(
        good=[
            [acl(HTTPS)],
            [acl((90, "deny", "0.0.0.0/0", "tcp", 22, 22), (91, "deny", "0.0.0.0/0", "6", 3389, 3389), EVERYTHING)],
            [acl((100, "allow", "10.0.0.0/8", "tcp", 22, 22))],
            [acl(HTTPS), acl_rule(cidrBlock="10.0.0.0/8")],
            [acl_rule(networkAclId="acl-elsewhere", fromPort=443, toPort=443)],
            [acl((100, "allow", "0.0.0.0/0", "udp", 22, 22))],
        ],
        bad=[
            Change({"ingress.0.fromPort": 22}),
            [acl(EVERYTHING)],
            [acl(EVERYTHING, (101, "deny", "0.0.0.0/0", "tcp", 22, 22))],
            [acl((90, "deny", "0.0.0.0/0", "tcp", 22, 22), EVERYTHING)],
            [acl(), acl_rule()],
            [acl(), acl_rule(cidrBlock=None, ipv6CidrBlock="::/0", fromPort=3389, toPort=3389)],
            [acl_rule(networkAclId="acl-elsewhere")],
        ],
        na=[OTHER, [acl_rule(networkAclId="acl-elsewhere", egress=True)], [res(DEFAULT_ACL)]],
        unknown=[Change({"ingress": UNKNOWN}), Change({"ingress.0.cidrBlock": UNKNOWN})],
    ),
    "EC2.23": Case(
        good=[[res(GATEWAY, autoAcceptSharedAttachments="disable", tags=TAGS)], [res(GATEWAY)]],
        bad=[Change({"autoAcceptSharedAttachments": "enable"})],
        na=[OTHER],
        unknown=[Change({"autoAcceptSharedAttachments": UNKNOWN})],
    ),
    "EC2.51": Case(
        good=[[res(CLIENT_VPN, connectionLogOptions={"enabled": True, "cloudwatchLogGroup": "vpn"})]],
        bad=[Change({"connectionLogOptions.enabled": False}), [res(CLIENT_VPN)]],
        na=[OTHER],
        unknown=[Change({"connectionLogOptions": UNKNOWN})],
    ),
    "MD.EC2.11": Case(
        good=[
            [endpoint("ecr.api", policy=to_account("aws:PrincipalAccount"))],
            [endpoint("s3", vpcEndpointType="Gateway", policy=to_account("aws:ResourceAccount"))],
            [res(ENDPOINT_POLICY, vpcEndpointId="vpce-1", policy=policy("*", "s3:GetObject"))],
        ],
        bad=[
            Change({"policy": ABSENT}),
            Change({"policy": PUBLIC}),
            Change({"policy": to_account("aws:SourceVpc")}),
            [res(ENDPOINT_POLICY, vpcEndpointId="vpce-1", policy=PUBLIC)],
        ],
        na=[OTHER, [endpoint("x", vpcEndpointType="GatewayLoadBalancer")]],
        unknown=[Change({"policy": UNKNOWN})],
    ),
    "MD.EC2.12": Case(
        good=[
            [res(VPC, "vpc", defaultNetworkAclId="acl-1"), res(DEFAULT_ACL, vpcId="vpc", defaultNetworkAclId="acl-1")],
            [
                res(VPC, "vpc"),
                res(DEFAULT_ACL, defaultNetworkAclId=UNKNOWN, deps={"defaultNetworkAclId": [f"{VPC} vpc"]}),
            ],
        ],
        bad=[
            Drop(DEFAULT_ACL),
            [res(VPC, "vpc"), res(DEFAULT_ACL, vpcId="vpc", ingress=[EVERYTHING_IN])],
        ],
        na=[OTHER],
        unknown=[[res(VPC, "vpc"), res(DEFAULT_ACL, vpcId="vpc", ingress=UNKNOWN)]],
    ),
    "EC2.171": Case(
        good=[TUNNELS],
        bad=[
            Change({"tunnel2LogOptions": ABSENT}),
            Change({"tunnel1LogOptions.cloudwatchLogOptions.logEnabled": False}),
        ],
        na=[OTHER],
        unknown=[Change({"tunnel1LogOptions": UNKNOWN})],
    ),
    "EC2.172": Case(
        good=[
            [res(BLOCK, internetGatewayBlockMode="block-ingress")],
            [res(BLOCK, internetGatewayBlockMode="block-bidirectional")],
        ],
        bad=[Change({"internetGatewayBlockMode": "off"})],
        na=[OTHER],
        unknown=[Change({"internetGatewayBlockMode": UNKNOWN})],
    ),
    "EC2.180": Case(
        good=[[res(INTERFACE, subnetId="s", tags=TAGS)], [res(INTERFACE, sourceDestCheck=True)]],
        bad=[Change({"sourceDestCheck": False})],
        na=[OTHER, [res(INTERFACE, interfaceType="nat_gateway", sourceDestCheck=False)]],
        unknown=[Change({"sourceDestCheck": UNKNOWN})],
    ),
    "EC2.183": Case(
        good=[TUNNELS],
        bad=[Change({"tunnel1IkeVersions": ["ikev1", "ikev2"]}), Change({"tunnel2IkeVersions": ABSENT})],
        na=[OTHER],
        unknown=[Change({"tunnel1IkeVersions": UNKNOWN})],
    ),
    "MD.EC2.4": Case(
        good=[[res(DEFAULT_ACL, defaultNetworkAclId="acl-1", tags=TAGS)]],
        bad=[Change({"ingress": [{"ruleNo": 100, "action": "allow", "protocol": "-1", "cidrBlock": "0.0.0.0/0"}]})],
        na=[OTHER, [acl(EVERYTHING)]],
        unknown=[Change({"ingress": UNKNOWN})],
    ),
    "MD.EC2.5": Case(
        good=[
            PEERED,
            [res(ROUTE_TABLE, routes=[{"cidrBlock": "10.9.1.0/24", "vpcPeeringConnectionId": "pcx"}]), *PEERED[1:]],
        ],
        bad=[
            Change({"destinationCidrBlock": "0.0.0.0/0"}),
            Change({"destinationCidrBlock": "10.9.0.0/16"}),
            Change({"destinationCidrBlock": ABSENT, "destinationIpv6CidrBlock": "::/0"}),
            [res(ROUTE_TABLE, routes=[{"cidrBlock": "10.9.0.0/16", "vpcPeeringConnectionId": "pcx"}]), *PEERED[1:]],
        ],
        na=[OTHER, [res(ROUTE, destinationCidrBlock="0.0.0.0/0", natGatewayId="nat")], [res(ROUTE_TABLE)]],
        unknown=[Change({"destinationCidrBlock": UNKNOWN})],
    ),
    "MD.EC2.6": Case(good=[NETWORK], bad=[[res(DEFAULT_VPC)]], na=[OTHER]),
    "MD.EC2.7": Case(
        good=[[endpoint("sqs")]],
        bad=[Change({"privateDnsEnabled": False}), Change({"privateDnsEnabled": ABSENT})],
        na=[OTHER, [res(ENDPOINT, serviceName=f"{REGION}.s3")]],
        unknown=[Change({"privateDnsEnabled": UNKNOWN})],
    ),
    "MD.EC2.8": Case(
        good=[[res(ENDPOINT_SERVICE, acceptanceRequired=True, tags=TAGS)]],
        bad=[Change({"acceptanceRequired": False})],
        na=[OTHER],
        unknown=[Change({"acceptanceRequired": UNKNOWN})],
    ),
    "MD.EC2.9": Case(
        good=[TUNNELS],
        bad=[Change({"presharedKeyStorage": "Standard"}), Change({"presharedKeyStorage": ABSENT})],
        na=[OTHER],
        unknown=[Change({"presharedKeyStorage": UNKNOWN})],
    ),
    "MD.EC2.10": Case(
        good=[[res(CLIENT_VPN, splitTunnel=False, connectionLogOptions={"enabled": True})], [res(CLIENT_VPN)]],
        bad=[Change({"splitTunnel": True})],
        na=[OTHER],
        unknown=[Change({"splitTunnel": UNKNOWN})],
    ),
}

for control_id, service in SERVICES.items():
    without = [item for item in NETWORK if item.name != service]
    CASES[control_id] = Case(
        good=[NETWORK],
        bad=[
            Drop(ENDPOINT),
            without,
            [*without, endpoint(service, vpcId="vpc-elsewhere")],
            *([] if service == "s3" else [[*without, endpoint(service, vpcEndpointType="Gateway")]]),
        ],
        na=[OTHER],
        unknown=[[*without, res(ENDPOINT, vpcId="vpc", serviceName=UNKNOWN, vpcEndpointType="Interface")]],
        also=frozenset(SERVICES) - {control_id},
    )
