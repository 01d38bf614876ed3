"""Servers of our own that the data plane owns: emulator, Pulumi provider, partners. Each says its port when ready."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localcloud.dataplane.control.events import Hub
from localcloud.dataplane.ecs.deployment import backoff
from localcloud.dataplane.ecs.logs import LogFile
from localcloud.dataplane.settings import Timing
from localcloud.runtime.errors import SupervisorError
from localcloud.runtime.processes import end, spawn
from localcloud.runtime.streams import exited, pump

_START_SECONDS = 90


class ChildServer:
    """A server whose first line of output is its port; started again when it dies, on the same port."""

    def __init__(self, name: str, argv: Callable[[int], list[str]], log: Path, hub: Hub, timing: Timing) -> None:
        self.name, self.port = name, 0
        self.log = log
        self._argv, self._hub, self._timing = argv, hub, timing
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._pump: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Its process, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    async def start(self, port: int = 0) -> None:
        """Start it and wait until it serves; from then on it is watched."""
        self.port = port
        await self._launch()
        self._watch = asyncio.create_task(self._keep(), name=self.name)

    async def stop(self, patience: float = 60) -> None:
        """SIGTERM, and wait: the emulator writes its snapshot."""
        if self._watch:
            self._watch.cancel()
        if self._process:
            await asyncio.to_thread(end, self._process, signal.SIGTERM, patience)
        if self._pump:
            await self._pump

    async def _launch(self) -> None:
        self._hub.emit("server", self.name, "starting")
        log = LogFile(self.log)
        first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def write(line: bytes) -> None:
            if not first.done():
                first.set_result(line)
            else:
                log.write(line)

        output, inlet = os.pipe()
        errors = self.log.open("ab")
        environment = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ
        }
        with errors:
            self._process = spawn(
                self._argv(self.port),
                env={**environment, "PYTHONUNBUFFERED": "1"},
                stdout=inlet,
                stderr=errors,
            )
        os.close(inlet)
        self._pump = asyncio.create_task(pump(output, write))
        ended = asyncio.create_task(exited(self._process.pid))
        waited: set[asyncio.Future[Any]] = {first, ended}
        done, _ = await asyncio.wait(waited, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if first not in done:
            status = self._process.poll()
            cause = f"ended with status {status}" if status is not None else f"is not ready after {_START_SECONDS} s"
            await asyncio.to_thread(end, self._process, signal.SIGKILL, 1)
            raise SupervisorError(self.name, cause, self.log)
        self.port = int(first.result())
        self._hub.emit("server", self.name, "ready", f"port {self.port}")

    async def _keep(self) -> None:
        failures = 0
        while True:
            assert self._process is not None
            if self._process.poll() is None:
                await exited(self._process.pid)
            problem = SupervisorError(self.name, f"ended with status {self._process.wait()}", self.log)
            while True:
                self._hub.emit("server", self.name, "failed", str(problem))
                failures += 1
                await asyncio.sleep(backoff(failures, self._timing.backoff_first, self._timing.backoff_last))
                try:
                    await self._launch()
                    break
                except SupervisorError as again:
                    problem = again
