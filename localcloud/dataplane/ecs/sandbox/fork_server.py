"""Starts an image's Python processes by forking an interpreter that has imported their libraries already.

It runs in the image's interpreter, not in the local cloud's: standard library only. The supervisor speaks with it over the
packet socket that is its standard input: a request is one JSON object and the descriptor of the process's output.

    {"id", "module", "arguments", "folder", "environment", "sandbox"}  ->  {"id", "pid"}
                                                  or, if it cannot,    ->  {"id", "refused"}
    when a process has ended                                           ->  {"ended", "status"}

`status` is the exit code, or minus the number of the signal that ended it. A request is refused once a file of a module that
was imported here has changed: the supervisor then starts another server. A child is what `python -m module` would have been:
its environment, folder, arguments, group, signals and exit codes. Only its memory is shared with this process, which therefore
never starts a thread.
"""
# ruff: noqa: PTH100, PTH109, PTH116, PTH120, PTH208 - pathlib would be one more import in every process

from __future__ import annotations

import array
import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import types
from typing import Any, NoReturn

#: Bytes of a request; the supervisor starts what needs more without us.
LONGEST = 100_000
#: What a person or a session may send to a whole group; the server itself ends by its link alone.
_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_ARGUMENTS_START, _ARGUMENTS_END = 47, 48  #: fields of /proc/self/stat, counted from 0


class Job:
    """What a forked child is to run."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.module: str = request["module"]
        self.arguments: list[str] = request["arguments"]
        self.folder: str = request["folder"]
        self.environment: dict[str, str] = request["environment"]
        self.sandbox: str = request["sandbox"]


def _stamps(root: str) -> dict[str, int]:
    """When the image's own modules that are loaded, and the folders of its libraries, were last changed."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    watched = [file for file in files if file and file.startswith(root + os.sep)]
    watched += [folder for folder in sys.path if folder.endswith("site-packages")]
    return {path: _stamp(path) for path in watched}


