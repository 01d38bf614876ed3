"""The edge of the command: whatever goes wrong below, its user reads a sentence and gets an honest exit code."""

from __future__ import annotations

import errno
import functools
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from typing import NoReturn, ParamSpec, TypeVar

import typer

from cli import console

P = ParamSpec("P")
R = TypeVar("R")


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """A subcommand that ends with a sentence and an honest exit code whatever goes wrong in it."""

    @functools.wraps(command)
    def run(*arguments: P.args, **named: P.kwargs) -> R:
        try:
            return command(*arguments, **named)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except KeyboardInterrupt:
            console.fail(
                "interrupted: what was kept before is kept; what a run of the engine had begun is taken back by the next `up`",
                code=console.NOT_ASKED,
            )
        except BrokenPipeError:
            # Whoever read our output has read enough. Python would complain once more when it flushes at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                _defect(error)
            where = f" ({error.filename})" if error.filename else ""
            console.fail(
                f"the disk is full{where}: what was kept is kept; make room and run the same command again",
                code=console.NOT_ASKED,
            )
        except Exception as error:
            known = _refusal(error)
            if known is None:
                _defect(error)
            console.fail(known, code=console.NOT_ASKED)

    return run


def _refusal(error: Exception) -> str | None:
    """The sentence of an error that says what is wrong with something its user wrote; None for any other."""
    import yaml

    from localcloud.runtime.errors import SupervisorError
    from model.validation import DocumentError

    if isinstance(error, yaml.YAMLError):
        return f"this is not YAML: {error}"
    return str(error) if isinstance(error, (DocumentError, SupervisorError, UnicodeDecodeError)) else None


def _defect(error: BaseException) -> NoReturn:
    """Not for the user's eyes, but not to be lost either."""
    with tempfile.NamedTemporaryFile("w", prefix="matchday-defect-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    console.fail(
        f"a defect of matchday: {type(error).__name__}: {error} (details: {file.name})", code=console.NOT_ASKED
    )
