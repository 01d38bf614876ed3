"""The provider's validators as small expressions that localcloud/provider/constraints/judge.py evaluates.

["enum", v…]  ["ienum", v…] (any case)  ["len", min, max]  ["int", min, max]  ["num", min, max]  ["re", pattern…] all of
them  ["nre", pattern…] none of them  ["all", e…]  ["any", e…]  ["bytes", min, max]  and by name: ["arn"], ["json"],
["cidr4"], ["cidr6"], ["cidr"], ["ipv4"], ["ipv6"], ["ip"], ["account"], ["region"], ["rfc3339"], ["base64"],
["policy"], ["daily"], ["weekly"], ["https"], ["url"], ["nonempty"], ["empty"], ["regex"], ["service"]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from scripts.terraform_schema.go_trees import Call, Function, Package, Tree

Constraint = list[Any] | None

_BY_NAME: dict[str, list[Any]] = {
    "verify.ValidARN": ["arn"],
    "fwvalidators.ARN": ["arn"],
    "verify.ValidAccountID": ["account"],
    "fwvalidators.AWSAccountID": ["account"],
    "verify.ValidRegionName": ["region"],
    "fwvalidators.AWSRegion": ["region"],
    "verify.ValidBase64String": ["base64"],
    "validation.StringIsBase64": ["base64"],
    "validation.StringIsJSON": ["json"],
    "fwvalidators.JSON": ["json"],
    "verify.ValidIAMPolicyJSON": ["policy"],
    "verify.ValidIPv4CIDRNetworkAddress": ["cidr4"],
    "fwvalidators.IPv4CIDRNetworkAddress": ["cidr4"],
    "verify.ValidIPv6CIDRNetworkAddress": ["cidr6"],
    "fwvalidators.IPv6CIDRNetworkAddress": ["cidr6"],
    "verify.ValidCIDRNetworkAddress": ["cidr"],
    "validation.IsCIDR": ["cidr-any"],
    "validation.IsIPv4Address": ["ipv4"],
    "fwvalidators.IPv4Address": ["ipv4"],
    "validation.IsIPv6Address": ["ipv6"],
    "fwvalidators.IPv6Address": ["ipv6"],
    "validation.IsIPAddress": ["ip"],
    "validation.IsRFC3339Time": ["rfc3339"],
    "verify.ValidUTCTimestamp": ["rfc3339"],
    "verify.ValidOnceADayWindowFormat": ["daily"],
    "verify.ValidOnceAWeekWindowFormat": ["weekly"],
    "validation.IsURLWithHTTPS": ["https"],
    "validation.IsURLWithHTTPorHTTPS": ["url"],
    "validation.NoZeroValues": ["nonempty"],
    "validation.StringIsNotEmpty": ["nonempty"],
    "validation.StringIsNotWhiteSpace": ["nonempty"],
    "validation.StringIsEmpty": ["empty"],
    "validation.StringIsValidRegExp": ["regex"],
    "validation.IsPortNumber": ["int", 1, 65535],
    "validation.IsPortNumberOrZero": ["int", 0, 65535],
    "nullable.ValidateTypeStringNullableBool": ["enum", "", "true", "false"],
    "verify.ValidServicePrincipal": ["service"],
    "fwvalidators.ServicePrincipal": ["service"],
    "verify.ValidKMSKeyID": ["kms"],
    "verify.ValidLaunchTemplateID": ["re", "^lt-"],
}


def rule(package: Package, validator: Any) -> Constraint:
    """The expression of one validator; None when it is not understood."""
    if isinstance(validator, Function):
        return _of_body(package, validator.body, {})
    if isinstance(validator, list):
        return together("all", [rule(package, item) for item in validator])
    if not isinstance(validator, Call):
        return None
    if validator.name in _BY_NAME:
        return _BY_NAME[validator.name]
    head, _, name = validator.name.rpartition(".")
    if not head and name in package.functions:
        function = package.functions[name]
        scope = dict(zip(function["params"], validator.args, strict=False))
        return _of_body(package, function["body"], scope if validator.args else {})
    return _of_library(package, head, name, validator)


def together(how: str, rules: Sequence[Constraint]) -> Constraint:
    """Several rules as one; a part that is not understood drops out of `all` and makes `any` accept everything."""
    if how == "any" and any(item is None for item in rules):
        return None
    known = [item for item in rules if item is not None]
    if len(known) <= 1:
        return known[0] if known else None
    return [how, *known]


def _of_library(package: Package, head: str, name: str, call: Call) -> Constraint:
    args, last = list(call.args), call.args[-1] if call.args else None
    numbers = [arg for arg in args if isinstance(arg, (int, float)) and not isinstance(arg, bool)]
    match name:
        case "Validate" | "ValidateIgnoreCase" | "FrameworkValidate" | "FrameworkValidateIgnoreCase" if head == "enum":
            values = package.enumeration(call.types[0]) if call.types else None
            return ["ienum" if "Ignore" in name else "enum", *values] if values else None
        case "StringInSlice":
            values = args[0] if isinstance(args[0], list) and all(isinstance(v, str) for v in args[0]) else None
            return ["ienum" if last is True else "enum", *values] if values else None
        case "OneOf" | "OneOfCaseInsensitive":
            values = args[0] if len(args) == 1 and isinstance(args[0], list) else args
            if not all(isinstance(v, (str, int)) for v in values):
                return None
            return ["ienum" if "Case" in name else "enum", *values]
        case "IntInSlice":
            return ["enum", *args[0]] if isinstance(args[0], list) else None
        case "StringLenBetween" | "LengthBetween" | "UTF8LengthBetween":
            return ["len", *numbers] if len(numbers) == 2 else None
        case "LengthAtMost":
            return ["len", 0, *numbers] if numbers else None
        case "LengthAtLeast":
            return ["len", *numbers, None] if numbers else None
        case "IntBetween" | "FloatBetween" | "Between" | "ValidateTypeStringNullableIntBetween":
            return ["int", *numbers] if len(numbers) == 2 else None
        case "IntAtLeast" | "FloatAtLeast" | "AtLeast" | "ValidateTypeStringNullableIntAtLeast":
            return ["int", *numbers, None] if len(numbers) == 1 else None
        case "IntAtMost" | "FloatAtMost" | "AtMost":
            return ["int", None, *numbers] if len(numbers) == 1 else None
        case "IntDivisibleBy":
            return ["div", *numbers] if numbers else None
        case "StringMatch" | "RegexMatches":
            return _pattern("re", args[0])
        case "StringDoesNotMatch":
            return _pattern("nre", args[0])
        case "StringHasPrefix" if isinstance(args[0], str):
            return ["re", "^" + re.escape(args[0])]
        case "StringDoesNotContainAny" if isinstance(args[0], str):
            return ["nre", "[" + re.escape(args[0]) + "]"]
        case "IsCIDRNetwork":
            return ["cidr-net", *numbers]
        case "All" | "AllDiag":
            return together("all", [rule(package, arg) for arg in args])
        case "Any" | "AnyDiag":
            return together("any", [rule(package, arg) for arg in args])
        case "ToDiagFunc" | "WarnStringIsNotEmpty" if args and name == "ToDiagFunc":
            return rule(package, args[0])
        case "ValidARNCheck":
            return ["arn"]
    return None


def _pattern(how: str, pattern: Any) -> Constraint:
    """A Go pattern in Python's form, when Python can read it."""
    if not isinstance(pattern, str):
        return None
    text = pattern.replace(r"\z", r"\Z")
    for name, inner in (
        ("[:alnum:]", "a-zA-Z0-9"),
        ("[:alpha:]", "a-zA-Z"),
        ("[:digit:]", "0-9"),
        ("[:lower:]", "a-z"),
        ("[:upper:]", "A-Z"),
        ("[:space:]", r"\s"),
        ("[:word:]", r"\w"),
        ("[:print:]", r"\x20-\x7e"),
        (r"\p{L}", "a-zA-Z\u00c0-\uffff"),
        (r"\p{Z}", r"\s"),
        (r"\p{N}", "0-9"),
        (r"\p{S}", "$+<=>^`|~"),
        (r"\p{P}", "!-/:-@[-`{-~"),
        (r"\p{M}", "\u0300-\u036f"),
    ):
        text = text.replace(name, inner)
    try:
        re.compile(text)
    except re.error:
        return None
    return [how, text]


