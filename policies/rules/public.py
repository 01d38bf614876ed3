"""Resource policies that let everybody in: one rule for every kind of resource that carries one, inline or beside it."""

from __future__ import annotations

from collections.abc import Mapping

from policies.lang.documents import known_statements
from policies.lang.everybody import public_statements
from policies.lang.resources import Resource
from policies.lang.values import View
from policies.model import Each, Verdict, bad, na, ok

FIX = "name accounts, roles or services, or add a condition whose values are fixed (aws:SourceAccount, aws:PrincipalOrgID)"


def policy_is_private(view: View, path: str) -> Verdict:
    """No statement of the policy document at `path` lets everybody in."""
    found, undecided = known_statements(view, path)
    for statement in public_statements(found):
        if statement.not_principals:
            return bad(f"{statement.path}.NotPrincipal", "everybody but those named", FIX)
        return bad(f"{statement.path}.Principal", "*", FIX)
    if undecided:
        raise undecided
    return ok()


def not_public(paths: Mapping[str, str], *, default: str = "") -> Each:
    """No statement of the policy at `paths[type]` allows the whole world without a narrowing condition.

    A resource without a policy is not applicable, with `default` as the reason (what AWS does then).
    """

    def check(resource: Resource) -> Verdict:
        path = paths[resource.type]
        if not resource.has(path):
            return na(default or "it has no policy of its own")
        return policy_is_private(resource, path)

    return Each(tuple(paths), check)
