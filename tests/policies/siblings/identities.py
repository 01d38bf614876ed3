"""Principals and accounts: siblings of the shared sets of groups b and d, over every way to hold or take rights."""

from __future__ import annotations

from typing import Any

from policies.lang.resources import Resource
from tests.policies.build import UNKNOWN, res
from tests.policies.siblings import BAD, NA, OK, TELL, Sibling, allow, case, deny, policy

_ROLE = "aws:iam/role:Role"
_INLINE = "aws:iam/rolePolicy:RolePolicy"
_POLICY = "aws:iam/policy:Policy"
_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
_ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
_GITHUB = "token.actions.githubusercontent.com"


def _trust(**principal: Any) -> str:
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"})


_TASKS = _trust(Service="ecs-tasks.amazonaws.com")


def _role(name: str = "r", **props: Any) -> Resource:
    return res(
        _ROLE, name, name=name, arn=f"arn:aws:iam::111122223333:role/{name}", **{"assumeRolePolicy": _TASKS} | props
    )


def _managed(name: str, right: dict[str, str], *statements: Any) -> Sibling:
    return case(f"managed-{name}", right, res(_POLICY, policy=policy(*statements)))


def _inline(name: str, right: dict[str, str], *statements: Any, kind: str = _INLINE, path: str = "policy") -> Sibling:
    return case(f"inline-{name}", right, res(kind, role="r", **{path: policy(*statements)}))


def _held(name: str, answer: str, *statements: Any, **role: Any) -> Sibling:
    """A role whose inline policy has these statements: whether it can raise its own rights."""
    return case(
        f"held-{name}", {"MD.IAM.2": answer}, _role(**role), res(_INLINE, "p", role="r", policy=policy(*statements))
    )


def _github(name: str, answer: str, aud: Any, sub: Any, operator: str = "StringLike") -> Sibling:
    tests = {f"{_GITHUB}:{claim}": value for claim, value in (("aud", aud), ("sub", sub)) if value is not None}
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{_GITHUB}"},
        "Action": ["sts:AssumeRoleWithWebIdentity"],
    }
    if tests:
        statement["Condition"] = {operator: tests}
    return case(f"oidc-{name}", {"MD.IAM.3": answer}, _role(assumeRolePolicy=policy(statement)))


def _deputy(name: str, answer: str, service: Any, condition: Any = None) -> Sibling:
    return case(
        f"deputy-{name}",
        {"MD.IAM.8": answer},
        _role(
            assumeRolePolicy=policy(allow("sts:AssumeRole", None, principal={"Service": service}, condition=condition))
        ),
    )


