"""The page's drills: `matchday drill` as a process of its own, one at a time, and what it said at last."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli import console, local

if TYPE_CHECKING:
    from cli.operations_documents import Drill

#: Drill → what the button says of it: the choices of `matchday drill`.
CHOICES = {
    "restore": "restores a copy to a point in time, beside what runs",
    "promote": "promotes a standby, beside what runs",
    "failover": "ends the PostgreSQL server that the platform works on; a standby takes over",
}


@dataclass(frozen=True, slots=True)
class DrillRun:
    """A drill that was begun (seconds since the epoch); `document` once it has ended, or `problem` why there is none."""

    what: str
    since: float
    document: Drill | None = None
    problem: str = ""

    @property
    def runs(self) -> bool:
        """Whether it is under way."""
        return self.document is None and not self.problem


def command(what: str) -> subprocess.CompletedProcess[str]:
    """Run the drill of the project that the console shows."""
    words = [sys.executable, "-m", "cli", *console.project, "drill", what, "--json"]
    return subprocess.run(words, cwd=local.CHECKOUT, capture_output=True, text=True, check=False)


class Exercises:
    """One drill at a time."""

    def __init__(self, run: Callable[[str], subprocess.CompletedProcess[str]] = command) -> None:
        self._run = run
        self._lock = threading.Lock()
        self.last: DrillRun | None = None

    def start(self, what: str) -> bool:
        """Begin a drill; False while another one runs."""
        with self._lock:
            if self.last and self.last.runs:
                return False
            begun = self.last = DrillRun(what, time.time())
        threading.Thread(target=self._finish, args=(begun,), name=f"drill {what}", daemon=True).start()
        return True

    def _finish(self, begun: DrillRun) -> None:
        try:
            done = self._run(begun.what)
            document, problem = json.loads(done.stdout), ""
        except ValueError:  # it could not be begun: the command has said why
            document, problem = None, done.stderr.strip() or f"`matchday drill` ended with {done.returncode}"
        except OSError as error:
            document, problem = None, str(error)
        self.last = DrillRun(begun.what, begun.since, document, problem)
