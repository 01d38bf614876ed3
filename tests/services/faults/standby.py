"""A synchronous standby of a PostgreSQL server, to fail over to."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localcloud.dataplane.stores.postgres import ADMIN, PostgresServer
from tests.services.support import free_port


@contextmanager
def standby_of(primary: PostgresServer, directory: Path) -> Iterator[PostgresServer]:
    """A synchronous standby: what the primary has told a client to be committed is there too."""
    standby = PostgresServer(directory, "127.0.0.1", free_port())
    place, account = standby._place(), standby._account
    password = primary._password_file.read_text().strip().rpartition(":")[2]
    subprocess.run(
        [primary._binaries.path("pg_basebackup"), "-D", str(place), "-R", "-X", "stream", "-c", "fast",
         "-h", primary.host, "-p", str(primary.port), "-U", ADMIN],
        env=primary._environment() | {"PGPASSWORD": password},
        cwd=place,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        check=True,
    )  # fmt: skip
    standby._password_file.touch(0o600)
    standby._password_file.write_text(primary._password_file.read_text())
    standby.launch()
    try:
        _until(lambda: primary.execute("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == "1")
        primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf()")
        _until(lambda: primary.execute("SELECT sync_state FROM pg_stat_replication") == "sync")
        yield standby
    finally:
        standby.remove()


def _until(true: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
