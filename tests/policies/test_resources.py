"""References between resources: by URN, id, ARN, name, and by the engine's record when values are unknown."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from policies.lang.aliases import canonical
from policies.lang.documents import statements
from policies.lang.everybody import public_statements
from policies.lang.values import CannotTell, View
from tests.policies.build import UNKNOWN, res, stack, urn

BUCKET, VERSIONING = "aws:s3/bucket:Bucket", "aws:s3/bucketVersioning:BucketVersioning"


@pytest.mark.parametrize(
    ("token", "one"),
    [
        ("aws:alb/loadBalancer:LoadBalancer", "aws:lb/loadBalancer:LoadBalancer"),
        ("aws:applicationloadbalancing/targetGroup:TargetGroup", "aws:lb/targetGroup:TargetGroup"),
        ("aws:elasticloadbalancingv2/listener:Listener", "aws:lb/listener:Listener"),
        ("aws:elasticloadbalancing/loadBalancer:LoadBalancer", "aws:elb/loadBalancer:LoadBalancer"),
        ("aws:s3/bucketV2:BucketV2", BUCKET),
        ("aws:s3/bucketVersioningV2:BucketVersioningV2", VERSIONING),
        ("aws:s3/bucketObjectv2:BucketObjectv2", "aws:s3/bucketObject:BucketObject"),
        ("aws:rds/instance:Instance", "aws:rds/instance:Instance"),
        ("matchday:data:Postgres", "matchday:data:Postgres"),
        ("random:index/randomPassword:RandomPassword", "random:index/randomPassword:RandomPassword"),
    ],
)
def test_type_aliases_count_as_one(token: str, one: str) -> None:
    assert canonical(token) == one
    assert canonical(one) == one


@pytest.mark.parametrize("module", ["lb", "alb", "elb", "s3", "ses"])
def test_every_alias_of_pulumi_aws_is_known(module: str) -> None:
    """What the generated classes declare as aliases; read as text, since importing them takes seconds."""
    package = find_spec("pulumi_aws")
    assert package and package.submodule_search_locations
    for path in (Path(package.submodule_search_locations[0]) / module).glob("*.py"):
        source = path.read_text(encoding="utf-8")
        token = re.search(r"__init__\(\s*'(aws:[^']+)'", source)
        for alias in re.findall(r'pulumi\.Alias\(type_="(aws:[^"]+)"\)', source):
            assert token and canonical(alias) == canonical(token[1])


@pytest.mark.parametrize("reference", ["logs", "arn:aws:s3:::logs", urn(BUCKET, "b"), "logs-id"])
def test_references_are_followed_by_whatever_names_the_target(reference: str) -> None:
    bucket = res(BUCKET, "b", id="logs-id", bucket="logs", arn="arn:aws:s3:::logs")
    whole = stack([bucket, res(VERSIONING, bucket=reference)])
    assert whole.referrers(bucket, VERSIONING, "bucket")
    assert whole.target(whole.of(VERSIONING)[0], "bucket", BUCKET) is bucket


def test_unknown_references_follow_the_engines_record() -> None:
    bucket = res(BUCKET, "b", id="")
    setting = res(VERSIONING, bucket=UNKNOWN, deps={"bucket": [f"{BUCKET} b"]})
    whole = stack([bucket, res(BUCKET, "other", id=""), setting])
    assert whole.referrers(bucket, VERSIONING, "bucket") == [setting]
    # The other bucket may yet be meant by nothing: all references are accounted for.
    assert whole.referrers(whole.of(BUCKET)[1], VERSIONING, "bucket") == []


def test_an_unknown_reference_without_a_record_leaves_it_open() -> None:
    bucket = res(BUCKET, "b")
    whole = stack([bucket, res(VERSIONING, bucket=UNKNOWN)])
    with pytest.raises(CannotTell):
        whole.referrers(bucket, VERSIONING, "bucket")


def test_a_known_reference_to_a_resource_whose_id_is_not_told_follows_the_record() -> None:
    """`AnalyzeStack` sends outputs alone, and a provider need not repeat the id among them."""
    bucket = res(BUCKET, "b", id="")
    setting = res(VERSIONING, bucket="logs-1a2b", deps={"bucket": [f"{BUCKET} b"]})
    assert stack([bucket, setting]).referrers(bucket, VERSIONING, "bucket") == [setting]


def test_references_out_of_the_stack_find_nothing() -> None:
    setting = res(VERSIONING, bucket="elsewhere")
    assert stack([setting]).target(setting, "bucket", BUCKET) is None


def test_the_region_is_the_resources_own_its_arns_or_the_providers() -> None:
    assert res(BUCKET, region="eu-west-1", provider_region="ap-south-1").region == "eu-west-1"
    assert res(BUCKET, arn="arn:aws:rds:us-east-1:1:db:x").region == "us-east-1"
    assert res(BUCKET, provider_region="ap-south-1").region == "ap-south-1"


@pytest.mark.parametrize(
    ("statement", "public"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": ["*"]}}, True),
        ({"NotPrincipal": {"AWS": "arn:aws:iam::1:root"}}, True),
        ({"Principal": {"Service": "logs.amazonaws.com"}}, False),
        ({"Principal": "*", "Effect": "Deny"}, False),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}}, False),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:SourceAccount": "*"}}}, True),
        ({"Principal": "*", "Condition": {"StringNotEquals": {"aws:SourceAccount": "1"}}}, True),
        ({"Principal": "*", "Condition": {"StringEqualsIfExists": {"aws:SourceAccount": "1"}}}, True),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, True),
        ({"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::*:root"}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::111122223333:*"}}, False),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}}, True),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}}, False),
        ({"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": ["2000::/3"]}}}, True),
        ({"Principal": "*", "Condition": {"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, True),
        ({"Principal": "*", "Condition": {"ForAnyValue:StringEquals": {"aws:PrincipalOrgPaths": "o-1/r-1"}}}, False),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}}}, True),
        ({"Principal": "*", "Condition": {"StringLike": {"aws:PrincipalOrgID": "o-*"}}}, True),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": ["o-1", "*"]}}}, True),
        ({"Principal": "*", "Condition": {"Null": {"aws:SourceArn": "false"}}}, True),
    ],
)
def test_who_is_let_in_by_a_statement(statement: dict[str, object], public: bool) -> None:
    document = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"} | statement]})
    found = statements(View({"policy": document}), "policy")
    assert public_statements(found) == (found if public else [])
