"""Processes of a clone's platform that outlived its files: found by their command lines, whatever became of `.matchday`."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from cli import console
from localcloud.dataplane.stores import copies

#: How a supervisor, an emulator and a provider are started; each names its state directory or a path below it.
_SERVERS = ("localcloud.dataplane", "localcloud.emulator", "localcloud.provider")
#: Temporary folders, which a killed command leaves: of previews, and of drills (localcloud/dataplane/stores/copies.py).
_PREVIEWS, _DRILLS = "matchday-preview-*", f"{copies.SCRATCH}*"


@dataclass(frozen=True)
class Remains:
    """One clone's processes and where its state lies (or lay)."""

    state: Path
    processes: tuple[psutil.Process, ...]

    def end(self, patience: float = 30) -> None:
        """Ask the supervisor to stop everything in order, then kill what is left."""
        for process in self.processes:
            with suppress(psutil.NoSuchProcess):
                if "localcloud.dataplane" in process.cmdline():
                    process.terminate()
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and any(map(_lives, self.processes)):
            if not any(_lives(p) and "localcloud.dataplane" in _words(p) for p in self.processes):
                break
            time.sleep(0.1)
        for process in (*self.processes, *of(self.state).processes):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(self.processes, timeout=10)


def of(state: Path) -> Remains:
    """What runs for one state directory: servers that name it, and all that descends from those."""
    mark = str(state)
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        words = _words(process)
        # A path of another clone may begin with this one's: what follows must be the end or a slash.
        if process.pid in own or not any(_below(word, mark) for word in words[1:]):
            continue
        if _is_ours(words):
            found[process.pid] = process
            with suppress(psutil.NoSuchProcess):
                found |= {child.pid: child for child in process.children(recursive=True)}
    return Remains(state, tuple(found.values()))


def end_left(state: Path) -> None:
    """End a clone's servers whose supervisor is not to be found: its directory was deleted while it ran, or it was killed."""
    if (left := of(state)).processes:
        console.say(f"ending {len(left.processes)} processes that an earlier run of this clone left behind")
        left.end()


def everywhere() -> Iterator[Remains]:
    """The remains of every clone of this user."""
    states: set[Path] = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if process.uids().real == os.getuid() and "localcloud.dataplane" in words and "--state" in words:
                states.add(Path(words[words.index("--state") + 1]))
            elif process.uids().real == os.getuid() and any(server in words for server in _SERVERS):
                states |= {
                    Path(words[words.index(option) + 1]).parents[depth]
                    for option, depth in (("--snapshot", 1), ("--store", 0))
                    if option in words
                }
    for state in sorted(states):
        remains = of(state)
        if remains.processes:
            yield remains


def scratch() -> list[Path]:
    """Temporary folders of previews and drills that no process uses any more."""
    used = {word for process in psutil.process_iter() for word in _words(process)}
    folders = [*Path(tempfile.gettempdir()).glob(_PREVIEWS), *copies.SCRATCH_PLACE.glob(_DRILLS)]
    return [folder for folder in folders if _left(folder) and not any(_below(word, str(folder)) for word in used)]


def _left(folder: Path) -> bool:
    """Whether it is this user's, and older than a preview that has just begun: no process names its folder yet."""
    try:
        info = folder.stat()
    except FileNotFoundError:  # its preview ended meanwhile
        return False
    return info.st_uid == os.getuid() and time.time() - info.st_mtime > 60


def describe(process: psutil.Process) -> str:
    """A process in one line."""
    words = _words(process)
    return f"{process.pid}  {' '.join(words)[:100]}"


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _below(word: str, directory: str) -> bool:
    before, found, after = word.partition(directory)
    return bool(found) and not after[:1].strip("/:") and not before[-1:].isalnum()


def _is_ours(words: list[str]) -> bool:
    """Not somebody's editor or shell that happens to name the directory."""
    program = Path(words[0]).name
    return any(server in words for server in _SERVERS) or program.startswith(("postgres", "valkey", "caddy", "pulumi"))
