"""The one error of the data plane: what failed, why, and what its log said last."""

from __future__ import annotations

import errno
import sqlite3
from collections import deque
from pathlib import Path


def last_lines(log: Path | None, count: int = 15) -> list[str]:
    """The last lines of a log file; none if it does not exist."""
    if log is None:
        return []
    try:
        with log.open(errors="replace") as lines:
            return [line.rstrip("\n") for line in deque(lines, maxlen=count)]
    except FileNotFoundError:
        return []


def is_of_the_disk(error: BaseException) -> bool:
    """Whether the disk is full or fails, which no program of ours can help: SQLite says it in words of its own."""
    if isinstance(error, sqlite3.OperationalError):
        name = error.sqlite_errorname
        return name == "SQLITE_FULL" or name.startswith("SQLITE_IOERR")
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)


class SupervisorError(RuntimeError):
    """A server, a task or the supervisor itself failed. `what` names it, `cause` says why, `lines` are its log's last."""

    def __init__(self, what: str, cause: str, log: Path | None = None) -> None:
        self.what, self.cause, self.log = what, cause, log
        self.lines = last_lines(log)
        tail = "".join(f"\n    {line}" for line in self.lines)
        super().__init__(f"{what}: {cause}" + (f"\n  last lines of {log}:{tail}" if self.lines else ""))
