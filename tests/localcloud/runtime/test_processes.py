"""Nothing that the local cloud starts may outlive it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from localcloud.dataplane.ecs.agent import Guardian
from localcloud.runtime.errors import SupervisorError
from localcloud.runtime.processes import Account, can_reach, end, require_free, spawn

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def gone(pid: int, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_child_dies_when_its_parent_is_killed() -> None:
    program = (
        "import sys, time; from localcloud.runtime.processes import spawn; "
        f"child = spawn({SLEEP!r}, env={{}}); print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(child)


def test_child_outlives_the_thread_that_started_it() -> None:
    started: list[subprocess.Popen[bytes]] = []
    thread = threading.Thread(target=lambda: started.append(spawn(SLEEP, env={})))
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert started[0].poll() is None
    end(started[0], signal.SIGTERM, 5)


def test_environment_is_exactly_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    process = spawn(["/usr/bin/env"], env={"ONLY": "this"}, stdout=subprocess.PIPE)
    assert process.communicate()[0] == b"ONLY=this\n"


def test_end_kills_what_does_not_listen_and_its_children() -> None:
    stubborn = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"child = subprocess.Popen({SLEEP!r}); print(child.pid, flush=True); time.sleep(60)"
    )
    process = spawn([sys.executable, "-c", stubborn], env={}, stdout=subprocess.PIPE)
    assert process.stdout
    child = int(process.stdout.readline())
    assert end(process, signal.SIGTERM, 0.2) == -signal.SIGKILL
    process.stdout.close()
    assert gone(child)


def test_guardian_kills_only_what_is_still_listed_when_we_fall_silent() -> None:
    guardian = Guardian()
    left, released = spawn(SLEEP, env={}), spawn(SLEEP, env={})
    guardian.watch(left.pid)
    guardian.watch(released.pid)
    guardian.release(released.pid)
    guardian.close()
    assert left.wait(60) == -signal.SIGKILL
    assert released.poll() is None
    end(released, signal.SIGTERM, 5)


def test_reach_is_judged_by_the_directories_above(tmp_path: Path) -> None:
    stranger = Account("stranger", 60001, 60001)
    open_path = Path("/usr/bin/env")
    assert can_reach(open_path, stranger)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    assert not can_reach(closed / "file", stranger)
    owner = Account("owner", closed.stat().st_uid, closed.stat().st_gid)
    assert can_reach(closed / "file", owner) == can_reach(tmp_path, owner)
    assert can_reach(closed / "file", None)


def test_privileged_port_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.bind", refuse)
    with pytest.raises(SupervisorError, match=r"127\.0\.0\.1:80: ports below 1024 need privileges"):
        require_free("ingress", "127.0.0.1", 80)


def test_a_port_that_becomes_free_in_time_is_free() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(SupervisorError, match=f"cannot listen on 127.0.0.1:{port}"):
            require_free("ingress", "127.0.0.1", port)
        closing = threading.Timer(0.2, holder.close)
        closing.start()
        require_free("ingress", "127.0.0.1", port, within=60)
        closing.join()
