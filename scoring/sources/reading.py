"""Reading files that may be broken: bounded, UTF-8, no floats, each error with its place in the file."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import yaml

from scoring.engine.errors import SourceError

#: Largest file that is read, in bytes. The longest Test match of Cricsheet has about 1.5 MB.
LARGEST = 32_000_000

#: Whole numbers beyond this are no count, time or points of any match.
_GREATEST = 10**12

_DIGITS = re.compile(r"-?[0-9]{1,12}")

_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file of at most LARGEST bytes; SourceError if it cannot be read."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(str(path), "not a file")
        size = status.st_size
        if size > LARGEST:
            raise SourceError(
                str(path), f"{size / 1e6:.0f} MB; the largest file that is read has {LARGEST // 10**6} MB"
            )
        return path.read_bytes()
    except OSError as error:
        raise SourceError(str(path), error.strerror or "cannot be read") from error


def _text(data: bytes, place: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(place, f"not UTF-8 (byte {error.start})") from error


def parse_json(data: bytes, place: str) -> Any:
    """A JSON value; fractions come as strings, a key that stands twice in one object with two values is refused."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(pairs)
        if len(seen) != len(pairs):
            for name, value in pairs:
                if seen[name] != value:
                    raise SourceError(place, f"the key {name!r} stands twice in one object, with two values")
        return seen

    return _json(_text(data, place), place, once)


def parse_quickly(data: bytes, place: str) -> tuple[Any, int]:
    """A JSON value, of a key that stands twice in one object the last value; and how many colons its text has."""
    text = _text(data, place)
    return _json(text, place, None), text.count(":")


def _json(text: str, place: str, pairs: Callable[[list[tuple[str, Any]]], Any] | None) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise SourceError(place, f"{constant} is not JSON")

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_float=str, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise SourceError(place, f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise SourceError(place, "nested too deeply") from error
    except SourceError:
        raise
    except ValueError as error:
        raise SourceError(place, "a number is too long") from error


def parse_yaml(data: bytes, place: str) -> Any:
    """A YAML value with every scalar as the string that stands there ("07:00" stays "07:00"), an empty one as ""."""
    text = _text(data, place)
    try:
        # Aliases would let a small file become a huge value; the sources have none.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Loader)):
            raise SourceError(place, "has YAML aliases; no source file has any")
        return _load_once(text, place)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise SourceError(place, f"not YAML: {error.problem or 'cannot be parsed'}{where}") from error
    except yaml.YAMLError as error:
        raise SourceError(place, f"not YAML: {' '.join(str(error).split())[:120]}") from error
    except RecursionError as error:
        raise SourceError(place, "nested too deeply") from error


def _load_once(text: str, place: str) -> Any:
    node = yaml.compose(text, Loader=_Loader)
    return None if node is None else _value(node, place)


def _value(node: yaml.Node, place: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise SourceError(place, f"a key that is no text (line {key.start_mark.line + 1})")
            if key.value in result:
                raise SourceError(place, f"the key {key.value!r} stands twice (line {key.start_mark.line + 1})")
            result[key.value] = _value(value, place)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, place) for item in node.value]
    return node.value


@dataclass(slots=True)
class Node:
    """A value inside a file together with its place, so that every complaint can name it. Immutable: the type checker sees to
    it (a frozen dataclass takes several times as long to make)."""

    value: Final[Any]
    place: Final[str]

    def fail(self, reason: str) -> NoReturn:
        """Refuse the file because of this value."""
        raise SourceError(self.place, reason)

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and self.value.get(key) not in (None, "")

    def get(self, key: str) -> Node:
        """The value under `key`, which must be there."""
        if not isinstance(self.value, dict):
            self.fail(f"expected an object, found {describe(self.value)}")
        if key not in self.value:
            self.fail(f"{key!r} is missing")
        return Node(self.value[key], f"{self.place}.{key}")

    def find(self, key: str, default: Any) -> Node:
        """The value under `key`, or `default` if there is none."""
        if not isinstance(self.value, dict):
            self.fail(f"expected an object, found {describe(self.value)}")
        value = self.value.get(key)
        return Node(default if value is None or value == "" else value, f"{self.place}.{key}")

    def items(self) -> Iterator[tuple[str, Node]]:
        """The entries of an object."""
        if not isinstance(self.value, dict):
            self.fail(f"expected an object, found {describe(self.value)}")
        for key, value in self.value.items():
            yield key, Node(value, f"{self.place}.{key}")

    def items_of_list(self) -> list[Any]:
        """The items of a list as they are."""
        if not isinstance(self.value, list):
            self.fail(f"expected a list, found {describe(self.value)}")
        return self.value

    def each(self) -> Iterator[Node]:
        """The items of a list."""
        for index, value in enumerate(self.items_of_list()):
            yield Node(value, f"{self.place}[{index}]")

    def text(self) -> str:
        """A string that is not empty."""
        if not isinstance(self.value, str) or not self.value or len(self.value) > 200 or not self.value.isprintable():
            self.fail(f"expected a short text, found {describe(self.value)}")
        return self.value

    def flag(self) -> bool:
        """A boolean."""
        if not isinstance(self.value, bool):
            self.fail(f"expected true or false, found {describe(self.value)}")
        return self.value

    def whole(self, least: int = 0, most: int = _GREATEST) -> int:
        """A whole number from `least` to `most` (a JSON number; of a YAML file, its digits)."""
        value = self.value
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(f"expected a whole number, found {describe(self.value)}")
        if not least <= value <= most:
            self.fail(f"{describe(value)} is not between {least} and {most}")
        return value


def describe(value: Any) -> str:
    """A value for an error message: short, on one line."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    text = (
        repr(value) if not isinstance(value, int) or isinstance(value, bool) or abs(value) < 10**20 else "a huge number"
    )
    return text if len(text) <= 60 else f"{text[:57]}…"
