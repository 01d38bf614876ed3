"""Who is an administrator: identities that can raise their own rights by a published path, whatever carries their policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from policies.lang import data
from policies.lang.documents import Statement, has_wildcard, in_one_partition, matches, statements
from policies.lang.identities import ATTACHMENTS, GROUP, ROLE, USER
from policies.lang.permissions import Held, Permissions, effective
from policies.lang.resources import Resource, Stack
from policies.model import Verdict, bad, na, ok

_DATA = Path(__file__).parents[1] / "data" / "escalation_paths.yaml"


@dataclass(frozen=True)
class Escalation:
    """One way to more rights: the actions it needs, what they must reach, and the service that runs with a passed role."""

    id: str
    actions: tuple[str, ...]
    reach: str
    service: str
    kinds: tuple[str, ...]


@cache
def paths() -> tuple[Escalation, ...]:
    """The published paths."""
    rows: Sequence[Mapping[str, Any]] = data.load(_DATA)["paths"]
    return tuple(
        Escalation(row["id"], tuple(row["actions"]), row["reach"], row.get("service", ""), tuple(row.get("kinds", ())))
        for row in rows
    )


def only_a_boundary(policy: Resource, stack: Stack) -> bool:
    """Whether a managed policy limits identities of this stack and is attached to none: then it grants nothing."""
    if not any(stack.referrers(policy, kind, "permissionsBoundary") for kind in (ROLE, USER)):
        return False
    attached = any(stack.referrers(policy, kind, "policyArn") for kind in ATTACHMENTS)
    return not attached and not stack.referrers(policy, ROLE, "managedPolicyArns")


def cannot_escalate(identity: Resource, stack: Stack) -> Verdict:
    """Compliant unless a role that somebody may take, a user or a group can raise its own rights."""
    if identity.type == ROLE and not any(s.allows for s in statements(identity, "assumeRolePolicy")):
        return na("nobody may take it")
    held = effective(identity, stack)
    found = next(_escalations(identity, held), None)
    if found:
        path, by = found
        where = f"{by.carrier}.{by.statement.path}" if by.carrier != identity.name else by.statement.path
        return bad(where, f"{' with '.join(path.actions)} ({path.id})", _FIXES[path.reach])
    if held.undecided:
        raise held.undecided
    return ok()


_FIXES = {
    "self": "name other identities as its Resource, or demand iam:PermissionsBoundary",
    "any": "name the resources that it may change, none of them with more rights than its own",
    "role": "name the roles that it may pass or take",
}


def _escalations(identity: Resource, held: Permissions) -> Iterator[tuple[Escalation, Held]]:
    for path in paths():
        if path.kinds and not any(
            identity.type == {"role": ROLE, "user": USER, "group": GROUP}[kind] for kind in path.kinds
        ):
            continue
        reaching: Held | None = None
        for action in path.actions:
            candidates = [item for item in held.allowing(action) if _reaches(item.statement, action, path, identity)]
            if not candidates:
                break
            reaching = reaching or candidates[0]
        else:
            if reaching:
                yield path, reaching


def _reaches(statement: Statement, action: str, path: Escalation, identity: Resource) -> bool:
    if path.reach == "role":
        if action == "iam:PassRole":
            return _every_role(statement) and _passes_to(statement, path.service) and not _by_tag(statement)
        if action == "sts:AssumeRole":
            return _every_role(statement) and not _by_tag(statement)
        return True  # what runs the role may be anything
    if _bounded(statement) or _by_tag(statement):
        return False
    if path.reach == "any":
        return statement.everywhere or _every_resource_of(statement, action)
    return statement.everywhere or _covers_itself(statement, identity)


def _every_role(statement: Statement) -> bool:
    """Whether it covers roles that nobody named: `*`, `arn:aws:iam::*:role/*`, `role/*` of one account."""
    if statement.everywhere:
        return True
    return any(
        matches("role/q0", pattern.split(":", 5)[5]) for pattern in statement.resources if pattern.count(":") >= 5
    )


def _every_resource_of(statement: Statement, action: str) -> bool:
    """Whether a pattern leaves everything after the service open: `arn:aws:iam::*:*`, `arn:aws:lambda:*:*:function:*`."""
    service = action.partition(":")[0]
    for pattern in statement.resources:
        parts = pattern.split(":", 5)
        if len(parts) != 6 or not matches(service, parts[2]):
            continue
        kind, _, name = parts[5].replace(":", "/", 1).partition("/")
        if set(parts[5]) <= {"*", "/"} or (kind and set(name) == {"*"}):
            return True
    return False


def _covers_itself(statement: Statement, identity: Resource) -> bool:
    """Whether it covers the identity: by a pattern that its ARN or its name fits."""
    kind = identity.type.rpartition(":")[2].lower()
    arn = identity.raw("arn")
    name = identity.raw("name")
    own = (
        in_one_partition(arn)
        if isinstance(arn, str)
        else f"arn:aws:iam::000000000000:{kind}/{name if isinstance(name, str) else identity.name}"
    )
    if statement.not_resources:
        return statement.covers(own)
    return any(
        matches(own, in_one_partition(pattern)) or matches(own.rpartition(":")[2], pattern.rpartition(":")[2])
        for pattern in statement.resources
    )


def _passes_to(statement: Statement, service: str) -> bool:
    """Whether roles may be passed to `service`, as far as conditions say."""
    for operator, values in statement.condition("iam:PassedToService"):
        positive = operator.startswith(("stringequals", "stringlike")) and not operator.endswith("ifexists")
        if positive and service and not any(matches(service, value) for value in values):
            return False
    return True


def _bounded(statement: Statement) -> bool:
    """Whether it demands a permissions boundary that is named."""
    return any(
        values
        and operator in ("stringequals", "arnequals", "arnlike", "stringlike")
        and not any(map(has_wildcard, values))
        for operator, values in statement.condition("iam:PermissionsBoundary")
    )


def _by_tag(statement: Statement) -> bool:
    """Whether a condition on the resource's own tags or account picks what it reaches."""
    return any(
        key.startswith(("aws:resourcetag/", "iam:resourcetag/"))
        and operator in ("stringequals", "stringlike")
        and values
        and not any(map(has_wildcard, values))
        for operator, key, values in statement.tests()
    )
