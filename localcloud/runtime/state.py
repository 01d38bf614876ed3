"""The state directory of one clone, `.matchday/`: where everything in it lies, and what processes note there for each other.

All of it is its owner's alone (0700): it holds passwords and the supervisor's token. What each part holds: docs/contracts.md.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import stat
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from localcloud.runtime.errors import SupervisorError


def write_atomically(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace a file's content, all or nothing, also if the machine stops: whoever reads it sees the old text or the new."""
    draft = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def copy_tree(source: Path, target: Path, *, symlinks: bool = False, written_once: str = "") -> None:
    """Copy a folder. Raises the OSError of the first file that could not be copied; shutil's own has no `errno`.

    Files in folders of the name `written_once` are linked, where the file system can: nobody changes them.
    """
    failed: list[OSError] = []

    def copy(this: str, there: str) -> str:
        if written_once in Path(this).relative_to(source).parts[:-1]:
            with suppress(OSError):
                os.link(this, there)
                return there
        try:
            return shutil.copy2(this, there, follow_symlinks=not symlinks)
        except OSError as error:
            failed.append(error)
            raise

    try:
        shutil.copytree(source, target, symlinks=symlinks, copy_function=copy)
    except shutil.Error as error:
        raise (failed or [error])[0] from None


def cache_directory() -> Path:
    """The user's cache directory for things that one clone need not make anew for the next.

    Where the home cannot be written (a read-only image, `HOME=/`, a user without one): a private directory of this user's in
    the temporary one. Raises SupervisorError, naming it, when that is somebody else's or open to others.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        place = (Path(base) if base else Path.home() / ".cache") / "matchday"
    except RuntimeError:  # no HOME, and this user is in no list of users
        return _private(Path(tempfile.gettempdir()))
    return place if _writable(place) else _private(Path(tempfile.gettempdir()))


def has_home() -> bool:
    """Whether the cache directory is in the user's home (or XDG_CACHE_HOME), as other tools' are."""
    return cache_directory().name == "matchday"


@lru_cache
def _writable(place: Path) -> bool:
    """Whether files can be made there; the directory is, if it must be."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(place, os.W_OK | os.X_OK)


def _private(parent: Path) -> Path:
    place = parent / f"matchday-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    info = place.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o077:
        raise SupervisorError(
            "cache",
            f"the home of this user cannot be written, and {place}, which stands in for it, is not this user's alone:"
            " remove it, or set HOME or XDG_CACHE_HOME to a folder of yours",
        )
    return place


@dataclass(frozen=True)
class EngineDirectory:
    """What the engine keeps for one project: in a clone's state directory, or anywhere for a preview of its own."""

    root: Path

    @property
    def backend(self) -> Path:
        """The file backend: what Pulumi believes is there."""
        return self.root / "backend"

    @property
    def passphrase(self) -> Path:
        """What secrets in the state are sealed with."""
        return self.root / "passphrase"

    @property
    def home(self) -> Path:
        """The CLI's own settings."""
        return self.root / "home"

    @property
    def salts(self) -> Path:
        """Each stack's salt of the passphrase, in a file as the CLI would have written it."""
        return self.root / "init"

    @property
    def output(self) -> Path:
        """What the last run printed."""
        return self.root / "output.log"

    def configuration(self, stack: str) -> Path:
        """The stack's configuration as the last run had it."""
        return self.root / f"Pulumi.{stack}.yaml"

    def events(self, command: str, stack: str) -> Path:
        """The event log of the last such run."""
        return self.root / f"{command}-{stack}.events.jsonl"


@dataclass(frozen=True)
class StateDirectory:
    """The places below one state directory."""

    root: Path

    @classmethod
    def of(cls, project: Path) -> Self:
        """A clone's, or another project's."""
        return cls(project / ".matchday")

    def make(self) -> Self:
        """Make the directory itself, closed to others."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self

    @property
    def pulumi(self) -> Path:
        """The engine's: file backend, passphrase, stack configuration, event logs."""
        return self.root / "pulumi"

    @property
    def backend(self) -> Path:
        """The engine's file backend: what Pulumi believes is there."""
        return EngineDirectory(self.pulumi).backend

    @property
    def partners(self) -> Path:
        """Keys of the stand-ins for partners."""
        return self.root / "partners"

    @property
    def provider(self) -> Path:
        """The provider's store: what the emulator cannot hold."""
        return self.root / "provider"

    @property
    def emulator(self) -> Path:
        """The emulator's folder, with its snapshot."""
        return self.root / "emulator"

    @property
    def snapshot(self) -> Path:
        """The emulator's snapshot."""
        return self.emulator / "snapshot"

    @property
    def checkpoint(self) -> Path:
        """Copies of backend, provider and emulator, all of one moment."""
        return self.root / "checkpoint"

    @property
    def phase(self) -> Path:
        """Since when those three may be of different moments."""
        return self.root / "phase"

    @property
    def up(self) -> Path:
        """What the last `up` was told, and the code that it deployed."""
        return self.root / "up.json"

    @property
    def command_lock(self) -> Path:
        """Held by the one command that changes the platform; beside the directory, which `reset` deletes meanwhile."""
        return self.root.with_name(f"{self.root.name}.lock")

    @property
    def supervisor(self) -> Path:
        """How commands find the running supervisor."""
        return self.root / "supervisor.json"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the one supervisor."""
        return self.root / "supervisor.lock"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor prints."""
        return self.root / "supervisor.log"

    @property
    def logs(self) -> Path:
        """One log file per server and task: `<service>/<process>/<task>.log`."""
        return self.root / "logs"

    @property
    def emulator_log(self) -> Path:
        """What the emulator prints."""
        return self.logs / "emulator.log"

    @property
    def tasks(self) -> Path:
        """The running tasks' own directories."""
        return self.root / "tasks"

    @property
    def ingress(self) -> Path:
        """The ingress's configuration."""
        return self.root / "ingress"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data, by RDS identifier."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's data, by replication group."""
        return self.root / "valkey"


@dataclass(frozen=True, kw_only=True)
class Info:
    """`supervisor.json`: the supervisor's process, where and with what token it is asked, and the ports of what it runs."""

    pid: int
    control: str
    token: str
    arguments: list[str]
    emulator: str = ""
    provider_port: int = 0
    ingress: str = ""
    network: str = ""
    snapshot: str = ""

    def save(self, state: Path) -> None:
        """Write it, readable by its owner alone."""
        write_atomically(StateDirectory(state).supervisor, json.dumps(dataclasses.asdict(self), indent=1))

    @classmethod
    def load(cls, state: Path) -> Self | None:
        """What the directory's supervisor has written; None if there is none."""
        try:
            content: dict[str, Any] = json.loads(StateDirectory(state).supervisor.read_text())
        except FileNotFoundError:
            return None
        return cls(**content)

    @staticmethod
    def remove(state: Path) -> None:
        """The supervisor has ended."""
        StateDirectory(state).supervisor.unlink(missing_ok=True)
