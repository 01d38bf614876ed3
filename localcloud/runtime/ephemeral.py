"""An emulator and a provider for one run (a preview, an engine test): nothing lasts and nothing is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from localcloud.runtime.addresses import EMULATOR_HOST, AddressBook
from localcloud.runtime.errors import SupervisorError
from localcloud.runtime.processes import end, spawn

#: The emulator listens a tenth of a second after its start; a busy machine may need many.
START_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Where the emulator and the provider of this run are."""

    endpoint: str
    provider_port: int


@contextmanager
def cloud(directory: Path, *, region: str, ingress: str = "127.0.0.1:8080") -> Iterator[Endpoints]:
    """Start both below `directory` (logs, store, addresses), and end both whatever happens.

    The emulator listens when this returns; its first answer comes when it has read what it is made of, while the engine
    starts. Raises SupervisorError, with the last lines that it printed, when one of them does not start, and in place of the
    caller's failure when the emulator has ended.
    """
    host = AddressBook(directory).host(EMULATOR_HOST)
    # Not the usual port: two runs at once may have chosen the same network.
    port = _free_port(host)
    endpoint = f"http://{host}:{port}"
    # Both spend a second or more on imports, and neither needs the other to start.
    with (
        _server(
            directory / "emulator.log",
            "localcloud.emulator",
            *("--host", host, "--port", str(port)),
        ) as emulator,
        _server(
            directory / "provider.log",
            "localcloud.provider",
            *(
                "--port",
                "0",
                "--endpoint",
                endpoint,
                "--store",
                str(directory / "provider"),
                "--addresses",
                str(directory),
            ),
            *("--region", region, "--ingress", ingress),
        ) as provider,
    ):
        assert provider.stdout is not None
        first = provider.stdout.readline().strip()
        if not first.isdigit():
            raise SupervisorError("provider", "it did not start", directory / "provider.log")
        log = directory / "emulator.log"
        _wait(host, port, emulator, log)
        try:
            yield Endpoints(endpoint=endpoint, provider_port=int(first))
        except Exception as failure:
            if emulator.poll() is not None:
                raise SupervisorError("emulator", f"it ended with exit code {emulator.returncode}", log) from failure
            raise


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def _server(log: Path, module: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as errors:
        process = spawn(
            [sys.executable, "-m", module, *arguments], env=os.environ, stdout=subprocess.PIPE, stderr=errors
        )
    try:
        yield process
    finally:
        end(process, signal.SIGKILL, 1)  # what it holds goes with it
        if process.stdout is not None:
            process.stdout.close()


def _wait(host: str, port: int, emulator: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if emulator.poll() is not None:
            raise SupervisorError("emulator", f"it ended with exit code {emulator.returncode}", log)
        try:
            socket.create_connection((host, port), timeout=2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SupervisorError("emulator", f"it did not listen within {START_SECONDS} s", log)
