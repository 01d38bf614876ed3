"""Copies of a PostgreSQL server: a restore to a point in time, a standby promoted, and one that takes over after a crash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.dataplane.stores import copies
from localcloud.dataplane.stores.postgres import PostgresServer
from localcloud.runtime.errors import SupervisorError

pytestmark = pytest.mark.postgres

#: Of this process alone: other workers run servers too.
NETWORK = f"127.98.{os.getpid() % 250}"
MARK = "INSERT INTO marks VALUES (:'id')"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path_factory.mktemp("copies") / "main", f"{NETWORK}.16", settings={"fsync": "off"})
    server.start()
    server.execute("CREATE TABLE marks (id int PRIMARY KEY)")
    yield server
    server.remove()


@pytest.fixture
def place() -> Iterator[Path]:
    with copies.scratch() as directory:
        yield directory
    assert not directory.exists()


def marks(server: PostgresServer) -> list[int]:
    return [int(line) for line in server.execute("SELECT id FROM marks ORDER BY id").split()]


def test_a_restore_ends_at_its_moment_and_a_moment_that_the_archive_lacks_is_refused(
    source: PostgresServer, place: Path
) -> None:
    backup = PostgresServer(place / "restored", f"{NETWORK}.17")
    with copies.archive(source, place / "wal"):
        for copy in (backup, PostgresServer(place / "again", f"{NETWORK}.18")):
            copy.copy_from(source, "--wal-method", "none")
        source.execute(MARK, id="1")
        moment = source.execute("SELECT clock_timestamp()")
        source.execute("DELETE FROM marks")
        copies.archived(source)
    restored = copies.restored(place / "restored", f"{NETWORK}.17", place / "wal", moment)
    try:
        assert marks(restored) == [1]
        restored.execute(MARK, id="2")
        assert marks(source) == [], "the copy is a server of its own"
    finally:
        restored.remove()
    with pytest.raises(SupervisorError) as refused:
        copies.restored(place / "again", f"{NETWORK}.18", place / "wal", "2100-01-01 00:00:00+00")
    assert refused.value.log is not None
    assert "recovery ended before configured recovery target was reached" in refused.value.log.read_text()


def test_a_standby_has_what_was_answered_and_takes_over_from_a_server_that_crashes(
    source: PostgresServer,
) -> None:
    standby = PostgresServer(source.data_dir.with_name("standby"), f"{NETWORK}.19")
    try:
        copies.standby_of(source, standby)
        source.execute("TRUNCATE marks")
        with copies.synchronous(source):
            source.execute(MARK, id="3")
            source.crash()
        copies.promote(standby)
        standby.stop()
        source.adopt(standby)
        assert marks(source) == [3]
        source.execute(MARK, id="4")
        assert source.execute("SHOW primary_conninfo") == "", "it follows nobody"
    finally:
        standby.remove()


def test_a_process_that_ends_while_data_are_exchanged_loses_none(source: PostgresServer) -> None:
    source.stop()
    source.data_dir.rename(source.data_dir.with_name("main.former"))  # where `adopt` is cut
    source.start()
    assert source.execute("SELECT count(*) >= 0 FROM marks") == "t"


def test_a_server_started_anew_waits_for_no_standby_that_went(source: PostgresServer) -> None:
    source.execute("ALTER SYSTEM SET synchronous_standby_names = 'walreceiver'")
    source.crash()
    source.start()
    source.execute(MARK, id="9")
    assert source.execute("SHOW synchronous_standby_names") == ""
