"""YAML documents that people write: read strictly, with the line of every key at hand for messages."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from model import validation
from model.validation import DocumentError


@dataclass(frozen=True)
class Document:
    """A file's content, and where in it each key is. `shown` is the path as a person in the repository would write it."""

    shown: str
    content: dict[str, Any]
    root: yaml.Node

    def line(self, path: validation.Path) -> int | None:
        """The line (from 1) of the key or item at `path`; None if the document has none there."""
        node, line = self.root, None
        for part in path:
            if isinstance(node, yaml.MappingNode):
                found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
                if found is None:
                    return None
                line, node = found[0].start_mark.line + 1, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line + 1
            else:
                return None
        return line

    def value(self, path: validation.Path) -> Any:
        """What stands at `path`. Raises LookupError if nothing does."""
        value: Any = self.content
        for part in path:
            try:
                value = value[part]
            except TypeError:
                raise LookupError(path) from None
        return value


def read(file: Path, shown: str) -> Document:
    """The mapping that `file` holds. Raises DocumentError, with the line where the file is no YAML."""
    try:
        text = file.read_text(encoding="utf-8")
        content, root = _parsed(text)
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{shown}: not readable: {error}") from None
    except yaml.YAMLError as error:
        raise DocumentError(f"{shown}: not readable as YAML: {_where(error)}") from None
    if not isinstance(content, dict) or root is None:
        raise DocumentError(f"{shown}: a mapping is expected at the top, not {type(content).__name__}")
    return Document(shown, content, root)


class _UniqueKeys(yaml.constructor.SafeConstructor):
    """Refuses a key given twice, where PyYAML silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


class _Loader(_UniqueKeys, yaml.SafeLoader):
    """Written in Python: slow, and its sentences say best what is wrong."""


#: By libyaml, which PyYAML's own wheels have: a tenth of the time of Python's, the same values and marks.
_Quick: Any = type("_Quick", (_UniqueKeys, getattr(yaml, "CSafeLoader", yaml.SafeLoader)), {})


def _parsed(text: str) -> tuple[Any, yaml.Node | None]:
    """The content, and its nodes. Raises YAMLError, with the sentence of the reader in Python."""
    try:
        return _both(_Quick(text))
    except yaml.YAMLError:
        return _both(_Loader(text))


def _both(reader: Any) -> tuple[Any, yaml.Node | None]:
    """As `yaml.load` and `yaml.compose` do each, of one reading."""
    try:
        root: yaml.Node | None = reader.get_single_node()
        return (None if root is None else reader.construct_document(root)), root
    finally:
        reader.dispose()


def _where(error: yaml.YAMLError) -> str:
    """What the parser did not understand and on which line, as one sentence."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).split())
    mark = error.problem_mark or error.context_mark
    what = " ".join(filter(None, (error.context, error.problem)))
    if "'\\t'" in what:
        what = "a tab is no indentation in YAML; use spaces"
    return f"{what} (line {mark.line + 1}, column {mark.column + 1})" if mark else what
