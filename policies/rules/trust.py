"""Who may take a role: checks of `assumeRolePolicy`."""

from __future__ import annotations

from policies.lang.documents import Statement, statements
from policies.lang.resources import Resource
from policies.model import Verdict, bad, na, ok


def no_stranger_in_trust(role: Resource) -> Verdict:
    """No statement lets the whole world take the role."""
    for statement in statements(role, "assumeRolePolicy"):
        if statement.public:
            return bad(
                f"{statement.path}.Principal", "*", "name accounts, roles or services, or add aws:PrincipalOrgID"
            )
    return ok()


def federated_trust_is_narrow(role: Resource) -> Verdict:
    """Every statement for web identities demands one audience and named subjects."""
    federated = [
        statement
        for statement in statements(role, "assumeRolePolicy")
        if statement.allows and statement.grants("sts:AssumeRoleWithWebIdentity")
    ]
    if not federated:
        return na("no OpenID Connect provider may take it")
    for statement in federated:
        for claim in ("aud", "sub"):
            values = _claim(statement, claim)
            if not values or any(_too_wide(value) for value in values):
                return bad(
                    f"{statement.path}.Condition.{claim}",
                    list(values) or None,
                    f"demand named values of the provider's {claim}",
                )
    return ok()


def _claim(statement: Statement, claim: str) -> tuple[str, ...]:
    found: list[str] = []
    for operator, tests in statement.conditions.items():
        if operator.lower() in ("stringequals", "stringlike", "stringequalsignorecase"):
            found += [value for key, values in tests.items() if key.lower().endswith(f":{claim}") for value in values]
    return tuple(found)


def _too_wide(value: str) -> bool:
    """Whether a pattern leaves the owner or the repository open: `*`, `repo:*`, `repo:owner/*`."""
    head = value.partition("*")[0]
    return "*" in value and (not head.startswith("repo:") or head.count(":") < 2)
