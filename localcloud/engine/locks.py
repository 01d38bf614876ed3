"""The file backend's own locks: one file per running operation, which stays when the engine is killed."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import psutil


def remove_dead(backend: Path) -> list[Path]:
    """Remove the locks whose process is gone from this machine; returns them. A living engine's lock stays."""
    dead = []
    for lock in (backend / ".pulumi" / "locks").rglob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            holder = json.loads(lock.read_text())
            if holder["hostname"] == socket.gethostname() and not _lives(int(holder["pid"]), holder["timestamp"]):
                lock.unlink()
                dead.append(lock)
    return dead


def _lives(pid: int, since: str) -> bool:
    """Whether the process that took a lock then is still there: its number may be another's by now."""
    try:
        # A second for the clock: the kernel says a process's start in ticks since its own.
        return psutil.Process(pid).create_time() <= datetime.fromisoformat(since).timestamp() + 1
    except psutil.NoSuchProcess:
        return False
