"""`python -m cli.reference`: writes every command's arguments and options, and its JSON documents, into docs/commands.md."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, get_args, get_origin, get_type_hints

import typer
from typing_extensions import is_typeddict

from cli import documents, local
from cli.main import build

PAGE = local.PROJECT / "docs" / "commands.md"


def options() -> str:
    """The table of options as it should be."""
    return _table(("command", "takes", "what"), _rows("matchday", typer.main.get_command(build())))


def shapes() -> str:
    """The tables of JSON documents as they should be."""
    parts = []
    for name, shape in documents.DOCUMENTS.items():
        rows = ((f"`{path}`", kind, meaning) for path, kind, meaning in _keys(shape))
        parts.append(f"### `{name} --json`\n\n" + _table(("key", "type", "meaning"), rows))
    return "\n\n".join(parts)


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, ("---",) * len(headings), *rows))


def _rows(path: str, command: Any) -> Iterator[tuple[str, ...]]:
    for parameter in command.params:
        if "--help" in parameter.opts or parameter.name in ("install_completion", "show_completion"):
            continue
        names = ", ".join(f"`{name}`" for name in parameter.opts if name.startswith("-"))
        takes = names or f"`{(parameter.name or '').upper()}`"
        text = " ".join((parameter.help or "").split()).replace("|", "\\|")
        yield f"`{path.removeprefix('matchday ')}`", takes, text
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _rows(f"{path} {name}", inner)


def _keys(shape: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """(path, type, meaning) of every key of a document; one that has all of another's names that instead."""
    whole = {kind: name for name, kind in documents.DOCUMENTS.items() if kind in getattr(shape, "__orig_bases__", ())}
    for base, name in whole.items():
        yield "…", "", f"all of `{name} --json`"
        hidden = set(base.__annotations__)
    for key, hint in get_type_hints(shape, include_extras=True).items():
        if whole and key in hidden:
            continue
        optional, hint = get_origin(hint) is NotRequired, get_args(hint)[0] if get_origin(hint) is NotRequired else hint
        kind, meaning = get_args(hint)
        inner = get_args(kind)[0] if get_origin(kind) is list else kind
        where = f"{path}{key}{'[]' if get_origin(kind) is list else ''}"
        yield where, _words(kind) + (", may lack" if optional else ""), meaning
        if is_typeddict(inner):
            yield from _keys(inner, f"{where}.")


def _words(kind: Any) -> str:
    simple = {str: "text", int: "integer", float: "number", bool: "boolean", Any: "any", NoneType: "null"}
    if kind in simple:
        return simple[kind]
    if get_origin(kind) is Literal:
        return " \\| ".join(f"`{value}`" for value in get_args(kind))
    if isinstance(kind, UnionType):
        return " or ".join(map(_words, get_args(kind)))
    if get_origin(kind) is list:
        return f"list of {_words(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return f"object of {_words(get_args(kind)[1])}"
    return "object"


def written(page: str) -> str:
    """The page with the tables of now."""
    for part, text in (("options", options()), ("shapes", shapes())):
        begin, end = f"<!-- {part}: written by `python -m cli.reference` -->", f"<!-- end of {part} -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    return page


def main() -> int:
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