def _of_body(package: Package, body: Sequence[Tree], scope: dict[str, Any]) -> Constraint:
    """A validator written out: every `if condition { errors = append(…) }` at its top is one rule."""
    scope = dict(scope)
    texts = {"value", "v", "val", "s"}
    found: list[Constraint] = []
    for statement in body:
        if not statement:
            continue
        if statement.get("return"):
            inner = package.value(statement["return"][0], scope)
            if isinstance(inner, Call) and not found:
                head = inner.name.rpartition(".")[0]
                if head == "validation" or inner.name in package.functions:
                    return rule(package, inner)
        if "assign" in statement and len(statement["assign"]) == len(statement["to"]) == 1:
            left, right = statement["assign"][0], statement["to"][0]
            if left and "id" in left and not (right and "assert" in right):
                scope[left["id"]] = package.value(right, scope)
            continue
        if "assign" in statement and statement["to"] and statement["to"][0] and "assert" in statement["to"][0]:
            continue
        if "if" in statement and _reports(statement["then"]):
            found += _conditions(package, statement["if"], scope, texts)
        elif "if" in statement and any(inner and "return" in inner for inner in statement["then"]):
            if _conditions(package, statement["if"], scope, texts) != [["nonempty"]]:
                return together("all", found)  # accepted early, for a reason that is not understood
            rest = _of_body(package, body[body.index(statement) + 1 :], scope)
            return together("all", [*found, ["any", ["empty"], rest]]) if rest else together("all", found)
    return together("all", found)