def _stamp(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


class Server:
    """Forks on request; `run` returns only in a child, with its job."""

    def __init__(self, link: socket.socket, root: str) -> None:
        self._link, self._root = link, root
        #: What modules have opened stays open in the children; our own does not.
        self._open = {int(name) for name in os.listdir("/proc/self/fd")} - {link.fileno()}
        self._selector = selectors.DefaultSelector()
        self._children: dict[int, int] = {}  #: descriptor of a process -> its id
        self._stamps = _stamps(root)

    def run(self) -> Job:
        self._selector.register(self._link, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fd == self._link.fileno():
                    job = self._serve()
                    if job:
                        return job
                else:
                    self._bury(key.fd)

    def _serve(self) -> Job | None:
        message, descriptors = _receive(self._link)
        if not message:
            # The supervisor has gone, or needs us no more. What still runs dies with us.
            sys.exit(0)
        request = json.loads(message)
        try:
            refused = self._refusal()
            if refused:
                self._answer({"id": request["id"], "refused": refused})
                return None
            return self._fork(request, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _refusal(self) -> str:
        if any(_stamp(path) != stamp for path, stamp in self._stamps.items()):
            return "stale"
        # A fork copies one thread; what the others hold locked stays so.
        tasks = len(os.listdir("/proc/self/task"))
        return f"an import has started {tasks - 1} threads" if tasks > 1 else ""

    def _fork(self, request: dict[str, Any], descriptors: list[int]) -> Job | None:
        # No signal before the child has its own dispositions: a SIGTERM that comes early ends it, as it would a new program.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number in _SIGNALS - {signal.SIGINT}:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            os.setpgid(0, 0)
            for place in (1, 2):
                os.dup2(descriptors[0], place)
            self._selector.close()
            self._link.detach()
            for name in os.listdir("/proc/self/fd"):
                if int(name) not in self._open:
                    with contextlib.suppress(OSError):
                        os.close(int(name))
            descriptors.clear()
            return Job(request)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        with contextlib.suppress(OSError):  # it may have done so itself, and ended
            os.setpgid(pid, pid)
        descriptor = os.pidfd_open(pid)
        self._children[descriptor] = pid
        self._selector.register(descriptor, selectors.EVENT_READ)
        self._answer({"id": request["id"], "pid": pid})
        return None

    def _bury(self, descriptor: int) -> None:
        pid = self._children.pop(descriptor)
        self._selector.unregister(descriptor)
        os.close(descriptor)
        _, status = os.waitpid(pid, 0)
        self._answer({"ended": pid, "status": os.waitstatus_to_exitcode(status)})

    def _answer(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._link.send(json.dumps(message).encode())


def _receive(link: socket.socket) -> tuple[bytes, list[int]]:
    size = array.array("i").itemsize
    message, ancillary, _, _ = link.recvmsg(LONGEST, socket.CMSG_SPACE(2 * size))
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % size])
    return message, list(descriptors)


def _preload(modules: list[str]) -> None:
    """Import what the children will need. One that cannot be imported is left to them: they say why, where it is read."""
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:
            print(f"fork server: {name} is not preloaded: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 - its log
    gc.collect()
    gc.freeze()  # collections in the children leave these objects, and so the pages that they share, alone


def _show(words: list[str]) -> None:
    """Have process listings show a child's own command, as far as the server's arguments leave room."""
    with open("/proc/self/stat") as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    # `fields` begins with the third.
    start, end = int(fields[_ARGUMENTS_START - 2]), int(fields[_ARGUMENTS_END - 2])
    text = b"\0".join(word.encode() for word in words)[: end - start - 1]
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, text, len(text))


def _open(descriptor: int, like: Any) -> Any:
    """A stream as the interpreter makes it at its start: what it can do depends on where it leads, and that has changed."""
    # Open as long as the process lives.
    stream = open(descriptor, "w", encoding=like.encoding, errors=like.errors, newline="\n", closefd=False)  # noqa: SIM115
    stream.reconfigure(line_buffering=like is sys.__stderr__)
    raw: Any = stream.buffer.raw  # type: ignore[attr-defined]
    raw.name = like.name
    return stream


def _become(job: Job, libraries: list[str]) -> None:
    """Turn the forked interpreter into the one that `python -m module` would have been."""
    os.chdir(job.folder)
    os.environ.clear()
    os.environ.update(job.environment)
    python_path = job.environment["PYTHONPATH"].split(os.pathsep)
    sys.path[:] = [os.getcwd(), *python_path, *libraries]
    sys.argv[:] = ["-m", *job.arguments]
    sys.orig_argv[:] = [sys.executable, "-m", job.module, *job.arguments]
    sys.stdout = sys.__stdout__ = _open(1, sys.__stdout__)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _open(2, sys.__stderr__)  # type: ignore[misc]
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.modules["sitecustomize"].enter(job.sandbox)
    importlib.invalidate_caches()
    _show(sys.orig_argv)
    gc.enable()


def _end(code: Any) -> NoReturn:
    """End as an interpreter does, but leave its modules as they are: to take them apart would copy the memory they share."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)  # noqa: T201 - what sys.exit("words") does
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter itself calls: waits for threads
    atexit._run_exitfuncs()
    status = (code or 0) & 0xFF
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            status = status or 120  # as the interpreter does when its output is lost
    os._exit(status)


def main() -> None:
    """Preload, serve, and in each child run its module."""
    gc.disable()
    for number in _SIGNALS:
        # Ended by its link alone: a signal to the whole session must not take the tasks' stop timeouts from them.
        signal.signal(number, signal.SIG_IGN)
    root, *modules = json.loads(os.environ.pop("FORK_SERVER"))
    own = [os.path.dirname(os.path.abspath(__file__)), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    libraries = [folder for folder in sys.path if folder not in own]
    sys.path[:] = [root, *sys.path]
    link = socket.socket(fileno=os.dup(0))
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    _preload(modules)
    server = Server(link, root)
    link.send(json.dumps({"ready": len(sys.modules)}).encode())
    job = server.run()
    _become(job, libraries)
    try:
        runpy._run_module_as_main(job.module)  # type: ignore[attr-defined]  # what `python -m` calls
    except SystemExit as end:
        _end(end.code)
    _end(None)


if __name__ == "__main__":
    main()
