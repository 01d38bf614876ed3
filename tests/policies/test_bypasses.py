"""Every policy document of prod and of the account, opened in every way that we know: a high or critical control sees each."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from policies.catalog import all_controls
from policies.controls.ec2 import ENDPOINT as ENDPOINT_KIND
from policies.controls.iam import BUDGET_ACTION
from policies.lang.identities import GROUP, INLINE, MANAGED, ROLE, USER
from policies.lang.resources import Resource, Stack
from policies.model import Control, Severity, Status, Whole
from tests.policies.build import remake
from tests.policies.bypasses import ENDPOINT, IDENTITY, RESOURCE, Operator
from tests.policies.platform import platform
from tests.tables import every_row

GRAVE = [
    c for c in all_controls() if c.severity in (Severity.HIGH, Severity.CRITICAL) and not isinstance(c.rule, Whole)
]


STACKS = ("prod", "account")
#: A "policy" that lets nobody in: which images are kept.
_UPKEEP = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
#: A permissions boundary gives nothing: what it lets through, a role's own policy has to allow.
_BOUNDARY = "ci-branch-boundary"
#: Openings that open nothing: the same document denies what they add. Stack → (operator, document).
_TAKEN_BACK = {
    "account": {
        f"{name} on ci-{job}-policy.policy"
        for name in ("assume-any-role", "assume-any-role-of-account")
        for job in ("branch", "deploy")
    }
}


def _family(resource: Resource) -> Mapping[str, Operator]:
    if resource.type == ENDPOINT_KIND:
        return ENDPOINT
    return IDENTITY if resource.type in (MANAGED, *INLINE) else RESOURCE


def _documents(stack: str) -> list[tuple[Resource, str, Mapping[str, Operator]]]:
    """Every document of a stack, with the operators of its family."""
    return [
        (resource, path, _family(resource))
        for resource in platform(stack).stack.resources
        for path in ("policy", "assumeRolePolicy", "policyDocument")
        if isinstance(resource.raw(path), str | dict)
        and resource.type.startswith("aws:")
        and resource.type != _UPKEEP
        and resource.name != _BOUNDARY
    ]


@cache
def _reading(kind: str) -> tuple[Control, ...]:
    return tuple(control for control in GRAVE if kind in control.rule.types)


def _fired(resources: list[Resource], around: list[Resource]) -> set[tuple[str, str]]:
    """Which grave controls fire on which of the resources."""
    whole = Stack([*around, *resources])
    return {
        (control.id, resource.urn)
        for resource in whole.resources
        for control in _reading(resource.type)
        if control.judge(resource, whole).status is Status.NON_COMPLIANT
    }


def test_there_are_thirty_operators_and_more() -> None:
    assert len(RESOURCE) >= 30
    assert len(RESOURCE) + len(IDENTITY) + len(ENDPOINT) >= 70
    found = {stack: [family for _, _, family in _documents(stack)] for stack in STACKS}
    assert len(found["prod"]) >= 30 and len(found["account"]) >= 15
    assert all(any(family is one for one in found["prod"]) for family in (RESOURCE, IDENTITY, ENDPOINT))


@pytest.mark.parametrize("stack", STACKS)
def test_no_bypass_is_missed(stack: str) -> None:
    missed, tried = [], 0
    for resource, path, operators in _documents(stack):
        value = resource.raw(path)
        document = json.loads(value) if isinstance(value, str) else value
        around = _neighbours(resource, platform(stack).stack)
        before = _fired([resource], around)
        for name, operator in operators.items():
            opened = operator(copy.deepcopy(document))
            if opened is None:
                continue
            tried += 1
            values: dict[str, Any] = {**resource.values, path: json.dumps(opened)}
            if not _fired([remake(resource, values)], around) - before:
                missed.append(f"{name} on {resource.name}.{path}")
    assert tried >= 500
    assert set(missed) == _TAKEN_BACK.get(stack, set()), missed[:20]


#: Of a policy that stands in its holder: the property that names it, and its type.
_HOLDERS = dict(zip(INLINE, (("role", ROLE), ("user", USER), ("group", GROUP)), strict=True))


def _neighbours(resource: Resource, stack: Stack) -> list[Resource]:
    """What a document's judgement needs of the stack: the identity that has it, or the bucket that it is of."""
    if resource.type in _HOLDERS:
        return stack.targets(resource, *_HOLDERS[resource.type])
    if resource.type == MANAGED:
        attachments = stack.referrers(resource, "aws:iam/rolePolicyAttachment:RolePolicyAttachment", "policyArn")
        actions = stack.referrers(resource, BUDGET_ACTION, "definition.iamActionDefinition.policyArn")
        return [*actions, *attachments, *(role for one in attachments for role in stack.targets(one, "role", ROLE))]
    return [
        item for item in stack.of("aws:s3/bucket:Bucket") if resource in stack.referrers(item, resource.type, "bucket")
    ]


@every_row("operator", {**RESOURCE, **IDENTITY, **ENDPOINT})
def test_an_operator_changes_what_it_is_given(operator: Operator) -> None:
    document = {
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "*", "Resource": "*"}]
    }
    assert (operator(copy.deepcopy(document)) or document) != document
