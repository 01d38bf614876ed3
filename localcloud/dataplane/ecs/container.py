"""One container of a task: a process with its output, its health check and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path

from localcloud.dataplane.ecs.images import TaskFailed, command_line, resolve
from localcloud.dataplane.ecs.launcher import Launcher, Process
from localcloud.dataplane.model import Json
from localcloud.dataplane.settings import Image, Timing
from localcloud.runtime.processes import signal_group
from localcloud.runtime.streams import pump

#: ECS's defaults for a health check and for stopTimeout.
_INTERVAL, _TIMEOUT, _RETRIES, _STOP_TIMEOUT = 30, 5, 3, 30


class Health(Enum):
    """As ECS words it; UNKNOWN also for a container without a health check."""

    UNKNOWN = "UNKNOWN"
    HEALTHY = "HEALTHY"
    UNHEALTHY = "UNHEALTHY"


class Container:
    """A container that runs or has run. `changed` is called whenever its health or its exit code changes."""

    def __init__(
        self,
        definition: Json,
        image: Image,
        environment: Mapping[str, str],
        sandbox: Path,
        launcher: Launcher,
        *,
        write: Callable[[bytes], None],
        changed: Callable[[], None],
        timing: Timing,
    ) -> None:
        self.definition, self.image, self.environment = definition, image, environment
        self._sandbox, self._launcher = sandbox, launcher
        self.name: str = definition["name"]
        self.essential: bool = definition.get("essential", True)
        self.health = Health.UNKNOWN
        self.exit_code: int | None = None
        self._write, self._changed, self._timing = write, changed, timing
        self._process: Process | None = None
        self._ended = asyncio.Event()
        self._jobs: list[asyncio.Task[None]] = []
        self._checks: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id, once it has started."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether it has started and not ended."""
        return self._process is not None and self.exit_code is None

    @property
    def checked(self) -> bool:
        """Whether the definition has a health check."""
        return bool((self.definition.get("healthCheck") or {}).get("command"))

    async def start(self) -> None:
        """Start the process; its output flows to `write` from here on."""
        argv = command_line(self.definition, self.image)
        reader, writer = os.pipe()
        try:
            self._process = await self._launcher.launch(
                argv, self.image, environment=self.environment, sandbox=self._sandbox, output=writer
            )
        except OSError as error:
            os.close(reader)
            raise TaskFailed(f"CannotStartContainerError: {self.name}: {shlex.join(argv)}: {error.strerror}") from error
        finally:
            os.close(writer)
        self._jobs = [asyncio.create_task(pump(reader, self._write)), asyncio.create_task(self._wait())]
        if self.checked:
            self._checks = asyncio.create_task(self._check())

    async def stop(self) -> None:
        """SIGTERM, and after stopTimeout SIGKILL to everything that it started."""
        if self._process is None:
            return
        if self.running:
            self._process.signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), float(self.definition.get("stopTimeout") or _STOP_TIMEOUT))
        await self._clear()

    async def ended(self) -> int:
        """Wait until the process has ended; its exit code as a shell gives it (128 + signal)."""
        await self._ended.wait()
        assert self.exit_code is not None
        return self.exit_code

    async def _clear(self) -> None:
        """End what is left of the process group, and our jobs with it."""
        assert self._process is not None
        signal_group(self._process.pid, signal.SIGKILL)
        await self._ended.wait()
        # A descendant that left the process group may hold the pipe open; its last words are not waited for.
        _, open_jobs = await asyncio.wait(self._jobs, timeout=1)
        for job in open_jobs:
            job.cancel()

    async def _wait(self) -> None:
        assert self._process is not None
        status = await self._process.ended()
        self.exit_code = status if status >= 0 else 128 - status
        # What the process leaves behind dies with the container, as in a real one.
        signal_group(self._process.pid, signal.SIGKILL)
        if self._checks:
            self._checks.cancel()
        self._ended.set()
        self._changed()

    async def _check(self) -> None:
        """Run the health check until the container ends: often until the first success, so that a start is quick."""
        check = self.definition["healthCheck"]
        interval = min(float(check.get("interval") or _INTERVAL), self._timing.check_most)
        retries = int(check.get("retries") or _RETRIES)
        patience = float(check.get("startPeriod") or 0) + interval * retries
        pause, failures = min(self._timing.probe_first, interval), 0
        started = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(pause)
            healthy = await self._probe(check)
            if healthy:
                failures, pause = 0, interval
                self._set(Health.HEALTHY)
            elif self.health is Health.HEALTHY:
                failures += 1
                if failures >= retries:
                    self._set(Health.UNHEALTHY)
            else:
                pause = min(pause * 1.5, interval)
                if asyncio.get_running_loop().time() - started > patience:
                    self._set(Health.UNHEALTHY)

    async def _probe(self, check: Json) -> bool:
        kind, *words = check["command"]
        argv = ["/bin/sh", "-c", " ".join(words)] if kind == "CMD-SHELL" else resolve(words, self.image)
        process = await self._launcher.launch(
            argv, self.image, environment=self.environment, sandbox=self._sandbox, output=None, small=True
        )
        try:
            return await asyncio.wait_for(process.ended(), float(check.get("timeout") or _TIMEOUT)) == 0
        except TimeoutError:
            return False
        finally:
            signal_group(process.pid, signal.SIGKILL)
            await process.ended()

    def _set(self, health: Health) -> None:
        if health is not self.health:
            self.health = health
            self._changed()
