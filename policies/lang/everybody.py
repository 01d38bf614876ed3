"""Who is "everybody": whether a statement of a resource policy, or a principal written elsewhere, lets the whole world in.

One module decides it for every control. The measure is AWS's: a policy is not public if it names its principals, or narrows `*`
by a condition whose values are all fixed, that is without wildcards and policy variables (Security Hub user guide, SQS.3 and
SNS.4; S3 user guide, "The meaning of public").
"""

from __future__ import annotations

from collections.abc import Sequence

from policies.lang.documents import Statement, has_wildcard, matches
from policies.lang.networks import any_caller

#: Condition keys that say who the caller is, or from which account, organisation or network the call comes.
_NARROWING_KEYS = frozenset(
    {
        "aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:sourceaccount",
        "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpcarn",
        "aws:sourcevpce", "aws:userid", "elasticfilesystem:accesspointarn", "kms:calleraccount", "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn", "sns:endpoint", "aws:vpceaccount", "aws:vpceorgid", "aws:vpceorgpaths",
    }
)  # fmt: skip
_ADDRESS_KEYS = frozenset({"aws:sourceip", "aws:vpcsourceip"})
#: Operators that hold only for a listed value. Their negations hold for everybody else.
_EQUALITIES = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"})
_NEGATIONS = frozenset({"stringnotequals", "stringnotequalsignorecase", "stringnotlike", "arnnotequals", "arnnotlike"})
#: Booleans that only a caller inside a network of the owner's can have.
_NETWORK_FLAGS = frozenset({"elasticfilesystem:accessedviamounttarget"})


def is_everybody(principal: str) -> bool:
    """Whether a principal stands for accounts that nobody chose: `*`, or an ARN whose account is a wildcard."""
    if not has_wildcard(principal):
        return False
    parts = principal.split(":")
    return len(parts) < 6 or has_wildcard(parts[4]) or not parts[4]


def anyone(statement: Statement) -> bool:
    """Whether the statement's principal is the whole world, before conditions. `NotPrincipal` is: all but those it names."""
    return bool(statement.not_principals) or any(
        is_everybody(value) for values in statement.principals.values() for value in values
    )


def _fixed(key: str, values: Sequence[str]) -> bool:
    """Whether each value is one thing. An access point's ARN may leave its name open while its account is fixed (S3's rule)."""
    if key == "s3:dataaccesspointarn":
        values = [value.rpartition(":")[0] if value.count(":") >= 5 else value for value in values]
    return bool(values) and not any(has_wildcard(value) for value in values)


def narrows(operator: str, key: str, values: Sequence[str]) -> bool:
    """Whether one condition (operator and key in lower case) keeps a statement to callers that somebody chose.

    `ForAllValues` and `…IfExists` do not: they hold for a request without the key.
    """
    if operator.startswith("forallvalues:") or operator.endswith("ifexists"):
        return False
    operator = operator.removeprefix("foranyvalue:")
    if operator == "ipaddress" and key in _ADDRESS_KEYS:
        return bool(values) and not any(has_wildcard(value) for value in values) and not any_caller(values)
    if operator == "bool" and key in _NETWORK_FLAGS:
        return tuple(value.lower() for value in values) == ("true",)
    return operator in _EQUALITIES and key in _NARROWING_KEYS and _fixed(key, values)


def narrowed(statement: Statement) -> bool:
    """Whether a condition keeps the statement to known callers: an account, an organisation, a network, an ARN."""
    return any(narrows(operator, key, values) for operator, key, values in statement.tests())


def _refuses_the_rest(deny: Statement, allow: Statement) -> bool:
    """Whether a deny takes back what an allow gives to everybody: it denies all callers but some that are fixed."""
    if deny.allows or not any("*" in values for values in deny.principals.values()):
        return False
    tests = list(deny.tests())
    if len(tests) > 1:
        return False  # it denies only where all of its conditions hold
    if tests:
        operator, key, values = tests[0]
        callers = operator in _NEGATIONS and key in _NARROWING_KEYS and _fixed(key, values)
        addresses = operator == "notipaddress" and key in _ADDRESS_KEYS and values and not any_caller(values)
        if not (callers or addresses):
            return False
    same_actions = bool(allow.actions) and all(
        any(matches(action, pattern) for pattern in deny.actions) for action in allow.actions
    )
    same_resources = bool(allow.resources) and all(
        any(matches(resource, pattern) for pattern in deny.resources) for resource in allow.resources
    )
    return same_actions and same_resources


def public_statements(found: Sequence[Statement]) -> list[Statement]:
    """Those of a policy's statements that let everybody in: allowed, to the world, not narrowed, not taken back by a deny."""
    return [
        statement
        for statement in found
        if statement.allows
        and anyone(statement)
        and not narrowed(statement)
        and not any(_refuses_the_rest(other, statement) for other in found)
    ]
