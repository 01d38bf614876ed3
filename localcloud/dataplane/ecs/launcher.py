"""Starts containers' processes: `python -m module` by forking an interpreter with the image's libraries, all else by exec."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

from localcloud.dataplane.settings import Image
from localcloud.runtime.processes import signal_group, spawn
from localcloud.runtime.streams import exited

#: What an interpreter reads when it starts, and a forked one therefore has no more: with one of these a command is exec'ed.
_INTERPRETER_READS = ("PYTHON", "LC_", "LANGUAGE", "LD_", "MALLOC_", "GLIBC_", "TZ")
#: Bytes of a request: a message of the socket has a limit.
_LONGEST = 100_000
#: Room for a child's own command line in process listings.
_PADDING = "-" * 200
_START_SECONDS = 90


class Process(Protocol):
    """A process that was started for a container."""

    @property
    def pid(self) -> int: ...

    async def ended(self) -> int:
        """Wait for its end: the exit code, or minus the number of the signal that ended it."""

    def signal(self, number: signal.Signals) -> None:
        """Signal the process alone; quiet if it has ended."""


class Spawned:
    """A program that was exec'ed: our own child."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    async def ended(self) -> int:
        """Wait for its end."""
        if self._process.poll() is None:
            await exited(self._process.pid)
        return self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Signal it."""
        self._process.send_signal(number)


class Forked:
    """A child of a fork server."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def ended(self) -> int:
        """Wait for its end."""
        return await asyncio.shield(self.status)

    def signal(self, number: signal.Signals) -> None:
        """Signal it."""
        if not self.status.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class _Refused(Exception):
    """The fork server does not start this one; the message says why."""


class ForkServer:
    """One interpreter that has imported an image's modules. What it started dies with it."""

    def __init__(self, image: Image, directory: Path, log: Path) -> None:
        self._image, self._directory, self._log = image, directory, log
        self._link: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers: dict[int, asyncio.Future[Forked]] = {}
        self._children: dict[int, Forked] = {}
        self._numbers = itertools.count()
        self._retired = False

    @property
    def pid(self) -> int | None:
        """Its process, once started."""
        return self._process.pid if self._process else None

    @property
    def over(self) -> bool:
        """Whether it cannot start anything any more."""
        return self._retired or (self._ready.done() and self._link is None)

    def start(self) -> None:
        """Start it; `ready` waits until its modules are imported."""
        sandbox = self._directory / "sandbox"
        sandbox.mkdir(parents=True, mode=0o700)
        own = files("localcloud.dataplane.ecs") / "sandbox"
        (sandbox / "sitecustomize.py").write_bytes((own / "sitecustomize.py").read_bytes())
        (sandbox / "network.json").write_text(json.dumps({"address": "127.0.0.1", "names": {}}))
        self._log.parent.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, self._log.open("ab") as log:
            self._process = spawn(
                [str(self._image.python), str(own / "fork_server.py"), _PADDING],
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "HOME": str(self._directory),
                    "TMPDIR": str(self._directory),
                    "LANG": os.environ.get("LANG", "C.UTF-8"),
                    "PYTHONPATH": str(sandbox),
                    "FORK_SERVER": json.dumps([str(self._image.root), *self._image.preload]),
                },
                cwd=self._image.root,
                stdin=theirs.fileno(),
                stdout=log,
            )
        ours.setblocking(False)
        self._link = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._read)

    async def fork(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        sandbox: Path,
        output: int,
    ) -> Forked:
        """A new child; _Refused if the server cannot or may not."""
        await asyncio.wait_for(asyncio.shield(self._ready), _START_SECONDS)
        number = next(self._numbers)
        request = json.dumps(
            {
                "id": number,
                "module": module,
                "arguments": list(arguments),
                "folder": str(folder),
                "environment": dict(environment),
                "sandbox": str(sandbox),
            }
        ).encode()
        if len(request) > _LONGEST:
            raise _Refused(f"its environment takes {len(request)} bytes, more than {_LONGEST}")
        answer: asyncio.Future[Forked] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            if self._link is None:
                raise _Refused("the fork server has ended")
            socket.send_fds(self._link, [request], [output])
            return await answer
        except OSError as error:
            raise _Refused(f"the fork server does not take it: {error}") from error
        finally:
            self._answers.pop(number, None)

    def retire(self) -> None:
        """Start nothing more; end when the last child has."""
        self._retired = True
        self._end_if_idle()

    async def stop(self) -> None:
        """End now; the children should have ended."""
        self._close()
        if self._process:
            signal_group(self._process.pid, signal.SIGKILL)
            await asyncio.to_thread(self._process.wait)

    def _end_if_idle(self) -> None:
        if self._retired and not self._children and not self._answers:
            self._close()

    def _read(self) -> None:
        assert self._link is not None
        try:
            message = self._link.recv(_LONGEST)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self._close()
            return
        report = json.loads(message)
        if "ready" in report:
            self._ready.set_result(None)
        elif "ended" in report:
            self._children.pop(report["ended"]).status.set_result(report["status"])
            self._end_if_idle()
        else:
            answer = self._answers.pop(report["id"], None)
            if "refused" in report:
                if answer and not answer.done():
                    answer.set_exception(_Refused(report["refused"]))
                return
            child = self._children[report["pid"]] = Forked(report["pid"])
            if answer and not answer.done():
                answer.set_result(child)
            else:  # whoever asked has been cancelled
                child.signal(signal.SIGKILL)

    def _close(self) -> None:
        """The link has ended: with the server, so its children get SIGKILL from the kernel."""
        if self._link is None:
            return
        asyncio.get_running_loop().remove_reader(self._link.fileno())
        self._link.close()
        self._link = None
        if not self._ready.done():
            self._ready.set_result(None)
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(_Refused("the fork server has ended"))
        for child in self._children.values():
            child.signal(signal.SIGKILL)
            child.status.set_result(-signal.SIGKILL)
        self._children.clear()


