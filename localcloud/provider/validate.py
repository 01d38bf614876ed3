"""What AWS would refuse: unknown and missing properties, wrong types, enumerations, patterns, lengths and ranges."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.provider import shapes
from localcloud.provider.constraints import official, policies, rules
from localcloud.provider.constraints.combinations import CHECKS
from localcloud.provider.constraints.combinations.given import Given
from localcloud.provider.row import Inputs
from localcloud.provider.schema import Schema, Type
from localcloud.provider.translate import Translator
from localcloud.provider.wire import ASSET, SIGNATURE, UNKNOWN, has_unknown

Failure = tuple[str, str]

_EXPECTED = {"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}


def failures(translator: Translator, schema: Schema, inputs: Inputs, *, new: bool = True) -> list[Failure]:
    """Every reason to refuse `inputs`: (property, reason). A secret's value is in none of them."""
    return [
        (name, _covered(translator, name, inputs[name], reason))
        if name in translator.secrets and name in inputs
        else (name, reason)
        for name, reason in _failures(translator, schema, inputs, new)
    ]


def _covered(translator: Translator, name: str, value: Any, reason: str) -> str:
    """A reason that cannot show a secret: limits of length may be told, what quotes anything may not."""
    quotes = not isinstance(value, str) or not value or any(part in reason for part in (value, "'", '"'))
    words = f"the value of {name} is not what {translator.kind.token} accepts (it is secret and not shown)"
    return words if quotes else f"{words}: {reason}"


def given(translator: Translator, inputs: Inputs) -> list[Failure]:
    """What is wrong with what the program itself said together, before names and defaults are filled in."""
    return list(rules.together(official.fields(translator.kind.token), inputs))


def _failures(translator: Translator, schema: Schema, inputs: Inputs, new: bool) -> list[Failure]:
    kind, row = translator.kind, translator.row
    found = list(_unknown(kind.token, kind.inputs, inputs))
    required = kind.required | row.required
    found += [(name, f"missing required property {name!r} of {kind.token}") for name in sorted(required - set(inputs))]
    for choice in row.one_of:
        if not any(name in inputs for name in choice):
            found.append((choice[0], f"one of {', '.join(choice)} is required for {kind.token}"))
    for name, value in inputs.items():
        if name in kind.inputs:
            found += [(name, reason) for reason in _wrong_type(schema, kind.inputs[name], value, name)]
    if (
        row.name
        and row.name_rule
        and isinstance(inputs.get(row.name, UNKNOWN), str)
        and inputs.get(row.name, UNKNOWN) != UNKNOWN
    ):
        pattern, words = row.name_rule
        if not re.fullmatch(pattern, inputs[row.name]):
            found.append((row.name, f"{inputs[row.name]!r} is not a valid name: {words}"))
    if not found and row.check and not has_unknown(inputs):
        found += row.check(inputs)
    if not found and new and row.check_new and not has_unknown(inputs):
        found += row.check_new(inputs)
    found += rules.values(kind.token, inputs)
    if not found:
        seen = Given(inputs)
        found += [failure for check in CHECKS.get(kind.token, ()) for failure in check(seen)]
        found += policies.failures(kind.token, seen)
    found += _tags(inputs.get("tags"))
    if found:
        return found  # what follows translates the values
    return [(name, reason) for name, value in inputs.items() for reason in _api_reasons(translator, name, value)]


_TAG_KEY, _TAG_VALUE = 128, 256


def _tags(tags: Any) -> Iterator[Failure]:
    """What every service refuses of tags ("Tag naming limits and requirements")."""
    for key, value in tags.items() if isinstance(tags, dict) and SIGNATURE not in tags else ():
        if key.lower().startswith("aws:"):
            yield "tags", f"tags: {key!r}: keys that begin with aws: are reserved for AWS"
        if len(key) > _TAG_KEY:
            yield "tags", f"tags: the key {key!r} has {len(key)} characters; accepted are at most {_TAG_KEY}"
        if isinstance(value, str) and len(value) > _TAG_VALUE and value != UNKNOWN:
            yield "tags", f"tags.{key} has {len(value)} characters; accepted are at most {_TAG_VALUE}"


