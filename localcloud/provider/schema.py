"""What pulumi_aws says of a resource kind: its inputs, which are required, its outputs, and their types.

pulumi_aws carries its schema as type hints of generated classes. Importing them costs a second or more per AWS service and
hundreds of megabytes, so they were read once (`python -m localcloud.provider.schema OUT TOKEN...`) into the table
constraints/pulumi.jsonl, a line per kind or nested type; a line is parsed when it is first asked for. With another version
of pulumi_aws than the table's, the same is done into a file of the user's, by a process of its own.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import json
import re
import subprocess
import sys
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

#: A type: "string", "integer", "number", "boolean", "any", {"list": T}, {"map": T}, {"object": name of an entry in `types`}.
Type = Any

TABLE = Path(__file__).parent / "constraints" / "pulumi.jsonl"


@dataclass(frozen=True)
class Kind:
    """One resource kind."""

    token: str
    inputs: Mapping[str, Type]
    required: frozenset[str]
    outputs: Mapping[str, Type]


class Schema:
    """The kinds and the nested object types that they use, from the lines of a table."""

    def __init__(self, table: bytes) -> None:
        self._lines = {line[: line.index(b",")]: line for line in table.splitlines()[1:]}
        self._kinds: dict[str, Kind] = {}
        self._types: dict[str, Mapping[str, Any]] = {}

    def tokens(self) -> frozenset[str]:
        """Every kind of the table."""
        return frozenset(key[9:-1].decode() for key in self._lines if key.startswith(b'{"kind":'))

    def kind(self, token: str) -> Kind:
        """One kind; KeyError for one that the table does not have."""
        if token not in self._kinds:
            kind = json.loads(self._lines[f'{{"kind":"{token}"'.encode()])
            self._kinds[token] = Kind(token, kind["inputs"], frozenset(kind["required"]), kind["outputs"])
        return self._kinds[token]

    def _type(self, name: str) -> Mapping[str, Any]:
        if name not in self._types:
            self._types[name] = json.loads(self._lines[f'{{"type":"{name}"'.encode()])
        return self._types[name]

    def fields(self, typ: Type) -> Mapping[str, Type]:
        """The properties of an object type; none for any other."""
        if isinstance(typ, dict) and "object" in typ:
            fields: Mapping[str, Type] = self._type(typ["object"])["fields"]
            return fields
        return {}

    def required(self, typ: Type) -> Sequence[str]:
        """The properties that an object of this type must have."""
        required: Sequence[str] = self._type(typ["object"])["required"]
        return required


def load(directory: Path, tokens: Iterable[str]) -> Schema:
    """The schema of `tokens`: the repository's table, or, for another version or more kinds, a file in `directory`."""
    wanted, installed = set(tokens), version("pulumi-aws")
    file = directory / f"schema-{installed}.jsonl"
    for table in (TABLE, file):
        if table.exists():
            content = table.read_bytes()
            if json.loads(content[: content.index(b"\n")])["version"] == installed:
                schema = Schema(content)
                if wanted <= schema.tokens():
                    return schema
    command = [sys.executable, "-m", "localcloud.provider.schema", str(file), *sorted(wanted)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    return Schema(file.read_bytes())


_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean"}


class _Reader:
    """Reads classes of pulumi_aws; nested classes are collected by name."""

    def __init__(self) -> None:
        from pulumi import _types

        self._hints = _types
        self.types: dict[str, dict[str, Any]] = {}

    def describe(self, hint: Any) -> Type:
        hint = self._hints.unwrap_type(hint) if hint is not Any else Any
        origin = typing.get_origin(hint)
        if origin is not None and isinstance(origin, type):
            if issubclass(origin, Mapping):
                return {"map": self.describe(typing.get_args(hint)[1])}
            if issubclass(origin, Sequence):
                return {"list": self.describe(typing.get_args(hint)[0])}
        if origin is typing.Union:
            plain = [_SIMPLE[option] for option in typing.get_args(hint) if option in _SIMPLE]
            return plain[0] if plain else "any"
        if not isinstance(hint, type):
            return "any"
        if self._hints.is_input_type(hint) or self._hints.is_output_type(hint):
            return {"object": self._object(hint)}
        return _SIMPLE.get(hint, "any")

    def _object(self, cls: type) -> str:
        name = f"{cls.__module__.removeprefix('pulumi_aws.')}.{cls.__name__}"
        if name not in self.types:
            self.types[name] = {}  # before its fields: types may be recursive
            is_input = self._hints.is_input_type(cls)
            hints = self._hints.input_type_types(cls) if is_input else self._hints.output_type_types(cls)
            self.types[name] = {
                "fields": {prop: self.describe(hint) for prop, hint in hints.items()},
                "required": self.required(cls, hints) if is_input else [],
            }
        return name

    def required(self, cls: type, hints: Mapping[str, Any]) -> list[str]:
        parameters = inspect.signature(cls.__init__).parameters.values()  # type: ignore[misc]
        needed = {p.name.replace("_", "") for p in parameters if p.default is p.empty and p.kind is p.KEYWORD_ONLY}
        return [prop for prop in hints if prop.lower() in needed]

    def kind(self, module: str, name: str) -> dict[str, Any]:
        classes = importlib.import_module(module)
        resource = getattr(classes, name)
        # A class called …Args by its own name makes the generator say …InitArgs.
        args = getattr(classes, f"{name}InitArgs", None) or getattr(classes, f"{name}Args")
        inputs = self._hints.input_type_types(args)
        return {
            "inputs": {prop: self.describe(hint) for prop, hint in inputs.items()},
            "required": self.required(args, inputs),
            "outputs": {prop: self.describe(hint) for prop, hint in self._hints.resource_types(resource).items()},
        }


@functools.cache
def known_tokens() -> Mapping[str, tuple[str, str]]:
    """Every resource token of the installed pulumi_aws: (module, class)."""
    root = Path(importlib.util.find_spec("pulumi_aws").origin)  # type: ignore[union-attr,arg-type]
    blocks = re.findall(r'resource_modules="""(.*?)"""', root.read_text(), re.DOTALL)
    return {
        token: (module["fqn"], name)
        for block in blocks
        for module in json.loads(block)
        for token, name in module["classes"].items()
    }


def main(argv: Sequence[str]) -> None:
    file, tokens = Path(argv[0]), argv[1:]
    reader, known = _Reader(), known_tokens()
    lines: list[dict[str, Any]] = [{"version": version("pulumi-aws")}]
    lines += [{"kind": token, **reader.kind(*known[token])} for token in tokens]
    lines += [{"type": name, **content} for name, content in sorted(reader.types.items())]
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    draft.replace(file)


if __name__ == "__main__":
    main(sys.argv[1:])
