"""What the other siblings take for granted: partitions, denies with exceptions, permission sets, what only a VPC reaches."""

from __future__ import annotations

from typing import Any

from policies.lang.resources import Resource
from tests.policies.build import UNKNOWN, res
from tests.policies.siblings import BAD, NA, OK, TELL, Sibling, allow, case, deny, policy

_POLICY = "aws:iam/policy:Policy"
_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
_ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
_SET = "aws:ssoadmin/permissionSet:PermissionSet"
_INSTANCE = "arn:aws:sso:::instance/ssoins-1"
_SET_ARN = "arn:aws:sso:::permissionSet/ssoins-1/ps-1"
_TASKS = policy(
    allow(
        "sts:AssumeRole",
        None,
        principal={"Service": "ecs-tasks.amazonaws.com"},
        condition={"StringEquals": {"aws:SourceAccount": "111122223333"}},
    )
)


def _role(**props: Any) -> Resource:
    return res("aws:iam/role:Role", "r", **({"name": "r", "tags": {"a": "b"}, "assumeRolePolicy": _TASKS} | props))


def _inline(*statements: Any) -> Resource:
    return res("aws:iam/rolePolicy:RolePolicy", "p", role="r", policy=policy(*statements))


def _plain_http(partition: str) -> dict[str, Any]:
    return deny(
        "s3:*",
        [f"arn:{partition}:s3:::b", f"arn:{partition}:s3:::b/*"],
        principal="*",
        condition={"Bool": {"aws:SecureTransport": "false"}},
    )


def _deputy(service: str) -> Resource:
    return _role(assumeRolePolicy=policy(allow("sts:AssumeRole", None, principal={"Service": service})))


def _partition(name: str) -> list[Sibling]:
    """The same faults in another partition."""
    suffix = ".cn" if name == "aws-cn" else ""
    return [
        case(
            f"{name}-everything",
            {"IAM.1": BAD},
            res(_POLICY, "p", policy=policy(allow("*", f"arn:{name}:*:*:*:*"))),
        ),
        case(f"{name}-star-arn", {"IAM.1": BAD}, res(_POLICY, "p", policy=policy(allow("*", f"arn:{name}:*")))),
        case(f"{name}-one-bucket", {"IAM.1": OK}, res(_POLICY, "p", policy=policy(allow("*", f"arn:{name}:s3:::b")))),
        case(f"{name}-every-bucket", {"MD.IAM.7": BAD}, _inline(allow("s3:GetObject", f"arn:{name}:s3:::*"))),
        case(f"{name}-every-key", {"KMS.2": BAD}, _inline(allow("kms:Decrypt", f"arn:{name}:kms:*:*:key/*"))),
        case(
            f"{name}-pass-any-role",
            {"MD.IAM.2": BAD},
            _role(),
            _inline(allow("iam:PassRole", f"arn:{name}:iam::*:role/*"), allow("lambda:CreateFunction", "*")),
        ),
        case(
            f"{name}-its-own-role",
            {"MD.IAM.2": BAD},
            _role(),
            _inline(allow("iam:PutRolePolicy", f"arn:{name}:iam::111122223333:role/r")),
        ),
        case(
            f"{name}-administrator",
            {"MD.IAM.2": BAD},
            _role(),
            res(_ATTACHMENT, "a", role="r", policyArn=_ADMIN.replace("aws:", f"{name}:", 1)),
        ),
        case(
            f"{name}-any-account-takes-it",
            {"MD.IAM.4": BAD},
            _role(assumeRolePolicy=policy(allow("sts:AssumeRole", None, principal={"AWS": f"arn:{name}:iam::*:root"}))),
        ),
        case(
            f"{name}-plain-http-denied",
            {"S3.5": OK},
            res("aws:s3/bucket:Bucket", "b", bucket="b", arn=f"arn:{name}:s3:::b"),
            res("aws:s3/bucketPolicy:BucketPolicy", "bp", bucket="b", policy=policy(_plain_http(name))),
        ),
        case(
            f"{name}-plain-http-denied-on-another-bucket",
            {"S3.5": BAD},
            res("aws:s3/bucket:Bucket", "c", bucket="c", arn=f"arn:{name}:s3:::c"),
            res("aws:s3/bucketPolicy:BucketPolicy", "cp", bucket="c", policy=policy(_plain_http(name))),
        ),
        case(f"{name}-instance-profile", {"MD.IAM.8": NA}, _deputy(f"ec2.amazonaws.com{suffix}")),
        case(f"{name}-deputy", {"MD.IAM.8": BAD}, _deputy(f"ssm.amazonaws.com{suffix}")),
        case(
            f"{name}-function-for-any-bucket",
            {"Lambda.1": BAD},
            res(
                "aws:lambda/permission:Permission",
                action="lambda:InvokeFunction",
                function="f",
                principal=f"s3.amazonaws.com{suffix}",
                sourceArn=f"arn:{name}:s3:::*",
            ),
        ),
    ]


