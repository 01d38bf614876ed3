"""The cache as a real cluster: a node dies and its replica takes over, slots move while they are used; the client goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.exceptions import RedisError

from localcloud.dataplane.stores.valkey import ValkeyServer
from services.common.cache import COMMAND_SECONDS, FIRST_SECONDS, Cache, create_cache
from services.common.settings import CacheSettings
from tests.ports import free_port

pytestmark = pytest.mark.process

PASSWORD = "cluster-password"
SLOTS = 16384


class Cluster:
    """Three nodes with a third of the slots each, and a replica of the first."""

    def __init__(self, directory: Path) -> None:
        settings = {"cluster-node-timeout": "2000", "primaryuser": "localcloud", "primaryauth": PASSWORD}
        self.nodes = [
            ValkeyServer(
                directory / f"node-{number}",
                "127.0.0.1",
                free_port(),
                password=PASSWORD,
                cluster=True,
                settings=settings,
            )
            for number in range(4)
        ]
        for node in self.nodes:
            node._admin_password = PASSWORD  # replicas log in at their primary as ElastiCache's own user
            node.launch()
        for node in self.nodes:
            self.wait(node, "PING", lambda answer: bool(answer))
        first, *others = self.nodes
        for other in others:
            first.command("CLUSTER", "MEET", other.host, other.port)
        thirds = [SLOTS * number // 3 for number in range(4)]
        for node, begin, end in zip(self.nodes, thirds, thirds[1:], strict=False):
            node.command("CLUSTER", "ADDSLOTSRANGE", begin, end - 1)
        for node in self.nodes:
            self.wait(node, "CLUSTER INFO", lambda info: "cluster_known_nodes:4" in str(info))
        self.replica = self.nodes[3]
        self.replica.command("CLUSTER", "REPLICATE", self.id(first))
        for node in self.nodes:
            self.wait(node, "CLUSTER INFO", lambda info: "cluster_state:ok" in str(info))
        self.wait(self.replica, "INFO replication", lambda info: "master_link_status:up" in str(info) or _up(info))

    def id(self, node: ValkeyServer) -> str:
        return str(node.command("CLUSTER", "MYID"))

    @staticmethod
    def wait(node: ValkeyServer, command: str, good: object, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        assert callable(good)
        while True:
            try:
                answer = node.command(*command.split())
                if good(answer):
                    return
            except Exception as error:  # it is just starting
                answer = error
            assert time.monotonic() < deadline, (command, answer)
            time.sleep(0.05)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


def _up(info: object) -> bool:
    return isinstance(info, dict) and info.get("master_link_status") == "up"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.stop()


@pytest.fixture
async def cache(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cache]:
    monkeypatch.setattr("services.common.cache.COMMAND_SECONDS", COMMAND_SECONDS)  # its own
    node = cluster.nodes[1]
    made = create_cache(CacheSettings(host=node.host, port=node.port, tls=False, password=SecretStr(PASSWORD)))
    yield made
    await made.aclose()


async def count(cache: Cache, keys: int) -> list[int]:
    """Count at keys all over the slots."""
    return [int(await cache.incr(f"count:{{{number}}}")) for number in range(keys)]


async def test_a_node_that_dies_and_slots_that_move(cluster: Cluster, cache: Cache) -> None:
    assert await count(cache, 60) == [1] * 60

    # A slot moves from the second node to the third, key by key, while it is counted at.
    source, target = cluster.nodes[1], cluster.nodes[2]
    key = next(f"count:{{{number}}}" for number in range(60) if _owner(cluster, number) is source)
    slot = int(source.command("CLUSTER", "KEYSLOT", key))
    target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id(source))
    source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id(target))
    assert int(await cache.incr(key)) == 2
    keys = source.command("CLUSTER", "GETKEYSINSLOT", slot, 100)
    source.command("MIGRATE", target.host, target.port, "", 0, 5000, "AUTH2", "localcloud", PASSWORD, "KEYS", *keys)
    assert int(await cache.incr(key)) == 3  # asked there: ASK
    for node in (target, source):
        node.command("CLUSTER", "SETSLOT", slot, "NODE", cluster.id(target))
    assert int(await cache.incr(key)) == 4  # and from now on: MOVED

    # A primary is killed. What it had is not to be had for a moment, and says so soon; then its replica has it.
    victim = cluster.nodes[0]
    lost = next(f"count:{{{number}}}" for number in range(60) if _owner(cluster, number) is victim)
    os.kill(victim.pid or 0, signal.SIGKILL)
    deadline = time.monotonic() + 120
    while True:
        begun = time.monotonic()
        try:
            await cache.incr(lost)
            break
        except RedisError:
            # The client alone would wait FIRST_SECONDS in each of its steps; what is between is for a machine that is busy.
            assert time.monotonic() - begun < (COMMAND_SECONDS + FIRST_SECONDS) / 2
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    assert "role:master" in str(cluster.replica.command("ROLE")) or "master" in str(cluster.replica.command("ROLE"))
    assert min(await count(cache, 60)) >= 2


def _owner(cluster: Cluster, number: int) -> ValkeyServer:
    slot = int(cluster.nodes[1].command("CLUSTER", "KEYSLOT", f"count:{{{number}}}"))
    return cluster.nodes[min(slot * 3 // SLOTS, 2)]
