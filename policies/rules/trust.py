"""Who may take a role: checks of `assumeRolePolicy`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.lang.documents import Statement, has_wildcard, statements
from policies.lang.resources import Resource
from policies.model import Verdict, bad, na, ok
from policies.rules.public import policy_is_private

#: Conditions by which a role says on whose behalf a service may take it (IAM user guide, "The confused deputy problem").
_SOURCE_KEYS = ("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths")
#: Services that send none of them when they take a role: the role is bound to an instance, or to Lambda at the edge.
_WITHOUT_SOURCE = ("ec2.amazonaws.com", "edgelambda.amazonaws.com")
_EQUALITIES = ("stringequals", "stringlike", "stringequalsignorecase", "arnequals", "arnlike")


def trust_is_private(role: Resource) -> Verdict:
    """No statement lets the whole world take the role."""
    return policy_is_private(role, "assumeRolePolicy")


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
            found = list(_claims(statement, claim))
            if not any(values and not any(_too_wide(value) for value in values) for values in found):
                return bad(
                    f"{statement.path}.Condition.{claim}",
                    [value for values in found for value in values] or None,
                    f"demand named values of the provider's {claim}",
                )
    return ok()


def _claims(statement: Statement, claim: str) -> Iterator[Sequence[str]]:
    """The values of each condition that demands a claim; all conditions hold together, so the narrowest decides."""
    for operator, key, values in statement.tests():
        if operator.removeprefix("foranyvalue:") in _EQUALITIES and key.endswith(f":{claim}"):
            yield values


def _too_wide(value: str) -> bool:
    """Whether a pattern leaves the owner or the repository open: `*`, `repo:*`, `repo:owner/*`, `repo:??/r:*`."""
    if not has_wildcard(value):
        return False
    if "${" in value:
        return True
    head = value[: min(index for index in (value.find("*"), value.find("?")) if index >= 0)]
    return not head.startswith("repo:") or head.count(":") < 2


def services_act_for_the_account(role: Resource) -> Verdict:
    """Each statement for a service says on whose behalf it may act: the confused deputy problem."""
    asked = False
    for statement in statements(role, "assumeRolePolicy"):
        services = [
            name for name in statement.principals.get("Service", ()) if name.removesuffix(".cn") not in _WITHOUT_SOURCE
        ]
        if not statement.allows or not services:
            continue
        asked = True
        bound = any(
            key in _SOURCE_KEYS
            and operator.removeprefix("foranyvalue:") in _EQUALITIES
            and values
            and not any(_any_account(key, value) for value in values)
            for operator, key, values in statement.tests()
        )
        if not bound:
            return bad(
                f"{statement.path}.Condition",
                None,
                f"add aws:SourceAccount or aws:SourceArn: {services[0]} acts for others",
            )
    return ok() if asked else na("no service that sends aws:SourceAccount may take it")


def _any_account(key: str, value: str) -> bool:
    """Whether a value leaves the account open; an ARN may leave the resource's name open."""
    if key == "aws:sourcearn" and value.count(":") >= 5:
        account, resource = value.split(":", 5)[4:]
        return has_wildcard(account) or (not account and has_wildcard(resource)) or "${" in value
    return has_wildcard(value)
