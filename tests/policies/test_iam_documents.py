"""Every IAM document of the platform's stacks, linted by cfn-lint with AWS's own lists of services, actions and elements."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from policies.lang.resources import Resource, Stack
from tests.policies.platform import platform

pytestmark = pytest.mark.slow

#: Where each kind keeps a document → CloudFormation's type and property of the same meaning, with what else that type needs.
DOCUMENTS: dict[tuple[str, str], tuple[str, str, dict[str, Any]]] = {
    ("aws:iam/policy:Policy", "policy"): ("AWS::IAM::ManagedPolicy", "PolicyDocument", {}),
    ("aws:iam/rolePolicy:RolePolicy", "policy"): ("AWS::IAM::ManagedPolicy", "PolicyDocument", {}),
    ("aws:iam/role:Role", "assumeRolePolicy"): ("AWS::IAM::Role", "AssumeRolePolicyDocument", {}),
    ("aws:kms/key:Key", "policy"): ("AWS::KMS::Key", "KeyPolicy", {}),
    ("aws:s3/bucketPolicy:BucketPolicy", "policy"): ("AWS::S3::BucketPolicy", "PolicyDocument", {"Bucket": "{name}"}),
    ("aws:sns/topicPolicy:TopicPolicy", "policy"): (
        "AWS::SNS::TopicPolicy",
        "PolicyDocument",
        {"Topics": ["arn:aws:sns:ap-south-1:123456789012:topic"]},
    ),
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "policy"): (
        "AWS::EC2::VPCEndpoint",
        "PolicyDocument",
        {"VpcId": "vpc-12345678", "ServiceName": "com.amazonaws.ap-south-1.s3"},
    ),
    ("aws:secretsmanager/secret:Secret", "policy"): (
        "AWS::SecretsManager::ResourcePolicy",
        "ResourcePolicy",
        {"SecretId": "arn:aws:secretsmanager:ap-south-1:123456789012:secret:one"},
    ),
    ("aws:sqs/queuePolicy:QueuePolicy", "policy"): ("AWS::SQS::QueuePolicy", "PolicyDocument", {"Queues": ["{name}"]}),
}
#: Properties of other names in the same kinds are no documents; other kinds with one must be added above.
_DOCUMENT_NAMES = ("policy", "assumeRolePolicy")

STACKS = ("local", "dev", "prod")
_STACK = re.compile(rf"\b({'|'.join(STACKS)})\b")


def _documents(stack: Stack) -> dict[str, tuple[Resource, str]]:
    return {
        f"{resource.name}.{path}": (resource, path)
        for resource in stack.resources
        for path in _DOCUMENT_NAMES
        if resource.type.startswith("aws:") and isinstance(resource.raw(path), str | dict)
    }


def _lint(documents: dict[str, tuple[Resource, str]]) -> list[str]:
    """What is wrong, document by document. Where two stacks' differ in the stack's name alone, one of them is looked at."""
    # Here, because every test session imports this module: it brings sympy and networkx, seconds of CPU on each worker.
    from cfnlint.api import ManualArgs, lint

    template: dict[str, Any] = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {}}
    names: dict[str, str] = {}
    seen: set[str] = set()
    for number, (name, (resource, path)) in enumerate(sorted(documents.items())):
        kind, property_, more = DOCUMENTS[resource.type, path]
        value = resource.raw(path)
        rest = json.loads(json.dumps(more).replace("{name}", f"name-{number}"))
        document = json.loads(value) if isinstance(value, str) else value
        same = _STACK.sub("stack", json.dumps([kind, property_, document]))
        if same in seen:  # one policy that every task's role has is judged once
            continue
        seen.add(same)
        template["Resources"][f"R{number}"] = {"Type": kind, "Properties": {property_: document, **rest}}
        names[f"R{number}"] = name
    found = lint(json.dumps(template), config=ManualArgs(regions=["ap-south-1"]))
    return [f"{names.get(str(match.path[1]), '?')}: {match.rule.id} {match.message}" for match in found]


def test_the_platforms_documents_are_clean() -> None:
    documents: dict[str, tuple[Resource, str]] = {}
    for stack in STACKS:
        found = _documents(platform(stack).stack)
        assert len(found) >= 10
        documents |= {f"{stack}: {name}": document for name, document in found.items()}
    assert _lint(documents) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ({"Effect": "Allow", "Action": "s3:GetObjekt", "Resource": "*"}, "getobjekt"),
        ({"Effect": "Alow", "Action": "s3:GetObject", "Resource": "*"}, "Alow"),
        ({"Effect": "Allow", "Action": "s4:GetObject", "Resource": "*"}, "s4"),
        ({"Effect": "Allow", "Action": "s3:GetObject"}, "Resource"),
        ({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "bucket"}, "bucket"),
    ],
)
def test_the_linter_sees_mistakes(statement: dict[str, str], says: str) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    resource = Resource(
        "aws:iam/policy:Policy", "p", "urn:pulumi:prod::matchday::aws:iam/policy:Policy::p", {"policy": document}
    )
    found = _lint({"p": (resource, "policy")})
    assert found and says.lower() in " ".join(found).lower()
