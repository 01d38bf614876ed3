"""Single mistakes that AWS or the official provider refuses, each with a right twin: one refused, the other accepted.

Two sorts: mistakes/*.yaml, by hand from AWS's documentation; and, for each kind, a valid resource with one constraint broken
of each class that the sources know (values, lengths, ranges, required, conflicts, types, unknown names).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.provider.constraints import official
from localcloud.provider.core import Core
from localcloud.provider.read import Settings
from localcloud.provider.rows import ROWS
from localcloud.provider.wire import UNKNOWN
from tests.localcloud.provider.graph import CASES
from tests.tables import every_row

pytestmark = pytest.mark.process

Inputs = dict[str, Any]
BY_HAND = [
    (f"{file.stem}: {item['mistake']}", item)
    for file in sorted(Path(__file__).with_name("mistakes").glob("*.yaml"))
    for item in yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
]


def _failures(core: Core, token: str, inputs: Inputs) -> list[tuple[str, str]]:
    return core.check(Settings("ap-south-1"), token, "logical", inputs, {}, b"seed")[1]


def _plain(value: Any) -> Any:
    """JSON texts are written as objects under a key that ends with `!` in the tables."""
    if isinstance(value, dict):
        return {
            key.removesuffix("!"): json.dumps(item) if key.endswith("!") else _plain(item)
            for key, item in value.items()
        }
    return [_plain(item) for item in value] if isinstance(value, list) else value


@every_row("item", dict(BY_HAND))
def test_a_mistake_is_refused_and_its_twin_is_not(core: Core, item: dict[str, Any]) -> None:
    right = _plain(item["right"])
    wrong = {key: value for key, value in {**right, **_plain(item["wrong"])}.items() if value is not None}
    assert _failures(core, item["kind"], right) == []
    found = _failures(core, item["kind"], wrong)
    assert found, "accepted"
    assert any(item["names"] in f"{name} {reason}" for name, reason in found), found


# ---- one broken constraint of each class for each kind


def _known(value: Any) -> Any:
    """A graph's inputs with what other resources give left unknown."""
    if isinstance(value, dict):
        return UNKNOWN if set(value) == {"ref"} else {key: _known(item) for key, item in value.items()}
    return [_known(item) for item in value] if isinstance(value, list) else value


VALID: dict[str, Inputs] = {}
for case in CASES.values():
    VALID.setdefault(case.token, {key: value for key, value in _known(case.inputs).items() if key != "needs"})


def _of_rule(rule: Any) -> Iterator[tuple[str, Any]]:
    """Values that break a rule: (class, value)."""
    match rule[0]:
        case "enum" | "ienum" if all(isinstance(item, str) for item in rule[1:]):
            yield "enum", "no-such-value"
        case "int":
            if rule[2] is not None and rule[2] < 1e9:
                yield "range", rule[2] + 1
            if rule[1] is not None and rule[1] > -1e9:
                yield "range", rule[1] - 1
        case "len" if rule[2] is not None and rule[2] < 3000:
            yield "length", "x" * (rule[2] + 1)
        case "arn" | "cidr4" | "cidr6" | "rfc3339" | "account" | "daily" | "weekly" | "json" | "policy":
            yield "pattern", "no:such-form"
        case "all":
            for part in rule[1:]:
                yield from _of_rule(part)


def _broken(core: Core, token: str) -> Iterator[tuple[str, str, Inputs]]:
    """(class, property, inputs) of each mistake that the sources know for a kind."""
    valid, kind = VALID[token], core.translator(token).kind
    fields = official.fields(token)
    for name, field in fields.items():
        if name not in kind.inputs:
            continue
        for sort, value in _of_rule(field["v"]) if "v" in field else ():
            yield sort, name, {**valid, name: value}
        for other in field.get("conf", ()):
            if name in valid and other not in valid:
                yield "conflict", other, {**valid, other: UNKNOWN}
        if name in valid and kind.inputs[name] in ("integer", "boolean"):
            yield "type", name, {**valid, name: "neither"}
        if name in valid and isinstance(kind.inputs[name], dict) and "list" in kind.inputs[name]:
            yield "type", name, {**valid, name: "one"}
    for name in kind.required | ROWS[token].required:
        yield "required", name, {key: value for key, value in valid.items() if key != name}
    yield "unknown", "noSuchProperty", {**valid, "noSuchProperty": 1}


@every_row("token", sorted(VALID))
def test_each_class_of_constraint_is_refused_by_name(core: Core, token: str) -> None:
    assert _failures(core, token, copy.deepcopy(VALID[token])) == []
    accepted = []
    for sort, name, inputs in _broken(core, token):
        found = _failures(core, token, inputs)
        if not any(name in f"{prop} {reason}" for prop, reason in found):
            accepted.append((sort, name, inputs.get(name)))
    assert accepted == []


def test_there_are_enough_of_them(core: Core) -> None:
    generated = sum(len(list(_broken(core, token))) for token in VALID)
    assert len(BY_HAND) >= 100
    assert len(BY_HAND) + generated >= 600
