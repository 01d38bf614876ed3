"""A container's command as a process of its own: started, watched, ended."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.support import ROOT, module


class Process:
    """A container's process; its log is read line by line."""

    popen: subprocess.Popen[bytes]

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.environment, self._command, self._log = environment, command, log
        log.write_bytes(b"")
        self.start()

    def start(self) -> None:
        """Start it; again, if it has ended."""
        with self._log.open("ab") as output:
            self.popen = subprocess.Popen(
                self._command, env=self.environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
            )

    def text(self) -> str:
        """What it has written."""
        return self._log.read_text()

    def lines(self) -> list[dict[str, object]]:
        # Celery itself says one line at its end that is not JSON.
        return [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]

    def healthy(self) -> bool:
        check = subprocess.run(module("healthcheck"), env=self.environment, cwd=ROOT, capture_output=True, check=False)
        return check.returncode == 0

    async def wait_healthy(self, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(self.healthy):
            assert self.popen.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            await asyncio.sleep(0.1)

    async def end(self, seconds: float = 120) -> int:
        self.popen.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.popen.wait, seconds)


@contextmanager
def process(
    name: str, environment: dict[str, str], directory: Path, command: list[str] | None = None
) -> Iterator[Process]:
    """`command`: another one than the container's."""
    started = Process(command or module(name), environment, directory / f"{name}.log")
    try:
        yield started
    finally:
        if started.popen.poll() is None:
            started.popen.kill()
            started.popen.wait()
