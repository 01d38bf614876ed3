"""One command at a time changes a clone's platform: a lock that names its holder and ends with its process."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, ParamSpec, TypeVar

from cli import console, local

P = ParamSpec("P")
R = TypeVar("R")

#: How often the one that waits looks again, in seconds.
_LOOK_SECONDS = 0.2


def exclusive(command: Callable[P, R]) -> Callable[P, R]:
    """A subcommand that waits until no other one changes this clone's platform."""

    @functools.wraps(command)
    def run(*arguments: P.args, **named: P.kwargs) -> R:
        with held(command.__name__):
            return command(*arguments, **named)

    return run


@contextlib.contextmanager
def held(name: str) -> Iterator[None]:
    """Hold the lock as `matchday <name>`; first wait for whoever holds it, and say who that is."""
    with _locked(local.places().command_lock) as file:
        file.seek(0)
        file.truncate()
        json.dump({"pid": os.getpid(), "command": f"matchday {name}", "since": time.strftime("%H:%M:%S")}, file)
        file.flush()
        yield
        file.truncate(0)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    # The kernel gives the lock back when its holder dies, however that comes about.
    with path.open("a+") as file:
        announced = ""
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = _holder(file)
                if holder != announced:
                    console.say(f"waiting for {holder} to end")
                    announced = holder
                time.sleep(_LOOK_SECONDS)
        yield file


def _holder(file: IO[str]) -> str:
    try:
        file.seek(0)
        holder = json.loads(file.read())
        return f"`{holder['command']}` (process {holder['pid']}, since {holder['since']})"
    except (ValueError, KeyError, TypeError):
        return "another matchday command"
