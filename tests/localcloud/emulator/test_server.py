"""The emulator listens on loopback only and takes nothing from the user's environment."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from localcloud.emulator.server import Gate


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "localhost.example"])
def test_a_host_that_is_not_loopback_is_refused(host: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "localcloud.emulator",
        "--host",
        host,
        "--port",
        "0",
        "--snapshot",
        str(tmp_path / "s"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 2
    assert f"{host} is not a loopback address" in result.stderr


def test_a_snapshot_waits_for_running_requests_and_holds_new_ones_back() -> None:
    gate, order = Gate(), []
    entered, leave = threading.Event(), threading.Event()

    def first() -> None:
        with gate.request():
            entered.set()
            leave.wait(5)
            order.append("request")

    def alone() -> None:
        with gate.alone():
            order.append("snapshot")

    threads = [threading.Thread(target=first), threading.Thread(target=alone)]
    threads[0].start()
    entered.wait(5)
    threads[1].start()
    leave.set()
    for thread in threads:
        thread.join(5)
    with gate.request():
        order.append("later")
    assert order == ["request", "snapshot", "later"]
