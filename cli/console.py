"""How the command speaks: progress and errors on standard error, results on standard output, honest exit codes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from rich.console import Console

#: A wrong call or wrong input; 1 is for work that failed.
WRONG_CALL = 2

progress = Console(stderr=True, highlight=False, soft_wrap=True)
result = Console(highlight=False, soft_wrap=True)


def fail(message: str, hint: str = "", code: int = 1) -> NoReturn:
    """End the command: one error, what to do about it, and the exit code."""
    progress.print(f"error: {message}", style="bold red", markup=False)
    if hint:
        progress.print(hint, markup=False)
    raise typer.Exit(code)


def say(message: str) -> None:
    """One line of progress."""
    progress.print(message, markup=False, style="dim")


def emit(document: Any) -> None:
    """The result for a program: one JSON document on standard output."""
    typer.echo(json.dumps(document, indent=2, sort_keys=True, default=str))


def table(rows: Sequence[tuple[str, ...]], headings: tuple[str, ...]) -> None:
    """A plain table on standard output."""
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        drawn.add_column(heading, overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    result.print(drawn)
