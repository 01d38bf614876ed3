"""Emulators without the three CPU seconds of a start: forked from one process that has imported what they serve with.

A forked emulator is a process of its own that runs the program's `main` with its own command line, state and signals; only
its imports are behind it. Tests of the start itself, and one of each kind of comeback, start the real command.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection

from localcloud.emulator.__main__ import main

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.localcloud.emulator.preloaded"])


class Forked:
    """An emulator's process with as much of Popen as the tests use, and the first line that it printed."""

    def __init__(self, arguments: Sequence[str]) -> None:
        reading, writing = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(target=_run, args=(list(arguments), writing))
        self._process.start()
        writing.close()
        with reading, os.fdopen(os.dup(reading.fileno())) as output:
            self.first_line = output.readline().strip()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """The exit code."""
        self._process.join(timeout)
        assert self._process.exitcode is not None, f"the emulator did not end within {timeout} s"
        return self._process.exitcode


def _run(arguments: list[str], output: Connection) -> None:
    os.dup2(output.fileno(), 1)
    output.close()
    sys.stdout = os.fdopen(1, "w")
    sys.exit(main(arguments))
