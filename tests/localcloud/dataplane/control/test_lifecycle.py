"""The supervisor's own life: start, what it refuses, data stores, SIGTERM, SIGKILL, and a second start."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg
import httpx
import psutil
import pytest
from valkey import Valkey

from localcloud.dataplane.control import client
from localcloud.dataplane.control.client import Client
from localcloud.provider.kept import KeptProperties
from localcloud.runtime.addresses import AddressBook
from localcloud.runtime.errors import SupervisorError
from localcloud.runtime.state import Info

from ..harness import Platform, alive, kill, make_platform, running, until

pytestmark = pytest.mark.process

#: A shell that means another cloud, and that no server of ours may hear of.
OF_A_USER = {
    "AWS_PROFILE": "production",
    "AWS_ENDPOINT_URL": "https://example.com",
    "HTTP_PROXY": "http://127.0.0.1:9",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One supervisor for the tests that leave it running, started from such a shell."""
    with ExitStack() as stack:
        with patch.dict(os.environ, OF_A_USER):
            platform = stack.enter_context(contextmanager(running)(make_platform(tmp_path_factory.mktemp("shared"))))
        yield platform


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One for those that end it and start it again, with a service."""
    with contextmanager(running)(make_platform(tmp_path_factory.mktemp("ended"))) as platform:
        deploy(platform)
        yield platform


def everything(platform: Platform) -> list[int]:
    """The supervisor and all below it, and the guardian, which has left the family on purpose."""
    supervisor = psutil.Process(platform.running.info.pid)
    return [supervisor.pid, *(child.pid for child in supervisor.children(recursive=True))]


def database(platform: Platform, name: str = "main") -> tuple[str, str]:
    """An RDS instance as the provider makes it; returns its address and master password."""
    rds, secrets = platform.aws.client("rds"), platform.aws.client("secretsmanager")
    rds.create_db_instance(
        DBInstanceIdentifier=name, Engine="postgres", DBInstanceClass="db.t4g.micro", MasterUsername="master",
        MasterUserPassword="unused-here", AllocatedStorage=20, DBName="app", Port=5432,
    )  # fmt: skip
    pair = json.dumps({"username": "master", "password": "first-password"})
    secrets.create_secret(Name=f"rds!db-{name}", SecretString=pair)
    return AddressBook(platform.config.state).lease("rds", name), "first-password"


def cache(platform: Platform, name: str, **kept: Any) -> str:
    platform.aws.client("elasticache").create_replication_group(
        ReplicationGroupId=name, ReplicationGroupDescription=name, Engine="valkey", CacheNodeType="cache.t4g.micro"
    )
    token = "aws:elasticache/replicationGroup:ReplicationGroup"
    KeptProperties(platform.config.state / "provider").keep(token, name, kept)
    return AddressBook(platform.config.state).lease("elasticache", name)


@pytest.mark.postgres
async def test_data_stores_follow_what_is_deployed(shared: Platform) -> None:
    host, password = database(shared)
    broker = cache(shared, "broker", authToken="broker-token", parameterGroupName="noeviction")
    parameters = {
        "parameters": [{"name": "maxmemory-policy", "value": "noeviction"}, {"name": "reserved-memory", "value": "1"}]
    }
    KeptProperties(shared.config.state / "provider").keep(
        "aws:elasticache/parameterGroup:ParameterGroup", "noeviction", parameters
    )
    clustered = cache(shared, "cache", authToken="cache-token", parameterGroupName="default.valkey8.cluster.on")
    shared.converge()
    rows = {row["name"]: row for row in shared.running.status()["databases"]}
    assert {name: row["state"] for name, row in rows.items()} == {"main": "ready", "broker": "ready", "cache": "ready"}
    assert rows["main"]["address"] == f"{host}:5432"
    connection = await asyncpg.connect(host=host, user="master", password=password, database="app")
    await connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    assert Valkey(host=broker, password="broker-token").ping()
    assert b"cluster_state:ok" in Valkey(host=clustered, password="cache-token").execute_command("CLUSTER", "INFO")

    # A rotated secret is set on the server; sessions stay.
    pair = json.dumps({"username": "master", "password": "second-password"})
    shared.aws.client("secretsmanager").put_secret_value(SecretId="rds!db-main", SecretString=pair)
    KeptProperties(shared.config.state / "provider").keep(
        "aws:elasticache/replicationGroup:ReplicationGroup", "broker", {"authToken": "other-token"}
    )
    shared.converge()
    assert await connection.fetchval("SELECT value FROM kept") == 7
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(host=host, user="master", password=password, database="app")
    assert Valkey(host=broker, password="other-token").ping()

    # A server that dies comes back with its data.
    kill(rows["main"]["pid"])
    until(
        lambda: (
            next(r for r in shared.running.status()["databases"] if r["name"] == "main")["pid"]
            not in (None, rows["main"]["pid"])
        )
    )
    shared.converge()
    connection = await asyncpg.connect(host=host, user="master", password="second-password", database="app")
    assert await connection.fetchval("SELECT value FROM kept") == 7
    await connection.close()

    # A deleted instance is gone, with its data.
    place = (shared.config.state / "postgres" / "main").resolve()
    shared.aws.client("rds").delete_db_instance(DBInstanceIdentifier="main", SkipFinalSnapshot=True)
    shared.converge()
    assert "main" not in {row["name"] for row in shared.running.status()["databases"]}
    assert not place.exists()


@pytest.mark.postgres
def test_occupied_database_address_is_named(shared: Platform) -> None:
    host = AddressBook(shared.config.state).lease("rds", "taken")
    with socket.create_server((host, 5432)):
        database(shared, "taken")
        with pytest.raises(
            SupervisorError, match=rf"PostgreSQL taken: cannot listen on {host}:5432: process {os.getpid()}"
        ):
            shared.converge()
    shared.converge()
    shared.aws.client("rds").delete_db_instance(DBInstanceIdentifier="taken", SkipFinalSnapshot=True)
    shared.converge()


def test_engine_that_is_not_run_here_is_told(shared: Platform) -> None:
    shared.aws.client("rds").create_db_instance(
        DBInstanceIdentifier="other", Engine="mysql", DBInstanceClass="db.t4g.micro", MasterUsername="m",
        MasterUserPassword="password1", AllocatedStorage=20,
    )  # fmt: skip
    shared.converge()
    assert "RDS instance other: engine mysql is not run here, only postgres" in shared.running.status()["problems"]


def deploy(platform: Platform) -> None:
    """A web service behind the ingress, whose task has a child of its own."""
    listener = platform.load_balancer()
    platform.program(
        "family.py",
        "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(200)'])\n"
        + (platform.root / "web.py").read_text(),
    )
    platform.web_service("family", listener=listener, program="family.py")
    platform.converge()


def test_stop_leaves_no_process_no_port_and_keeps_what_lasts(ended: Platform) -> None:
    cache(ended, "broker", authToken="token")
    ended.converge()
    broker = AddressBook(ended.config.state).lease("elasticache", "broker")
    Valkey(host=broker, password="token").set("kept", "yes")
    pids = everything(ended)
    assert len(pids) > 6
    state, info, task = ended.config.state, ended.running.info, ended.service_status("family")["tasks"][0]["id"]
    ended.stop()
    assert [pid for pid in pids if alive(pid)] == []
    assert not (state / "supervisor.json").exists()
    assert not (state / "tasks").exists()
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # of a connection that it has closed the kernel knows still
        probe.bind(("127.0.0.1", ended.config.ingress_port))
    with pytest.raises(SupervisorError, match="none is running"):
        Client.connect(state)
    (log,) = (state / "logs" / "family").glob(f"*/{task}.log")  # not one of a task that was killed before
    assert "web ends in order" in log.read_text()

    ended.start()
    assert ended.running.info.pid != info.pid
    assert ended.running.info.snapshot == "loaded"
    ended.converge()
    assert ended.get("/family/x").status_code == 200
    assert Valkey(host=broker, password="token").get("kept") == b"yes"


def test_signalled_supervisor_leaves_no_process_and_starts_again(ended: Platform) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        ended.converge()
        pids = everything(ended)
        assert len(pids) > 5, "the servers, the task and its child"
        os.kill(ended.running.info.pid, number)
        until(lambda: not [pid for pid in pids if alive(pid)], what=f"all gone after {number.name}")  # noqa: B023 - called at once
        with pytest.raises(SupervisorError):
            Client.connect(ended.config.state)
        ended.start()
        assert ended.running.status()["url"].startswith("http://127.0.0.1:")


def test_second_supervisor_for_one_state_is_refused_and_the_first_is_used(shared: Platform) -> None:
    again = client.start(shared.config)
    assert again.info.pid == shared.running.info.pid
    other = dataclasses.replace(shared.config, region="eu-west-1")
    with pytest.raises(SupervisorError, match="runs with other arguments"):
        client.start(other)
    with pytest.raises(SupervisorError, match="stop it first"):
        client.forget(shared.config.state)


def test_occupied_ingress_port_is_named_and_nothing_stays(tmp_path: Path) -> None:
    platform = make_platform(tmp_path)
    with (
        socket.create_server(("127.0.0.1", platform.config.ingress_port)),
        pytest.raises(
            SupervisorError, match=f"ingress: cannot listen on {platform.config.ingress}: process {os.getpid()}"
        ),
    ):
        platform.start()
    until(lambda: not (platform.config.state / "supervisor.json").exists())

    def mine() -> list[list[str]]:
        found = (process.info["cmdline"] for process in psutil.process_iter(["cmdline"]))
        return [command for command in found if str(tmp_path) in str(command)]

    until(lambda: mine() == [], what="the end of what it had started")


def test_dead_emulator_is_named_and_comes_back(shared: Platform) -> None:
    servers = {row["name"]: row["pid"] for row in shared.running.status()["servers"]}
    shared.aws.client("ssm").put_parameter(Name="/kept", Value="1", Type="String")
    shared.running.snapshot()
    kill(servers["emulator"])
    until(lambda: any(event.name == "emulator" and event.state == "failed" for event in shared.events))
    shared.converge()
    assert shared.aws.client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "1"


def test_control_wants_the_token_and_its_file_is_private(shared: Platform) -> None:
    info = Info.load(shared.config.state)
    assert info
    assert stat.S_IMODE((shared.config.state / "supervisor.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(shared.config.state.stat().st_mode) == 0o700
    assert httpx.get(f"{info.control}/status", trust_env=False).status_code == 401
    wrong = {"Authorization": "Bearer wrong"}
    assert httpx.post(f"{info.control}/stop", headers=wrong, trust_env=False).status_code == 401
    assert shared.running.status()["supervisor"]["pid"] == info.pid


def test_users_environment_does_not_reach_the_supervisor(shared: Platform) -> None:
    environment = psutil.Process(shared.running.info.pid).environ()
    assert not [name for name in environment if name.startswith("AWS_") or "PROXY" in name.upper()]
