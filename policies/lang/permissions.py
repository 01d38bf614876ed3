"""What an identity may do: the statements of every policy that it has, less what denies and boundaries take away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from policies.lang import data
from policies.lang.documents import Statement, statements
from policies.lang.identities import (
    GROUP,
    INLINE,
    MANAGED,
    MEMBERSHIPS,
    PERMISSION_SET,
    ROLE,
    SET_BOUNDARY,
    SET_CUSTOMER,
    SET_INLINE,
    SET_MANAGED,
    USER,
    known_permissions,
)
from policies.lang.resources import Resource, Stack
from policies.lang.values import CannotTell

_DATA = Path(__file__).parents[1] / "data" / "managed_policies.yaml"
_AWS = "arn:aws:iam::aws:policy/"

#: By the kind of identity: its inline policies (type, property), its attachments (type, property).
_CARRIERS: Mapping[str, tuple[tuple[str, str], tuple[tuple[str, str], ...]]] = {
    ROLE: (
        (INLINE[0], "role"),
        (
            ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "role"),
            ("aws:iam/policyAttachment:PolicyAttachment", "roles"),
        ),
    ),
    USER: (
        (INLINE[1], "user"),
        (
            ("aws:iam/userPolicyAttachment:UserPolicyAttachment", "user"),
            ("aws:iam/policyAttachment:PolicyAttachment", "users"),
        ),
    ),
    GROUP: (
        (INLINE[2], "group"),
        (
            ("aws:iam/groupPolicyAttachment:GroupPolicyAttachment", "group"),
            ("aws:iam/policyAttachment:PolicyAttachment", "groups"),
        ),
    ),
    PERMISSION_SET: ((SET_INLINE, "permissionSetArn"), ((SET_MANAGED, "permissionSetArn"),)),
}
#: Attachments whose policy's ARN stands elsewhere than in `policyArn` or `policyArns`.
_ARNS = {SET_MANAGED: "managedPolicyArn"}
_EXCLUSIVE = {
    ROLE: ("aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive", "roleName"),
    USER: ("aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive", "userName"),
    GROUP: ("aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive", "groupName"),
}


@dataclass(frozen=True)
class Held:
    """One statement that an identity has, and the name of what carries it."""

    statement: Statement
    carrier: str


@dataclass
class Permissions:
    """Everything that an identity is allowed and denied; `undecided` is why some of it cannot be told."""

    allows: list[Held] = field(default_factory=list)
    denies: list[Held] = field(default_factory=list)
    boundary: list[Statement] | None = None
    undecided: CannotTell | None = None

    def allowing(self, action: str) -> Iterator[Held]:
        """The statements that really allow `action`: not denied everywhere, and inside the boundary."""
        if self._denied(action) or not self._inside(action):
            return
        yield from (held for held in self.allows if held.statement.grants(action))

    def _denied(self, action: str) -> bool:
        return any(
            held.statement.grants(action) and held.statement.on_everything and not held.statement.conditions
            for held in self.denies
        )

    def _inside(self, action: str) -> bool:
        if self.boundary is None:
            return True
        if any(not s.allows and s.grants(action) and s.on_everything and not s.conditions for s in self.boundary):
            return False
        return any(s.allows and s.grants(action) for s in self.boundary)

    def add(self, found: Sequence[Statement], carrier: str) -> None:
        """Take over a policy's statements."""
        for statement in found:
            (self.allows if statement.allows else self.denies).append(Held(statement, carrier))


@cache
def _of_aws() -> Mapping[str, tuple[Statement, ...]]:
    """AWS's managed policies that make an administrator, by name."""
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = data.load(_DATA)["policies"]
    return {name: tuple(_statement(row) for row in parts) for name, parts in rows.items()}


def _statement(row: Mapping[str, Any]) -> Statement:
    passed = {"StringEquals": {"iam:PassedToService": (row["service"],)}} if "service" in row else {}
    return Statement(
        path="policyArn",
        allows=True,
        actions=tuple(action.lower() for action in row.get("actions", ())),
        not_actions=tuple(action.lower() for action in row.get("not_actions", ())),
        resources=("*",),
        not_resources=(),
        principals={},
        not_principals={},
        conditions=passed,
    )


def by_arn(arn: str) -> tuple[Statement, ...] | None:
    """The statements of one of AWS's managed policies; None when it is a customer's."""
    if not arn.startswith("arn:") or ":iam::aws:policy/" not in arn:
        return None
    return _of_aws().get(arn.rpartition("/")[2], ())


