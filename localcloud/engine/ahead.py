"""Starts the language host, and the program's interpreter behind it, before the engine asks for them.

A command that will run the engine waits for servers first; the engine then waits twice for the host and once for the program
to import Pulumi. Here both are ready by then. A program's process imports what the last run of this project had loaded from
installed packages (nothing of the project itself, whose modules may read settings that are not there yet), becomes one
program, and ends with it.
"""

from __future__ import annotations

import hashlib
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from localcloud.engine.find import Engine
from localcloud.runtime.processes import end, spawn
from localcloud.runtime.state import cache_directory

#: Variables by which the processes that the engine starts find what was started ahead.
HOST, MODULES = "MATCHDAY_HOST", "MATCHDAY_MODULES"


def modules_file(project: Path, python: Path) -> Path:
    """Where a project's programs note which installed modules they loaded: one name per line."""
    name = hashlib.sha256(f"{project}\0{python}".encode()).hexdigest()[:16]
    return cache_directory() / "modules" / name


@contextmanager
def language_host(
    engine: Engine, project: Path, python: Path, environment: Mapping[str, str]
) -> Iterator[Mapping[str, str]]:
    """Start it; yields the variables that lead the engine to it. Nothing is started for a CLI that brings its own host."""
    if engine.origin != "built":
        yield {}
        return
    directory = Path(tempfile.mkdtemp(prefix="matchday-preview-host-"))  # short, as a socket's path must be
    variables = {HOST: str(directory / "socket"), MODULES: str(modules_file(project, python))}
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(variables[HOST])
            listening.listen()
            process = spawn(
                [
                    str(python),
                    "-u",
                    str(engine.pulumi.with_name("language_host.py")),
                    "--ahead",
                    str(listening.fileno()),
                ],
                env={**environment, **variables},
                cwd=project,
                pass_fds=[listening.fileno()],
            )
        try:
            yield variables
        finally:
            end(process, signal.SIGKILL, 1)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
