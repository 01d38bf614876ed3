"""Who is everybody: siblings of the shared sets of group a, over every operator, principal and kind of resource policy."""

from __future__ import annotations

from typing import Any

from policies.lang.resources import Resource
from tests.policies.build import UNKNOWN, res
from tests.policies.siblings import BAD, NA, OK, Sibling, allow, case, policy

_ORG = {"aws:PrincipalOrgID": "o-abcdefghij"}
_TOPIC = "arn:aws:sns:ap-south-1:111122223333:t"


def bucket(*statements: Any) -> tuple[Resource, Resource]:
    return (
        res("aws:s3/bucket:Bucket", "b", bucket="b", arn="arn:aws:s3:::b"),
        res("aws:s3/bucketPolicy:BucketPolicy", "bp", bucket="b", policy=policy(*statements)),
    )


def read(condition: Any = None, principal: Any = "*") -> dict[str, Any]:
    return allow("s3:GetObject", ["arn:aws:s3:::b", "arn:aws:s3:::b/*"], principal=principal, condition=condition)


def _s3(name: str, answer: str, condition: Any = None, principal: Any = "*") -> Sibling:
    return case(f"s3-{name}", {"S3.2": answer, "MD.S3.4": answer}, *bucket(read(condition, principal)))


#: Conditions under which `*` is still everybody.
_OPEN: dict[str, Any] = {
    "nothing": None,
    "org-question-mark": {"StringLike": {"aws:PrincipalOrgID": "o-?bcdefghij"}},
    "org-like-star": {"StringLike": {"aws:PrincipalOrgID": ["*"]}},
    "org-paths-star": {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-abc/*", "*"]}},
    "account-if-exists": {"StringEqualsIfExists": {"aws:PrincipalAccount": "111122223333"}},
    "account-not-equals": {"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}},
    "account-not-null": {"Null": {"aws:PrincipalAccount": "false"}},
    "account-variable-default": {"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount, '1'}"}},
    "for-all-values-lower": {"forallvalues:stringequals": {"aws:principalorgid": "o-abcdefghij"}},
    "for-all-values-ip": {"ForAllValues:IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    "arn-like-root-star": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}},
    "principal-arn-in-any-account": {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/deploy"}},
    "ip-not": {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    "ip-world-v6": {"IpAddress": {"aws:SourceIp": "::/0"}},
    "ip-v6-slash-1": {"IpAddress": {"aws:SourceIp": ["::/1", "8000::/1"]}},
    "ip-v6-unicast": {"IpAddress": {"AWS:SourceIP": "2000::/3"}},
    "ip-v6-halves": {"IpAddress": {"aws:SourceIp": ["2000::/4", "3000::/4"]}},
    "ip-slash-seven": {"IpAddress": {"aws:SourceIp": "2.0.0.0/7"}},
    "ip-zero": {"IpAddress": {"aws:SourceIp": ["0.0.0.0/0", "203.0.113.0/24"]}},
    "ip-host-form": {"IpAddress": {"aws:SourceIp": "8.8.8.8/0"}},
    "ip-and-private": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/1", "128.0.0.0/1"]}},
    "ip-if-exists": {"IpAddressIfExists": {"aws:SourceIp": "203.0.113.7/32"}},
    "tls": {"Bool": {"aws:SecureTransport": ["true"]}},
    "tls-boolean": {"Bool": {"aws:SecureTransport": True}},
    "referer": {"StringLike": {"aws:Referer": "https://www.example.com/*"}},
    "user-agent": {"StringEquals": {"aws:UserAgent": "secret"}},
    "existing-tag": {"StringEquals": {"s3:ExistingObjectTag/public": "yes"}},
    "prefix": {"StringLike": {"s3:prefix": "home/${aws:username}/*"}},
    "principal-tag": {"StringEquals": {"aws:PrincipalTag/team": "a"}},
    "requested-region": {"StringEquals": {"aws:RequestedRegion": "ap-south-1"}},
    "date": {"DateLessThan": {"aws:CurrentTime": "2099-01-01T00:00:00Z"}},
    "principal-type": {"StringEquals": {"aws:PrincipalType": "Account"}},
    "via-service": {"Bool": {"aws:ViaAWSService": "false"}},
    "source-vpce-star": {"StringLike": {"aws:SourceVpce": "vpce-*"}},
    "source-vpc-not": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}},
    "user-id-star": {"StringLike": {"aws:userid": "*"}},
    "one-fixed-one-star": {"StringLike": {"aws:PrincipalAccount": ["111122223333", "*"]}},
    "empty-list": {"StringEquals": {"aws:PrincipalAccount": []}},
}
#: Conditions that keep `*` to somebody.
_CLOSED: dict[str, Any] = {
    "org": {"StringEquals": _ORG},
    "org-like-without-wildcard": {"StringLike": _ORG},
    "org-lower-case": {"stringequals": {"AWS:PRINCIPALORGID": "o-abcdefghij"}},
    "account-number": {"StringEquals": {"aws:PrincipalAccount": 111122223333}},
    "account-list": {"StringEquals": {"aws:PrincipalAccount": ["111122223333", "444455556666"]}},
    "account-ignoring-case": {"StringEqualsIgnoreCase": {"aws:PrincipalAccount": "111122223333"}},
    "source-arn": {"ArnLike": {"aws:SourceArn": _TOPIC}},
    "arn-equals": {"ArnEquals": {"AWS:SourceArn": _TOPIC}},
    "vpce": {"StringEquals": {"aws:sourceVpce": "vpce-0a1b"}},
    "vpc": {"StringEquals": {"aws:SourceVpc": ["vpc-1", "vpc-2"]}},
    "ip": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    "ip-v6": {"IpAddress": {"aws:SourceIp": ["2001:db8:1234::/48"]}},
    "ip-bare": {"IpAddress": {"aws:SourceIp": "203.0.113.7"}},
    "ip-slash-8": {"IpAddress": {"aws:SourceIp": "11.0.0.0/8"}},
    "second-condition": {"Bool": {"aws:SecureTransport": "true"}, "StringEquals": _ORG},
    "any-value": {"ForAnyValue:StringEquals": {"aws:PrincipalOrgPaths": ["o-a/r-b/ou-c/"]}},
}
#: Principals that are everybody, and ones that are not.
_PRINCIPALS: dict[str, tuple[Any, str]] = {
    "aws-star": ({"AWS": "*"}, BAD),
    "aws-list-star": ({"AWS": ["arn:aws:iam::111122223333:root", "*"]}, BAD),
    "list-star": (["*"], BAD),
    "canonical-and-star": ({"CanonicalUser": "79a5", "AWS": ["*"]}, BAD),
    "federated-star": ({"Federated": "*"}, BAD),
    "service-star": ({"Service": "*"}, BAD),
    "account": ({"AWS": "111122223333"}, OK),
    "account-root": ({"AWS": "arn:aws:iam::999999999999:root"}, OK),
    "role": ({"AWS": "arn:aws:iam::111122223333:role/r"}, OK),
    "canonical": ({"CanonicalUser": "79a59df900b949e55d96a1e698fbaced"}, OK),
}


def _permission(name: str, answer: str, **props: Any) -> Sibling:
    return case(
        f"lambda-{name}",
        {"Lambda.1": answer},
        res("aws:lambda/permission:Permission", action="lambda:InvokeFunction", function="f", **props),
    )


_FUNCTION_ARN = "arn:aws:events:ap-south-1:111122223333:rule/nightly"

CASES: list[Sibling] = [
    *(_s3(f"open-{name}", BAD, condition) for name, condition in _OPEN.items()),
    *(_s3(f"closed-{name}", OK, condition) for name, condition in _CLOSED.items()),
    *(_s3(f"principal-{name}", answer, None, who) for name, (who, answer) in _PRINCIPALS.items()),
    case(
        "efs-open-to-mount-targets",
        {"MD.IAM.9": OK},
        res(
            "aws:efs/fileSystemPolicy:FileSystemPolicy",
            policy=policy(
                allow(
                    "elasticfilesystem:ClientMount",
                    principal="*",
                    condition={"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
                )
            ),
        ),
    ),
    case(
        "kms-grant-to-everybody",
        {"KMS.5": BAD},
        res("aws:kms/grant:Grant", keyId="k", granteePrincipal="*", operations=["Decrypt"]),
    ),
    case(
        "kms-grant-to-any-account",
        {"KMS.5": BAD},
        res("aws:kms/grant:Grant", keyId="k", granteePrincipal="arn:aws:iam::*:root", operations=["Decrypt"]),
    ),
    case(
        "kms-grant-to-a-role",
        {"KMS.5": OK},
        res("aws:kms/grant:Grant", keyId="k", granteePrincipal="arn:aws:iam::1:role/r", operations=["Decrypt"]),
    ),
    case(
        "kms-by-caller-account",
        {"KMS.5": OK},
        res(
            "aws:kms/key:Key",
            policy=policy(
                allow(
                    "kms:*", principal={"AWS": "*"}, condition={"StringEquals": {"kms:CallerAccount": "111122223333"}}
                )
            ),
        ),
    ),
    case(
        "kms-via-service-alone",
        {"KMS.5": BAD},
        res(
            "aws:kms/key:Key",
            policy=policy(
                allow(
                    "kms:*",
                    principal={"AWS": "*"},
                    condition={"StringEquals": {"kms:ViaService": "s3.ap-south-1.amazonaws.com"}},
                )
            ),
        ),
    ),
    case(
        "queue-source-account",
        {"SQS.3": OK},
        res(
            "aws:sqs/queue:Queue",
            policy=policy(
                allow("sqs:SendMessage", principal="*", condition={"StringEquals": {"AWS:SourceAccount": 111122223333}})
            ),
        ),
    ),
    case(
        "queue-source-arn-of-one-bucket",
        {"SQS.3": OK},
        res(
            "aws:sqs/queue:Queue",
            policy=policy(
                allow("sqs:SendMessage", principal="*", condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::b"}})
            ),
        ),
    ),
    case(
        "queue-source-arn-star-names",
        {"SQS.3": BAD},
        res(
            "aws:sqs/queue:Queue",
            policy=policy(
                allow("sqs:*", principal="*", condition={"StringLike": {"aws:SourceArn": "arn:aws:s3:*:*:*"}})
            ),
        ),
    ),
    case(
        "queue-source-arn-list-with-one-star",
        {"SQS.3": BAD},
        res(
            "aws:sqs/queuePolicy:QueuePolicy",
            queueUrl="q",
            policy=policy(
                allow("sqs:*", principal={"AWS": ["*"]}, condition={"ArnEquals": {"aws:SourceArn": [_TOPIC, "*"]}})
            ),
        ),
    ),
    case(
        "topic-default-policy",
        {"SNS.4": OK},
        res(
            "aws:sns/topic:Topic",
            policy=policy(
                allow(
                    ["SNS:Publish", "SNS:Subscribe"],
                    _TOPIC,
                    principal={"AWS": "*"},
                    condition={"StringEquals": {"AWS:SourceOwner": "111122223333"}},
                )
            ),
        ),
    ),
    case(
        "topic-endpoint-star",
        {"SNS.4": BAD},
        res(
            "aws:sns/topicPolicy:TopicPolicy",
            arn=_TOPIC,
            policy=policy(
                allow("SNS:Subscribe", principal="*", condition={"StringLike": {"sns:Endpoint": "*@example.com"}})
            ),
        ),
    ),
    case("topic-without-policy", {"SNS.4": NA}, res("aws:sns/topic:Topic")),
    _permission("nothing", BAD, principal="*"),
    _permission("source-account", OK, principal="*", sourceAccount="111122223333"),
    _permission("source-account-number", OK, principal="*", sourceAccount=111122223333),
    _permission("org-star", BAD, principal="*", principalOrgId="o-*"),
    _permission("org", OK, principal="*", principalOrgId="o-abcdefghij"),
    _permission("source-arn-any-account", BAD, principal="*", sourceArn="arn:aws:events:*:*:rule/*"),
    _permission("service-without-source", BAD, principal="s3.amazonaws.com"),
    _permission(
        "service-with-account-and-bucket",
        OK,
        principal="s3.amazonaws.com",
        sourceArn="arn:aws:s3:::b",
        sourceAccount="111122223333",
    ),
    _permission("service-any-bucket", BAD, principal="s3.amazonaws.com", sourceArn="arn:aws:s3:::*"),
    _permission("service-rule", OK, principal="events.amazonaws.com", sourceArn=_FUNCTION_ARN),
    _permission("account", OK, principal="111122223333"),
    _permission("url-public", BAD, principal="*", functionUrlAuthType="NONE"),
    case(
        "layer-to-an-organisation",
        {"Lambda.1": OK},
        res(
            "aws:lambda/layerVersionPermission:LayerVersionPermission",
            layerName="l",
            principal="*",
            organizationId="o-abcdefghij",
            action="lambda:GetLayerVersion",
        ),
    ),
    case(
        "event-permission-to-everybody",
        {"MD.IAM.9": BAD},
        res("aws:cloudwatch/eventPermission:EventPermission", principal="*", statementId="s"),
    ),
    case(
        "event-permission-to-an-organisation",
        {"MD.IAM.9": OK},
        res(
            "aws:cloudwatch/eventPermission:EventPermission",
            principal="*",
            statementId="s",
            condition={"key": "aws:PrincipalOrgID", "type": "StringEquals", "value": "o-abcdefghij"},
        ),
    ),
    case(
        "endpoint-service-to-everybody",
        {"MD.IAM.9": BAD},
        res("aws:ec2/vpcEndpointService:VpcEndpointService", allowedPrincipals=["arn:aws:iam::1:root", "*"]),
    ),
    case(
        "second-statement-is-open",
        {"SQS.3": BAD},
        res(
            "aws:sqs/queue:Queue",
            policy=policy(allow("sqs:*", principal={"AWS": "111122223333"}), allow("sqs:SendMessage", principal="*")),
        ),
    ),
    case(
        "document-as-object",
        {"SQS.3": BAD},
        res(
            "aws:sqs/queue:Queue",
            policy={"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]},
        ),
    ),
    case(
        "open-statement-beside-an-unknown-one",
        {"SQS.3": BAD},
        res(
            "aws:sqs/queue:Queue",
            policy={
                "Statement": [
                    {"Effect": "Allow", "Principal": {"AWS": UNKNOWN}, "Action": "sqs:*", "Resource": "*"},
                    {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"},
                ]
            },
        ),
    ),
]
