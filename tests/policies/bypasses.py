"""Ways to open a policy document past a check: each takes a document and returns it opened, or None where it does not apply.

Three families: documents of resources (who is let in), of identities (what they may do) and of VPC endpoints (what passes).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

Document = dict[str, Any]
Operator = Callable[[Document], Document | None]

#: Four blocks that are the IPv4 Internet, and 256 that are.
_QUARTERS = ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"]
_EIGHTHS = [f"{first}.0.0.0/8" for first in range(256)]


def _open(document: Document, condition: Mapping[str, Any] | None = None, **more: Any) -> Document:
    """The document with one more statement that lets everybody in, under a condition that holds for everybody."""
    opened = copy.deepcopy(document)
    listed = opened.get("Statement", [])
    opened["Statement"] = listed if isinstance(listed, list) else [listed]
    first: Document = next((item for item in opened["Statement"] if item.get("Effect") == "Allow"), {})
    statement: Document = {"Effect": "Allow", "Principal": "*", "Action": first.get("Action", "*")}
    if "Resource" in first:
        statement["Resource"] = first["Resource"]
    statement |= more
    if condition:
        statement["Condition"] = dict(condition)
    opened["Statement"].append({key: value for key, value in statement.items() if value is not None})
    return opened


def _adds(condition: Mapping[str, Any] | None = None, **more: Any) -> Operator:
    return lambda document: _open(document, condition, **more)


def _loosened(change: Callable[[Document], bool]) -> Operator:
    """The first allowing statement that `change` can open, opened; the others stay."""

    def operator(document: Document) -> Document | None:
        opened = copy.deepcopy(document)
        listed = opened.get("Statement", [])
        opened["Statement"] = listed if isinstance(listed, list) else [listed]
        for statement in opened["Statement"]:
            if statement.get("Effect") == "Allow" and change(statement):
                return opened
        return None

    return operator


def _principal(value: Any) -> Callable[[Document], bool]:
    def change(statement: Document) -> bool:
        if "Principal" not in statement or "Condition" in statement:
            return False
        statement["Principal"] = value
        return True

    return change


def _not_principal(statement: Document) -> bool:
    if "Principal" not in statement or "Condition" in statement:
        return False
    del statement["Principal"]
    statement["NotPrincipal"] = {"AWS": "arn:aws:iam::999999999999:root"}
    return True


#: Operators on the policy of a resource or the trust of a role.
RESOURCE: Mapping[str, Operator] = {
    "principal-star": _loosened(_principal("*")),
    "principal-aws-star": _loosened(_principal({"AWS": "*"})),
    "principal-list-with-star": _loosened(_principal({"AWS": ["arn:aws:iam::111122223333:root", "*"]})),
    "principal-any-account": _loosened(_principal({"AWS": "arn:aws:iam::*:root"})),
    "not-principal": _loosened(_not_principal),
    "second-statement": _adds(),
    "secure-transport-only": _adds({"Bool": {"aws:SecureTransport": "true"}}),
    "org-wildcard": _adds({"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
    "org-star": _adds({"StringLike": {"aws:PrincipalOrgID": "*"}}),
    "org-question-marks": _adds({"StringLike": {"aws:PrincipalOrgID": "o-??????????"}}),
    "org-list-with-star": _adds({"StringLike": {"aws:PrincipalOrgID": ["o-abcdefghij", "*"]}}),
    "org-paths-star": _adds({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-*/*"}}),
    "account-variable": _adds({"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}}),
    "account-if-exists": _adds({"StringEqualsIfExists": {"aws:SourceAccount": "111122223333"}}),
    "account-for-all-values": _adds({"ForAllValues:StringEquals": {"aws:SourceAccount": "111122223333"}}),
    "account-not-equals": _adds({"StringNotEquals": {"aws:PrincipalAccount": "999999999999"}}),
    "account-key-exists": _adds({"Null": {"aws:PrincipalAccount": "false"}}),
    "source-arn-star": _adds({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}),
    "source-arn-not-like": _adds({"ArnNotLike": {"aws:SourceArn": "arn:aws:sns:eu-west-1:999999999999:x"}}),
    "principal-arn-star": _adds({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}),
    "user-agent": _adds({"StringEquals": {"aws:UserAgent": "matchday"}}),
    "referer": _adds({"StringLike": {"aws:Referer": "https://matchday.example/*"}}),
    "current-time": _adds({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}),
    "mfa-present": _adds({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
    "requested-region": _adds({"StringEquals": {"aws:RequestedRegion": "ap-south-1"}}),
    "principal-tag": _adds({"StringEquals": {"aws:PrincipalTag/team": "platform"}}),
    "via-aws-service": _adds({"Bool": {"aws:ViaAWSService": "false"}}),
    "network-all": _adds({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),
    "network-halves": _adds({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}),
    "network-quarters": _adds({"IpAddress": {"aws:SourceIp": _QUARTERS}}),
    "network-slash-eights": _adds({"IpAddress": {"aws:SourceIp": _EIGHTHS}}),
    "network-v6": _adds({"IpAddress": {"aws:SourceIp": "::/0"}}),
    "network-v6-unicast": _adds({"IpAddress": {"aws:SourceIp": "2000::/3"}}),
    "network-not": _adds({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
    "network-if-exists": _adds({"IpAddressIfExists": {"aws:SourceIp": "203.0.113.0/24"}}),
    "vpce-star": _adds({"StringLike": {"aws:SourceVpce": "vpce-*"}}),
}


def _grants(
    action: Any, resource: Any = "*", condition: Mapping[str, Any] | None = None, key: str = "Action"
) -> Operator:
    def operator(document: Document) -> Document:
        opened = copy.deepcopy(document)
        listed = opened.get("Statement", [])
        opened["Statement"] = listed if isinstance(listed, list) else [listed]
        statement: Document = {"Effect": "Allow", key: action, "Resource": resource}
        if condition:
            statement["Condition"] = dict(condition)
        opened["Statement"].append(statement)
        return opened

    return operator


def _not_resource(document: Document) -> Document:
    opened = _grants("*")(document)
    assert opened is not None
    opened["Statement"][-1].pop("Resource")
    opened["Statement"][-1]["NotResource"] = "arn:aws:s3:::nothing"
    return opened


#: Operators on the permissions of an identity.
IDENTITY: Mapping[str, Operator] = {
    "everything": _grants("*"),
    "everything-star-star": _grants("*:*"),
    "everything-on-arn-star": _grants("*", "arn:*"),
    "everything-on-long-arn": _grants("*", "arn:aws:*:*:*:*"),
    "everything-in-two-patterns": _grants(["*:*", "iam:*"], ["arn:aws:*", "*"]),
    "not-action-one": _grants("prowler:action", key="NotAction"),
    "not-action-list": _grants(["s3:DeleteBucket", "ec2:*"], key="NotAction"),
    "not-resource": _not_resource,
    "everything-over-tls": _grants("*", "*", {"Bool": {"aws:SecureTransport": "true"}}),
    "everything-with-mfa": _grants("*", "*", {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}),
    "iam-star": _grants("iam:*"),
    "iam-put-role-policy": _grants("iam:PutRolePolicy"),
    "iam-attach-any-role": _grants("iam:Attach*Policy", "arn:aws:iam::111122223333:role/*"),
    "iam-policy-version": _grants("iam:CreatePolicyVersion"),
    "iam-wild-verb": _grants("iam:*Policy*"),
    "iam-question-mark": _grants("iam:PutRolePolic?"),
    "pass-any-role-to-lambda": _grants(["iam:PassRole", "lambda:CreateFunction"]),
    "pass-any-role-of-account": _grants(["iam:PassRole", "ecs:RunTask"], "arn:aws:iam::111122223333:role/*"),
    "pass-any-role-any-account": _grants(["iam:PassRole", "ec2:RunInstances"], ["arn:aws:iam::*:role/*", "*"]),
    "assume-any-role": _grants("sts:AssumeRole"),
    "assume-any-role-of-account": _grants("sts:AssumeRole", "arn:aws:iam::111122223333:role/*"),
    "update-trust": _grants("iam:UpdateAssumeRolePolicy"),
    "create-access-key": _grants("iam:CreateAccessKey"),
    "update-function-code": _grants("lambda:UpdateFunctionCode"),
    "execute-command": _grants("ecs:ExecuteCommand"),
    "start-session": _grants("ssm:StartSession"),
    "put-key-policy": _grants("kms:PutKeyPolicy"),
}


_ALL: Mapping[str, Any] = {"Principal": "*", "Action": "*", "Resource": "*"}

#: Operators on the policy of a VPC endpoint: everything for everybody passes.
ENDPOINT: Mapping[str, Operator] = {
    "passes-everything": _adds(**_ALL),
    "passes-star-star": _adds(**{**_ALL, "Action": "*:*"}),
    "passes-aws-star": _adds(**{**_ALL, "Principal": {"AWS": ["*"]}}),
    "passes-arn-star": _adds(**{**_ALL, "Resource": "arn:*"}),
    "passes-another-partition": _adds(**{**_ALL, "Resource": "arn:aws-cn:*:*:*:*"}),
    "passes-all-but-one": _adds(**{**_ALL, "Action": None}, NotAction="prowler:action"),
    "passes-all-but-nothing": _adds(**{**_ALL, "Resource": None}, NotResource="arn:aws:s3:::nothing"),
    "passes-over-tls": _adds({"Bool": {"aws:SecureTransport": "true"}}, **_ALL),
    "passes-any-organisation": _adds({"StringLike": {"aws:PrincipalOrgID": "*"}}, **_ALL),
    "passes-account-if-exists": _adds({"StringEqualsIfExists": {"aws:PrincipalAccount": "111122223333"}}, **_ALL),
    "passes-account-for-all-values": _adds(
        {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}, **_ALL
    ),
    "passes-other-accounts": _adds({"StringNotEquals": {"aws:PrincipalAccount": "999999999999"}}, **_ALL),
}
