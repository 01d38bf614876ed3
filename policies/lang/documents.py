"""IAM policy documents as data: statements with actions, resources, principals and conditions, in whatever form written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from policies.lang.values import CannotTell, View

#: Actions of services that have nothing in common: a statement that grants them all grants everything.
_ANY_ACTION = (
    "ec2:runinstances", "iam:createuser", "kms:decrypt", "lambda:invokefunction", "rds:deletedbinstance", "s3:getobject",
    "secretsmanager:getsecretvalue", "sts:assumerole", "zzz:zzz",
)  # fmt: skip
#: ARNs that have nothing in common: patterns that fit them all fit every resource.
_ANY_RESOURCE = (
    "arn:aws:ec2:ap-south-1:000000000000:instance/i-0a",
    "arn:aws:iam::000000000000:role/q0",
    "arn:aws:kms:ap-south-1:000000000000:key/00000000-0000-0000-0000-000000000000",
    "arn:aws:s3:::q0/q0",
    "arn:aws:zzz:zz-zz-0:000000000000:zzz",
)


@lru_cache(maxsize=16384)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern), re.DOTALL)


def matches(text: str, pattern: str) -> bool:
    """Whether `text` fits a pattern of IAM's: `*` is any text, `?` one character, and nothing else is special."""
    if "*" not in pattern and "?" not in pattern:
        return text == pattern
    return _pattern(pattern).fullmatch(text) is not None


#: Partitions other than AWS's own: China, GovCloud, the isolated ones.
_PARTITION = re.compile(r"arn:aws-[a-z0-9*?-]+:")


def in_one_partition(arn: str) -> str:
    """An ARN or a pattern of one as if it were of the partition `aws`: what a policy means is the same in each.

    >>> in_one_partition("arn:aws-cn:s3:::b")
    'arn:aws:s3:::b'
    """
    return _PARTITION.sub("arn:aws:", arn, count=1) if arn.startswith("arn:aws-") else arn


def has_wildcard(text: str) -> bool:
    """Whether a value stands for more than itself: a wildcard, or a policy variable that the caller fills in."""
    return "*" in text or "?" in text or "${" in text


@lru_cache(maxsize=4096)
def _covers(patterns: Sequence[str], probes: Sequence[str]) -> bool:
    return all(any(matches(probe, pattern) for pattern in patterns) for probe in probes)


def every_resource(patterns: Sequence[str]) -> bool:
    """Whether resource patterns fit every resource there is: `*`, `arn:*`, `arn:aws:*:*:*:*`, or several that do together."""
    return bool(patterns) and _covers(tuple(map(in_one_partition, patterns)), _ANY_RESOURCE)


def every_action(patterns: Sequence[str]) -> bool:
    """Whether action patterns fit every action there is: `*`, `*:*`, or several that do together."""
    return bool(patterns) and _covers(tuple(patterns), _ANY_ACTION)


@dataclass(frozen=True)
class Statement:
    """One statement; `path` says where in the resource it stands. Actions are lower case, since IAM compares them so."""

    path: str
    allows: bool
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principals: Mapping[str, tuple[str, ...]]
    not_principals: Mapping[str, tuple[str, ...]]
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]]

    def grants(self, action: str) -> bool:
        """Whether the statement's action patterns cover `action` ("iam:PassRole")."""
        wanted = action.lower()
        if self.not_actions:
            return not any(matches(wanted, pattern) for pattern in self.not_actions)
        return any(matches(wanted, pattern) for pattern in self.actions)

    @property
    def every_action(self) -> bool:
        """Whether it holds every action. `NotAction` does, unless it leaves IAM out: what it does not name, it grants."""
        if self.not_actions:
            return self.grants("iam:CreatePolicyVersion") and self.grants("iam:AttachRolePolicy")
        return every_action(self.actions)

    @property
    def everywhere(self) -> bool:
        """Whether it applies to every resource. `NotResource` does: what it does not name, it covers."""
        return bool(self.not_resources) or every_resource(self.resources)

    @property
    def on_everything(self) -> bool:
        """Whether its resource patterns alone fit every resource: what a deny must do to deny everywhere."""
        return every_resource(self.resources)

    def covers(self, resource: str) -> bool:
        """Whether its resource patterns fit `resource` (an ARN)."""
        if self.not_resources:
            return not any(matches(resource, pattern) for pattern in self.not_resources)
        return any(matches(resource, pattern) for pattern in self.resources)

    def condition(self, key: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """(operator, values) of every condition on `key`; operators and keys compare without case."""
        for operator, name, values in self.tests():
            if name == key.lower():
                yield operator, values

    def tests(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """(operator, key, values) of every condition, operators and keys in lower case."""
        for operator, tests in self.conditions.items():
            for name, values in tests.items():
                yield operator.lower(), name.lower(), values


def statements(view: View, path: str) -> list[Statement]:
    """The statements of the policy document at `path` (JSON text or object); none when it is not set."""
    found, undecided = known_statements(view, path)
    if undecided:
        raise undecided
    return found


def known_statements(view: View, path: str) -> tuple[list[Statement], CannotTell | None]:
    """The statements that can be read, and why some cannot: one that opens a policy does so whatever the others say."""
    try:
        document = view.document(path)
    except CannotTell as reason:
        return [], reason
    items, undecided = document.each_known("Statement")
    found: list[Statement] = []
    for item in items:
        try:
            found.append(_statement(item))
        except CannotTell as reason:
            undecided = undecided or reason
    return found, undecided


def _statement(item: View) -> Statement:
    principals, not_principals = (_principals(item, key) for key in ("Principal", "NotPrincipal"))
    conditions: dict[str, dict[str, tuple[str, ...]]] = {}
    block = item.view("Condition")
    for operator in block.keys():  # noqa: SIM118 - a View is not a mapping
        # Condition keys hold colons and dots of their own, so they are read one by one instead of as a path.
        tests = block.known(operator)
        if not isinstance(tests, Mapping):
            raise CannotTell(block.at(operator), "no object of condition keys")
        conditions[operator] = {key: _texts(value, block.at(f"{operator}.{key}")) for key, value in tests.items()}
    return Statement(
        path=item.path,
        allows=item.text("Effect").lower() == "allow",
        actions=tuple(text.lower() for text in item.texts("Action")),
        not_actions=tuple(text.lower() for text in item.texts("NotAction")),
        resources=tuple(item.texts("Resource")),
        not_resources=tuple(item.texts("NotResource")),
        principals=principals,
        not_principals=not_principals,
        conditions=conditions,
    )


def _principals(item: View, key: str) -> dict[str, tuple[str, ...]]:
    value = item.known(key)
    if value is None:
        return {}
    if isinstance(value, str | list):
        return {"AWS": tuple(item.texts(key))}
    holder = item.view(key)
    return {kind: tuple(holder.texts(kind)) for kind in holder.keys()}  # noqa: SIM118


def _texts(value: Any, path: str) -> tuple[str, ...]:
    return tuple(View({"value": value}, path).texts("value"))