def _denied(name: str, answer: str, statement: dict[str, Any]) -> Sibling:
    return case(f"deny-{name}", {"MD.IAM.2": answer}, _role(), _inline(allow("iam:*", "*"), statement))


def _set(name: str, answer: str, *carriers: Resource, **props: Any) -> Sibling:
    made = res(
        _SET, "s", id=f"{_SET_ARN},{_INSTANCE}", **({"arn": _SET_ARN, "name": "s", "instanceArn": _INSTANCE} | props)
    )
    return case(f"permission-set-{name}", {"MD.IAM.2": answer}, made, *carriers)


def _managed_attachment(arn: Any) -> Resource:
    return res(
        "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment",
        "m",
        permissionSetArn=_SET_ARN,
        instanceArn=_INSTANCE,
        managedPolicyArn=arn,
    )


def _set_inline(*statements: Any) -> Resource:
    return res(
        "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy",
        "i",
        permissionSetArn=_SET_ARN,
        instanceArn=_INSTANCE,
        inlinePolicy=policy(*statements),
    )


def _customer_attachment(name: str) -> Resource:
    return res(
        "aws:ssoadmin/customerManagedPolicyAttachment:CustomerManagedPolicyAttachment",
        "c",
        permissionSetArn=_SET_ARN,
        instanceArn=_INSTANCE,
        customerManagedPolicyReference={"name": name, "path": "/"},
    )


def _set_boundary(**boundary: Any) -> Resource:
    return res(
        "aws:ssoadmin/permissionsBoundaryAttachment:PermissionsBoundaryAttachment",
        "b",
        permissionSetArn=_SET_ARN,
        instanceArn=_INSTANCE,
        permissionsBoundary=boundary,
    )


_OPEN = policy(allow("*", "*", principal="*"))
_VPC_POINT = {"vpcConfiguration": {"vpcId": "vpc-1"}}
_DOMAIN = "aws:opensearch/domain:Domain"
_IN_VPC = {"vpcOptions": {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}}

