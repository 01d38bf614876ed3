"""Every property that a control reads exists in pulumi_aws: a control with a name of its own invention never fires."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from policies.catalog import all_controls
from policies.lang.values import View
from tests.policies.build import stack
from tests.policies.test_controls import CASES, _apply
from tests.tables import every_row

_SPEC = find_spec("pulumi_aws")
assert _SPEC and _SPEC.origin
ROOT = Path(_SPEC.origin).parent

_TOKEN = re.compile(r"aws:(\w+)/\w+:(\w+)")
_GETTER = re.compile(r'@pulumi\.getter(?:\(name="(\w+)"\))?\n(?:\s*@.*\n)*\s*def (\w+)\(self\) -> (.*):\n')
_NESTED = re.compile(r"'(\w+Args)'")


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _body(text: str, name: str) -> str:
    """The source of a class, "" when the text has none of that name."""
    found = re.search(rf"^class {name}\b", text, re.MULTILINE)
    if not found:
        return ""
    end = text.find("\nclass ", found.end())
    return text[found.start() : end if end > 0 else len(text)]


def _fields(module: str, body: str) -> dict[str, tuple[str, ...]]:
    """camelCase name → names of the classes of its nested objects."""
    fields: dict[str, tuple[str, ...]] = {}
    for wire, name, annotation in _GETTER.findall(body):
        fields[wire or name] = tuple(f"{module}.{nested}" for nested in _NESTED.findall(annotation))
    return fields


@cache
def _class(reference: str) -> dict[str, tuple[str, ...]]:
    module, _, name = reference.partition(".")
    return _fields(module, _body(_text(ROOT / module / "_inputs.py"), name))


@cache
def properties(token: str) -> dict[str, tuple[str, ...]]:
    """The properties of a resource type, inputs and outputs; empty for a type that is not the provider's."""
    found = _TOKEN.fullmatch(token)
    if not found:
        return {}
    module, name = found.groups()
    module = {"lambda": "lambda_"}.get(module, module)
    fields: dict[str, tuple[str, ...]] = {}
    for path in (ROOT / module).glob("*.py"):
        text = _text(path)
        if f"'{token}'" in text:
            for part in (name, f"_{name}State", f"{name}Args", f"{name}InitArgs"):
                for key, nested in _fields(module, _body(text, part)).items():
                    fields[key] = nested or fields.get(key, ())
    return fields


def knows(token: str, path: str) -> bool:
    """Whether a type has the property at `path`. What lies below a plain text is a JSON document's own affair."""
    fields = properties(token)
    for part in path.split("."):
        if part not in fields:
            return False
        nested = fields[part]
        if not nested:
            return True
        fields = {key: value for reference in nested for key, value in _class(reference).items()}
        if not fields:
            return True  # a class of another module, such as a typed policy document
    return True


@pytest.fixture(scope="module")
def reads() -> dict[str, set[str]]:
    """Control → the paths that it reads over all of its cases, list indices left out."""
    seen: dict[str, set[str]] = {}
    original = View.raw

    def raw(self: View, path: str) -> Any:
        seen[control.id].add(re.sub(r"\.\d+(?=\.|$)", "", self.at(path)))
        return original(self, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(View, "raw", raw)
        for control in all_controls():
            seen[control.id] = set()
            case = CASES[control.id]
            for given in (*case.good, *case.bad, *case.na):
                control.evaluate(stack(_apply(case, given)))
    return seen


def _types(control_id: str) -> Iterator[str]:
    case = CASES[control_id]
    for given in (*case.good, *case.bad, *case.na):
        yield from (resource.type for resource in _apply(case, given))


#: Names that controls read besides the provider's: properties of older versions of it, which states may still hold.
OLDER: dict[str, set[str]] = {"CloudTrail.7": {"loggings"}}


def test_the_reader_of_the_provider_finds_what_is_there() -> None:
    assert knows("aws:ecr/repository:Repository", "imageScanningConfiguration.scanOnPush")
    assert knows("aws:lb/listener:Listener", "defaultActions.redirect.protocol")
    assert knows("aws:rds/instance:Instance", "address")
    assert not knows("aws:ecr/repository:Repository", "imageScanningConfiguration.scanOnPull")
    assert not knows("aws:ecr/repository:Repository", "imageScanning")


@pytest.mark.slow
@every_row("control_id", sorted(CASES))
def test_every_property_read_exists(control_id: str, reads: dict[str, set[str]]) -> None:
    types = set(_types(control_id))
    paths = (
        {path.removesuffix(".item") for path in reads[control_id]} - {"item", "value"} - OLDER.get(control_id, set())
    )
    unknown = {path for path in paths if not any(knows(token, path) for token in types)}
    assert not unknown