_ERRORS = ("errors", "errs", "es", "diags")


def _reports(body: Sequence[Tree]) -> bool:
    """Whether a branch reports an error (a bare `return` accepts)."""
    return any(
        statement
        and (
            any(left and left.get("id") in _ERRORS for left in statement.get("assign", ()))
            or any(item and "call" in item for item in statement.get("return", ()))
        )
        for statement in body
    )


def _conditions(package: Package, tree: Tree, scope: dict[str, Any], texts: set[str]) -> list[Constraint]:
    """What must hold when `tree` is the condition of an error."""
    if not tree:
        return []
    if tree.get("bin") == "||":
        return [*_conditions(package, tree["x"], scope, texts), *_conditions(package, tree["y"], scope, texts)]
    if tree.get("un") == "!":
        pattern = _matched(package, tree["x"], scope)
        return [_pattern("re", pattern)] if pattern is not None else []
    if "call" in tree:
        pattern = _matched(package, tree, scope)
        return [_pattern("nre", pattern)] if pattern is not None else []
    if tree.get("bin") in (">", "<", ">=", "<=") and (tree["x"] or {}).get("call", {}).get("id") == "len":
        limit = package.value(tree["y"], scope)
        if isinstance(limit, int):
            return [
                {
                    ">": ["len", 0, limit],
                    ">=": ["len", 0, limit - 1],
                    "<": ["len", limit, None],
                    "<=": ["len", limit + 1, None],
                }[tree["bin"]]
            ]
    if tree.get("bin") in (">", "<") and (tree["x"] or {}).get("id") in texts:
        limit = package.value(tree["y"], scope)
        if isinstance(limit, (int, float)) and not isinstance(limit, bool):
            return [["int", None, limit] if tree["bin"] == ">" else ["int", limit, None]]
    if tree.get("bin") == "==" and (tree["x"] or {}).get("id") in texts and package.value(tree["y"], scope) == "":
        return [["nonempty"]]
    return []


def _matched(package: Package, tree: Tree, scope: dict[str, Any]) -> str | None:
    """The pattern that a condition looks for in the value."""
    if not tree or "call" not in tree or not tree["call"] or "sel" not in tree["call"]:
        return None
    method, of = tree["call"]["sel"], tree["call"]["of"]
    if method == "MatchString":
        pattern = package.value(of, scope)
        return pattern if isinstance(pattern, str) else None
    args = [package.value(arg, scope) for arg in tree["args"]]
    if len(args) == 2 and isinstance(args[1], str) and (of or {}).get("id") == "strings":
        word = re.escape(args[1])
        return {"HasPrefix": "^" + word, "HasSuffix": word + "$", "Contains": word}.get(method)
    return None
