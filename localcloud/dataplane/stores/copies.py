"""Copies of a PostgreSQL server that runs: its WAL archived, a restore to a point in time, a standby that takes over.

What RDS does with backups and a Multi-AZ standby, by PostgreSQL's own means (its manual, "Continuous Archiving and
Point-in-Time Recovery" and "Log-Shipping Standby Servers"). The server that is copied goes on.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.dataplane.stores.postgres import PostgresServer
from localcloud.runtime.errors import SupervisorError
from localcloud.runtime.processes import end, spawn, unprivileged_account

#: Folders of `scratch`, which a killed command leaves.
SCRATCH, SCRATCH_PLACE = "matchday-drill-", Path("/var/tmp")  # noqa: S108 - made by mkdtemp

#: How long PostgreSQL may take for one step of a copy, in seconds.
_PATIENCE = 120


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that PostgreSQL's user can reach, for the time of a drill."""
    directory = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=SCRATCH_PLACE))
    try:
        directory.chmod(0o711)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def archive(source: PostgresServer, directory: Path) -> Iterator[None]:
    """Archive the WAL of `source` in a new `directory`, as it is written, while the caller works."""
    directory.mkdir(mode=0o700)
    _give(directory)
    argv, environment = source.client("pg_receivewal", "--directory", str(directory), "--synchronous", "--no-loop")
    with tempfile.TemporaryFile() as output:
        receiver = spawn(argv, env=environment, cwd=directory, stdout=output, account=unprivileged_account())
        try:
            until(lambda: receiver.poll() is not None or any(directory.glob("*.partial")), "WAL in the archive")
            if receiver.poll() is not None:
                output.seek(0)
                raise SupervisorError("pg_receivewal", output.read().decode(errors="replace").strip())
            yield
        finally:
            end(receiver, signal.SIGINT, 10)


def archived(source: PostgresServer) -> None:
    """Wait until what is committed on `source` by now is in its archive."""
    _reaches(source, "pg_receivewal", "flush_lsn")


def restored(backup: Path, host: str, wal: Path, moment: str) -> PostgresServer:
    """A server at `host` that the base backup becomes by the archived WAL up to `moment` (as PostgreSQL writes a timestamp).

    It runs and takes writes; the caller removes it. Raises SupervisorError where PostgreSQL cannot reach the moment.
    """
    server = PostgresServer(
        backup,
        host,
        settings={
            # The newest segment is not full yet: the receiver ends its name with .partial.
            "restore_command": f'cp "{wal}/%f" "%p" || cp "{wal}/%f.partial" "%p"',
            "recovery_target_time": moment,
            "recovery_target_action": "promote",
        },
    )
    wanted = backup / "recovery.signal"
    wanted.touch(0o600)
    _give(wanted)
    try:
        server.launch()
        server.wait_ready(_PATIENCE)  # to be read; `ready` raises when it has given up
        until(lambda: server.ready() and server.execute("SELECT pg_is_in_recovery()") == "f", f"the state of {moment}")
    except SupervisorError:
        server.stop()
        raise
    return server


def standby_of(source: PostgresServer, standby: PostgresServer) -> None:
    """Make `standby` (which has no data yet) a streaming copy of `source` and start it. It takes no writes until `promote`."""
    standby.copy_from(source, "--wal-method", "stream", "--write-recovery-conf")
    standby.launch()
    query = "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'walreceiver' AND state = 'streaming'"
    until(lambda: standby.pid is None or source.execute(query) != "0", "the standby's first WAL")
    if standby.pid is None:
        raise SupervisorError(f"PostgreSQL {standby.data_dir.name}", "ended as it began to follow", standby.log)


@contextmanager
def synchronous(source: PostgresServer) -> Iterator[None]:
    """While the caller works, `source` answers a commit once its standby has it; what was committed before is there, too.

    A server that is started anew has forgotten it (`PostgresServer.launch`).
    """
    _reloaded(source, "ALTER SYSTEM SET synchronous_standby_names = 'walreceiver'")
    query = "SELECT sync_state FROM pg_stat_replication WHERE application_name = 'walreceiver'"
    until(lambda: source.execute(query) == "sync", "a synchronous standby")
    _reaches(source, "walreceiver", "flush_lsn")
    try:
        yield
    finally:
        if source.pid is not None:
            _reloaded(source, "ALTER SYSTEM RESET synchronous_standby_names")


def followed(source: PostgresServer) -> None:
    """Wait until what is committed on `source` by now can be read on its standby."""
    _reaches(source, "walreceiver", "replay_lsn")


def promote(standby: PostgresServer) -> None:
    """Make a standby a server of its own, which takes writes and follows nobody."""
    standby.execute(f"SELECT pg_promote(true, {_PATIENCE})")
    for setting in ("primary_conninfo", "synchronous_standby_names"):
        _reloaded(standby, f"ALTER SYSTEM RESET {setting}")


def until(true: Callable[[], bool], what: str) -> None:
    """Wait for it. Raises SupervisorError after two minutes."""
    deadline = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise SupervisorError("PostgreSQL", f"{what}: not within {_PATIENCE} s")
        time.sleep(0.05)


def _reaches(source: PostgresServer, application: str, column: str) -> None:
    position = source.execute("SELECT pg_current_wal_flush_lsn()")
    query = f"SELECT bool_or({column} >= :'at') FROM pg_stat_replication WHERE application_name = :'name'"  # noqa: S608 - ours

    def reached() -> bool:
        answer = source.execute(query, name=application, at=position)
        if not answer:
            raise SupervisorError("PostgreSQL", f"{application} follows {source.data_dir.name} no more", source.log)
        return answer == "t"

    until(reached, f"{application} at {position}")


def _reloaded(server: PostgresServer, statement: str) -> None:
    server.execute(statement)
    server.execute("SELECT pg_reload_conf()")


def _give(path: Path) -> None:
    """To the user that PostgreSQL runs as."""
    if account := unprivileged_account():
        os.chown(path, account.uid, account.gid)
