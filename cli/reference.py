"""`python -m cli.reference`: writes the table of every command's arguments and options into docs/commands.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import typer

from cli import local
from cli.main import build

PAGE = local.PROJECT / "docs" / "commands.md"
BEGIN, END = "<!-- options: written by `python -m cli.reference` -->", "<!-- end of options -->"


def table() -> str:
    """The table as it should be."""
    rows = ["| command | takes | what |", "|---|---|---|", *_rows("matchday", typer.main.get_command(build()))]
    return "\n".join([BEGIN, "", *rows, "", END])


def _rows(path: str, command: Any) -> Iterator[str]:
    for parameter in command.params:
        if "--help" in parameter.opts or parameter.name in ("install_completion", "show_completion"):
            continue
        names = ", ".join(f"`{name}`" for name in parameter.opts if name.startswith("-"))
        takes = names or f"`{(parameter.name or '').upper()}`"
        text = " ".join((parameter.help or "").split()).replace("|", "\\|")
        yield f"| `{path.removeprefix('matchday ')}` | {takes} | {text} |"
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _rows(f"{path} {name}", inner)


def written(page: str) -> str:
    """The page with the table of now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + table() + after


def main() -> int:
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
