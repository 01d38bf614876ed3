"""Security Hub's tagging controls for networks, compute, containers, databases and distributions: one row each."""

from __future__ import annotations

from policies.lang.resources import Resource
from policies.model import Control, Each, Severity, Verdict, bad, ok
from policies.rules import tagged

GROUP = "aws:autoscaling/group:Group"

#: Security Hub's control and the types that it is about.
TAGGED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("CloudFront.14", ("aws:cloudfront/distribution:Distribution",)),
    (
        "EC2.33",
        (
            "aws:ec2transitgateway/vpcAttachment:VpcAttachment",
            "aws:ec2transitgateway/peeringAttachment:PeeringAttachment",
        ),
    ),
    ("EC2.34", ("aws:ec2transitgateway/routeTable:RouteTable",)),
    ("EC2.35", ("aws:ec2/networkInterface:NetworkInterface",)),
    ("EC2.36", ("aws:ec2/customerGateway:CustomerGateway",)),
    ("EC2.37", ("aws:ec2/eip:Eip",)),
    ("EC2.38", ("aws:ec2/instance:Instance",)),
    ("EC2.39", ("aws:ec2/internetGateway:InternetGateway",)),
    ("EC2.40", ("aws:ec2/natGateway:NatGateway",)),
    ("EC2.41", ("aws:ec2/networkAcl:NetworkAcl", "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl")),
    ("EC2.42", ("aws:ec2/routeTable:RouteTable", "aws:ec2/defaultRouteTable:DefaultRouteTable")),
    (
        "EC2.43",
        ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"),
    ),
    ("EC2.44", ("aws:ec2/subnet:Subnet", "aws:ec2/defaultSubnet:DefaultSubnet")),
    ("EC2.45", ("aws:ebs/volume:Volume",)),
    ("EC2.46", ("aws:ec2/vpc:Vpc", "aws:ec2/defaultVpc:DefaultVpc")),
    ("EC2.47", ("aws:ec2/vpcEndpointService:VpcEndpointService",)),
    ("EC2.48", ("aws:ec2/flowLog:FlowLog",)),
    ("EC2.49", ("aws:ec2/vpcPeeringConnection:VpcPeeringConnection",)),
    ("EC2.50", ("aws:ec2/vpnGateway:VpnGateway",)),
    ("EC2.52", ("aws:ec2transitgateway/transitGateway:TransitGateway",)),
    ("EC2.174", ("aws:ec2/vpcDhcpOptions:VpcDhcpOptions",)),
    ("EC2.175", ("aws:ec2/launchTemplate:LaunchTemplate",)),
    ("EC2.176", ("aws:ec2/managedPrefixList:ManagedPrefixList",)),
    ("EC2.177", ("aws:ec2/trafficMirrorSession:TrafficMirrorSession",)),
    ("EC2.178", ("aws:ec2/trafficMirrorFilter:TrafficMirrorFilter",)),
    ("EC2.179", ("aws:ec2/trafficMirrorTarget:TrafficMirrorTarget",)),
    ("ECR.4", ("aws:ecrpublic/repository:Repository",)),
    ("ECS.13", ("aws:ecs/service:Service",)),
    ("ECS.14", ("aws:ecs/cluster:Cluster",)),
    ("ECS.15", ("aws:ecs/taskDefinition:TaskDefinition",)),
    ("RDS.28", ("aws:rds/cluster:Cluster",)),
    ("RDS.29", ("aws:rds/clusterSnapshot:ClusterSnapshot",)),
    ("RDS.30", ("aws:rds/instance:Instance", "aws:rds/clusterInstance:ClusterInstance")),
    ("RDS.32", ("aws:rds/snapshot:Snapshot",)),
    ("RDS.33", ("aws:rds/subnetGroup:SubnetGroup",)),
)

_REMEDIATION = "Give it tags, or set default tags on the provider."


def _group_tagged(group: Resource) -> Verdict:
    """Auto Scaling groups have a list of tags, and take none from the provider's defaults."""
    keys = [tag.text("key") for tag in group.each("tags")]
    if any(key and not key.startswith("aws:") for key in keys):
        return ok()
    return bad("tags", group.raw("tags"), "give it tags that say whose it is (Project, Environment, Component)")


CONTROLS: tuple[Control, ...] = (
    Control(
        id="AutoScaling.10",
        severity=Severity.LOW,
        remediation="Give the autoscaling.Group tags; it takes none from the provider.",
        rule=Each((GROUP,), _group_tagged),
    ),
    *(
        Control(
            id=control_id,
            severity=Severity.LOW,
            remediation=_REMEDIATION,
            rule=tagged(types),
        )
        for control_id, types in TAGGED
    ),
)
