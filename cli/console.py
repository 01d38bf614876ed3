"""How the command speaks: progress and errors on standard error, results on standard output, honest exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console

#: Exit codes, the same for every command (docs/commands.md): 0 done, or the answer is yes; 1 the answer is no; 2 it could not
#: be asked: a wrong call, wrong input, nothing to ask, an interruption.
NO, NOT_ASKED = 1, 2
WRONG_CALL = NOT_ASKED

#: Columns of a pipe or a file that say nothing else (COLUMNS): what reads it looks for whole names.
_PIPE = 10_000

progress = Console(stderr=True, highlight=False, soft_wrap=True)
result = Console(
    highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() or os.environ.get("COLUMNS") else _PIPE
)

#: `--project DIR` as the caller gave it, for what is to be pasted; empty for the checkout's own project.
project: list[str] = []


def fail(message: str, hint: str = "", code: int = 1) -> NoReturn:
    """End the command: one error, what to do about it, and the exit code."""
    progress.print(f"error: {message}", style="bold red", markup=False)
    if hint:
        progress.print(hint, markup=False)
    raise typer.Exit(code)


def command(words: str) -> str:
    """`matchday <words>` as the caller can paste it: for the same project, with the command's path where PATH lacks it."""
    words = " ".join([*map(shlex.quote, project), words])
    own = Path(sys.executable).with_name("matchday")
    found = shutil.which("matchday")
    if found and Path(found).resolve() == own.resolve():
        return f"matchday {words}"
    with contextlib.suppress(ValueError):
        own = own.relative_to(Path.cwd())
    return f"{shlex.quote(str(own))} {words}"


def say(message: str) -> None:
    """One line of progress."""
    progress.print(message, markup=False, style="dim")


def emit(document: Any) -> None:
    """The result for a program: one JSON document on standard output."""
    typer.echo(json.dumps(document, indent=2, sort_keys=True, default=str))


def table(rows: Sequence[tuple[str, ...]], headings: tuple[str, ...]) -> None:
    """A plain table on standard output. Where it does not fit, columns move together, then others than the first fold."""
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    widths = [max(map(cell_len, column)) for column in zip(headings, *rows, strict=True)]
    close = sum(widths) + 2 * (len(widths) - 1) > result.width
    drawn = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=close)
    for number, heading in enumerate(headings):
        drawn.add_column(heading, overflow="fold", no_wrap=number == 0)
    for row in rows:
        drawn.add_row(*map(Text, row))
    result.print(drawn)