CASES: list[Sibling] = [
    *_partition("aws-cn"),
    *_partition("aws-us-gov"),
    # What a deny leaves out is not denied.
    _denied(
        "everything-but-one-role", BAD, {"Effect": "Deny", "Action": "iam:*", "NotResource": "arn:aws:iam::1:role/x"}
    ),
    _denied("nothing", BAD, {"Effect": "Deny", "Action": "*", "NotResource": "*"}),
    _denied("everything-but-iam", BAD, {"Effect": "Deny", "NotAction": ["iam:*"], "Resource": "*"}),
    _denied("one-role", BAD, deny("iam:*", "arn:aws:iam::111122223333:role/other")),
    _denied("all-of-it", OK, {"Effect": "Deny", "NotAction": ["s3:*"], "Resource": "*"}),
    case(
        "administrator-inside-a-boundary-of-awss",
        {"MD.IAM.2": OK},
        _role(permissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess", managedPolicyArns=[_ADMIN]),
    ),
    case(
        "administrator-inside-a-wide-boundary-of-awss",
        {"MD.IAM.2": BAD},
        _role(permissionsBoundary="arn:aws:iam::aws:policy/IAMFullAccess", managedPolicyArns=[_ADMIN]),
    ),
    # Permission sets: what people have through IAM Identity Center.
    _set("administrator", BAD, _managed_attachment(_ADMIN)),
    _set("read-only", OK, _managed_attachment("arn:aws:iam::aws:policy/ReadOnlyAccess")),
    _set("empty", OK),
    _set("unknown-policy", TELL, _managed_attachment(UNKNOWN)),
    _set("escalates-inline", BAD, _set_inline(allow("iam:PutRolePolicy", "*"))),
    _set("reads-inline", OK, _set_inline(allow("s3:GetObject", "arn:aws:s3:::b/*"))),
    _set(
        "customer-administrator",
        BAD,
        _customer_attachment("wide"),
        res(_POLICY, "w", name="wide", policy=policy(allow("*", "*"))),
    ),
    _set("customer-elsewhere", TELL, _customer_attachment("wide")),
    _set(
        "administrator-inside-a-boundary",
        OK,
        _managed_attachment(_ADMIN),
        _set_boundary(managedPolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"),
    ),
    _set(
        "administrator-inside-a-boundary-elsewhere",
        TELL,
        _managed_attachment(_ADMIN),
        _set_boundary(customerManagedPolicyReference={"name": "x"}),
    ),
    _set(
        "of-another-set",
        OK,
        res(
            "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment",
            "m",
            permissionSetArn="arn:aws:sso:::permissionSet/ssoins-1/ps-2",
            managedPolicyArn=_ADMIN,
        ),
    ),
    # What only a VPC reaches is never public, whatever its policy says (S3 and OpenSearch guides).
    case(
        "access-point-of-a-vpc",
        {"MD.S3.4": NA},
        res("aws:s3/accessPoint:AccessPoint", bucket="b", policy=_OPEN, **_VPC_POINT),
    ),
    case(
        "access-point-of-the-internet",
        {"MD.S3.4": BAD},
        res("aws:s3/accessPoint:AccessPoint", bucket="b", policy=_OPEN),
    ),
    case(
        "access-point-policy-of-a-vpc",
        {"MD.S3.4": NA},
        res(
            "aws:s3/accessPoint:AccessPoint", "a", arn="arn:aws:s3:ap-south-1:1:accesspoint/a", bucket="b", **_VPC_POINT
        ),
        res(
            "aws:s3control/accessPointPolicy:AccessPointPolicy",
            "p",
            accessPointArn="arn:aws:s3:ap-south-1:1:accesspoint/a",
            policy=_OPEN,
        ),
    ),
    case(
        "access-point-policy-beside",
        {"MD.S3.4": BAD},
        res("aws:s3/accessPoint:AccessPoint", "a", arn="arn:aws:s3:ap-south-1:1:accesspoint/a", bucket="b"),
        res(
            "aws:s3control/accessPointPolicy:AccessPointPolicy",
            "p",
            accessPointArn="arn:aws:s3:ap-south-1:1:accesspoint/a",
            policy=_OPEN,
        ),
    ),
    case("search-in-a-vpc", {"MD.IAM.9": NA}, res(_DOMAIN, accessPolicies=_OPEN, **_IN_VPC)),
    case("search-on-the-internet", {"MD.IAM.9": BAD}, res(_DOMAIN, accessPolicies=_OPEN)),
    case(
        "old-search-in-a-vpc", {"MD.IAM.9": NA}, res("aws:elasticsearch/domain:Domain", accessPolicies=_OPEN, **_IN_VPC)
    ),
    case(
        "search-policy-beside",
        {"MD.IAM.9": BAD},
        res(_DOMAIN, "d", domainName="d"),
        res("aws:opensearch/domainPolicy:DomainPolicy", "p", domainName="d", accessPolicies=_OPEN),
    ),
]
