"""Conditions of policy statements; pure. What a laptop cannot know is neither true nor false.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "Conditions with multiple context keys or values".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from localcloud.runtime.wildcards import expression

#: True, False, or None where it depends on what is not known here.
Truth = bool | None

#: Keys in lower case → values, as strings. An empty sequence: the key is known to be absent from the
#: request; `prefix:*`: so are all of that prefix which are not there.
Context = Mapping[str, Sequence[str]]

_Compare = Callable[[str, str], bool]


def matches(pattern: str, text: str) -> bool:
    """Whether `text` is of the pattern, with AWS's wildcards."""
    return re.fullmatch(expression(pattern), text, re.DOTALL) is not None


def _numbers(compare: Callable[[float, float], bool]) -> _Compare:
    def run(given: str, wanted: str) -> bool:
        with suppress(ValueError):
            return compare(float(given), float(wanted))
        return False

    return run


_OPERATORS: Mapping[str, _Compare] = {
    "stringequals": lambda given, wanted: given == wanted,
    "stringequalsignorecase": lambda given, wanted: given.lower() == wanted.lower(),
    "stringlike": lambda given, wanted: matches(wanted, given),
    "arnequals": lambda given, wanted: matches(wanted, given),
    "arnlike": lambda given, wanted: matches(wanted, given),
    "bool": lambda given, wanted: given.lower() == wanted.lower(),
    "numericequals": _numbers(lambda given, wanted: given == wanted),
    "numericlessthan": _numbers(lambda given, wanted: given < wanted),
    "numericlessthanequals": _numbers(lambda given, wanted: given <= wanted),
    "numericgreaterthan": _numbers(lambda given, wanted: given > wanted),
    "numericgreaterthanequals": _numbers(lambda given, wanted: given >= wanted),
}
#: The operators that ask for none of the values.
_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "numericnotequals": "numericequals",
}


def hold(condition: Mapping[str, Mapping[str, Any]], context: Context) -> Truth:
    """Whether all of a statement's conditions hold."""
    found = [
        _one(operator.lower(), key.lower(), values if isinstance(values, list) else [values], context)
        for operator, pairs in condition.items()
        for key, values in pairs.items()
    ]
    if False in found:
        return False
    return None if None in found else True


def _one(operator: str, key: str, wanted: Sequence[Any], context: Context) -> Truth:
    texts = [str(value).lower() if isinstance(value, bool) else str(value) for value in wanted]
    given = context.get(key, context.get(f"{key.rpartition(':')[0]}:*"))
    if given is None:
        return None
    quantifier, colon, rest = operator.partition(":")
    operator = rest if colon else operator
    optional = operator.endswith("ifexists")
    operator = operator.removesuffix("ifexists")
    if operator == "null":
        return (not given) == (texts[0].lower() == "true")
    if operator not in _OPERATORS and operator not in _NEGATED:
        return None
    negated = operator in _NEGATED
    compare = _OPERATORS[_NEGATED.get(operator, operator)]

    def fits(value: str) -> bool:
        return any(compare(value, text) for text in texts) != negated

    if not given:
        return optional or negated or quantifier == "forallvalues"
    return all(map(fits, given)) if quantifier == "forallvalues" else any(map(fits, given))
