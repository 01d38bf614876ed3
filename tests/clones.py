"""A clone of its own: the source tree copied, the command run from it, what belongs to it found among all processes."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cli import documents

PROJECT = Path(__file__).resolve().parents[1]
ROOMS = (
    "Pulumi.yaml",
    "pyproject.toml",
    "cli",
    "components",
    "environments",
    "localcloud",
    "model",
    "policies",
    "scoring",
    "services",
    "stacks",
)

#: For copies with what is compiled: drafts that a process beside us is about to rename.
UNFINISHED = shutil.ignore_patterns("*.pyc.*")

#: An `up` from nothing on two busy cores.
UP_SECONDS = 420


@dataclass(frozen=True)
class Clone:
    """A copy of the source tree and the port that its platform answers on."""

    directory: Path
    port: int

    def _invocation(self, arguments: tuple[str, ...]) -> dict[str, Any]:
        """How `matchday <arguments>` of this clone is started."""
        return {
            "args": [sys.executable, "-c", "from cli.main import main; main()", *arguments],
            "cwd": self.directory,
            # A path given by PYTHONPATH comes before the editable install: the copy's rooms are the ones imported.
            "env": {**os.environ, "PYTHONPATH": str(self.directory)},
            "stdin": subprocess.DEVNULL,
        }

    def start(self, *arguments: str, stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """`matchday <arguments>` in the background."""
        return subprocess.Popen(**self._invocation(arguments), stdout=stdout, stderr=subprocess.DEVNULL)

    def run(self, *arguments: str, check: bool = True, timeout: float = UP_SECONDS) -> subprocess.CompletedProcess[str]:
        """`matchday <arguments>` in this clone."""
        done: subprocess.CompletedProcess[str] = subprocess.run(
            **self._invocation(arguments), capture_output=True, text=True, timeout=timeout, check=False
        )
        if check:
            assert done.returncode == 0, (
                f"matchday {' '.join(arguments)} → {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def json(self, *arguments: str, check: bool = True) -> Any:
        """The document that `matchday <arguments> --json` prints, which is of the type that docs/commands.md gives."""
        document = json.loads(self.run(*arguments, "--json", check=check).stdout)
        documents.check(arguments[0], document)
        return document

    def processes(self) -> list[str]:
        """What still runs and belongs to this clone: by its command line, working directory or environment."""
        mark = str(self.directory)
        found = []
        for process in psutil.process_iter():
            try:
                words = [*process.cmdline(), process.cwd()]
                if any(mark in word for word in words) or mark in process.environ().get("PYTHONPATH", ""):
                    found.append(f"{process.pid} {' '.join(process.cmdline())}")
            except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return found

    def listeners(self) -> list[str]:
        """Addresses of this clone's network, and its ingress, that something listens on."""
        book = json.loads((self.directory / ".matchday" / "addresses.json").read_text())
        prefix = book["network"].rsplit(".", 2)[0] + "."
        return [
            f"{c.laddr.ip}:{c.laddr.port}"
            for c in psutil.net_connections("tcp4")
            if c.status == psutil.CONN_LISTEN
            and c.laddr
            and (c.laddr.ip.startswith(prefix) or c.laddr.port == self.port)
        ]


def make_clone(directory: Path, port: int) -> Clone:
    """The source tree in a folder of its own, with what is compiled of it: else the first command there takes seconds more."""
    for room in ROOMS:
        source = PROJECT / room
        if source.is_dir():
            shutil.copytree(source, directory / room, ignore=UNFINISHED)
        else:
            shutil.copy(source, directory / room)
    return Clone(directory, port)


def lend_mypy_cache(directory: Path) -> None:
    """mypy in a copy begins with what `make lint` has found out about the same files: a second instead of five."""
    cache = PROJECT / ".mypy_cache"
    for file in cache.glob("*/*.db"):  # by SQLite itself, as `make lint` may be writing it beside us
        copy = directory / file.relative_to(PROJECT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(file, timeout=60)) as theirs, closing(sqlite3.connect(copy)) as ours:
            theirs.backup(ours)
