"""Valkey as an ElastiCache replication group."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from valkey import Valkey
from valkey.cluster import ValkeyCluster
from valkey.exceptions import AuthenticationError, NoPermissionError, ResponseError

from localcloud.dataplane.model import CacheUser
from localcloud.dataplane.stores.valkey import ValkeyServer
from localcloud.runtime.errors import SupervisorError
from model import cache
from model.broker import access_string

pytestmark = pytest.mark.process

#: Of this process alone: other workers run servers too.
HOST = f"127.98.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ValkeyServer]:
    server = ValkeyServer(tmp_path / "broker", HOST, password="token")
    yield server
    server.remove()


def test_clients_need_the_token_and_data_outlasts_a_restart(server: ValkeyServer) -> None:
    server.start()
    Valkey(host=HOST, password="token").set("key", "value")
    with pytest.raises(AuthenticationError):
        Valkey(host=HOST, password="wrong").ping()
    server.stop()
    server.start()
    assert Valkey(host=HOST, password="token").get("key") == b"value"


def test_token_changes_on_the_running_server(server: ValkeyServer) -> None:
    server.start()
    session = Valkey(host=HOST, password="token", single_connection_client=True)
    session.ping()
    server.set_access("new")
    assert session.ping(), "an open session stays"
    assert Valkey(host=HOST, password="new").ping()
    with pytest.raises(AuthenticationError):
        Valkey(host=HOST, password="token").ping()


def test_users_of_a_user_group_and_nobody_else(server: ValkeyServer) -> None:
    """Each with its own keys; two passwords are good while one takes the place of the other."""

    def users(*passwords: str) -> list[CacheUser]:
        wallet = CacheUser(name="wallet", access=access_string("wallet"), passwords=passwords)
        auth = CacheUser(name="auth", access=access_string("auth"), passwords=["auth-password-1234"])
        return [CacheUser(name="default", access="off -@all"), wallet, auth]

    old, new = "wallet-password-old", "wallet-password-new"
    server.users = tuple(users(old))
    server.start()
    wallet = Valkey(host=HOST, username="wallet", password=old, single_connection_client=True)
    auth = Valkey(host=HOST, username="auth", password="auth-password-1234")
    auth.lpush("auth:auth", "a job")
    assert wallet.lpush("wallet:wallet", "a job") == 1
    for words in ("LPUSH auth:auth x", "LRANGE auth:auth 0 -1", "KEYS *", "CONFIG GET *", "FLUSHALL"):
        with pytest.raises(NoPermissionError):
            wallet.execute_command(*words.split())
    for name, password in (("default", "token"), (None, None), ("wallet", "token")):
        with pytest.raises(AuthenticationError):
            Valkey(host=HOST, username=name, password=password).ping()
    server.set_access(None, users(new, old))
    for password in (old, new):
        assert Valkey(host=HOST, username="wallet", password=password).lpush("wallet:wallet", "x")
    server.set_access(None, users(new))
    assert wallet.lpush("wallet:wallet", "an open session stays")
    with pytest.raises(AuthenticationError):
        Valkey(host=HOST, username="wallet", password=old).ping()
    server.set_access(None, users(new)[:2])
    with pytest.raises(AuthenticationError):
        Valkey(host=HOST, username="auth", password="auth-password-1234").ping()
    server.stop()
    server.start()
    assert Valkey(host=HOST, username="wallet", password=new).llen("wallet:wallet") == 4


def test_a_cache_with_users_serves_each_its_own_keys(tmp_path: Path) -> None:
    """In cluster mode, with the rights that the stack gives a service: what its client asks of a cluster, and its keys."""
    users = [
        CacheUser(name="default", access="off -@all"),
        *(
            CacheUser(name=name, access=cache.access_string(name), passwords=[f"{name}-password-1234"])
            for name in ("auth", "scoring")
        ),
    ]
    with ValkeyServer(tmp_path / "cache", HOST, users=users, cluster=True):
        auth = ValkeyCluster(host=HOST, port=6379, username="auth", password="auth-password-1234")
        assert auth.incr("auth:attempts:{account:x}:1") == 1
        assert auth.delete("auth:attempts:{account:x}:1") == 1
        for words in (
            "GET scoring:{x}:board",
            "SET scoring:{x}:board 1",
            "KEYS *",
            "FLUSHALL",
            "CLUSTER RESET",
            "CONFIG GET *",
        ):
            with pytest.raises(NoPermissionError):
                auth.execute_command(*words.split(), target_nodes=auth.get_primaries()[0])
        scoring = ValkeyCluster(host=HOST, port=6379, username="scoring", password="scoring-password-1234")
        assert scoring.zadd("scoring:{x}:next", {"a": 1}) == 1 and scoring.rename(
            "scoring:{x}:next", "scoring:{x}:board"
        )
        with pytest.raises(AuthenticationError):
            Valkey(host=HOST, password="auth-password-1234").ping()


@pytest.mark.parametrize(
    "command", [["CONFIG", "GET", "*"], ["SHUTDOWN"], ["DEBUG", "SLEEP", "0"], ["REPLICAOF", "NO", "ONE"]]
)
def test_commands_that_elasticache_withholds(server: ValkeyServer, command: list[str]) -> None:
    server.start()
    with pytest.raises((NoPermissionError, ResponseError)):
        Valkey(host=HOST, password="token").execute_command(*command)
    assert server.pid


def test_cluster_mode_is_one_node_with_every_slot(tmp_path: Path) -> None:
    with ValkeyServer(tmp_path / "cache", HOST, password="token", cluster=True) as server:
        client = ValkeyCluster(host=HOST, port=6379, password="token")
        for number in range(50):
            client.set(f"key{number}", number)
        assert client.get("key49") == b"49"
        with pytest.raises(ResponseError, match="CROSSSLOT"):
            Valkey(host=HOST, password="token").mget("key1", "key2")
        assert server.command("CLUSTER", "INFO").startswith("cluster_state:ok")
        client.close()


def test_parameter_group_values_and_secrets_stay_off_the_command_line(tmp_path: Path) -> None:
    with ValkeyServer(
        tmp_path / "cache", HOST, password="secret-token", settings={"maxmemory-policy": "allkeys-lru"}
    ) as server:
        assert server.command("CONFIG", "GET", "maxmemory-policy") == ["maxmemory-policy", "allkeys-lru"]
        server.configure({"maxmemory-policy": "noeviction"})
        assert server.command("CONFIG", "GET", "maxmemory-policy") == ["maxmemory-policy", "noeviction"]
        assert b"secret-token" not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
        config = tmp_path / "cache" / "valkey.conf"
        assert config.stat().st_mode & 0o077 == 0
        assert "secret-token" not in config.read_text()


def test_occupied_port_is_named(server: ValkeyServer) -> None:
    with socket.create_server((HOST, 6379)), pytest.raises(SupervisorError, match=f"cannot listen on {HOST}:6379"):
        server.start()


def test_bad_setting_is_named_with_the_log(tmp_path: Path) -> None:
    server = ValkeyServer(tmp_path / "cache", HOST, settings={"maxmemory-policy": "sometimes"})
    with pytest.raises(SupervisorError, match="ended with status") as error:
        server.start()
    assert any("maxmemory-policy" in line for line in error.value.lines)
