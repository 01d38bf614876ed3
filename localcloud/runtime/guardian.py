"""The last to leave: kills every task's process group when the supervisor dies without a word.

The kernel ends the supervisor's own children, but not what those have started. The supervisor writes `+GROUP` and `-GROUP`
lines to this process's standard input; when that ends, whatever is still listed is killed. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TextIO


def watch(lines: TextIO) -> None:
    """Follow `lines` to their end, then kill the groups that are left."""
    # The signals that end a supervisor may be sent to its whole session: the guardian goes when its input ends.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in lines:
        change = groups.add if line[0] == "+" else groups.discard
        change(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    watch(sys.stdin)
