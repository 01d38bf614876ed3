"""A synchronous standby of a PostgreSQL server, to fail over to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.dataplane.stores import copies
from localcloud.dataplane.stores.postgres import PostgresServer
from tests.ports import free_port


@contextmanager
def standby_of(primary: PostgresServer, directory: Path) -> Iterator[PostgresServer]:
    """A synchronous standby: what the primary has told a client to be committed is there too."""
    standby = PostgresServer(directory, "127.0.0.1", free_port())
    try:
        copies.standby_of(primary, standby)
        with copies.synchronous(primary):
            yield standby
    finally:
        standby.remove()
