"""The heartbeat file of a process that does not listen: touched while its work moves, looked at by the health check.

A process that is stuck is replaced within a minute: PART_SECONDS until a part counts as stuck, STALE_SECONDS until the file is
old, and 15 s (three checks) until ECS acts.
"""

from __future__ import annotations

import os
import time

#: A part of a process that has not moved for so long is stuck.
PART_SECONDS = 20.0

#: A file older than this means that the process no longer works. The file is touched every few seconds.
STALE_SECONDS = 20.0
INTERVAL_SECONDS = 3.0


def path() -> str:
    """The file of this container's process, in its temporary directory."""
    name = f"matchday-{os.environ.get('SERVICE', 'service')}-{os.environ.get('PROCESS', 'process')}.heartbeat"
    return os.path.join(os.environ.get("TMPDIR", "/tmp"), name)  # noqa: PTH118, S108 - health checks import no pathlib


def beat() -> None:
    """Say that the process is alive."""
    with open(path(), "w") as file:  # noqa: PTH123
        file.write(str(time.time()))


def age() -> float:
    """Seconds since the last beat; infinite if there was none."""
    try:
        return time.time() - os.stat(path()).st_mtime  # noqa: PTH116
    except FileNotFoundError:
        return float("inf")
