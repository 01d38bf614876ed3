"""One emulator for all tests of a worker that only need one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    snapshot = tmp_path_factory.mktemp("emulator") / "snapshot"
    command = [sys.executable, "-m", "localcloud.emulator", "--port", "0", "--snapshot", str(snapshot)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
