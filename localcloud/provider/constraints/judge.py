"""Evaluates the rules of values (scripts/terraform_schema/validators.py lists them): one sentence per broken rule."""

from __future__ import annotations

import base64
import binascii
import functools
import ipaddress
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

ValueRule = Sequence[Any]

_DAY = r"([01]?\d|2[0-3]):[0-5]\d"
_WEEK = rf"(mon|tue|wed|thu|fri|sat|sun):{_DAY}"
_REGION = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx|cn|us-gov|eu-isoe|us-isof?|us-isob)-[a-z]+-\d{1,2}")
_ACCOUNT = re.compile(r"\d{12}")
_ARN = re.compile(r"arn:[\w-]+:[^:]+:[^:]*:[^:]*:.+", re.DOTALL)
_ARN_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
_ARN_ACCOUNT = re.compile(r"\d{12}|aws|aws-managed|third-party|aws-marketplace|cw\w{10}|user|system")


def broken(rule: ValueRule, value: Any) -> str | None:
    """Why `value` breaks `rule`, as "…; accepted is …"; None when it holds."""
    if isinstance(value, (dict, list)) or value is None:
        return None
    return _RULES[rule[0]](rule[1:], value) if rule[0] in _RULES else None


def text(value: Any) -> str:
    """A scalar as Terraform writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _enum(values: ValueRule, value: Any) -> str | None:
    accepted = [text(item) for item in values]
    return None if text(value) in accepted else f"accepted are {_listed(accepted)}"


def _any_case(values: ValueRule, value: Any) -> str | None:
    accepted = [text(item) for item in values]
    return None if text(value).lower() in {item.lower() for item in accepted} else f"accepted are {_listed(accepted)}"


def _listed(values: Sequence[str]) -> str:
    shown = [repr(item) if item == "" else item for item in values[:40]]
    return ", ".join(shown) + (f" and {len(values) - 40} more" if len(values) > 40 else "")


def _length(limits: ValueRule, value: Any) -> str | None:
    size = len(text(value))
    return None if _within(size, *limits) else f"it has {size} characters, accepted are {spoken(*limits)}"


def _number(limits: ValueRule, value: Any) -> str | None:
    try:
        number = float(text(value))
    except ValueError:
        return None  # a wrong type is told elsewhere; an empty text means "not set"
    return None if _within(number, *limits) else f"accepted is {spoken(*limits)}"


def _within(number: float, least: float | None, most: float | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)


def spoken(least: float | None, most: float | None) -> str:
    """A range in words."""
    if least is not None and most is not None:
        return f"{least} to {most}"
    return f"at least {least}" if least is not None else f"at most {most}"


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _matches(patterns: ValueRule, value: Any) -> str | None:
    wrong = [pattern for pattern in patterns if not _compiled(pattern).search(text(value))]
    return f"accepted is what matches {wrong[0]}" if wrong else None


def _not_matches(patterns: ValueRule, value: Any) -> str | None:
    wrong = [pattern for pattern in patterns if _compiled(pattern).search(text(value))]
    return f"what matches {wrong[0]} is not accepted" if wrong else None


def _all(rules: ValueRule, value: Any) -> str | None:
    return next((reason for rule in rules if (reason := broken(rule, value))), None)


def _any(rules: ValueRule, value: Any) -> str | None:
    reasons = [broken(rule, value) for rule in rules]
    return None if None in reasons else " or ".join(str(reason) for reason in reasons)


def _divisible(by: ValueRule, value: Any) -> str | None:
    try:
        return None if float(text(value)) % by[0] == 0 else f"accepted are multiples of {by[0]}"
    except ValueError:
        return None


def _accepts(words: str, test: Callable[[str], bool]) -> Callable[[ValueRule, Any], str | None]:
    def judge(_: ValueRule, value: Any) -> str | None:
        try:
            held = test(text(value))
        except (ValueError, binascii.Error):
            held = False
        return None if held else f"accepted is {words}"

    return judge


def arn(value: str) -> bool:
    """Whether a text is an ARN in form: partition, service, Region, account, resource."""
    if value == "":
        return True
    if not _ARN.fullmatch(value):
        return False
    _, _, _, region, account, _ = value.split(":", 5)
    return (not region or _ARN_REGION.fullmatch(region) is not None) and (
        not account or _ARN_ACCOUNT.fullmatch(account) is not None
    )


def _network(version: int | None, canonical: bool = True) -> Callable[[str], bool]:
    def test(value: str) -> bool:
        if "/" not in value:
            return False
        network = ipaddress.ip_network(value, strict=canonical)
        return version is None or network.version == version

    return test


def _address(version: int | None) -> Callable[[str], bool]:
    return lambda value: version in (None, ipaddress.ip_address(value).version)


def _sized_network(limits: ValueRule, value: Any) -> str | None:
    try:
        network = ipaddress.ip_network(text(value), strict=False)
    except ValueError:
        return "accepted is a network such as 10.0.0.0/16"
    if network != ipaddress.ip_network(text(value), strict=False) or "/" not in text(value):
        return "accepted is a network such as 10.0.0.0/16"
    if len(limits) == 2 and not limits[0] <= network.prefixlen <= limits[1]:
        return f"accepted are networks of /{limits[0]} to /{limits[1]}"
    return None


def _json(value: str) -> bool:
    json.loads(value)
    return True


def _policy(value: str) -> bool:
    return value.strip() == "" or isinstance(json.loads(value), dict)


def _time(value: str) -> bool:
    datetime.fromisoformat(value)
    return "T" in value


def _base64(value: str) -> bool:
    base64.b64decode(value, validate=True)
    return True


def _pattern(value: str) -> bool:
    re.compile(value)
    return True


def _full(pattern: str) -> Callable[[str], bool]:
    return lambda value: value == "" or re.fullmatch(pattern, value, re.IGNORECASE) is not None


_RULES: Mapping[str, Callable[[ValueRule, Any], str | None]] = {
    "enum": _enum,
    "ienum": _any_case,
    "len": _length,
    "int": _number,
    "re": _matches,
    "nre": _not_matches,
    "all": _all,
    "any": _any,
    "div": _divisible,
    "cidr-net": _sized_network,
    "arn": _accepts("an ARN (arn:partition:service:region:account:resource)", arn),
    "json": _accepts("JSON", _json),
    "policy": _accepts("a policy document in JSON", _policy),
    "cidr4": _accepts("an IPv4 network such as 10.0.0.0/16, without host bits", _network(4)),
    "cidr6": _accepts("an IPv6 network such as 2001:db8::/56, without host bits", _network(6)),
    "cidr": _accepts("a network such as 10.0.0.0/16, without host bits", _network(None)),
    "cidr-any": _accepts("a network such as 10.0.0.0/16", _network(None, canonical=False)),
    "ipv4": _accepts("an IPv4 address", _address(4)),
    "ipv6": _accepts("an IPv6 address", _address(6)),
    "ip": _accepts("an IP address", _address(None)),
    "account": _accepts("an account number of 12 digits", lambda v: v == "" or _ACCOUNT.fullmatch(v) is not None),
    "region": _accepts("a Region such as ap-south-1", lambda v: _REGION.fullmatch(v) is not None),
    "rfc3339": _accepts("a time such as 2026-01-31T12:00:00Z", _time),
    "base64": _accepts("base64", _base64),
    "daily": _accepts("hh24:mi-hh24:mi", _full(f"{_DAY}-{_DAY}")),
    "weekly": _accepts("ddd:hh24:mi-ddd:hh24:mi", _full(f"{_WEEK}-{_WEEK}")),
    "https": _accepts("a URL that begins with https://", lambda v: re.match(r"https://[^/]+", v) is not None),
    "url": _accepts("a URL that begins with http:// or https://", lambda v: re.match(r"https?://[^/]+", v) is not None),
    "nonempty": _accepts("what is not empty", lambda v: v.strip() != ""),
    "empty": _accepts("nothing", lambda v: v == ""),
    "regex": _accepts("a regular expression", _pattern),
    "kms": _accepts(
        "the id, ARN or alias of a KMS key",
        lambda v: (
            re.search(r"^(arn:|alias/|mrk-)|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", v)
            is not None
        ),
    ),
}