_PASS_TAGGED = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
_EVERYTHING = {"IAM.1": BAD}
_NOTHING = {"IAM.1": OK, "IAM.21": OK, "MD.IAM.7": OK, "KMS.1": OK}
CASES: list[Sibling] = [
    # Everything on everything, however it is written.
    _managed("everything", _EVERYTHING, allow("*", "*")),
    _managed("star-list", _EVERYTHING, allow(["*"], ["*"])),
    _managed("question-and-star", _EVERYTHING, allow("*:?*", "*")),
    _managed("double-star", _EVERYTHING, allow("**", "**")),
    _managed("arn-star", _EVERYTHING, allow("*", "arn:aws:*")),
    _managed("arn-parts", _EVERYTHING, allow("*:*", ["arn:*:*:*:*:*"])),
    _managed("second-statement", _EVERYTHING, allow("s3:GetObject", "arn:aws:s3:::b/*"), allow("*", "*")),
    _managed("star-beside-names", _EVERYTHING, allow(["s3:GetObject", "*"], ["arn:aws:s3:::b", "*"])),
    _managed("with-mfa", _EVERYTHING, allow("*", "*", condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}})),
    _managed("not-action-list", _EVERYTHING, {"Effect": "Allow", "NotAction": ["s3:*", "ec2:*"], "Resource": "*"}),
    _managed("not-resource", _EVERYTHING, {"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::b"}),
    _managed(
        "lower-case-effect-is-refused-by-aws-but-read", _EVERYTHING, {"Effect": "allow", "Action": "*", "Resource": "*"}
    ),
    _managed(
        "not-action-that-leaves-iam-out",
        {"IAM.1": OK, "IAM.21": BAD},
        {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
    ),
    _managed("deny-everything", _NOTHING, deny("*", "*")),
    _managed("deny-not-action", _NOTHING, {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}),
    _managed("one-bucket", _NOTHING, allow("s3:GetObject", "arn:aws:s3:::b/*")),
    _managed("service-star", {"IAM.1": OK, "IAM.21": BAD}, allow("s3:*", "arn:aws:s3:::b/*")),
    _managed("service-star-upper", {"IAM.21": BAD}, allow(["S3:*"], "arn:aws:s3:::b/*")),
    _managed("service-prefix", {"IAM.21": OK}, allow("s3:Get*", "arn:aws:s3:::b/*")),
    _managed("kms-decrypt-star", {"KMS.1": BAD}, allow("kms:Decrypt", "*")),
    _managed("kms-de-star", {"KMS.1": BAD}, allow("KMS:De*", "arn:aws:kms:*:111122223333:key/*")),
    _managed("kms-reencrypt", {"KMS.1": BAD}, allow(["kms:ReEncrypt*"], ["*"])),
    _managed("kms-reencrypt-to-alone", {"KMS.1": OK}, allow("kms:ReEncryptTo", "*")),
    _managed("kms-one-key", {"KMS.1": OK}, allow("kms:Decrypt", "arn:aws:kms:ap-south-1:1:key/1a2b")),
    _managed("kms-not-action", {"KMS.1": BAD}, {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
    _managed("kms-encrypt-star", {"KMS.1": OK}, allow(["kms:Encrypt", "kms:GenerateDataKey"], "*")),
    _inline("kms-star", {"KMS.2": BAD}, allow("kms:*", "*")),
    _inline("user-kms", {"KMS.2": BAD}, allow("kms:Decrypt", "*"), kind="aws:iam/userPolicy:UserPolicy"),
    _inline("group-kms", {"KMS.2": BAD}, allow("kms:D*", "*"), kind="aws:iam/groupPolicy:GroupPolicy"),
    case(
        "role-with-inline-decrypt",
        {"KMS.2": BAD, "MD.IAM.1": OK},
        _role(inlinePolicies=[{"name": "p", "policy": policy(allow("kms:Decrypt", "*"))}]),
    ),
    case(
        "role-with-inline-admin",
        {"MD.IAM.1": BAD},
        _role(inlinePolicies=[{"name": "a", "policy": UNKNOWN}, {"name": "p", "policy": policy(allow("*", "*"))}]),
    ),
    case("role-with-unknown-inline", {"MD.IAM.1": TELL}, _role(inlinePolicies=[{"name": "a", "policy": UNKNOWN}])),
    _inline("group-admin", {"MD.IAM.1": BAD}, allow("*", "*"), kind="aws:iam/groupPolicy:GroupPolicy"),
    _inline(
        "permission-set-admin",
        {"MD.IAM.1": BAD},
        allow("*:*", "*"),
        kind="aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy",
        path="inlinePolicy",
    ),
    # Resources left open.
    _inline("get-star", {"MD.IAM.7": BAD}, allow("s3:Get*", "*")),
    _inline("secret-values", {"MD.IAM.7": BAD}, allow(["secretsmanager:GetSecretValue"], "*")),
    _inline("parameter-path", {"MD.IAM.7": BAD}, allow("ssm:GetParameter*", "*")),
    _inline(
        "not-resource",
        {"MD.IAM.7": BAD},
        {"Effect": "Allow", "Action": "s3:PutObject", "NotResource": "arn:aws:s3:::a/*"},
    ),
    _inline("every-bucket", {"MD.IAM.7": BAD}, allow("s3:GetObject", "arn:aws:s3:::*")),
    _inline("every-queue", {"MD.IAM.7": BAD}, allow("sqs:SendMessage", "arn:aws:sqs:*:*:*")),
    _inline(
        "from-an-address",
        {"MD.IAM.7": BAD},
        allow("dynamodb:*", "*", condition={"IpAddress": {"aws:SourceIp": "203.0.113.7"}}),
    ),
    _inline(
        "by-region",
        {"MD.IAM.7": BAD},
        allow("s3:*", "*", condition={"StringEquals": {"aws:RequestedRegion": "ap-south-1"}}),
    ),
    _inline(
        "by-principal-tag",
        {"MD.IAM.7": BAD},
        allow("s3:*", "*", condition={"StringEquals": {"aws:PrincipalTag/a": "b"}}),
    ),
    _inline(
        "by-org-of-caller",
        {"MD.IAM.7": BAD},
        allow("s3:*", "*", condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
    ),
    _inline(
        "by-resource-tag",
        {"MD.IAM.7": OK},
        allow("ec2:StartInstances", "*", condition={"StringEquals": {"aws:ResourceTag/a": "b"}}),
    ),
    _inline(
        "by-resource-tag-if-exists",
        {"MD.IAM.7": BAD},
        allow("ec2:StartInstances", "*", condition={"StringEqualsIfExists": {"aws:ResourceTag/a": "b"}}),
    ),
    _inline(
        "by-cluster",
        {"MD.IAM.7": OK},
        allow("ecs:RunTask", "*", condition={"ArnEquals": {"ecs:cluster": "arn:aws:ecs:x:1:cluster/c"}}),
    ),
    _inline(
        "without-resource-type", {"MD.IAM.7": OK}, allow(["ecr:GetAuthorizationToken", "ec2:DescribeInstances"], "*")
    ),
    _inline("xray", {"MD.IAM.7": OK}, allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*")),
    _inline("list-all-buckets", {"MD.IAM.7": OK}, allow("s3:ListAllMyBuckets", "*")),
    _inline("describe-star", {"MD.IAM.7": OK}, allow("ec2:Describe*", "*")),
    # Escalation.
    _held("put-role-policy", BAD, allow("iam:PutRolePolicy", "*")),
    _held("attach-on-itself", BAD, allow("iam:AttachRolePolicy", "arn:aws:iam::111122223333:role/r")),
    _held("attach-on-another", OK, allow("iam:AttachRolePolicy", "arn:aws:iam::111122223333:role/other")),
    _held(
        "bounded",
        OK,
        allow(
            "iam:PutRolePolicy", "*", condition={"StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::1:policy/b"}}
        ),
    ),
    _held(
        "bounded-by-star",
        BAD,
        allow("iam:PutRolePolicy", "*", condition={"StringLike": {"iam:PermissionsBoundary": "*"}}),
    ),
    _held(
        "bounded-if-exists",
        BAD,
        allow(
            "iam:PutRolePolicy",
            "*",
            condition={"StringEqualsIfExists": {"iam:PermissionsBoundary": "arn:aws:iam::1:policy/b"}},
        ),
    ),
    _held(
        "pass-and-run-in-two-statements",
        BAD,
        allow("iam:PassRole", "arn:aws:iam::*:role/*"),
        allow(["lambda:CreateFunction"], "*"),
    ),
    _held(
        "pass-to-another-service",
        OK,
        allow("iam:PassRole", "*", condition=_PASS_TAGGED),
        allow("lambda:CreateFunction", "*"),
    ),
    _held("pass-one-role", OK, allow("iam:PassRole", "arn:aws:iam::1:role/task"), allow("ecs:RunTask", "*")),
    _held(
        "pass-any-with-path",
        BAD,
        allow("iam:PassRole", "arn:aws:iam::111122223333:role/*"),
        allow("ec2:RunInstances", "*"),
    ),
    _held("assume-any", BAD, allow("sts:AssumeRole", "arn:aws:iam::*:role/*")),
    _held("assume-one", OK, allow("sts:AssumeRole", "arn:aws:iam::444455556666:role/reader")),
    _held("assume-by-prefix", OK, allow("sts:AssumeRole", "arn:aws:iam::444455556666:role/reader-*")),
    _held("sts-star", BAD, allow("sts:*", "*")),
    _held("not-action", BAD, {"Effect": "Allow", "NotAction": ["s3:*"], "Resource": "*"}),
    _held("denied", OK, allow("iam:*", "*"), deny("iam:*", "*"), deny("sts:*", "*")),
    _held(
        "denied-on-a-condition",
        BAD,
        allow("iam:*", "*"),
        deny("iam:*", "*", condition={"Bool": {"aws:ViaAWSService": "false"}}),
    ),
    _held("nobody-takes-it", NA, allow("*", "*"), assumeRolePolicy=policy(deny("sts:AssumeRole", None, principal="*"))),
    case(
        "user-in-a-group-of-administrators",
        {"MD.IAM.2": BAD},
        res("aws:iam/user:User", "u", name="u"),
        res("aws:iam/group:Group", "g", name="g"),
        res("aws:iam/userGroupMembership:UserGroupMembership", "m", user="u", groups=["g"]),
        res("aws:iam/groupPolicyAttachment:GroupPolicyAttachment", "a", group="g", policyArn=_ADMIN),
    ),
    case("task-role-with-administrator", {"MD.IAM.2": BAD}, _role(), res(_ATTACHMENT, "a", role="r", policyArn=_ADMIN)),
    case(
        "foreign-account-with-administrator",
        {"MD.IAM.2": BAD},
        _role(assumeRolePolicy=_trust(AWS="999999999999")),
        res("aws:iam/policyAttachment:PolicyAttachment", "a", roles=["r"], policyArn=_ADMIN),
    ),
    case("iam-full-access", {"MD.IAM.2": BAD}, _role(managedPolicyArns=["arn:aws:iam::aws:policy/IAMFullAccess"])),
    case(
        "power-user-china",
        {"MD.IAM.2": BAD},
        _role(managedPolicyArns=["arn:aws-cn:iam::aws:policy/AdministratorAccess"]),
    ),
    case(
        "exclusive-attachments",
        {"MD.IAM.2": BAD},
        _role(),
        res(
            "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
            "x",
            roleName="r",
            policyArns=[_ADMIN],
        ),
    ),
    case(
        "administrator-inside-a-boundary",
        {"MD.IAM.2": OK},
        res(_POLICY, "b", arn="arn:aws:iam::1:policy/b", policy=policy(allow("s3:GetObject", "*"))),
        _role(permissionsBoundary="arn:aws:iam::1:policy/b", managedPolicyArns=[_ADMIN]),
    ),
    case(
        "administrator-inside-an-open-boundary",
        {"MD.IAM.2": BAD},
        res(_POLICY, "b", arn="arn:aws:iam::1:policy/b", policy=policy(allow("*", "*"))),
        _role(permissionsBoundary="arn:aws:iam::1:policy/b", managedPolicyArns=[_ADMIN]),
    ),
    case(
        "boundary-outside",
        {"MD.IAM.2": TELL},
        _role(permissionsBoundary="arn:aws:iam::1:policy/b", managedPolicyArns=[_ADMIN]),
    ),
    case(
        "customer-policy-outside",
        {"MD.IAM.2": TELL},
        _role(),
        res(_ATTACHMENT, "a", role="r", policyArn="arn:aws:iam::1:policy/x"),
    ),
    case("read-only-access", {"MD.IAM.2": OK}, _role(managedPolicyArns=["arn:aws:iam::aws:policy/ReadOnlyAccess"])),
    case(
        "policy-attached-to-user",
        {"IAM.2": BAD},
        res("aws:iam/policyAttachment:PolicyAttachment", users=["u"], policyArn=_ADMIN),
    ),
    case(
        "boundary-used-as-policy-too",
        {"IAM.1": BAD},
        res(_POLICY, "b", arn="arn:aws:iam::1:policy/b", policy=policy(allow("*", "*"))),
        _role(permissionsBoundary="arn:aws:iam::1:policy/b"),
        res(_ATTACHMENT, "a", role="r", policyArn="arn:aws:iam::1:policy/b"),
    ),
    # OpenID Connect.
    _github("named", OK, "sts.amazonaws.com", "repo:o/r:ref:refs/heads/main", "StringEquals"),
    _github("any-branch", OK, "sts.amazonaws.com", "repo:o/r:*"),
    _github("list-with-star", BAD, "sts.amazonaws.com", ["repo:o/r:ref:refs/heads/main", "repo:*"]),
    _github("any-repository", BAD, "sts.amazonaws.com", "repo:o/*"),
    _github("any-owner", BAD, "sts.amazonaws.com", "repo:*/r:ref:refs/heads/main"),
    _github("owner-question-marks", BAD, "sts.amazonaws.com", "repo:o??/r:ref:refs/heads/main"),
    _github("no-subject", BAD, "sts.amazonaws.com", None, "StringEquals"),
    _github("no-audience", BAD, None, "repo:o/r:ref:refs/heads/main", "StringEquals"),
    _github("nothing", BAD, None, None),
    _github("if-exists", BAD, "sts.amazonaws.com", "repo:o/r:ref:refs/heads/main", "StringEqualsIfExists"),
    _github("for-all-values", BAD, "sts.amazonaws.com", "repo:o/r:ref:refs/heads/main", "ForAllValues:StringEquals"),
    _github("not-like", BAD, "sts.amazonaws.com", "repo:evil/*", "StringNotLike"),
    # The confused deputy.
    _deputy("none", BAD, "monitoring.rds.amazonaws.com"),
    _deputy("account", OK, "vpc-flow-logs.amazonaws.com", {"StringEquals": {"aws:SourceAccount": "111122223333"}}),
    _deputy("account-number", OK, "backup.amazonaws.com", {"StringEquals": {"AWS:SourceAccount": 111122223333}}),
    _deputy(
        "arn-in-account",
        OK,
        ["ecs-tasks.amazonaws.com"],
        {"ArnLike": {"aws:SourceArn": "arn:aws:ecs:ap-south-1:111122223333:*"}},
    ),
    _deputy("arn-any-account", BAD, "ecs-tasks.amazonaws.com", {"ArnLike": {"aws:SourceArn": "arn:aws:ecs:*:*:*"}}),
    _deputy("account-star", BAD, "ecs-tasks.amazonaws.com", {"StringLike": {"aws:SourceAccount": "*"}}),
    _deputy(
        "account-if-exists",
        BAD,
        "ecs-tasks.amazonaws.com",
        {"StringEqualsIfExists": {"aws:SourceAccount": "111122223333"}},
    ),
    _deputy("account-not", BAD, "ecs-tasks.amazonaws.com", {"StringNotEquals": {"aws:SourceAccount": "999999999999"}}),
    _deputy("organisation", OK, "config.amazonaws.com", {"StringEquals": {"aws:SourceOrgID": "o-abcdefghij"}}),
    _deputy("instance-profile", NA, "ec2.amazonaws.com"),
    _deputy("two-services-one-of-them-ec2", BAD, ["ec2.amazonaws.com", "ssm.amazonaws.com"]),
    case("role-for-the-world", {"MD.IAM.4": BAD}, _role(assumeRolePolicy=_trust(AWS="*"))),
    case(
        "role-for-an-organisation",
        {"MD.IAM.4": OK},
        _role(
            assumeRolePolicy=policy(
                allow(
                    "sts:AssumeRole",
                    None,
                    principal={"AWS": "*"},
                    condition={"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}},
                )
            )
        ),
    ),
    case(
        "role-for-the-world-with-external-id",
        {"MD.IAM.4": BAD},
        _role(
            assumeRolePolicy=policy(
                allow("sts:AssumeRole", None, principal="*", condition={"StringEquals": {"sts:ExternalId": "x"}})
            )
        ),
    ),
]
