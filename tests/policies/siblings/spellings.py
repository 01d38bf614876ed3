"""Principals, rules and settings in less usual forms: resources beside the one that is judged, numbers, text, groups of all."""

from __future__ import annotations

from tests.policies.build import res
from tests.policies.siblings import BAD, OK, Sibling, case
from tests.policies.siblings.public import bucket, read

CASES: list[Sibling] = [
    # Principals of other forms.
    case(
        "assumed-role-of-any-account",
        {"S3.2": BAD},
        *bucket(read(principal={"AWS": "arn:aws:sts::*:assumed-role/r/s"})),
    ),
    case("canonical-star", {"S3.2": BAD}, *bucket(read(principal={"CanonicalUser": "*"}))),
    case(
        "origin-access-identity",
        {"S3.2": OK, "MD.S3.4": OK},
        *bucket(read(principal={"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1"})),
    ),
    case(
        "deny-not-principal",
        {"S3.2": OK},
        *bucket({"Effect": "Deny", "NotPrincipal": {"AWS": "1"}, "Action": "s3:*", "Resource": "*"}),
    ),
    case(
        "not-action-reads",
        {"S3.2": BAD},
        *bucket({"Effect": "Allow", "Principal": "*", "NotAction": "s3:DeleteBucket", "Resource": "*"}),
    ),
    case(
        "public-behind-the-accounts-block",
        {"S3.2": OK, "S3.8": BAD},
        *bucket(read()),
        res(
            "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
            "acc",
            blockPublicAcls=True,
            blockPublicPolicy=True,
            ignorePublicAcls=True,
            restrictPublicBuckets=True,
        ),
    ),
    # The default security group, network ACLs and flow logs of other forms.
    case(
        "default-group-with-a-rule-beside",
        {"EC2.2": BAD},
        res("aws:ec2/vpc:Vpc", "v", id="vpc-1"),
        res("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "d", id="sg-1", vpcId="vpc-1"),
        res(
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "i",
            securityGroupId="sg-1",
            ipProtocol="-1",
            cidrIpv4="10.0.0.0/8",
        ),
    ),
    case(
        "default-group-with-an-egress-rule-beside",
        {"EC2.2": BAD},
        res("aws:ec2/vpc:Vpc", "v", id="vpc-1"),
        res("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "d", id="sg-1", vpcId="vpc-1"),
        res(
            "aws:ec2/securityGroupRule:SecurityGroupRule",
            "i",
            securityGroupId="sg-1",
            type="egress",
            protocol="-1",
            cidrBlocks=["10.0.0.0/8"],
        ),
    ),
    case(
        "flow-log-of-a-subnet",
        {"EC2.6": BAD},
        res("aws:ec2/vpc:Vpc", "v", id="vpc-1"),
        res("aws:ec2/flowLog:FlowLog", "f", subnetId="subnet-1", trafficType="ALL"),
    ),
    case(
        "flow-log-of-accepted",
        {"EC2.6": BAD},
        res("aws:ec2/vpc:Vpc", "v", id="vpc-1"),
        res("aws:ec2/flowLog:FlowLog", "f", vpcId="vpc-1", trafficType="ACCEPT"),
    ),
    case(
        "flow-log-of-rejected",
        {"EC2.6": OK},
        res("aws:ec2/vpc:Vpc", "v", id="vpc-1"),
        res("aws:ec2/flowLog:FlowLog", "f", vpcId="vpc-1", trafficType="REJECT"),
    ),
    *(
        case(
            f"acl-{name}",
            {"EC2.21": answer},
            res("aws:ec2/networkAcl:NetworkAcl", "a", id="acl-1", subnetIds=["s"]),
            *(
                res("aws:ec2/networkAclRule:NetworkAclRule", f"r{i}", networkAclId="acl-1", **rule)
                for i, rule in enumerate(rules)
            ),
        )
        for name, answer, rules in (
            (
                "v6-halves",
                BAD,
                [
                    {
                        "ruleNumber": 1,
                        "protocol": "tcp",
                        "fromPort": 22,
                        "toPort": 22,
                        "ruleAction": "allow",
                        "ipv6CidrBlock": "::/1",
                    },
                    {
                        "ruleNumber": 2,
                        "protocol": "tcp",
                        "fromPort": 22,
                        "toPort": 22,
                        "ruleAction": "allow",
                        "ipv6CidrBlock": "8000::/1",
                    },
                ],
            ),
            (
                "number-protocol",
                BAD,
                [
                    {
                        "ruleNumber": 1,
                        "protocol": 6,
                        "fromPort": 20,
                        "toPort": 25,
                        "ruleAction": "allow",
                        "cidrBlock": "0.0.0.0/0",
                    }
                ],
            ),
            (
                "every-protocol-number",
                BAD,
                [{"ruleNumber": 1, "protocol": -1, "ruleAction": "ALLOW", "cidrBlock": "0.0.0.0/0"}],
            ),
            (
                "denied-by-a-lower-number",
                OK,
                [
                    {"ruleNumber": 100, "protocol": "-1", "ruleAction": "allow", "cidrBlock": "0.0.0.0/0"},
                    {
                        "ruleNumber": 90,
                        "protocol": "tcp",
                        "fromPort": 22,
                        "toPort": 22,
                        "ruleAction": "deny",
                        "cidrBlock": "0.0.0.0/0",
                    },
                    {
                        "ruleNumber": 91,
                        "protocol": "tcp",
                        "fromPort": 3389,
                        "toPort": 3389,
                        "ruleAction": "deny",
                        "cidrBlock": "0.0.0.0/0",
                    },
                ],
            ),
            (
                "out-of-the-vpc",
                OK,
                [{"ruleNumber": 1, "egress": True, "protocol": "-1", "ruleAction": "allow", "cidrBlock": "0.0.0.0/0"}],
            ),
        )
    ),
    # Numbers and switches written as text, and protocols written as numbers.
    case("key-rotates-as-text", {"KMS.4": OK}, res("aws:kms/key:Key", enableKeyRotation="true")),
    case("key-does-not-rotate-as-text", {"KMS.4": BAD}, res("aws:kms/key:Key", enableKeyRotation="false")),
    case(
        "protocol-as-a-number",
        {"EC2.13": BAD, "EC2.18": BAD},
        res(
            "aws:ec2/securityGroup:SecurityGroup",
            ingress=[{"protocol": 6, "fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]}],
        ),
    ),
    case(
        "every-protocol-as-a-number",
        {"EC2.13": BAD, "EC2.19": BAD},
        res(
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            ipProtocol=-1,
            cidrIpv4="0.0.0.0/0",
            securityGroupId="g",
        ),
    ),
    # What is shared with everybody without a policy.
    case(
        "image-for-all",
        {"MD.EC2.34": BAD},
        res("aws:ec2/amiLaunchPermission:AmiLaunchPermission", imageId="ami-1", group="all"),
    ),
    case(
        "image-for-an-account",
        {"MD.EC2.34": OK},
        res("aws:ec2/amiLaunchPermission:AmiLaunchPermission", imageId="ami-1", accountId="111122223333"),
    ),
    case(
        "image-for-an-organisation",
        {"MD.EC2.34": OK},
        res(
            "aws:ec2/amiLaunchPermission:AmiLaunchPermission",
            imageId="ami-1",
            organizationArn="arn:aws:organizations::1:organization/o-1",
        ),
    ),
    case(
        "snapshot-for-all",
        {"EC2.1": BAD},
        res("aws:ec2/snapshotCreateVolumePermission:SnapshotCreateVolumePermission", snapshotId="s", accountId="all"),
    ),
    case(
        "database-snapshot-for-all",
        {"RDS.1": BAD},
        res("aws:rds/snapshot:Snapshot", dbInstanceIdentifier="d", sharedAccounts=["111122223333", "all"]),
    ),
    case(
        "database-snapshot-for-one",
        {"RDS.1": OK},
        res("aws:rds/snapshot:Snapshot", dbInstanceIdentifier="d", sharedAccounts=["111122223333"]),
    ),
    case(
        "cluster-snapshot-for-all",
        {"RDS.1": BAD},
        res("aws:rds/clusterSnapshot:ClusterSnapshot", dbClusterIdentifier="d", sharedAccounts=["all"]),
    ),
    case(
        "document-for-all",
        {"SSM.4": BAD},
        res("aws:ssm/document:Document", permissions={"type": "Share", "account_ids": "All"}),
    ),
    case(
        "template-with-old-metadata",
        {"EC2.170": BAD},
        res("aws:ec2/launchTemplate:LaunchTemplate", metadataOptions={"httpTokens": "optional"}),
    ),
    case(
        "template-without-metadata",
        {"EC2.170": OK},
        res("aws:ec2/launchTemplate:LaunchTemplate", metadataOptions={"httpEndpoint": "disabled"}),
    ),
    case(
        "function-url-for-all",
        {"MD.Lambda.3": BAD},
        res("aws:lambda/functionUrl:FunctionUrl", functionName="f", authorizationType="NONE"),
    ),
]
