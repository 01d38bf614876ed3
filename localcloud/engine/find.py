"""Finds the Pulumi CLI, or gets it: on PATH, from the cache, from Pulumi, or built from Go modules."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localcloud.engine import build
from localcloud.runtime.state import cache_directory, write_atomically

#: `policy analyze` came with 3.229; Pulumi.yaml's requiredPulumiVersion says the same.
MINIMUM = (3, 229, 0)

#: How long the official download may take before the build from modules is tried. Without a network it fails at once.
DOWNLOAD_SECONDS = 300

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A usable CLI: the binary, its version, and where it came from ("path", "official" or "built")."""

    pulumi: Path
    version: str
    origin: str


class NoEngine(RuntimeError):
    """There is no usable CLI and none could be got; the message says what was tried."""


def find() -> Engine | None:
    """The CLI that is there already, without getting one."""
    cache = cache_directory()
    on_path = shutil.which("pulumi")
    if (
        on_path
        # After `eval "$(matchday env)"` it is ours, with the language host of perhaps another clone.
        and not Path(on_path).is_relative_to(cache)
        and (version := _version(Path(on_path)))
        and _new_enough(version)
        and shutil.which("pulumi-language-python")
    ):
        return Engine(pulumi=Path(on_path), version=version, origin="path")
    for root, origin in ((cache / "pulumi" / "official", "official"), (build.root(cache), "built")):
        binary = root / "bin" / "pulumi"
        if binary.exists() and (version := _version(binary)) and _new_enough(version):
            usable = build.with_language_host(cache) if origin == "built" else binary
            return Engine(pulumi=usable, version=version, origin=origin)
    return None


def ensure(say: Say) -> Engine:
    """The CLI; if none is there, the official one is tried, then the build from Go modules. `say` gets the progress.

    Safe to run twice at the same time: the second waits for the first.
    """
    engine = find()
    if engine is None:
        with _lock(say):
            engine = find() or _get(say)
    return engine


def _get(say: Say) -> Engine:
    problem = _download(say)
    if problem:
        say(f"Pulumi's own download is not to be had ({problem}); building v{build.VERSION} from Go modules")
        try:
            build.build(cache_directory(), say)
        except build.BuildFailed as failure:
            raise NoEngine(
                f"no Pulumi CLI: none >= {'.'.join(map(str, MINIMUM))} on PATH, "
                f"the official download failed ({problem}), and the build from Go modules failed: {failure}"
            ) from failure
    engine = find()
    if engine is None:
        raise NoEngine(f"the Pulumi CLI in {cache_directory()} was installed but does not run")
    return engine


def _new_enough(version: str) -> bool:
    return tuple(int(part) for part in version.split(".")[:3]) >= MINIMUM


def _version(binary: Path) -> str | None:
    """What the CLI says of itself, asked once for each binary: an answer costs half a second, and every command wants it."""
    try:
        info = binary.stat()
    except OSError:
        return None
    known_file, key = cache_directory() / "versions.json", f"{binary} {info.st_mtime_ns} {info.st_size}"
    known: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(known_file.read_text())
    if key not in known:
        version = _ask_version(binary)
        if version is None:
            return None
        known_file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(known_file, json.dumps({**known, key: version}))
        return version
    return known[key]


def _ask_version(binary: Path) -> str | None:
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(
            [binary, "version"], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.match(r"v?(\d+\.\d+\.\d+)", done.stdout.strip())
    return found.group(1) if found else None


def _download(say: Say) -> str | None:
    """Try the official installer; None when it worked, else why it did not, in a few words."""
    say("looking for Pulumi's own download")
    target = cache_directory() / "pulumi" / "official"
    program = "import sys, pulumi.automation as a; a.PulumiCommand.install(root=sys.argv[1])"
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, str(target)],
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        shutil.rmtree(target, ignore_errors=True)
        return f"no answer in {DOWNLOAD_SECONDS} s"
    if done.returncode == 0:
        return None
    shutil.rmtree(target, ignore_errors=True)
    lines = done.stderr.strip().splitlines()
    return lines[-1][:160] if lines else f"exit code {done.returncode}"


@contextmanager
def _lock(say: Say) -> Iterator[None]:
    directory = cache_directory()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "engine.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up on this machine is getting the Pulumi CLI; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
