"""IAM policy documents as data: statements with actions, resources, principals and conditions, in whatever form written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from policies.lang.values import CannotTell, View

#: Condition keys that keep `Principal: *` to a known set of callers, when compared with a value that has no wildcard alone.
_NARROWING_KEYS = frozenset(
    [
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:userid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceowner",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:sourceip",
        "aws:vpcsourceip",
        "kms:calleraccount",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "sns:endpoint",
    ]
)


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
            return not any(fnmatchcase(wanted, pattern) for pattern in self.not_actions)
        return any(fnmatchcase(wanted, pattern) for pattern in self.actions)

    @property
    def everywhere(self) -> bool:
        """Whether it applies to every resource."""
        return "*" in self.resources or bool(self.not_resources)

    @property
    def anyone(self) -> bool:
        """Whether its principal is the whole world, before conditions."""
        return bool(self.not_principals) or any("*" in values for values in self.principals.values())

    def condition(self, key: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """(operator, values) of every condition on `key`; operators and keys compare without case."""
        for operator, tests in self.conditions.items():
            for name, values in tests.items():
                if name.lower() == key.lower():
                    yield operator.lower(), values

    @property
    def narrowed(self) -> bool:
        """Whether a condition keeps it to known callers (an account, an organisation, a VPC, an ARN, an address range)."""
        for operator, tests in self.conditions.items():
            name = operator.lower().removeprefix("foranyvalue:").removeprefix("forallvalues:")
            if name.startswith(("stringnot", "arnnot", "notip", "null")) or name.endswith("ifexists"):
                continue
            for key, values in tests.items():
                open_values = {"*", "0.0.0.0/0", "::/0"}
                if key.lower() in _NARROWING_KEYS and values and not open_values & set(values):
                    return True
        return False

    @property
    def public(self) -> bool:
        """Whether it lets anyone in: allows, to the whole world, with no condition that narrows it."""
        return self.allows and self.anyone and not self.narrowed


def statements(view: View, path: str) -> list[Statement]:
    """The statements of the policy document at `path` (JSON text or object); none when it is not set."""
    document = view.document(path)
    return [_statement(item) for item in document.each("Statement")]


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
    if isinstance(value, str):
        return {"AWS": (value,)}
    holder = item.view(key)
    return {kind: tuple(holder.texts(kind)) for kind in holder.keys()}  # noqa: SIM118


def _texts(value: Any, path: str) -> tuple[str, ...]:
    return tuple(View({"value": value}, path).texts("value"))
