"""Looks now and then whether what is live is what the engine's state says: in a process of the lowest priority."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from localcloud.dataplane.settings import Config
from localcloud.runtime import loopback
from localcloud.runtime.processes import spawn

#: How long one look may take: at the lowest priority on a busy machine.
_SECONDS = 300


@dataclass
class Drift:
    """What the last look found; it holds as long as the engine has written no other state."""

    config: Config
    emulator: str
    _mark: tuple[Any, ...] = ()
    _found: dict[str, Any] = field(default_factory=dict)

    def status(self) -> dict[str, Any]:
        """`checked`: when (UTC), None when nothing is known yet of the present state; `found`: what differs."""
        if not self._found or self._mark[0] != self._states():
            return {"checked": None, "found": []}
        return self._found

    async def run(self) -> None:
        """Look again whenever something was written, never oftener than the interval."""
        while True:
            await asyncio.sleep(self.config.timing.drift)
            with suppress(httpx.HTTPError):
                mark = (self._states(), await self.position())
                if mark != self._mark and mark[0] and not self._applying():
                    await self._look(mark)

    async def _look(self, mark: tuple[Any, ...]) -> None:
        places = self.config.places
        argv = [sys.executable, "-m", "localcloud.provider.drift", "--endpoint", self.emulator]
        argv += ["--store", str(places.provider), "--addresses", str(self.config.state)]
        argv += ["--region", self.config.region, "--ingress", self.config.ingress]
        argv += [path for path, _ in mark[0]]
        # `nice` becomes the program itself, so the process that dies with us is the one that looks.
        process = spawn(["nice", "-n", "19", *argv], env=os.environ, stdout=subprocess.PIPE, stderr=None)
        try:
            printed, _ = await asyncio.to_thread(process.communicate, None, _SECONDS)
        except subprocess.TimeoutExpired:
            return
        finally:
            if process.poll() is None:
                process.kill()
        # A run of the engine in between makes what was read neither the one state's nor the other's.
        if process.returncode == 0 and self._states() == mark[0] and not self._applying():
            checked = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            self._mark, self._found = mark, {"checked": checked, "found": json.loads(printed)["drift"]}

    def _states(self) -> tuple[tuple[str, int], ...]:
        """The files of every stack that lives here, and when each was written."""
        files = sorted((self.config.places.backend / ".pulumi" / "stacks").glob("*/*.json"))
        with suppress(FileNotFoundError):
            return tuple((str(file), file.stat().st_mtime_ns) for file in files)
        return ()

    async def position(self) -> Any:
        """Another value when what is deployed may be other than before; time itself for an emulator that is not ours."""
        return await asyncio.to_thread(self.position_now)

    def position_now(self) -> Any:
        """The same, for a thread that may wait."""
        if self.config.emulator is not None:
            return time.monotonic()
        with loopback.client() as client:
            return client.get(f"{self.emulator}/_matchday/health", timeout=30).json()["deployed"]

    def _applying(self) -> bool:
        with suppress(FileNotFoundError):
            return self.config.places.phase.read_text() == "applying"
        return False