def effective(identity: Resource, stack: Stack) -> Permissions:
    """The permissions of a role, user, group (a user's groups included) or permission set."""
    found = Permissions()
    for source in (identity, *_groups(identity, stack)):
        _collect(source, stack, found)
    boundary = _boundary(identity, stack, found)
    if boundary is not None:
        _bound(*boundary, stack, found)
    return found


def _boundary(identity: Resource, stack: Stack, found: Permissions) -> tuple[Resource, str] | None:
    """Where the identity's boundary is named: (the resource, its property); None when it has none."""
    if identity.type != PERMISSION_SET:
        return (identity, "permissionsBoundary") if identity.raw("permissionsBoundary") is not None else None
    attached = _referrers(identity, SET_BOUNDARY, "permissionSetArn", stack, found)
    return (attached[0], "permissionsBoundary.managedPolicyArn") if attached else None


def _groups(identity: Resource, stack: Stack) -> Iterator[Resource]:
    if identity.type != USER:
        return
    names = {identity.name, identity.id, identity.show("name")}
    for kind, groups, users in MEMBERSHIPS:
        for membership in stack.of(kind):
            members, _ = membership.known_texts(users)
            if names & set(members) or identity in _safely(membership, users, stack):
                yield from (group for group in _safely(membership, groups, stack) if group.type == GROUP)


def _safely(resource: Resource, path: str, stack: Stack) -> list[Resource]:
    try:
        return stack.targets(resource, path, USER, GROUP)
    except CannotTell:
        return []


def _collect(identity: Resource, stack: Stack, found: Permissions) -> None:
    (inline, by), attachments = _CARRIERS[identity.type]

    for carrier in (
        *((identity,) if identity.type == ROLE else ()),
        *_referrers(identity, inline, by, stack, found),
    ):
        _take(carrier, found)
    for kind, path in attachments:
        for attachment in _referrers(identity, kind, path, stack, found):
            _attached(attachment, _ARNS.get(kind, "policyArn"), stack, found)
    if identity.type == PERMISSION_SET:
        _by_name(identity, stack, found)
        return
    kind, path = _EXCLUSIVE[identity.type]
    for exclusive in _referrers(identity, kind, path, stack, found):
        _attached(exclusive, "policyArns", stack, found)
    if identity.type == ROLE:
        _attached(identity, "managedPolicyArns", stack, found)


def _by_name(identity: Resource, stack: Stack, found: Permissions) -> None:
    """A permission set's customer managed policies, which it names and each account has by itself."""
    for attachment in _referrers(identity, SET_CUSTOMER, "permissionSetArn", stack, found):
        try:
            name = attachment.text("customerManagedPolicyReference.name")
            inside = [policy for policy in stack.of(MANAGED) if policy.raw("name") == name]
            if not inside:
                raise CannotTell(
                    f"{attachment.name}.customerManagedPolicyReference", f"{name}, a policy outside this stack"
                )
        except CannotTell as reason:
            found.undecided = found.undecided or reason
            continue
        for policy in inside:
            _take(policy, found)


def _take(carrier: Resource, found: Permissions) -> None:
    read, undecided = known_permissions(carrier)
    found.add(read, carrier.name)
    found.undecided = found.undecided or undecided


def _referrers(identity: Resource, kind: str, path: str, stack: Stack, found: Permissions) -> list[Resource]:
    try:
        return stack.referrers(identity, kind, path)
    except CannotTell as reason:
        found.undecided = found.undecided or reason
        return []


def _attached(holder: Resource, path: str, stack: Stack, found: Permissions) -> None:
    arns, _ = holder.known_texts(path)
    inside = {arn for arn in arns if stack.named(arn, MANAGED)}
    for arn in arns:
        known = by_arn(arn)
        if known is not None:
            found.add(known, arn.rpartition("/")[2])
        elif arn.startswith("arn:") and arn not in inside:
            found.undecided = found.undecided or CannotTell(
                f"{holder.name}.{path}", f"{arn}, a policy outside this stack"
            )
    try:
        for policy in stack.targets(holder, path, MANAGED):
            _take(policy, found)
    except CannotTell as reason:
        found.undecided = found.undecided or reason


def _bound(identity: Resource, path: str, stack: Stack, found: Permissions) -> None:
    try:
        inside = stack.targets(identity, path, MANAGED)
        if inside:
            found.boundary = [statement for policy in inside for statement in statements(policy, "policy")]
            return
        known = by_arn(identity.text(path))
        if known is None:
            raise CannotTell(path, "a policy outside this stack")
        found.boundary = list(known)
    except CannotTell as reason:
        # What the boundary leaves is not known, so nothing is taken to be allowed for sure.
        found.undecided = found.undecided or reason
        found.boundary = []
