"""IAM's decision on one request of a role within its account; pure.

Source: IAM User Guide, "Policy evaluation logic" (single account), "Policy evaluation for requests within a single account";
KMS Developer Guide, "Default key policy" (a key policy that names the account lets its IAM policies decide).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.emulator.authorization.conditions import Context, Truth, hold, matches

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """One action on one resource: `kms:Decrypt`, its ARN, and what conditions may read."""

    action: str
    resource: str
    context: Context


@dataclass(frozen=True, slots=True)
class Policies:
    """What speaks of the request: the role's own policies, its boundary, and the resource's policy."""

    role: str  #: its ARN
    identity: Sequence[Document]
    boundary: Document | None = None
    resource: Document | None = None
    #: Whether the role's policies count only where the resource's policy names the account (KMS).
    by_delegation: bool = False


def refusal(ask: Ask, policies: Policies) -> str | None:
    """Why it is refused, in IAM's words; None if it is allowed. What cannot be known here refuses nothing."""
    account = policies.role.split(":")[4]
    resource = [*_statements(policies.resource, ask)]
    direct = [each for each in resource if _names(each, policies.role, account) == "role"]
    delegated = any(
        _allows(each, ask) for each in resource if _names(each, policies.role, account) in ("account", "role")
    )
    identity = [each for document in policies.identity for each in _statements(document, ask)]
    boundary = [*_statements(policies.boundary, ask)]
    denying = (
        ("an identity-based policy", identity),
        ("a permissions boundary", boundary),
        ("a resource-based policy", [each for each in resource if _names(each, policies.role, account)]),
    )
    for name, statements in denying:
        if any(each.get("Effect") == "Deny" and _conditions(each, ask) is True for each in statements):
            return f"with an explicit deny in {name}"
    if any(_allows(each, ask) for each in direct):
        return None
    if policies.by_delegation and not delegated:
        return f"because no resource-based policy allows the {ask.action} action"
    if policies.boundary is not None and not any(_allows(each, ask) for each in boundary):
        return f"because no permissions boundary allows the {ask.action} action"
    if not any(_allows(each, ask) for each in identity):
        return f"because no identity-based policy allows the {ask.action} action"
    return None


def service_may(policy: Document | None, service: str, action: str, resource: str, source: str) -> bool:
    """Whether a resource's policy lets an AWS service do it on behalf of the resource `source` (its ARN)."""
    keys = {"aws:sourcearn": [source], "aws:sourceaccount": [source.split(":")[4]], "aws:securetransport": ["true"]}
    ask = Ask(action, resource, keys)
    named = [each for each in _statements(policy, ask) if _names_service(each, service)]
    if any(each.get("Effect") == "Deny" and _conditions(each, ask) is True for each in named):
        return False
    return any(_allows(each, ask) for each in named)


def _names_service(statement: Mapping[str, Any], service: str) -> bool:
    principal = statement.get("Principal") or {}
    if principal == "*" or principal.get("AWS") in ("*", ["*"]):
        return True
    named = principal.get("Service") or []
    return service in (named if isinstance(named, list) else [named])


def _statements(document: Document | None, ask: Ask) -> Iterator[Mapping[str, Any]]:
    """The statements of a document that speak of the action and the resource."""
    listed = (document or {}).get("Statement") or []
    for each in listed if isinstance(listed, list) else [listed]:
        if _speaks(each, "Action", ask.action.lower(), lower=True) and _speaks(each, "Resource", ask.resource):
            yield each


def _speaks(statement: Mapping[str, Any], member: str, text: str, *, lower: bool = False) -> bool:
    if f"Not{member}" in statement:
        return not _listed(statement[f"Not{member}"], text, lower=lower)
    return member not in statement or _listed(statement[member], text, lower=lower)


def _listed(patterns: Any, text: str, *, lower: bool) -> bool:
    listed = patterns if isinstance(patterns, list) else [patterns]
    return any(matches(str(pattern).lower() if lower else str(pattern), text) for pattern in listed)


def _conditions(statement: Mapping[str, Any], ask: Ask) -> Truth:
    return hold(statement.get("Condition") or {}, ask.context)


def _allows(statement: Mapping[str, Any], ask: Ask) -> bool:
    """What depends on something that is not known here counts as allowed."""
    return statement.get("Effect") == "Allow" and _conditions(statement, ask) is not False


def _names(statement: Mapping[str, Any], role: str, account: str) -> str:
    """Whom of us a resource's statement speaks of: `role`, `account` as a whole, or nobody (empty)."""
    principal = statement.get("Principal")
    if principal is None:  # NotPrincipal: not evaluated here
        return ""
    named = principal if principal == "*" else (principal.get("AWS") or [])
    listed = named if isinstance(named, list) else [named]
    session = role.replace(":iam::", ":sts::").replace(":role/", ":assumed-role/")
    if any(each in ("*", role) or str(each).startswith(f"{session}/") for each in listed):
        return "role"
    return "account" if any(each == account or each == f"arn:aws:iam::{account}:root" for each in listed) else ""