def _unknown(where: str, known: Mapping[str, Type], given: Mapping[str, Any]) -> Iterator[Failure]:
    for name in given:
        if name not in known and not name.startswith("__"):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            yield name, f"unknown property {name!r} of {where}{hint}"


def _wrong_type(schema: Schema, typ: Type, value: Any, path: str) -> Iterator[str]:
    if value == UNKNOWN or typ == "any":
        return
    if isinstance(typ, dict):
        if "list" in typ:
            if not isinstance(value, list):
                yield f"{path} is {value!r}; a list is accepted"
                return
            for index, item in enumerate(value):
                yield from _wrong_type(schema, typ["list"], item, f"{path}[{index}]")
        elif not isinstance(value, dict):
            yield f"{path} is {value!r}; an object is accepted"
        elif "map" in typ:
            for key, item in value.items():
                yield from _wrong_type(schema, typ["map"], item, f"{path}.{key}")
        else:
            fields = schema.fields(typ)
            yield from (f"{path}: {reason}" for _, reason in _unknown(path, fields, value))
            for name in schema.required(typ):
                if name not in value:
                    yield f"{path} lacks its required property {name!r}"
            for name, item in value.items():
                if name in fields:
                    yield from _wrong_type(schema, fields[name], item, f"{path}.{name}")
    elif not _fits(typ, value):
        yield f"{path} is {value!r}; {_EXPECTED[typ]} is accepted"


def _fits(typ: str, value: Any) -> bool:
    """Terraform's conversions count as fitting: "30" for 30, true for "true"."""
    if isinstance(value, list | dict):
        return isinstance(value, dict) and value.get(SIGNATURE) == ASSET
    match typ:
        case "boolean":
            return isinstance(value, bool) or value in ("true", "false")
        case "integer":
            return not isinstance(value, bool) and re.fullmatch(r"-?\d+", str(value)) is not None
        case "number":
            return not isinstance(value, bool) and re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", str(value)) is not None
    return True


def _api_reasons(translator: Translator, name: str, value: Any) -> Iterator[str]:
    """What the model of the API says against one property's value."""
    create = translator.row.create
    if not create or (has_unknown(value) and translator.prop(name).encode):
        return
    fragment = translator.fragment(name, value, create)
    members = shapes.input_shape(translator.row.service, create).members
    for member, content in fragment.items():
        if member in members:
            found = _against(members[member], content, name)
            yield from () if translator.prop(name).longer else found


def _against(shape: Any, value: Any, path: str) -> Iterator[str]:
    if value is None or value == UNKNOWN:
        return
    limits = shape.metadata
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            for member, content in value.items():
                if member in shape.members:
                    yield from _against(shape.members[member], content, f"{path}.{member}")
        case "list" if isinstance(value, list):
            if not limits.get("min", 0) <= len(value) <= limits.get("max", len(value)):
                yield f"{path} has {len(value)} elements; accepted are {_range(limits)}"
            for item in value:
                yield from _against(shape.member, item, path)
        case "string" if isinstance(value, str):
            yield from _text_against(shape, value, path)
        case "integer" | "long" | "float" | "double" if isinstance(value, (int, float)):
            if not limits.get("min", value) <= value <= limits.get("max", value):
                yield f"{path} is {value}; accepted is {_range(limits)}"


def _text_against(shape: Any, value: str, path: str) -> Iterator[str]:
    limits = shape.metadata
    if shape.enum and value not in shape.enum:
        yield f"{path} is {value!r}; accepted are {', '.join(shape.enum)}"
    if not limits.get("min", 0) <= len(value) <= limits.get("max", len(value)):
        yield f"{path} has {len(value)} characters; accepted are {_range(limits)}"
    pattern = limits.get("pattern")
    if pattern and not _matches(pattern, value):
        yield f"{path} is {value!r}; accepted is what matches {pattern}"


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern if pattern.startswith("^") else f"^(?:{pattern})$", value) is not None
    except re.error:  # Java's classes such as \\p{L} are not Python's; what cannot be judged passes
        return True


def _range(limits: Mapping[str, Any]) -> str:
    if "min" in limits and "max" in limits:
        return f"{limits['min']} to {limits['max']}"
    return f"at least {limits['min']}" if "min" in limits else f"at most {limits['max']}"
