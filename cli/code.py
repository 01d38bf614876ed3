"""Which services' code has changed since the last `up`: what the image holds, by service."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

#: What every service runs beside its own folder (services/Dockerfile copies the same).
SHARED = ("services/__init__.py", "services/common", "scoring", "requirements/services.txt")

#: In a service's folder, and read by no process: what infrastructure must know of it (a change there is the program's to make).
NOT_RUN = ("service.yaml", "README.md")


def digests(project: Path, services: Iterable[str]) -> dict[str, str]:
    """Service → hash of all code that its processes may run: the shared rooms, the locked dependencies and its folder."""
    shared = _digest(project, SHARED)
    found: dict[str, str] = {}
    for name in services:
        folder = f"services/{name.replace('-', '_')}"
        found[name] = shared[:32] + _digest(project, (folder,))[:32]
    return found


def changed(before: object, now: Mapping[str, str]) -> list[str]:
    """The services that ran other code before; a service that is new has nothing to replace."""
    if before is None:
        return []
    known = before if isinstance(before, Mapping) else dict.fromkeys(now, "")
    return sorted(name for name, digest in now.items() if name in known and known[name] != digest)


def _digest(project: Path, rooms: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for room in rooms:
        root = project / room
        for file in [root] if root.is_file() else sorted(root.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts and file.name not in NOT_RUN:
                digest.update(file.relative_to(project).as_posix().encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()
