"""IAM's decisions as its documentation gives them: explicit deny, boundary, resource's policy, conditions with many values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.emulator.authorization.conditions import hold, matches
from localcloud.emulator.authorization.decisions import Ask, Policies, refusal
from localcloud.runtime.task_credentials import access_key, role_of

ROLE = "arn:aws:iam::123456789012:role/web"
KEY = "arn:aws:kms:ap-south-1:123456789012:key/11111111-2222-3333-4444-555555555555"
OBJECT = "arn:aws:s3:::snapshots/matches/1.json"
ROOT = {"AWS": "arn:aws:iam::123456789012:root"}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def statement(action: Any, resource: Any = "*", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return statement(action, resource, "Deny", **more)


def decided(action: str, *identity: dict[str, Any], on: str = OBJECT, context: Any = None, **more: Any) -> str | None:
    policies = Policies(ROLE, [document(*identity)] if identity else [], **more)
    return refusal(Ask(action, on, context or {}), policies)


READ = statement("s3:GetObject", "arn:aws:s3:::snapshots/*")


@pytest.mark.parametrize(
    ("identity", "allowed"),
    [
        ([READ], True),
        ([statement("s3:get*", "arn:aws:s3:::snapshots/matches/?.json")], True),  # actions have no case
        ([statement(["s3:PutObject", "S3:GETOBJECT"], "*")], True),
        ([statement("*")], True),
        ([], False),
        ([statement("s3:PutObject")], False),
        ([statement("s3:GetObject", "arn:aws:s3:::snapshots")], False),
        ([statement("s3:GetObject", "arn:aws:s3:::Snapshots/*")], False),  # resources have
        ([READ, deny("s3:*")], False),
        ([READ, deny("s3:*", "arn:aws:s3:::other/*")], True),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "NotAction": "s3:Get*", "Resource": "*"}], False),
        ([READ, {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::snapshots/matches/*"}], True),
        ([READ, {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::snapshots/teams/*"}], False),
    ],
)
def test_a_roles_own_policies(identity: list[dict[str, Any]], allowed: bool) -> None:
    assert (decided("s3:GetObject", *identity) is None) == allowed


def test_a_boundary_is_met_too_but_not_where_the_resource_admits_the_role() -> None:
    boundary = document(statement("s3:ListBucket"))
    assert "permissions boundary" in str(decided("s3:GetObject", READ, boundary=boundary))
    admits = document({**READ, "Principal": {"AWS": ROLE}})
    assert decided("s3:GetObject", boundary=boundary, resource=admits) is None
    assert "explicit deny" in str(decided("s3:GetObject", READ, boundary=document(statement("*"), deny("s3:*"))))


@pytest.mark.parametrize(
    ("principal", "identity", "allowed"),
    [
        ({"AWS": ROLE}, [], True),
        ("*", [], True),
        ({"AWS": "*"}, [], True),
        ({"AWS": [ROLE.replace("web", "other"), ROLE]}, [], True),
        (ROOT, [], False),  # the account's own policies decide
        (ROOT, [READ], True),
        ({"AWS": ROLE.replace("web", "other")}, [], False),
        ({"Service": "logs.amazonaws.com"}, [], False),
    ],
)
def test_a_bucket_that_admits(principal: Any, identity: list[dict[str, Any]], allowed: bool) -> None:
    assert (decided("s3:GetObject", *identity, resource=document({**READ, "Principal": principal})) is None) == allowed


@pytest.mark.parametrize("principal", ["*", ROOT, {"AWS": ROLE}])
def test_a_bucket_that_refuses(principal: Any) -> None:
    assert "explicit deny in a resource-based" in str(
        decided("s3:GetObject", READ, resource=document({**deny("s3:*"), "Principal": principal}))
    )


def test_a_key_opens_only_if_its_own_policy_admits_the_account_or_the_role() -> None:
    use = statement("kms:Decrypt", KEY)
    delegates = document({**statement("kms:*"), "Principal": ROOT})
    assert decided("kms:Decrypt", use, on=KEY, resource=delegates, by_delegation=True) is None
    assert "no identity-based" in str(decided("kms:Decrypt", on=KEY, resource=delegates, by_delegation=True))
    silent = document({**statement("kms:Describe*"), "Principal": ROOT})
    assert "no resource-based" in str(decided("kms:Decrypt", use, on=KEY, resource=silent, by_delegation=True))
    direct = document({**statement("kms:Decrypt"), "Principal": {"AWS": ROLE}})
    assert decided("kms:Decrypt", on=KEY, resource=direct, by_delegation=True) is None


@pytest.mark.parametrize(
    ("condition", "given", "truth"),
    [
        ({"StringEquals": {"kms:EncryptionContext:service": "kyc"}}, ["kyc"], True),
        ({"StringEquals": {"kms:EncryptionContext:service": ["auth", "kyc"]}}, ["kyc"], True),
        ({"StringEquals": {"kms:EncryptionContext:service": "kyc"}}, ["Kyc"], False),
        ({"StringEqualsIgnoreCase": {"kms:EncryptionContext:service": "kyc"}}, ["Kyc"], True),
        ({"StringNotEquals": {"kms:EncryptionContext:service": "kyc"}}, ["kyc"], False),
        ({"StringEquals": {"kms:EncryptionContext:service": "kyc"}}, [], False),
        ({"StringNotEquals": {"kms:EncryptionContext:service": "kyc"}}, [], True),
        ({"StringEqualsIfExists": {"kms:EncryptionContext:service": "kyc"}}, [], True),
        ({"StringLike": {"kms:EncryptionContext:service": "k?c*"}}, ["kyc-web"], True),
        ({"Null": {"kms:EncryptionContext:service": "true"}}, [], True),
        ({"Null": {"kms:EncryptionContext:service": "true"}}, ["kyc"], False),
        ({"ForAllValues:StringEquals": {"kms:EncryptionContext:service": ["a", "b"]}}, ["a", "c"], False),
        ({"ForAllValues:StringEquals": {"kms:EncryptionContext:service": ["a", "b"]}}, [], True),
        ({"ForAnyValue:StringEquals": {"kms:EncryptionContext:service": ["a", "b"]}}, ["a", "c"], True),
        ({"NumericLessThan": {"kms:EncryptionContext:service": "10"}}, ["9"], True),
        ({"NumericLessThan": {"kms:EncryptionContext:service": "10"}}, ["many"], False),
        ({"IpAddress": {"kms:EncryptionContext:service": "10.0.0.0/8"}}, ["10.0.0.1"], None),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, ["kyc"], None),
        ({"Bool": {"kms:EncryptionContext:service": True}}, ["true"], True),
    ],
)
def test_conditions(condition: dict[str, Any], given: list[str], truth: bool | None) -> None:
    assert hold(condition, {"kms:encryptioncontext:service": given}) is truth


def test_what_is_not_known_here_refuses_nothing() -> None:
    only = {"Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}}
    assert decided("s3:GetObject", READ | only) is None
    assert decided("s3:GetObject", READ, deny("s3:*") | only) is None
    known = {"aws:securetransport": ["true"]}
    plain = {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    assert decided("s3:GetObject", READ, deny("s3:*") | plain, context=known) is None


@given(st.text(max_size=40), st.text(alphabet="ab*?", max_size=12))
def test_patterns(text: str, pattern: str) -> None:
    assert matches("*", text) and matches("?" * len(text), text) and not matches("?" * (len(text) + 1), text)
    if not set(pattern) & {"*", "?"}:
        assert matches(pattern, text) == (pattern == text)


@given(st.text(max_size=60))
def test_a_key_says_its_role_and_nothing_else_does(text: str) -> None:
    for role in (ROLE, "arn:aws-us-gov:iam::123456789012:role/team/a+b=c,d.e@f_g-h"):
        assert role_of(access_key(role)) == role
    assert role_of(text) is None
    assert role_of("ASIATASK" + text) is None
    assert role_of(access_key(text)) is None
