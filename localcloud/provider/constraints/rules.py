"""Applies the official schema to inputs: values, sizes, and which properties go together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.provider.constraints import judge, official
from localcloud.provider.wire import UNKNOWN

Failure = tuple[str, str]


def values(token: str, inputs: Mapping[str, Any]) -> Iterator[Failure]:
    """What each property's own rule says."""
    for name, value in inputs.items():
        field = official.fields(token).get(name)
        if field:
            yield from ((name, reason) for reason in _value(field, value, name))


def _value(field: official.Field, value: Any, path: str) -> Iterator[str]:
    if value is None or value == UNKNOWN:
        return
    if isinstance(value, list):
        yield from _size(field, value, path)
        for index, item in enumerate(value):
            yield from _element(field, item, f"{path}[{index}]")
        return
    if isinstance(value, dict) and "f" in field:
        yield from _element(field, value, path)
        return
    if "e" in field and not isinstance(value, dict):  # a list of at most one, flattened by Pulumi
        yield from _broken(field["e"], value, path)
    if "v" in field:
        yield from _broken(field["v"], value, path)


def _size(field: official.Field, value: list[Any], path: str) -> Iterator[str]:
    least, most = field.get("n", (0, None))
    if not least <= len(value) <= (len(value) if most is None else most) and UNKNOWN not in value:
        yield f"{path} has {len(value)} elements; accepted are {judge.spoken(least, most)}"


def _element(field: official.Field, value: Any, path: str) -> Iterator[str]:
    if value is None or value == UNKNOWN:
        return
    if "e" in field:
        yield from _broken(field["e"], value, path)
    inner = field.get("f")
    if inner and isinstance(value, dict):
        yield from (reason for _, reason in together(inner, value, f"{path}."))
        for name, item in value.items():
            if name in inner:
                yield from _value(inner[name], item, f"{path}.{name}")


def _broken(rule: judge.ValueRule, value: Any, path: str) -> Iterator[str]:
    reason = judge.broken(rule, value)
    if reason:
        yield f"{path} is {judge.text(value)!r}; {reason}"


def together(fields: official.Fields, given: Mapping[str, Any], path: str = "") -> Iterator[Failure]:
    """Properties that exclude or need each other, in one object; what is unknown counts as given."""
    reported: set[tuple[str, ...]] = set()
    for name, field in fields.items():
        here = given.get(name) is not None
        for key, judged in (("conf", here), ("with", here), ("one", True), ("some", True)):
            others = field.get(key)
            if not others or not judged:
                continue
            group = tuple(sorted({name, *others}))
            if (key, *group) in reported:
                continue
            found = [other for other in group if given.get(other) is not None]
            reason = _against(key, name, others, group, found, path)
            if reason:
                reported.add((key, *group))
                yield name, reason


def _against(key: str, name: str, others: list[str], group: tuple[str, ...], found: list[str], path: str) -> str | None:
    spelled = ", ".join(f"{path}{item}" for item in group)
    match key:
        case "conf":
            clash = [other for other in others if other in found and other != name]
            return f"{path}{name} and {path}{clash[0]} exclude each other" if clash else None
        case "with":
            lacking = [other for other in others if other not in found]
            return f"{path}{name} needs {path}{lacking[0]} beside it" if lacking else None
        case "one":
            listed = ", ".join(found) or "none"
            return f"exactly one of {spelled} is required; given: {listed}" if len(found) != 1 else None
    return f"one of {spelled} is required" if not found else None
