"""Child processes that never outlive their parent: how every server and task of the local cloud is started and ended."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import psutil

from localcloud.runtime.errors import SupervisorError

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)

#: The kernel ties a parent-death signal to the *thread* that forked, so all forks happen in one thread that lives as long
#: as the process does; otherwise a server started from a worker thread would die with that thread.
_FORKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")

Stream = int | IO[bytes] | None


@dataclass(frozen=True)
class Account:
    """An operating-system user to run a process as."""

    name: str
    uid: int
    gid: int


@cache
def unprivileged_account() -> Account | None:
    """Who runs a server that refuses root: None if we are not root, else `postgres` or `nobody`, whichever exists first."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise SupervisorError(
        "PostgreSQL", "it refuses to run as root, and neither the user 'postgres' nor 'nobody' exists here"
    )


def can_reach(path: Path, account: Account | None) -> bool:
    """Whether `account` may walk to `path` by the permission bits of each directory above it."""
    if account is None:
        return True
    for directory in path.resolve().parents:
        info = directory.stat()
        bit = 0o100 if info.st_uid == account.uid else 0o010 if info.st_gid == account.gid else 0o001
        if not info.st_mode & bit:
            return False
    return True


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = subprocess.DEVNULL,
    stderr: Stream = subprocess.STDOUT,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `argv` in a process group of its own, with exactly `env`, so that the kernel signals it when we die."""
    parent = os.getpid()
    number = int(death_signal)

    def bind_to_parent() -> None:
        # Runs after setuid, which would have cleared it. If the parent died before the call, no signal will ever come.
        if _LIBC.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0 or os.getppid() != parent:
            os._exit(127)

    def fork() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            process_group=0,
            pass_fds=tuple(pass_fds),
            preexec_fn=bind_to_parent,
        )

    return _FORKER.submit(fork).result()


def signal_group(leader: int, number: signal.Signals) -> None:
    """Signal a process that leads its group, and its descendants; quiet if they are gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)


def end(process: subprocess.Popen[bytes], number: signal.Signals, patience: float) -> int:
    """Ask a server to end with signal `number`; kill its group after `patience` seconds. Returns the exit status."""
    if process.poll() is None:
        # Only the leader: PostgreSQL and Valkey shut their own children down in order.
        process.send_signal(number)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            signal_group(process.pid, signal.SIGKILL)
    status = process.wait()
    signal_group(process.pid, signal.SIGKILL)
    return status


def require_free(what: str, host: str, port: int, *, within: float = 0) -> None:
    """Refuse, naming the holder where it can be seen, if `host`:`port` is taken.

    within: seconds in which it may become free; a killed server's sockets close a moment after it is gone.
    """
    deadline = time.monotonic() + within
    while (problem := _taken(host, port)) is not None:
        if isinstance(problem, PermissionError):
            raise SupervisorError(
                what, f"may not listen on {host}:{port}: ports below 1024 need privileges; choose a port from 1024 up"
            ) from problem
        if time.monotonic() >= deadline:
            raise SupervisorError(what, f"cannot listen on {host}:{port}: {_holder(host, port, problem)}") from problem
        time.sleep(0.05)


def _taken(host: str, port: int) -> OSError | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


def listener(host: str, port: int) -> int | None:
    """The process that listens at an address, as far as it can be seen. Raises psutil.Error."""
    for connection in psutil.net_connections("tcp4"):
        if (
            connection.status == psutil.CONN_LISTEN
            and connection.laddr
            and connection.laddr.port == port
            and connection.laddr.ip in (host, "0.0.0.0")  # noqa: S104 - compared, not bound
            and connection.pid
        ):
            return int(connection.pid)
    return None


def _holder(host: str, port: int, error: OSError) -> str:
    with contextlib.suppress(psutil.Error):
        if found := listener(host, port):
            return f"process {found} ({psutil.Process(found).name()}) listens there"
    return error.strerror or str(error)
