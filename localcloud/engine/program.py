"""Starts a Python program as Pulumi's own launcher does, without what makes each run slow and changes nothing.

The language host runs this file in the program's interpreter, with the launcher's path and arguments; or ahead of the run,
with `--ahead` and a socket over which both come. Like the host, it is copied beside the CLI, with the modules that it imports,
and so stands alone: it needs only `pulumi`, as the launcher does.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import sysconfig
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from localcloud.engine import lazy_sdk, quick_sdk
else:  # the copy
    import lazy_sdk
    import quick_sdk

#: Names the file with the modules to import ahead (localcloud/engine/ahead.py).
MODULES = "MATCHDAY_MODULES"
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run the launcher that the first argument names; the rest are its own."""
    del sys.argv[0]
    with suppress(ImportError):  # the launcher says what to do
        lazy_sdk.install()
        quick_sdk.install()
    if sys.argv[0] == "--ahead":
        # The host is killed with the command that it was started for; so is this, in whatever it is about.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        _import_ahead()
        with socket.socket(fileno=int(sys.argv[1])) as channel:
            _become(channel)
    code: object = None
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        code = end.code
    finally:
        _note_modules()
    _end(code)


def _end(code: object) -> None:
    """End as the interpreter does, but without taking half a million objects apart one by one: the engine would wait for it."""
    if code is not None and not isinstance(code, int):
        sys.exit(str(code))
    threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter itself calls: waits for threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit((code or 0) & 0xFF)


def _become(channel: socket.socket) -> None:
    """Take over the arguments, environment and output of the program that is to be run; end if there is none."""
    head, output, _, _ = socket.recv_fds(channel, 8, 2)
    size, content = int.from_bytes(head, "big"), b""
    while len(content) < size and (chunk := channel.recv(size - len(content))):
        content += chunk
    if not head or len(content) < size:
        sys.exit(0)
    order = json.loads(content)
    for ours, theirs in enumerate(output, start=1):
        os.dup2(theirs, ours)
        os.close(theirs)
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv[:] = order["arguments"]


def _installed() -> list[str]:
    """The modules of installed packages that are loaded, in the order in which they were."""
    packages = sysconfig.get_path("purelib")
    return [
        name
        for name, module in list(sys.modules.items())
        if (getattr(module, "__file__", None) or "").startswith(packages) and not name.startswith("_")
    ]


def _import_ahead() -> None:
    place = os.environ.get(MODULES, "")
    with suppress(OSError):
        for name in Path(place).read_text().split():
            with suppress(Exception):  # of another release: the program will say what it lacks, if anything
                importlib.import_module(name)


def _note_modules() -> None:
    place = os.environ.get(MODULES, "")
    if not place:
        return
    file, text = Path(place), "\n".join(_installed())
    with suppress(OSError):
        if not file.exists() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            draft = file.with_name(f"{file.name}.{os.getpid()}")
            draft.write_text(text)
            draft.replace(file)


if __name__ == "__main__":
    main()
