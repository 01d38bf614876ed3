"""Code: what of the services' and of the local cloud's has changed since the last `up`, and what processes share."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

#: What every service runs beside its own folder (services/Dockerfile copies the same).
SHARED = ("services/__init__.py", "services/common", "scoring", "requirements/services.txt")

#: What the services' libraries load only when a process begins to work: Celery for a worker and a scheduler, Uvicorn and HTTPX
#: for a web process. A quarter of a second of CPU for each process, and memory that it would share with no other.
LOADED_LATE = (
    "anyio._backends._asyncio",
    "billiard.pool",
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.log",
    "celery.apps.worker",
    "celery.backends.base",
    "celery.concurrency.thread",
    "celery.events",
    "celery.fixups.django",
    "celery.loaders.app",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer.agent",
    "celery.worker.consumer.delayed_delivery",
    "celery.worker.consumer.gossip",
    "celery.worker.consumer.heart",
    "celery.worker.consumer.mingle",
    "celery.worker.control",
    "encodings.idna",
    "httpcore",
    "kombu.mixins",
    "kombu.transport.redis",
    "kombu.utils.eventio",
    "uvicorn.lifespan.on",
    "uvicorn.loops.asyncio",
)

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


def of_the_cloud(checkout: Path) -> str:
    """A hash of what the running servers were started from: the local cloud's own code, all locked packages, the Python.

    Packages that are exchanged below a running process are loaded by it, too: of another version what it had not needed yet.
    """
    return _digest(checkout, ("localcloud", "requirements/dev.txt"), sys.version)


def changed(before: object, now: Mapping[str, str]) -> list[str]:
    """The services that ran other code before; a service that is new has nothing to replace."""
    if before is None:
        return []
    known = before if isinstance(before, Mapping) else dict.fromkeys(now, "")
    return sorted(name for name, digest in now.items() if name in known and known[name] != digest)


def _digest(project: Path, rooms: Iterable[str], besides: str = "") -> str:
    digest = hashlib.sha256(besides.encode())
    for room in rooms:
        root = project / room
        for file in [root] if root.is_file() else sorted(root.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts and file.name not in NOT_RUN:
                digest.update(file.relative_to(project).as_posix().encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()


def preloaded(project: Path) -> tuple[str, ...]:
    """The modules that the services' processes share: what their commands run, and each service's application and jobs."""
    services = project / "services"
    names = sorted(file.parent.name for file in services.glob("*/service.yaml"))
    own = [
        f"services.{name}.{part}"
        for name in names
        for part in ("app", "tasks")
        if (services / name / f"{part}.py").exists()
    ]
    processes = ("web", "worker", "scheduler", "bootstrap", "migrate", "healthcheck")
    return (*(f"services.common.{process}" for process in processes), *own, *LOADED_LATE)