class Launcher:
    """Starts containers' processes; has a fork server for each image that names modules to preload."""

    def __init__(self, directory: Path, logs: Path, problem: Callable[[str], None]) -> None:
        self._directory, self._logs, self._problem = directory, logs, problem
        self._servers: dict[Image, ForkServer] = {}
        self._retired: list[ForkServer] = []
        self._logged: set[str] = set()
        self._numbers = itertools.count(1)
        self._nowhere = os.open(os.devnull, os.O_WRONLY)

    def prepare(self, images: Sequence[Image]) -> None:
        """Begin to preload: it takes seconds, and the first task is about to come."""
        for image in images:
            self._server(image)

    async def launch(
        self,
        argv: Sequence[str],
        image: Image,
        *,
        environment: Mapping[str, str],
        sandbox: Path,
        output: int | None,
        small: bool = False,
    ) -> Process:
        """Start `argv` in the image; it writes to the descriptor `output`, or to nowhere.

        A `small` process needs little of the image and comes every few seconds: a health check. It is forked from a server that
        has imported its module alone (if the image preloads it), as a fork costs time by the memory of the one that forks.
        """
        arguments = _module_of(argv, image)
        if arguments and image.preload and not _read_by_interpreter(environment, sandbox, image):
            module, *rest = arguments
            if small and module in image.preload:
                image = dataclasses.replace(image, preload=(module,))
            for _ in range(2):  # once more with a new server where the files have changed
                server = self._server(image)
                assert server is not None
                try:
                    return await server.fork(
                        module,
                        rest,
                        folder=image.root,
                        environment=environment,
                        sandbox=sandbox,
                        output=self._nowhere if output is None else output,
                    )
                except _Refused as refusal:
                    self._retire(image, server)
                    if str(refusal) != "stale":
                        self._tell(image, str(refusal))
                        break
        return Spawned(
            spawn(
                argv,
                env=environment,
                cwd=image.root,
                stdout=subprocess.DEVNULL if output is None else output,
            )
        )

    def status(self) -> list[dict[str, Any]]:
        """What `matchday status` says of the fork servers."""
        return [
            {"name": f"fork server of {_named(image)}", "address": "", "pid": server.pid}
            for image, server in self._servers.items()
            if not server.over
        ]

    async def stop(self) -> None:
        """End all fork servers."""
        for server in [*self._servers.values(), *self._retired]:
            await server.stop()
        os.close(self._nowhere)

    def _server(self, image: Image) -> ForkServer | None:
        if not image.preload:
            return None
        server = self._servers.get(image)
        if server is None or server.over:
            number = next(self._numbers)
            server = self._servers[image] = ForkServer(
                image, self._directory / f"fork-server-{number}", self._logs / "fork-server.log"
            )
            server.start()
        return server

    def _retire(self, image: Image, server: ForkServer) -> None:
        if self._servers.get(image) is server:
            del self._servers[image]
            self._retired.append(server)
        server.retire()

    def _tell(self, image: Image, cause: str) -> None:
        sentence = f"a Python process of {image.repository} was started without the fork server: {cause}"
        if sentence not in self._logged:
            self._logged.add(sentence)
            self._problem(sentence)


def _named(image: Image) -> str:
    return f"{image.repository} for {image.preload[0]}" if len(image.preload) == 1 else image.repository


def _module_of(argv: Sequence[str], image: Image) -> list[str]:
    """The module and the arguments of `python -m module arguments…` by the image's interpreter; else nothing."""
    if len(argv) > 2 and argv[0] == str(image.python) and argv[1] == "-m" and not argv[2].startswith("-"):
        return list(argv[2:])
    return []


def _read_by_interpreter(environment: Mapping[str, str], sandbox: Path, image: Image) -> bool:
    """Whether an interpreter would start otherwise with this environment than the fork server did."""
    if environment.get("PYTHONPATH") != os.pathsep.join([str(sandbox), str(image.root)]):
        return True
    if environment.get("LANG") != os.environ.get("LANG", "C.UTF-8"):
        return True
    return any(name.startswith(_INTERPRETER_READS) for name in environment if name != "PYTHONPATH")
